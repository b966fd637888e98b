package op

import (
	"fmt"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// otherValue is the kind of a value that an attribute holds beside the one of its kind; AttrUndefined when there is none.
func otherValue(a *graph.Attr) graph.AttrKind {
	for _, held := range []struct {
		kind graph.AttrKind
		is   bool
	}{
		{graph.AttrInt, a.I != 0}, {graph.AttrFloat, a.F != 0}, {graph.AttrString, len(a.S) > 0}, {graph.AttrTensor, a.T != nil},
		{graph.AttrGraph, a.G != nil}, {graph.AttrSparseTensor, a.Sparse != nil}, {graph.AttrTypeProto, a.TP != nil},
		{graph.AttrInts, len(a.Ints) > 0}, {graph.AttrFloats, len(a.Floats) > 0}, {graph.AttrStrings, len(a.Strings) > 0},
		{graph.AttrTensors, len(a.Tensors) > 0}, {graph.AttrGraphs, len(a.Graphs) > 0}, {graph.AttrSparseTensors, len(a.Sparses) > 0},
		{graph.AttrTypeProtos, len(a.Types) > 0},
	} {
		if held.is && held.kind != a.Kind {
			return held.kind
		}
	}
	return graph.AttrUndefined
}

// sparse checks a sparse tensor: one index for each value, of type int64, ascending, within the shape.
func (c *checker) sparse(s *tensor.Sparse, where string) {
	if s == nil {
		return
	}
	if err := soundSparse(s); err != nil {
		c.add("op/sparse", graph.Error, where, "", "sparse tensor: %v", err)
	}
}

func soundSparse(s *tensor.Sparse) error {
	switch {
	case s.Values == nil:
		return fmt.Errorf("has no values")
	case s.Values.Rank() != 1:
		return fmt.Errorf("values have rank %d, want 1", s.Values.Rank())
	case len(s.Dims) == 0:
		return fmt.Errorf("has no dims")
	}
	total, err := tensor.NumElements(s.Dims)
	if err != nil {
		return err
	}
	count, rank := s.Values.Len(), len(s.Dims)
	if s.Indices == nil || s.Indices.Rank() == 0 {
		if count == 0 {
			return nil
		}
		return fmt.Errorf("has %d values and no indices", count)
	}
	if s.Indices.Elem != tensor.Int64 {
		return fmt.Errorf("indices are %s, want int64", s.Indices.Elem)
	}
	coords := s.Indices.Rank() == 2
	want := []int64{int64(count)}
	if coords {
		want = append(want, int64(rank))
	}
	if !slices.Equal(s.Indices.Shape, want) {
		return fmt.Errorf("indices have shape %v, want %v", s.Indices.Shape, want)
	}
	if s.Indices.Storage() == nil || s.Indices.Storage().Len() < 8*int64(s.Indices.Len()) {
		return fmt.Errorf("indices have no data")
	}
	index, err := s.Indices.Int64s()
	if err != nil {
		return err
	}
	last := int64(-1)
	for i := range count {
		at := index[i]
		if coords {
			at = 0
			for k, d := range s.Dims {
				x := index[i*rank+k]
				if x < 0 || x >= d {
					return fmt.Errorf("index %d of value %d is outside of dim %d, of size %d", x, i, k, d)
				}
				at = at*d + x
			}
		}
		if at < 0 || at >= total {
			return fmt.Errorf("index %d of value %d is outside of the %d elements", at, i, total)
		}
		if at <= last {
			return fmt.Errorf("the index of value %d is not above the one before", i)
		}
		last = at
	}
	return nil
}
