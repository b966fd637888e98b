package tensor

import "fmt"

// Dense is the sparse tensor written out. It is an error when an index lies outside, a type has no fixed size, or the parts do not fit.
func (s *Sparse) Dense() (*Tensor, error) {
	if s.Values == nil || s.Indices == nil {
		return nil, fmt.Errorf("sparse tensor without values or indices")
	}
	n, err := ByteSize(s.Values.Elem, s.Dims)
	if err != nil {
		return nil, err
	}
	bits := s.Values.Elem.Bits()
	if bits%8 != 0 {
		return nil, fmt.Errorf("sparse tensor of %s", s.Values.Elem)
	}
	index, err := s.Indices.Int64s()
	if err != nil {
		return nil, fmt.Errorf("sparse indices: %w", err)
	}
	count, rank := s.Values.Len(), len(s.Dims)
	coords := s.Indices.Rank() == 2
	if want := count * max(rank, 1); coords && len(index) != want || !coords && len(index) != count {
		return nil, fmt.Errorf("sparse tensor of %d values has %d indices", count, len(index))
	}
	size := bits / 8
	out, src := make([]byte, n), s.Values.Bytes()
	total := n / int64(size)
	for i := range count {
		at := index[i]
		if coords {
			at = 0
			for k, d := range s.Dims {
				x := index[i*rank+k]
				if x < 0 || x >= d {
					return nil, fmt.Errorf("sparse index %d outside of dim %d", x, d)
				}
				at = at*d + x
			}
		}
		if at < 0 || at >= total {
			return nil, fmt.Errorf("sparse index %d outside of %d elements", at, total)
		}
		copy(out[at*int64(size):], src[i*size:(i+1)*size])
	}
	return New(s.Values.Elem, s.Dims, Heap(out))
}
