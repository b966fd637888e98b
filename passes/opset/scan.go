package opset

import (
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// scanFront: scan axes were counted from the front.
func scanFront(s *site) error {
	for _, name := range []string{"scan_input_axes", "scan_output_axes"} {
		for _, v := range s.n.Attrs.Ints(name) {
			if v < 0 {
				return refuse(NoAttr, "count the axes from the front", "attribute %s has negative axes", name)
			}
		}
	}
	return nil
}

// scanAlone: Scan-8 ran over a batch. One of a single sample is the sample's.
func scanAlone(s *site) error {
	if s.n.In(0) != nil {
		return refuse(NoInput, "", "input sequence_lens went with version 9")
	}
	in := s.n.Inputs()[1:]
	if len(in) == 0 {
		return refuse(Malformed, "", "has no inputs")
	}
	for _, v := range in {
		if v == nil || v.Type.Shape.Rank() < 1 || !v.Type.Shape.Dims[0].Is(1) {
			return refuse(Meaning, "", "Scan-8 runs over a batch, which is not known to be of one sample; Scan-9 has none")
		}
	}
	for i, v := range in {
		in[i] = s.squeeze(v, 0)
	}
	var attrs []*graph.Attr
	for _, a := range s.n.Attrs {
		k := *a
		if k.Name == "directions" {
			k.Name = "scan_input_directions"
		}
		attrs = append(attrs, &k)
	}
	s.giveScan(in, attrs, func(v *graph.Value) *graph.Value { return s.unary("Unsqueeze", v, graph.IntsAttr("axes", 0)) })
	return nil
}

// scanOfOne makes a batch of one sample. Scan-8 took the first axis of what it ran over, and put out in order.
func scanOfOne(s *site) error {
	var attrs []*graph.Attr
	for _, a := range s.n.Attrs {
		switch k := *a; k.Name {
		case "scan_input_axes", "scan_output_axes", "scan_output_directions":
			if slices.ContainsFunc(k.Ints, func(v int64) bool { return v != 0 }) {
				return refuse(NoAttr, "", "attribute %s = %v came with version 9", k.Name, k.Ints)
			}
		case "scan_input_directions":
			k.Name = "directions"
			attrs = append(attrs, &k)
		default:
			attrs = append(attrs, &k)
		}
	}
	in := []*graph.Value{nil}
	for _, v := range s.n.Inputs() {
		if v == nil {
			return refuse(Malformed, "", "an input is omitted")
		}
		in = append(in, s.unary("Unsqueeze", v, graph.IntsAttr("axes", 0)))
	}
	s.giveScan(in, attrs, func(v *graph.Value) *graph.Value { return s.squeeze(v, 0) })
	return nil
}

// giveScan puts a Scan in the node's place; its body moves, and turn makes the node's outputs of its.
func (s *site) giveScan(in []*graph.Value, attrs []*graph.Attr, turn func(*graph.Value) *graph.Value) {
	s.n.Attrs = nil // the body is the new node's now
	k := s.node("Scan", in, s.n.NumOut(), attrs...)
	outs := make([]*graph.Value, s.n.NumOut())
	for i := range outs {
		if s.n.Out(i) != nil {
			outs[i] = turn(k.Out(i))
		}
	}
	s.give(outs...)
}
