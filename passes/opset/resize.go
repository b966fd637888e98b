package opset

import (
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// upsampleScales: one factor for the height and one for the width.
func upsampleScales(s *site) error {
	h, w := s.n.Attrs.Float("height_scale", 1), s.n.Attrs.Float("width_scale", 1)
	s.drop("height_scale")
	s.drop("width_scale")
	s.set(graph.FloatsAttr("scales", 1, 1, h, w))
	if s.n.Attrs.String("mode", "nearest") == "bilinear" {
		s.set(graph.StringAttr("mode", "linear"))
	}
	return nil
}

func upsampleSides(s *site) error {
	v := s.n.Attrs.Floats("scales")
	if len(v) != 4 || v[0] != 1 || v[1] != 1 {
		return refuse(NoAttr, "", "scales = %v: version 1 scales height and width of images", v)
	}
	s.drop("scales")
	s.set(graph.FloatAttr("height_scale", v[2]))
	s.set(graph.FloatAttr("width_scale", v[3]))
	if s.n.Attrs.String("mode", "nearest") == "linear" {
		s.set(graph.StringAttr("mode", "bilinear"))
	}
	return nil
}

func scalesToInput(s *site) error {
	v := s.n.Attrs.Floats("scales")
	s.drop("scales")
	s.put(1, s.constant("scales", tensor.Of(v, int64(len(v)))))
	return nil
}

func scalesToAttr(s *site) error {
	v, ok := s.floats(s.n.In(1))
	if !ok {
		return s.dynamic(1)
	}
	s.cut(1)
	s.set(graph.FloatsAttr("scales", narrow(v)...))
	return nil
}

func narrow(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

// upsampleToResize: Resize also shrinks.
func upsampleToResize(s *site) error {
	k := s.node("Resize", s.n.Inputs(), 1, s.n.Attrs...)
	s.c.enlarges[k] = true
	s.give(k.Out(0))
	return nil
}

func resizeToUpsample(s *site) error {
	v, ok := s.floats(s.n.In(1))
	if !ok {
		return refuse(NotConst, "", "input scales is not constant, and Upsample only enlarges")
	}
	if slices.ContainsFunc(v, func(x float64) bool { return x < 1 }) {
		return refuse(NoOperator, "convert to opset 10 or above", "scales = %v, and Upsample only enlarges", v)
	}
	s.give(s.op("Upsample", s.n.Inputs(), s.n.Attrs...))
	return nil
}

// resizeModes: version 10 lays pixels at their upper left corner, and takes the one before when it enlarges and the one behind when it
// shrinks.
func resizeModes(s *site) error {
	x, input := s.n.In(0), s.n.In(1)
	if s.n.Attrs.String("mode", "nearest") != "nearest" || s.c.enlarges[s.n] {
		s.give(s.asymmetric(x, input, "floor"))
		return nil
	}
	scales, ok := s.floats(input)
	if !ok {
		one := s.constant("one", tensor.Scalar(float32(1)))
		x = s.asymmetric(x, s.binary("Max", input, one), "floor")
		s.give(s.asymmetric(x, s.binary("Min", input, one), "ceil"))
		return nil
	}
	var parts [2][]float32 // enlarging, shrinking
	for _, v := range scales {
		parts[0] = append(parts[0], max(float32(v), 1))
		parts[1] = append(parts[1], min(float32(v), 1))
	}
	one := func(v float32) bool { return v == 1 }
	for i, round := range []string{"floor", "ceil"} {
		if !slices.ContainsFunc(parts[i], func(v float32) bool { return !one(v) }) && (i == 0 || x != s.n.In(0)) {
			continue // nothing to do this way, unless the other way has nothing to do either
		}
		x = s.asymmetric(x, s.constant("scales", tensor.Of(parts[i], int64(len(parts[i])))), round)
	}
	s.give(x)
	return nil
}

func (s *site) asymmetric(x, scales *graph.Value, round string) *graph.Value {
	attrs := append([]*graph.Attr{graph.StringAttr("coordinate_transformation_mode", "asymmetric"), graph.StringAttr("nearest_mode", round)}, s.n.Attrs...)
	return s.op("Resize", []*graph.Value{x, s.constant("roi", tensor.Of([]float32{}, 0)), scales}, attrs...)
}

func resizeNoModes(s *site) error {
	scales, err := s.scales()
	if err != nil {
		return err
	}
	mode := s.n.Attrs.String("mode", "nearest")
	coord := s.n.Attrs.String("coordinate_transformation_mode", "half_pixel")
	round := s.n.Attrs.String("nearest_mode", "round_prefer_floor")
	whole := scales != nil && !slices.ContainsFunc(scales, func(v float32) bool { return v != float32(int64(v)) || v < 1 })
	up := scales != nil && !slices.ContainsFunc(scales, func(v float32) bool { return v < 1 })
	down := scales != nil && !slices.ContainsFunc(scales, func(v float32) bool { return v > 1 })
	switch {
	case mode == "cubic":
		return refuse(NoAttr, "", "attribute mode = cubic came with version 11")
	case coord == "asymmetric" && (mode == "linear" || up && round == "floor" || down && round == "ceil"):
	case mode == "nearest" && whole && (coord == "asymmetric" && round == "floor" || coord == "half_pixel" || coord == "pytorch_half_pixel" && !slices.Contains(s.outDims(), 1)):
	default:
		return refuse(NoAttr, "", "coordinate_transformation_mode = %s with nearest_mode = %s and mode = %s came with version 11", coord, round, mode)
	}
	for _, name := range []string{"coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value"} {
		s.drop(name)
	}
	v := s.n.In(2)
	if scales != nil {
		v = s.constant("scales", tensor.Of(scales, int64(len(scales))))
	}
	s.cut(1)
	s.put(1, v)
	return nil
}

func (s *site) outDims() []int64 {
	d, _ := dims(s.n.Out(0))
	return d
}

// scales are the node's scales: the constant ones, or those that follow from constant sizes; nil when input scales is not constant.
func (s *site) scales() ([]float32, error) {
	v, ok := s.floats(s.n.In(2))
	if ok && len(v) > 0 {
		return narrow(v), nil
	}
	if s.n.In(3) == nil {
		return nil, nil
	}
	in, known := dims(s.n.In(0))
	sizes, ok := s.integers(s.n.In(3))
	if !ok || !known || len(in) != len(sizes) {
		return nil, refuse(NotConst, "", "input sizes becomes scales, and it or the input's shape is not constant")
	}
	scales := make([]float32, len(in))
	for i := range in {
		scales[i] = float32(float64(sizes[i]) / float64(in[i]))
		if in[i] == 0 || int64(float32(in[i])*scales[i]) != sizes[i] {
			return nil, refuse(NoInput, "", "no scale makes %d out of %d", sizes[i], in[i])
		}
	}
	return scales, nil
}

// resizeOptional: empty tensors stood for omitted inputs.
func resizeOptional(s *site) error {
	if s.n.Attrs.String("coordinate_transformation_mode", "") == "tf_half_pixel_for_nn" {
		// It lies half a pixel behind half_pixel: rounding down there is rounding to the nearest here, and so on.
		round := map[string]string{"floor": "round_prefer_ceil", "round_prefer_floor": "ceil"}[s.n.Attrs.String("nearest_mode", "round_prefer_floor")]
		if round == "" || s.n.Attrs.String("mode", "nearest") != "nearest" {
			return refuse(NoAttr, "", "coordinate_transformation_mode = tf_half_pixel_for_nn with this rounding went with version 13")
		}
		s.set(graph.StringAttr("coordinate_transformation_mode", "half_pixel"))
		s.set(graph.StringAttr("nearest_mode", round))
	}
	for _, i := range []int{1, 2} {
		if t := s.tensor(s.n.In(i)); t != nil && t.Len() == 0 {
			s.n.SetIn(i, nil)
			s.edited = true
		}
	}
	return nil
}

func resizeFilled(s *site) error {
	for i, name := range []string{"roi", "scales"} {
		if s.n.In(i+1) == nil {
			s.put(i+1, s.constant(name, tensor.Of([]float32{}, 0)))
		}
	}
	return nil
}

// resizeAllAxes: scales and sizes were given for all axes.
func resizeAllAxes(s *site) error {
	if policy := s.n.Attrs.String("keep_aspect_ratio_policy", "stretch"); policy != "stretch" && s.n.In(3) != nil {
		return refuse(NoAttr, "", "attribute keep_aspect_ratio_policy = %s came with version 18", policy)
	}
	s.drop("keep_aspect_ratio_policy")
	a := s.n.Attrs.Get("axes")
	if a == nil {
		return nil
	}
	x := s.n.In(0)
	r, err := needRank(x)
	if err != nil {
		return err
	}
	axes, err := wrapAll(a.Ints, r)
	if err != nil {
		return err
	}
	if slices.Contains(axes, r) {
		return refuse(Malformed, "", "axes = %v do not exist in rank %d", a.Ints, r)
	}
	s.drop("axes")
	if slices.Equal(axes, count(0, r)) {
		return nil
	}
	if s.n.In(1) != nil && s.n.Attrs.String("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize" {
		return refuse(NoAttr, "", "attribute axes with a region came with version 18")
	}
	if s.n.NumIn() > 1 {
		s.n.SetIn(1, nil)
	}
	if s.n.In(2) != nil {
		v, ok := s.floats(s.n.In(2))
		if !ok || len(v) != len(axes) {
			return refuse(NotConst, "", "input scales is for some axes only and is not constant")
		}
		all := slices.Repeat([]float32{1}, int(r))
		for i, k := range axes {
			all[k] = float32(v[i])
		}
		s.put(2, s.constant("scales", tensor.Of(all, r)))
		return nil
	}
	v, ok := s.integers(s.n.In(3))
	shape := x.Type.Shape.Dims
	if !ok || len(v) != len(axes) {
		return refuse(NotConst, "", "input sizes is for some axes only and is not constant")
	}
	all := make([]int64, r)
	for i, d := range shape {
		all[i], ok = d.Value()
		for k, axis := range axes {
			if axis == int64(i) {
				all[i], ok = v[k], true
			}
		}
		if !ok {
			return refuse(NoShape, "", "input sizes is for some axes only, and dim %d is not known", i)
		}
	}
	s.put(3, s.ints("sizes", all...))
	return nil
}

func resizeSymmetric(s *site) error {
	if s.n.Attrs.String("coordinate_transformation_mode", "half_pixel") == "half_pixel_symmetric" {
		return refuse(NoAttr, "", "coordinate_transformation_mode = half_pixel_symmetric came with version 19")
	}
	return nil
}
