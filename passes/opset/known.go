package opset

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// elem is the element type of v, Undefined when it is not known.
func elem(v *graph.Value) tensor.DType {
	if v == nil || v.Type.Kind != graph.KindTensor {
		return tensor.Undefined
	}
	return v.Type.Elem
}

// rank is the rank of v, -1 when it is not known.
func rank(v *graph.Value) int64 {
	if v == nil || v.Type.Kind != graph.KindTensor {
		return -1
	}
	return int64(v.Type.Shape.Rank())
}

// needRank is rank, or a refusal.
func needRank(v *graph.Value) (int64, error) {
	if r := rank(v); r >= 0 {
		return r, nil
	}
	name := "an omitted input"
	if v != nil {
		name = fmt.Sprintf("%q", v.Name)
	}
	return 0, refuse(NoShape, "state the types of inputs and let them be inferred", "the rank of %s is not known", name)
}

// wrap counts a negative axis from the front; an error when it lies outside.
func wrap(axis, rank int64) (int64, error) {
	k := axis
	if k < 0 {
		k += rank
	}
	if k < 0 || k > rank {
		return 0, refuse(Malformed, "", "axis %d does not exist in rank %d", axis, rank)
	}
	return k, nil
}

const maxConst = 1 << 12 // elements of a constant that becomes an attribute

// tensor is the constant that v is before the model runs; nil when it is none, or large.
func (s *site) tensor(v *graph.Value) *tensor.Tensor {
	for range 16 {
		if v == nil {
			return nil
		}
		if v.Const != nil {
			if v.IsInput() && !s.c.oldIR || !filled(v.Const) {
				return nil
			}
			return v.Const
		}
		p, _ := v.Producer()
		switch {
		case p == nil:
			return nil
		case p.Is("Identity"):
			v = p.In(0)
		case p.Is("Constant"):
			t, err := constantOf(p)
			if err != nil || t == nil || !filled(t) {
				return nil
			}
			return t
		default:
			return nil
		}
	}
	return nil
}

// filled reports whether a tensor is small and has its elements at hand.
func filled(t *tensor.Tensor) bool {
	n, err := tensor.NumElements(t.Shape)
	if err != nil || n > maxConst {
		return false
	}
	if t.Elem == tensor.String {
		return int64(len(t.Strs)) == n
	}
	size, err := tensor.ByteSize(t.Elem, t.Shape)
	return err == nil && (n == 0 || t.Storage() != nil && t.Storage().Len() >= size)
}

// integers are the elements of an integer value known before the model runs.
func (s *site) integers(v *graph.Value) ([]int64, bool) {
	if v == nil {
		return nil, false
	}
	if t := s.tensor(v); t != nil {
		x, err := t.Int64s()
		return x, err == nil
	}
	if s.c.data == nil {
		return nil, false
	}
	d := s.c.data(v)
	if d == nil || v.IsInput() && !s.c.oldIR {
		return nil, false
	}
	out := make([]int64, len(d.Elems))
	for i, e := range d.Elems {
		x, ok := e.Value()
		if !ok {
			return nil, false
		}
		out[i] = x
	}
	return out, true
}

// dimsIn are the elements of input i as far as they are known before the model runs: a shape that is computed from others. nil: nothing.
func (s *site) dimsIn(i int) []graph.Dim {
	v := s.n.In(i)
	if x, ok := s.integers(v); ok {
		out := make([]graph.Dim, len(x))
		for k := range x {
			out[k] = graph.Const(x[k])
		}
		return out
	}
	if v == nil || s.c.data == nil || v.IsInput() {
		return nil
	}
	if d := s.c.data(v); d != nil {
		return d.Elems
	}
	return nil
}

// needInts is integers, or a refusal that names the input.
func (s *site) needInts(i int) ([]int64, error) {
	x, ok := s.integers(s.n.In(i))
	if !ok {
		return nil, s.dynamic(i)
	}
	return x, nil
}

func (s *site) dynamic(i int) error {
	name := fmt.Sprint(i)
	if f := s.newer.Input(i); f != nil {
		name = f.Name
	}
	return refuse(NotConst, "make it an initializer that no input overrides", "input %s becomes an attribute and is not constant", name)
}

// floats are the elements of a constant of a real type.
func (s *site) floats(v *graph.Value) ([]float64, bool) {
	t := s.tensor(v)
	if t == nil {
		return nil, false
	}
	x, err := t.Float64s()
	return x, err == nil
}

// dims are the constant dims of v.
func dims(v *graph.Value) ([]int64, bool) {
	if v == nil || v.Type.Kind != graph.KindTensor {
		return nil, false
	}
	return v.Type.Shape.Ints()
}
