package opset

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// sequenceOutput: whether the sequence is given is said by the output being there.
func sequenceOutput(s *site) error {
	if s.n.Attrs.Int("output_sequence", 0) == 0 && s.used(0) {
		return refuse(Meaning, "set output_sequence to 1", "output Y is used, and output_sequence says that it is not given")
	}
	s.drop("output_sequence")
	if s.n.Attrs.String("direction", "") == "foward" {
		s.set(graph.StringAttr("direction", "forward"))
	}
	return nil
}

func allSequence(s *site) error {
	if s.n.Out(0) != nil {
		s.set(graph.IntAttr("output_sequence", 1))
	}
	return nil
}

// batchFirst: before 14 the sequence came first, so a layout with the batch first is transposed around the node.
func batchFirst(s *site) error {
	if s.n.Attrs.Int("layout", 0) == 0 {
		s.drop("layout")
		return nil
	}
	turn := func(v *graph.Value, perm ...int64) *graph.Value {
		if v == nil {
			return nil
		}
		return s.unary("Transpose", v, graph.IntsAttr("perm", perm...))
	}
	in := s.n.Inputs()
	for i, v := range in {
		if i == 0 || i == 5 || i == 6 { // X, initial_h, initial_c
			in[i] = turn(v, 1, 0, 2)
		}
	}
	var attrs []*graph.Attr
	for _, a := range s.n.Attrs {
		if a.Name != "layout" {
			attrs = append(attrs, a)
		}
	}
	k := s.node(s.n.ID.Op, in, s.n.NumOut(), attrs...)
	outs := make([]*graph.Value, s.n.NumOut())
	for i := range outs {
		switch {
		case s.n.Out(i) == nil:
		case i == 0:
			outs[i] = turn(k.Out(i), 2, 0, 1, 3)
		default:
			outs[i] = turn(k.Out(i), 1, 0, 2)
		}
	}
	s.give(outs...)
	return nil
}
