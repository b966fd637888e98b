package opset

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// writeLoss writes the two losses over classes, whose axis is 1.
func writeLoss(s *site) error {
	x, labels, weight := s.n.In(0), s.n.In(1), s.n.In(2)
	axis := graph.IntsAttr("axes", 1)
	logp := x
	outs := make([]*graph.Value, s.n.NumOut())
	if s.n.ID.Op == "SoftmaxCrossEntropyLoss" {
		below := s.binary("Sub", x, s.unary("ReduceMax", x, axis))
		logp = s.binary("Sub", below, s.unary("Log", s.unary("ReduceSum", s.unary("Exp", below), axis)))
		if s.used(1) {
			outs[1] = logp
		}
	}
	to := elem(x)
	var ignored *graph.Value
	if a := s.n.Attrs.Get("ignore_index"); a != nil {
		k, err := s.floatsOf(labels, "ignore", float64(a.I), 0)
		if err != nil {
			return err
		}
		ignored = s.binary("Equal", labels, k[0])
		labels = s.op("Where", []*graph.Value{ignored, k[1], labels})
	}
	k, err := s.floatsOf(x, "one", 0, 1)
	if err != nil {
		return err
	}
	picked := s.binary("GatherElements", logp, s.unary("Unsqueeze", labels, axis), graph.IntAttr("axis", 1))
	loss := s.unary("Neg", s.unary("Squeeze", picked, axis))
	if weight != nil {
		weight = s.binary("Gather", weight, labels)
	}
	if ignored != nil {
		if weight == nil {
			weight = s.unary("Cast", s.unary("Not", ignored), graph.IntAttr("to", int64(to)))
		} else {
			weight = s.op("Where", []*graph.Value{ignored, k[0], weight})
		}
		loss = s.op("Where", []*graph.Value{ignored, k[0], loss})
	}
	if weight != nil {
		loss = s.binary("Mul", loss, weight)
	}
	flat := graph.IntAttr("keepdims", 0)
	switch how := s.n.Attrs.String("reduction", "mean"); {
	case how == "sum":
		loss = s.unary("ReduceSum", loss, flat)
	case how == "mean" && weight != nil:
		loss = s.binary("Div", s.unary("ReduceSum", loss, flat), s.unary("ReduceSum", weight, flat))
	case how == "mean":
		loss = s.unary("ReduceMean", loss, flat)
	case how != "none":
		return refuse(Malformed, "", "attribute reduction = %q is not known", how)
	}
	outs[0] = loss
	s.give(outs...)
	return nil
}
