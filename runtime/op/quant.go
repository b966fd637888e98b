package op

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// quantOps turn numbers into scaled small integers or floats and back, and multiply in that form.
func quantOps() []OpDef {
	q8 := elemSet(tensor.Int8, tensor.Uint8)
	return []OpDef{
		{Op: "QuantizeLinear", Since: 10, Prepare: checked(floats|elemSet(tensor.Int32), prepareQuantize, 0)},
		{Op: "DequantizeLinear", Since: 10, Prepare: checked(quantized, prepareDequantize, 0)},
		{Op: "DynamicQuantizeLinear", Since: 11, Prepare: checked(elemSet(tensor.Float32), func(*Prep) (Exec, error) { return ExecFunc(runDynamicQuantize), nil }, 0)},
		{Op: "MatMulInteger", Since: 10, Prepare: checked(q8, func(*Prep) (Exec, error) { return ExecFunc(runMatMulInteger), nil }, 0, 1)},
		{Op: "QLinearMatMul", Since: 10, Prepare: checked(q8, func(*Prep) (Exec, error) { return ExecFunc(runQLinearMatMul), nil }, 0, 3)},
		{Op: "ConvInteger", Since: 10, Prepare: checked(q8, prepareConvInteger, 0, 1)},
		{Op: "QLinearConv", Since: 10, Prepare: checked(q8, prepareQLinearConv, 0, 3)},
	}
}

var quantized = elemSet(tensor.Int8, tensor.Uint8, tensor.Int16, tensor.Uint16, tensor.Int32, tensor.Int4, tensor.Uint4, tensor.Int2,
	tensor.Uint2, tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ, tensor.Float8E5M2, tensor.Float8E5M2FNUZ, tensor.Float4E2M1)

// integerRange is the range that quantised values are clamped to; ok is false for float formats, which saturate by themselves.
func integerRange(e tensor.DType) (lo, hi float64, ok bool) {
	bits := e.Bits()
	switch e {
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int4, tensor.Int2:
		return -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1) - 1, true
	case tensor.Uint8, tensor.Uint16, tensor.Uint4, tensor.Uint2:
		return 0, math.Ldexp(1, bits) - 1, true
	}
	return 0, 0, false
}

// scaling says which element of scale and zero point belongs to an element of x: one for all, one by position on an axis, or one by block.
type scaling struct {
	scale, zero []float64 // zero nil: 0
	place       func(i int) int
}

// scalingOf reads inputs 1 and 2.
func scalingOf(c *Call, axis, block int64) (*scaling, error) {
	x := c.In[0]
	t, err := needInput(c, 1)
	if err != nil {
		return nil, err
	}
	s := &scaling{}
	if s.scale, err = t.Float64s(); err != nil {
		return nil, err
	}
	if z := input(c, 2); z != nil {
		if s.zero, err = z.Float64s(); err != nil {
			return nil, err
		}
		if len(s.zero) != len(s.scale) {
			return nil, fmt.Errorf("scale has shape %v, zero point %v", t.Shape, z.Shape)
		}
	}
	if len(s.scale) == 1 {
		s.place = func(int) int { return 0 }
		return s, nil
	}
	k, err := axisIn(axis, len(x.Shape))
	if err != nil {
		return nil, err
	}
	_, inner := splitAt(x.Shape, k)
	n := int(x.Shape[k])
	if block > 0 {
		b := int(block)
		groups := (n + b - 1) / b
		if len(t.Shape) != len(x.Shape) || int(t.Shape[k]) != groups || len(s.scale)*n != groups*x.Len() {
			return nil, fmt.Errorf("scale of shape %v does not fit %v in blocks of %d", t.Shape, x.Shape, b)
		}
		s.place = func(i int) int { return (i/(n*inner)*groups+i/inner%n/b)*inner + i%inner }
		return s, nil
	}
	if len(s.scale) != n {
		return nil, fmt.Errorf("scale of shape %v does not fit axis %d of %v", t.Shape, k, x.Shape)
	}
	s.place = func(i int) int { return i / inner % n }
	return s, nil
}

func prepareQuantize(p *Prep) (Exec, error) {
	a := p.Attrs()
	axis, block, to := a.Int("axis", 1), a.Int("block_size", 0), tensor.DType(a.Int("output_dtype", 0))
	opt := narrowing{saturate: a.Int("saturate", 1) != 0, mode: "up"}
	precision := tensor.DType(a.Int("precision", 0))
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		s, err := scalingOf(c, axis, block)
		if err != nil {
			return err
		}
		elem := to
		if z := input(c, 2); z != nil {
			elem = z.Elem
		} else if elem == tensor.Undefined {
			elem = tensor.Uint8
		}
		if !quantized.has(elem) {
			return errElem(elem)
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		// The division is done in the type of the scale, or in the precision asked for.
		in := c.In[1].Elem
		if precision != tensor.Undefined {
			in = precision
		}
		lo, hi, isInt := integerRange(elem)
		for i, a := range v {
			k := s.place(i)
			q := divideIn(in, a, s.scale[k])
			z := 0.0
			if s.zero != nil {
				z = s.zero[k]
			}
			if isInt {
				q = math.RoundToEven(q) + z
				if q != q {
					q = 0
				}
				q = min(max(q, lo), hi)
			} else {
				q += z
			}
			v[i] = q
		}
		return storeWide(c.Out(0, elem, x.Shape...), v, opt)
	}), nil
}

// divideIn is a/b rounded to a floating-point type.
func divideIn(e tensor.DType, a, b float64) float64 {
	switch e {
	case tensor.Float64:
		return a / b
	case tensor.Float16:
		return float64(tensor.HalfToFloat32(tensor.Float32ToHalf(float32(a) / float32(b))))
	case tensor.BFloat16:
		return float64(tensor.BFloat16ToFloat32(tensor.Float32ToBFloat16(float32(a) / float32(b))))
	}
	return float64(float32(a) / float32(b))
}

func prepareDequantize(p *Prep) (Exec, error) {
	a := p.Attrs()
	axis, block, to := a.Int("axis", 1), a.Int("block_size", 0), tensor.DType(a.Int("output_dtype", 0))
	if to != tensor.Undefined && !floats.has(to) {
		return nil, errElem(to)
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		s, err := scalingOf(c, axis, block)
		if err != nil {
			return err
		}
		elem := to
		if elem == tensor.Undefined {
			elem = c.In[1].Elem
		}
		if !floats.has(elem) {
			return errElem(elem)
		}
		y := c.Out(0, elem, x.Shape...)
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		for i, a := range v {
			k := s.place(i)
			if s.zero != nil {
				a -= s.zero[k]
			}
			v[i] = a * s.scale[k]
		}
		return storeFloats(y, v)
	}), nil
}

func runDynamicQuantize(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	v := tensor.Data[float32](x)
	lo, hi := float32(0), float32(0) // the range holds zero
	for _, a := range v {
		lo, hi = min(lo, a), max(hi, a)
	}
	scale := (hi - lo) / 255
	zero := float32(0)
	if scale != 0 {
		zero = float32(math.RoundToEven(float64(min(max(-lo/scale, 0), 255))))
	}
	y := c.Out(0, tensor.Uint8, x.Shape...).Bytes()
	for i, a := range v {
		q := float64(0)
		if scale != 0 {
			q = math.RoundToEven(float64(a / scale))
		}
		y[i] = uint8(min(max(q+float64(zero), 0), 255))
	}
	tensor.Data[float32](c.Out(1, tensor.Float32))[0] = scale
	c.Out(2, tensor.Uint8).Bytes()[0] = uint8(zero)
	return nil
}
