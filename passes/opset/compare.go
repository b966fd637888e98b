package opset

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// writeOrEqual: a comparison or equality; a NaN makes both false.
func writeOrEqual(name string) adapter {
	return func(s *site) error {
		a, b := s.n.In(0), s.n.In(1)
		s.give(s.binary("Or", s.binary(name, a, b), s.binary("Equal", a, b)))
		return nil
	}
}

// writeEqual compares floats with the operators that took them before 11: neither less nor greater, and no NaN on either side.
func writeEqual(s *site) error {
	a, b := s.n.In(0), s.n.In(1)
	switch elem(a) {
	case tensor.Float32, tensor.Float64, tensor.Float16:
	default:
		return nil
	}
	k, err := s.floatsOf(a, "number", 0, 1)
	if err != nil {
		return err
	}
	number := func(v *graph.Value) *graph.Value {
		return s.binary("Or", s.binary("Less", v, k[1]), s.binary("Greater", v, k[0]))
	}
	same := s.unary("Not", s.binary("Or", s.binary("Less", a, b), s.binary("Greater", a, b)))
	s.give(s.binary("And", same, s.binary("And", number(a), number(b))))
	return nil
}

// lastIndex finds the last extreme as the first one of the reversed axis.
func lastIndex(s *site) error {
	if s.n.Attrs.Int("select_last_index", 0) == 0 {
		s.drop("select_last_index")
		return nil
	}
	x, axis := s.n.In(0), s.n.Attrs.Int("axis", 0)
	back := s.op("Slice", []*graph.Value{x, s.ints("start", -1), s.ints("end", math.MinInt64+1), s.ints("axes", axis), s.ints("step", -1)})
	i := s.unary(s.n.ID.Op, back, graph.IntAttr("axis", axis), graph.IntAttr("keepdims", s.n.Attrs.Int("keepdims", 1)))
	last := s.binary("Sub", s.binary("Gather", s.unary("Shape", x), s.int("axis", axis)), s.int("one", 1))
	s.give(s.binary("Sub", last, i))
	return nil
}
