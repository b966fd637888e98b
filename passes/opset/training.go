package opset

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// batchConsumed: the attribute was required.
func batchConsumed(s *site) error {
	s.set(graph.IntsAttr("consumed_inputs", 0, 0, 0, 1, 1))
	return nil
}

// testMode drops is_test; without it the operator was in training.
func (s *site) testMode() error {
	if s.n.Attrs.Int("is_test", 0) == 0 {
		return refuse(Meaning, "set is_test to 1 if the model is for inference", "is_test is not set: the operator is in training mode, which version %d does not have", s.newer.Since)
	}
	s.drop("is_test")
	return nil
}

func batchTest(s *site) error { return s.testMode() }

func batchSetTest(s *site) error {
	if s.n.NumOut() > 1 {
		return refuse(NoOutput, "", "has outputs of training")
	}
	s.set(graph.IntAttr("is_test", 1))
	return nil
}

// batchTraining: more than one output meant training.
func batchTraining(s *site) error {
	extra := false
	for i := 1; i < s.n.NumOut(); i++ {
		extra = extra || s.n.Out(i) != nil
	}
	if !extra {
		return nil
	}
	if s.used(3) || s.used(4) {
		return refuse(NoOutput, "", "outputs saved_mean and saved_var went with version 14")
	}
	s.set(graph.IntAttr("training_mode", 1))
	return nil
}

// batchNoTraining writes training out: statistics of the batch, and running ones.
func batchNoTraining(s *site) error {
	if s.n.Attrs.Int("training_mode", 0) == 0 {
		s.drop("training_mode")
		return nil
	}
	x := s.n.In(0)
	r, err := needRank(x)
	if err != nil {
		return err
	}
	if r < 2 {
		return refuse(NoShape, "", "the rank of input X is %d", r)
	}
	eps, err := s.number("epsilon", elem(x), float64(s.n.Attrs.Float("epsilon", 1e-5)))
	if err != nil {
		return err
	}
	axes := append([]int64{0}, count(2, r-2)...)
	mean := s.mean(x, axes...)
	centred := s.binary("Sub", x, mean)
	variance := s.mean(s.binary("Mul", centred, centred), axes...)
	scale, err := s.lift(s.n.In(1), r-2)
	if err != nil {
		return err
	}
	bias, err := s.lift(s.n.In(2), r-2)
	if err != nil {
		return err
	}
	y := s.binary("Div", centred, s.unary("Sqrt", s.binary("Add", variance, eps)))
	outs := []*graph.Value{s.binary("Add", s.binary("Mul", y, scale), bias)}
	for i, batch := range []*graph.Value{mean, variance} {
		if !s.used(i + 1) {
			outs = append(outs, nil)
			continue
		}
		old := s.n.In(3 + i)
		keep := float64(s.n.Attrs.Float("momentum", 0.9))
		momentum, err := s.number("momentum", elem(old), keep)
		if err != nil {
			return err
		}
		rest, err := s.number("rest", elem(old), 1-keep)
		if err != nil {
			return err
		}
		batch = s.cast(s.squeeze(batch, axes...), elem(old))
		outs = append(outs, s.binary("Add", s.binary("Mul", old, momentum), s.binary("Mul", batch, rest)))
	}
	s.give(outs...)
	return nil
}

// notSpatial: each place of an image had its own statistics.
func notSpatial(s *site) error {
	if s.n.Attrs.Int("spatial", 1) != 0 {
		s.drop("spatial")
		return nil
	}
	if s.n.NumOut() > 1 {
		return refuse(NoOutput, "", "attribute spatial = 0 with outputs of training has no counterpart")
	}
	eps, err := s.number("epsilon", elem(s.n.In(0)), float64(s.n.Attrs.Float("epsilon", 1e-5)))
	if err != nil {
		return err
	}
	centred := s.binary("Sub", s.n.In(0), s.n.In(3))
	y := s.binary("Div", centred, s.unary("Sqrt", s.binary("Add", s.n.In(4), eps)))
	s.give(s.binary("Add", s.binary("Mul", y, s.n.In(1)), s.n.In(2)))
	return nil
}

func dropoutTest(s *site) error {
	if s.used(1) {
		return refuse(NoOutput, "", "output mask is used, and is not filled outside of training")
	}
	return s.testMode()
}

func dropoutSetTest(s *site) error {
	if s.used(1) {
		return refuse(NoOutput, "", "output mask is used, and is not filled outside of training")
	}
	s.set(graph.IntAttr("is_test", 1))
	return nil
}

// maskToBool: the mask had the type of the data.
func maskToBool(s *site) error { return s.castMask(elem(s.n.Out(1))) }

func maskToFloat(s *site) error { return s.castMask(tensor.Bool) }

// castMask casts the node's second output to the type that its readers have.
func (s *site) castMask(to tensor.DType) error {
	if !s.used(1) {
		return nil
	}
	if to == tensor.Undefined {
		if to = elem(s.n.In(0)); to == tensor.Undefined {
			return refuse(NoShape, "", "the element type of output mask is not known")
		}
	}
	k := s.node("Dropout", s.n.Inputs(), 2, s.n.Attrs...)
	s.give(k.Out(0), s.unary("Cast", k.Out(1), graph.IntAttr("to", int64(to))))
	return nil
}

// ratioToInput: the ratio stays for whoever trains on; outside of training nothing reads it.
func ratioToInput(s *site) error {
	if a := s.n.Attrs.Get("ratio"); a != nil {
		ratio := s.constant("ratio", tensor.Scalar(a.F))
		s.drop("ratio")
		s.put(1, ratio)
	}
	return nil
}

func ratioToAttr(s *site) error {
	if t := s.n.In(2); t != nil {
		mode, ok := s.integers(t)
		switch {
		case !ok || len(mode) != 1:
			return s.dynamic(2)
		case mode[0] != 0:
			return refuse(Meaning, "", "is in training mode, which versions before 12 do not have")
		}
	}
	if ratio, ok := s.floats(s.n.In(1)); ok && len(ratio) == 1 {
		s.set(graph.FloatAttr("ratio", float32(ratio[0])))
	}
	s.cut(1)
	return nil
}
