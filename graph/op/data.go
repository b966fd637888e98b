package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Data is the contents of a small integer (or integral) tensor as far as they are known before the model runs: shapes and what is
// computed from them.
type Data struct {
	Dims  []int64     // shape of the tensor
	Elems []graph.Dim // row-major; an element that nobody knows is unknown
}

// maxData bounds the tensors whose contents are followed.
const maxData = 1024

// dataFrom reads a constant; nil when it is large or holds other than whole numbers.
func dataFrom(t *tensor.Tensor) *Data {
	if t == nil || t.Len() > maxData || !holdsValues(t) {
		return nil
	}
	if n, err := tensor.NumElements(t.Shape); err != nil || n > maxData {
		return nil
	}
	d := &Data{Dims: t.Shape, Elems: make([]graph.Dim, t.Len())}
	switch {
	case t.Elem.IsInteger() || t.Elem == tensor.Bool:
		v, err := t.Int64s()
		if err != nil {
			return nil
		}
		for i, x := range v {
			d.Elems[i] = graph.Const(x)
		}
	case t.Elem == tensor.Float32 || t.Elem == tensor.Float64 || t.Elem == tensor.Float16 || t.Elem == tensor.BFloat16:
		v, err := t.Float64s()
		if err != nil {
			return nil
		}
		for i, x := range v {
			if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
				d.Elems[i] = graph.Const(int64(x))
			}
		}
	default:
		return nil
	}
	return d
}

// holdsValues reports whether the tensor's bytes are all there.
func holdsValues(t *tensor.Tensor) bool {
	size, err := tensor.ByteSize(t.Elem, t.Shape)
	return err == nil && (size == 0 || t.Storage() != nil && t.Storage().Len() >= size)
}

func (d *Data) clamp() *Data {
	if len(d.Elems) > maxData || len(d.Dims) > maxRank {
		return nil
	}
	for i := range d.Elems {
		d.Elems[i] = clampDim(d.Elems[i])
	}
	return d
}

// ints is the contents if all are constant.
func (d *Data) ints() ([]int64, bool) {
	if d == nil {
		return nil, false
	}
	out := make([]int64, len(d.Elems))
	for i, e := range d.Elems {
		v, ok := e.Value()
		if !ok {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

// vector is data of rank 1.
func vector(elems []graph.Dim) *Data {
	return &Data{Dims: []int64{int64(len(elems))}, Elems: elems}
}

func scalarData(e graph.Dim) *Data { return &Data{Elems: []graph.Dim{e}} }

// reshaped is the same contents in another shape; nil when the sizes differ.
func (d *Data) reshaped(shape graph.Shape) *Data {
	dims, ok := shape.Ints()
	if d == nil || !ok {
		return nil
	}
	if n, err := tensor.NumElements(dims); err != nil || n != int64(len(d.Elems)) {
		return nil
	}
	return &Data{Dims: dims, Elems: append([]graph.Dim(nil), d.Elems...)}
}

// gather picks elements: out[k] = d[pick(k)] over the index space of dims.
func (d *Data) gather(dims []int64, pick func(at []int64) int64) *Data {
	n, err := tensor.NumElements(dims)
	if err != nil || n > maxData {
		return nil
	}
	out := &Data{Dims: dims, Elems: make([]graph.Dim, n)}
	at := make([]int64, len(dims))
	for k := range out.Elems {
		i := pick(at)
		if i < 0 || i >= int64(len(d.Elems)) {
			return nil
		}
		out.Elems[k] = d.Elems[i]
		next(at, dims)
	}
	return out
}

// next advances a row-major index.
func next(at, dims []int64) {
	for i := len(at) - 1; i >= 0; i-- {
		if at[i]++; at[i] < dims[i] {
			return
		}
		at[i] = 0
	}
}

// offset is the row-major position of an index.
func offset(at, dims []int64) int64 {
	k := int64(0)
	for i, n := range dims {
		k = k*n + at[i]
	}
	return k
}

// zip applies f elementwise with broadcasting; nil when a shape does not fit or an operand is not known.
func zip(args []*Data, f func([]graph.Dim) graph.Dim) *Data {
	var dims []int64
	for _, a := range args {
		if a == nil {
			return nil
		}
		for len(dims) < len(a.Dims) {
			dims = append([]int64{1}, dims...)
		}
		for i := range a.Dims {
			k := len(dims) - len(a.Dims) + i
			switch {
			case dims[k] == 1:
				dims[k] = a.Dims[i]
			case a.Dims[i] != 1 && a.Dims[i] != dims[k]:
				return nil
			}
		}
	}
	n, err := tensor.NumElements(dims)
	if err != nil || n > maxData {
		return nil
	}
	out := &Data{Dims: dims, Elems: make([]graph.Dim, n)}
	at, operands := make([]int64, len(dims)), make([]graph.Dim, len(args))
	for k := range out.Elems {
		for j, a := range args {
			pos := int64(0)
			for i, size := range a.Dims {
				x := at[len(dims)-len(a.Dims)+i]
				if size == 1 {
					x = 0
				}
				pos = pos*size + x
			}
			operands[j] = a.Elems[pos]
		}
		out.Elems[k] = f(operands)
		next(at, dims)
	}
	return out
}
