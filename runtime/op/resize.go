package op

import (
	"errors"
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// resizeOps are Resize and Upsample.
func resizeOps() []OpDef {
	types := numbers | bools
	return []OpDef{
		{Op: "Resize", Since: 11, Prepare: checked(types, prepareResize, 0)},
		{Op: "Resize", Since: 10, Until: 10, Prepare: checked(types, prepareUpsample, 0)},
		{Op: "Upsample", Since: 1, Prepare: checked(types, prepareUpsample, 0)},
	}
}

// resizer is Resize's attributes.
type resizer struct {
	mode, coord, nearest string
	cubicA               float64
	excludeOutside       bool
	extrapolation        float64
	antialias            bool
	axes                 []int64
	policy               string
}

func prepareResize(p *Prep) (Exec, error) {
	a := p.Attrs()
	e := &resizer{
		mode: a.String("mode", "nearest"), coord: a.String("coordinate_transformation_mode", "half_pixel"),
		nearest: a.String("nearest_mode", "round_prefer_floor"), cubicA: float64(a.Float("cubic_coeff_a", -0.75)),
		excludeOutside: a.Int("exclude_outside", 0) != 0, extrapolation: float64(a.Float("extrapolation_value", 0)),
		antialias: a.Int("antialias", 0) != 0, axes: a.Ints("axes"), policy: a.String("keep_aspect_ratio_policy", "stretch"),
	}
	if e.nearest == "simple" { // what only the older operators mean
		return nil, errors.New("attribute nearest_mode is \"simple\"")
	}
	return e, e.check()
}

// prepareUpsample is the Resize of opset 10 and Upsample: positions are divided by the scale; nearest rounds down, or up
// where the axis shrinks.
func prepareUpsample(p *Prep) (Exec, error) {
	a := p.Attrs()
	e := &resizer{mode: a.String("mode", "nearest"), coord: "asymmetric", nearest: "simple", policy: "stretch"}
	if e.mode == "bilinear" {
		e.mode = "linear"
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	attr := a.Floats("scales")
	if p.Node.ID.Op == "Upsample" && p.Opset < 7 {
		attr = []float32{1, 1, a.Float("height_scale", 1), a.Float("width_scale", 1)}
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		scales := attr
		if t := input(c, 1); t != nil {
			if scales, err = t.Float32s(); err != nil {
				return err
			}
		}
		return e.run(c, x, nil, scales, nil)
	}), nil
}

func (e *resizer) check() error {
	switch e.mode {
	case "nearest", "linear", "cubic":
	default:
		return fmt.Errorf("attribute mode is %q", e.mode)
	}
	switch e.coord {
	case "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize":
	default:
		return fmt.Errorf("attribute coordinate_transformation_mode is %q", e.coord)
	}
	switch e.nearest {
	case "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple":
	default:
		return fmt.Errorf("attribute nearest_mode is %q", e.nearest)
	}
	switch e.policy {
	case "stretch", "not_larger", "not_smaller":
	default:
		return fmt.Errorf("attribute keep_aspect_ratio_policy is %q", e.policy)
	}
	return nil
}

func (e *resizer) Run(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	var roi, scales []float32
	var sizes []int64
	if t := input(c, 1); t != nil && t.Len() > 0 {
		if roi, err = t.Float32s(); err != nil {
			return err
		}
	}
	if t := input(c, 2); t != nil && t.Len() > 0 {
		if scales, err = t.Float32s(); err != nil {
			return err
		}
	}
	if t := input(c, 3); t != nil && t.Len() > 0 {
		if sizes, err = intList(t); err != nil {
			return err
		}
	}
	return e.run(c, x, roi, scales, sizes)
}

// axisScale is how one axis is resized.
type axisScale struct {
	in, out    int
	scale      float64
	start, end float64 // of the region of interest, 0 to 1
}

// plan works out each axis from scales or sizes, given for all axes or those in e.axes.
func (e *resizer) plan(x *tensor.Tensor, roi, scales []float32, sizes []int64) ([]axisScale, error) {
	rank := len(x.Shape)
	plan := make([]axisScale, rank)
	for i, d := range x.Shape {
		plan[i] = axisScale{in: int(d), out: int(d), scale: 1, end: 1}
	}
	n := rank
	if e.axes != nil {
		n = len(e.axes)
	}
	if (scales == nil) == (sizes == nil) || scales != nil && len(scales) != n || sizes != nil && len(sizes) != n {
		return nil, fmt.Errorf("scales %v and sizes %v do not fit %d axes", scales, sizes, n)
	}
	if roi != nil && len(roi) != 2*n {
		return nil, fmt.Errorf("roi %v does not fit %d axes", roi, n)
	}
	common := 0.0 // with a policy that keeps the aspect ratio
	axes := make([]int, n)
	for i := range axes {
		axes[i] = i
		if e.axes != nil {
			var err error
			if axes[i], err = axisIn(e.axes[i], rank); err != nil {
				return nil, err
			}
		}
		if sizes == nil || e.policy == "stretch" {
			continue
		}
		s := float64(sizes[i]) / float64(x.Shape[axes[i]])
		if i == 0 || e.policy == "not_larger" && s < common || e.policy == "not_smaller" && s > common {
			common = s
		}
	}
	for i, k := range axes {
		a := &plan[k]
		out := 0.0
		switch {
		case scales != nil:
			a.scale = float64(scales[i])
			out = math.Floor(float64(scales[i] * float32(a.in)))
		case e.policy != "stretch":
			a.scale = common
			out = math.Floor(common*float64(a.in) + 0.5)
		default:
			out = float64(sizes[i])
			a.scale = out / float64(a.in)
		}
		if !(a.scale > 0) || !(out >= 0) || out > float64(maxTensorBytes) {
			if a.in != 0 || out != 0 {
				return nil, fmt.Errorf("scales %v and sizes %v do not fit shape %v", scales, sizes, x.Shape)
			}
		}
		a.out = int(out)
		if roi != nil {
			a.start, a.end = float64(roi[i]), float64(roi[n+i])
		}
		if a.in == 0 && a.out > 0 {
			return nil, errors.New("nothing to resize")
		}
	}
	return plan, nil
}

// source is the position in the input that output position k stands for.
func (e *resizer) source(a *axisScale, k int) float64 {
	x, in := float64(k), float64(a.in)
	length := a.scale * in
	switch e.coord {
	case "half_pixel":
		return (x+0.5)/a.scale - 0.5
	case "half_pixel_symmetric":
		return in/2*(1-float64(a.out)/length) + (x+0.5)/a.scale - 0.5
	case "pytorch_half_pixel":
		if length <= 1 {
			return 0
		}
		return (x+0.5)/a.scale - 0.5
	case "align_corners":
		if length == 1 || a.out == 1 {
			return 0
		}
		return x * (in - 1) / (length - 1)
	case "tf_half_pixel_for_nn":
		return (x + 0.5) / a.scale
	case "tf_crop_and_resize":
		if a.out <= 1 {
			return 0.5 * (a.start + a.end) * (in - 1)
		}
		return a.start*(in-1) + x*(a.end-a.start)*(in-1)/(length-1)
	}
	return x / a.scale // asymmetric
}

func (e *resizer) run(c *Call, x *tensor.Tensor, roi, scales []float32, sizes []int64) error {
	plan, err := e.plan(x, roi, scales, sizes)
	if err != nil {
		return err
	}
	dims := make([]int64, len(plan))
	for i := range plan {
		dims[i] = int64(plan[i].out)
	}
	if err := sizeOf(x.Elem, dims); err != nil {
		return err
	}
	y := c.Out(0, x.Elem, dims...)
	if y.Len() == 0 {
		return nil
	}
	if len(dims) == 0 {
		copyAll(y, x)
		return nil
	}
	if e.mode == "nearest" {
		err = e.pickNearest(c, y, x, plan)
	} else {
		err = e.interpolate(c, y, x, plan)
	}
	if err != nil || e.coord != "tf_crop_and_resize" {
		return err
	}
	return e.extrapolate(y, plan)
}

// extrapolate overwrites the elements whose source lies outside the input.
func (e *resizer) extrapolate(y *tensor.Tensor, plan []axisScale) error {
	v := newTensor(y.Elem, nil)
	if err := storeFloats(v, []float64{e.extrapolation}); err != nil {
		return err
	}
	strides := rowMajor(y.Shape)
	for i := range plan {
		for k := range plan[i].out {
			if s := e.source(&plan[i], k); s >= 0 && s <= float64(plan[i].in-1) {
				continue
			}
			for o := range y.Len() {
				if o/strides[i]%plan[i].out == k {
					copyBlock(y, o, v, 0, 1)
				}
			}
		}
	}
	return nil
}

func (e *resizer) pickNearest(c *Call, y, x *tensor.Tensor, plan []axisScale) error {
	from := make([][]int, len(plan))
	for i := range plan {
		from[i] = make([]int, plan[i].out)
		for k := range from[i] {
			if plan[i].scale == 1 && plan[i].in == plan[i].out && e.coord != "tf_crop_and_resize" {
				from[i][k] = k
				continue
			}
			s := e.source(&plan[i], k)
			var at float64
			switch e.nearest {
			case "round_prefer_floor":
				at = math.Ceil(s - 0.5)
			case "round_prefer_ceil":
				at = math.Floor(s + 0.5)
			case "floor":
				at = math.Floor(s)
			case "simple":
				at = math.Floor(s)
				if plan[i].scale < 1 {
					at = math.Ceil(s)
				}
			default:
				at = math.Ceil(s)
			}
			from[i][k] = int(min(max(at, 0), float64(plan[i].in-1)))
		}
	}
	return gridPick(y, x, from, c.Pool)
}
