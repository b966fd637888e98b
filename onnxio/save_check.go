package onnxio

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// What is read back of a file: all of a small one, of a large one this many blocks at equal distances and the last.
const (
	sampleBlock = 64 << 10
	samples     = 256
)

// sampler keeps hashes of some blocks of what is written.
type sampler struct {
	size  int64 // of the file
	every int64 // numbers of blocks that are kept are multiples of it
	n     int64 // bytes so far
	hash  maphash.Hash
	sums  map[int64]uint64 // by block number
}

func newSampler(size int64) sampler {
	return sampler{size: size, every: max(1, (size+samples*sampleBlock-1)/(samples*sampleBlock)), sums: map[int64]uint64{}}
}

func (s *sampler) add(b []byte) {
	for len(b) > 0 {
		i := s.n / sampleBlock
		end := min((i+1)*sampleBlock, s.size)
		if s.n >= s.size {
			s.n += int64(len(b)) // the check will say that there is too much
			return
		}
		now := b[:min(int64(len(b)), end-s.n)]
		s.n += int64(len(now))
		if i%s.every == 0 || end == s.size {
			_, _ = s.hash.Write(now)
			if s.n == end {
				s.sums[i] = s.hash.Sum64()
				s.hash.Reset()
			}
		}
		b = b[len(now):]
	}
}

var errReadBack = errors.New("what was written is not what is read back; the old model is untouched, the disk or its driver is at fault")

// readBack compares the blocks with those of a file.
func (s *sampler) readBack(f input) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != s.size || s.n != s.size {
		return fmt.Errorf("%w: %d bytes were planned, %d written, %d are there", errReadBack, s.size, s.n, info.Size())
	}
	buf := make([]byte, min(sampleBlock, s.size))
	var h maphash.Hash
	h.SetSeed(s.hash.Seed())
	for i, want := range s.sums {
		at := i * sampleBlock
		buf = buf[:min(sampleBlock, s.size-at)]
		f.forget(at, int64(len(buf)))
		if n, err := f.ReadAt(buf, at); err != nil && !(err == io.EOF && n == len(buf)) {
			return err
		}
		h.Reset()
		_, _ = h.Write(buf)
		if h.Sum64() != want {
			return fmt.Errorf("%w: bytes %d to %d", errReadBack, at, at+int64(len(buf)))
		}
	}
	return nil
}

// check reads the two files, which have temporary names yet, and compares them with m: their bytes in samples, the structure whole, every
// place in the data file, and the ends of some tensors.
func (s *saver) check(m *graph.Model, p *plan, model, data *writing) error {
	var values input
	for _, w := range []*writing{data, model} {
		if w == nil {
			continue
		}
		f, err := s.disk.open(w.temp)
		if err != nil {
			return fmt.Errorf("read back: %w", err)
		}
		defer f.Close()
		if err := w.kept.readBack(f); err != nil {
			return fmt.Errorf("read back: %w", err)
		}
		if w == data {
			values = f
		}
	}
	got, err := s.disk.structure(model.temp, noLimits())
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	defer got.Close()
	if n, err := EncodedSize(got); err != nil || n != model.kept.size {
		return fmt.Errorf("read back: the structure has %d bytes, %d were written (%w)", n, model.kept.size, errors.Join(err, errReadBack))
	}
	a, b := inFileOrder(m), inFileOrder(got)
	if len(a) != len(b) {
		return fmt.Errorf("read back: %d tensors in place of %d (%w)", len(b), len(a), errReadBack)
	}
	every := max(1, len(a)/samples)
	for i, t := range a {
		if err := sameTensor(t, b[i], p, data, values, i%every == 0); err != nil {
			return fmt.Errorf("read back: tensor %d: %w", i, err)
		}
	}
	return nil
}

// inFileOrder is the tensors of m as often and in the order as they are written.
func inFileOrder(m *graph.Model) []*tensor.Tensor {
	var list []*tensor.Tensor
	e := &encoder{counting: true, visit: func(t *tensor.Tensor, _ bool) { list = append(list, t) }}
	e.model(m)
	return list
}

// sameTensor compares a tensor with what was read back of it, and its values if closely.
func sameTensor(want, got *tensor.Tensor, p *plan, data *writing, values input, closely bool) error {
	if want.Elem != got.Elem || !slices.Equal(want.Shape, got.Shape) {
		return fmt.Errorf("%s%v in place of %s%v (%w)", got.Elem, got.Shape, want.Elem, want.Shape, errReadBack)
	}
	pl := p.places[want]
	if pl != nil {
		ref, _, err := parseReference(got.Meta.External, false)
		if err != nil {
			return err
		}
		if ref.location != *pl.location || ref.offset != pl.offset || ref.hasLength && ref.length != pl.length || pl.offset+pl.length > data.kept.size {
			return fmt.Errorf("it is said to lie elsewhere than it does: %v (%w)", got.Meta.External, errReadBack)
		}
	}
	st := want.Storage()
	if _, made := st.(io.WriterTo); st == nil || made || !closely {
		return nil
	}
	const end = 512
	n := st.Len()
	for _, at := range []int64{0, max(0, n-end)} {
		buf := make([]byte, min(end, n-at))
		switch {
		case pl != nil:
			if c, err := values.ReadAt(buf, pl.offset+at); err != nil && !(err == io.EOF && c == len(buf)) {
				return err
			}
		case got.Storage() != nil && got.Storage().Len() == n:
			copy(buf, got.Storage().Bytes()[at:])
		default:
			continue
		}
		if !bytes.Equal(buf, st.Bytes()[at:at+int64(len(buf))]) {
			return fmt.Errorf("other values (%w)", errReadBack)
		}
	}
	return nil
}
