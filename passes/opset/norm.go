package opset

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// cast converts x to an element type where it has another.
func (s *site) cast(x *graph.Value, to tensor.DType) *graph.Value {
	if elem(x) == to {
		return x
	}
	return s.unary("Cast", x, graph.IntAttr("to", int64(to)))
}

// lift lays a vector at an axis of a tensor of some rank: dims of 1 behind it.
func (s *site) lift(v *graph.Value, behind int64) (*graph.Value, error) {
	if behind <= 0 {
		return v, nil
	}
	r, err := needRank(v)
	if err != nil {
		return nil, err
	}
	axes := count(r, behind)
	if s.ver >= 13 {
		return s.binary("Unsqueeze", v, s.ints("axes", axes...)), nil
	}
	return s.unary("Unsqueeze", v, graph.IntsAttr("axes", axes...)), nil
}

// squeeze drops axes of size 1.
func (s *site) squeeze(v *graph.Value, axes ...int64) *graph.Value {
	if s.ver >= 13 {
		return s.binary("Squeeze", v, s.ints("axes", axes...))
	}
	return s.unary("Squeeze", v, graph.IntsAttr("axes", axes...))
}

// mean is ReduceMean in the form of the site's opset.
func (s *site) mean(x *graph.Value, axes ...int64) *graph.Value {
	return s.reduce("ReduceMean", x, 18, axes...)
}

func (s *site) reduce(name string, x *graph.Value, since int, axes ...int64) *graph.Value {
	if s.ver >= since {
		return s.binary(name, x, s.ints("axes", axes...))
	}
	return s.unary(name, x, graph.IntsAttr("axes", axes...))
}

// writeMVN writes MeanVarianceNormalization out, as its function body does.
func writeMVN(s *site) error {
	x := s.n.In(0)
	eps, err := s.number("epsilon", elem(x), 1e-9)
	if err != nil {
		return err
	}
	axes := s.n.Attrs.Ints("axes")
	if axes == nil {
		axes = []int64{0, 2, 3}
	}
	mean := s.mean(x, axes...)
	square := s.mean(s.binary("Mul", x, x), axes...)
	deviation := s.unary("Sqrt", s.binary("Sub", square, s.binary("Mul", mean, mean)))
	s.give(s.binary("Div", s.binary("Sub", x, mean), s.binary("Add", deviation, eps)))
	return nil
}

// stash is the type in which a normalization computes.
func (s *site) stash() (tensor.DType, error) {
	to := tensor.DType(s.n.Attrs.Int("stash_type", 1))
	if to != tensor.Float32 && to != tensor.Float64 && to != tensor.Float16 && to != tensor.BFloat16 {
		return 0, refuse(Malformed, "", "attribute stash_type = %d is no floating-point type", to)
	}
	if elem(s.n.In(0)) == tensor.Undefined {
		return 0, refuse(NoShape, "", "the element type of input X is not known")
	}
	return to, nil
}

// normAxes are the axes from attribute axis to the last, counted from the back.
func (s *site) normAxes() ([]int64, error) {
	axis := s.n.Attrs.Int("axis", -1)
	if axis >= 0 {
		r, err := needRank(s.n.In(0))
		if err != nil {
			return nil, err
		}
		axis -= r
	}
	if axis >= 0 || axis < -64 {
		return nil, refuse(Malformed, "", "axis %d does not exist", s.n.Attrs.Int("axis", -1))
	}
	return count(axis, -axis), nil
}

func writeLayerNorm(s *site) error {
	x := s.n.In(0)
	to, err := s.stash()
	if err != nil {
		return err
	}
	axes, err := s.normAxes()
	if err != nil {
		return err
	}
	eps, err := s.number("epsilon", to, float64(s.n.Attrs.Float("epsilon", 1e-5)))
	if err != nil {
		return err
	}
	wide := s.cast(x, to)
	mean := s.mean(wide, axes...)
	centred := s.binary("Sub", wide, mean)
	variance := s.mean(s.binary("Mul", centred, centred), axes...)
	deviation := s.unary("Sqrt", s.binary("Add", variance, eps))
	y := s.binary("Mul", s.cast(s.binary("Div", centred, deviation), elem(x)), s.n.In(1))
	if s.n.In(2) != nil {
		y = s.binary("Add", y, s.n.In(2))
	}
	outs := []*graph.Value{y, nil, nil}
	if s.used(1) {
		outs[1] = mean
	}
	if s.used(2) {
		outs[2] = s.unary("Reciprocal", deviation)
	}
	s.give(outs[:s.n.NumOut()]...)
	return nil
}

func writeRMSNorm(s *site) error {
	x, scale := s.n.In(0), s.n.In(1)
	to, err := s.stash()
	if err != nil {
		return err
	}
	axes, err := s.normAxes()
	if err != nil {
		return err
	}
	eps, err := s.number("epsilon", to, float64(s.n.Attrs.Float("epsilon", 1e-5)))
	if err != nil {
		return err
	}
	if elem(scale) == tensor.Undefined {
		return refuse(NoShape, "", "the element type of input scale is not known")
	}
	wide := s.cast(x, to)
	square := s.mean(s.binary("Mul", wide, wide), axes...)
	y := s.binary("Div", wide, s.unary("Sqrt", s.binary("Add", square, eps)))
	s.give(s.binary("Mul", s.cast(y, elem(scale)), scale))
	return nil
}

// groupToChannels: scale and bias were given for groups.
func groupToChannels(s *site) error {
	x := s.n.In(0)
	groups := s.n.Attrs.Int("num_groups", 0)
	if s.n.NumIn() != 3 || x == nil || s.n.In(1) == nil || s.n.In(2) == nil || groups < 1 {
		return refuse(Malformed, "", "wants three inputs and num_groups")
	}
	channels, ok := x.Type.Shape.Dim(1).Value()
	if !ok || x.Type.Shape.Rank() < 2 || channels%groups != 0 {
		return refuse(NoShape, "", "the number of channels is not known, or no multiple of num_groups = %d", groups)
	}
	to := s.ints("channels", groups, channels/groups)
	for i := 1; i <= 2; i++ {
		v := s.binary("Reshape", s.n.In(i), s.ints("groups", groups, 1))
		v = s.binary("Expand", v, to)
		s.put(i, s.binary("Reshape", v, s.ints("all", -1)))
	}
	return nil
}

func writeGroupNorm(s *site) error {
	x := s.n.In(0)
	to, err := s.stash()
	if err != nil {
		return err
	}
	r, err := needRank(x)
	if err != nil {
		return err
	}
	groups := s.n.Attrs.Int("num_groups", 0)
	if groups < 1 || r < 2 {
		return refuse(Malformed, "", "num_groups = %d in rank %d", groups, r)
	}
	eps, err := s.number("epsilon", to, float64(s.n.Attrs.Float("epsilon", 1e-5)))
	if err != nil {
		return err
	}
	wide := s.cast(s.binary("Reshape", x, s.ints("grouped", 0, groups, -1)), to)
	mean := s.mean(wide, -1)
	centred := s.binary("Sub", wide, mean)
	variance := s.mean(s.binary("Mul", centred, centred), -1)
	y := s.binary("Div", centred, s.unary("Sqrt", s.binary("Add", variance, eps)))
	y = s.binary("Reshape", s.cast(y, elem(x)), s.unary("Shape", x))
	scale, err := s.lift(s.n.In(1), r-2)
	if err != nil {
		return err
	}
	bias, err := s.lift(s.n.In(2), r-2)
	if err != nil {
		return err
	}
	s.give(s.binary("Add", s.binary("Mul", y, scale), bias))
	return nil
}
