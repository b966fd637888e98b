package op

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
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

// shifted is an 8-bit tensor as float64 minus its zero point. Sums of products of such numbers are exact in float64 up to 2^37 terms.
// perRow: a zero point with several values has one for each index of dim rank-2; otherwise one for each index of the last dim.
func shifted(t, zero *tensor.Tensor, perRow bool) ([]float64, error) {
	v, err := t.Float64s()
	if err != nil || zero == nil {
		return v, err
	}
	z, err := zero.Float64s()
	if err != nil {
		return nil, err
	}
	rank := len(t.Shape)
	cols := int(t.Shape[rank-1])
	switch {
	case len(z) == 1:
		for i := range v {
			v[i] -= z[0]
		}
	case perRow && rank > 1 && len(z) == int(t.Shape[rank-2]):
		for i := range v {
			v[i] -= z[i/cols%len(z)]
		}
	case perRow && rank > 1 && len(z)*cols == len(v):
		for i := range v {
			v[i] -= z[i/cols]
		}
	case !perRow && len(z) == cols:
		for i := range v {
			v[i] -= z[i%cols]
		}
	case !perRow && rank > 1 && len(z)*int(t.Shape[rank-2]) == len(v):
		rows := int(t.Shape[rank-2])
		for i := range v {
			v[i] -= z[i/(rows*cols)*cols+i%cols]
		}
	default:
		return nil, fmt.Errorf("zero point of shape %v does not fit %v", zero.Shape, t.Shape)
	}
	return v, nil
}

// exactProduct is the product of two shifted integer tensors.
func exactProduct(a, b, az, bz *tensor.Tensor, pool *kernel.Pool) ([]float64, product, error) {
	p, err := productOf(a.Shape, b.Shape)
	if err != nil {
		return nil, p, err
	}
	av, err := shifted(a, az, true)
	if err != nil {
		return nil, p, err
	}
	bv, err := shifted(b, bz, false)
	if err != nil {
		return nil, p, err
	}
	out := make([]float64, numel(p.dims))
	err = p.each(func(i, ao, bo int) {
		kernel.GemmF64(p.m, p.n, p.k, av[ao:], p.k, false, bv[bo:], p.n, false, 1, out[i*p.m*p.n:], p.n, 0, pool)
	})
	return out, p, err
}

func runMatMulInteger(c *Call) error {
	for i := range 2 {
		if _, err := needInput(c, i); err != nil {
			return err
		}
	}
	v, p, err := exactProduct(c.In[0], c.In[1], input(c, 2), input(c, 3), c.Pool)
	if err != nil {
		return err
	}
	return storeFloats(c.Out(0, tensor.Int32, p.dims...), v)
}

// runQLinearMatMul: a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero.
func runQLinearMatMul(c *Call) error {
	for i := range 8 {
		if _, err := needInput(c, i); err != nil {
			return err
		}
	}
	v, p, err := exactProduct(c.In[0], c.In[3], c.In[2], c.In[5], c.Pool)
	if err != nil {
		return err
	}
	as, err := rowScale(c.In[1], c.In[0], true)
	if err != nil {
		return err
	}
	bs, err := rowScale(c.In[4], c.In[3], false)
	if err != nil {
		return err
	}
	ys, err := c.In[6].Float64s()
	if err != nil {
		return err
	}
	yz, err := c.In[7].Float64s()
	if err != nil {
		return err
	}
	if len(ys) != len(yz) || len(ys) != 1 && len(ys) != p.m && len(ys) != len(v)/max(p.n, 1) {
		return fmt.Errorf("y_scale and y_zero_point have shapes %v and %v", c.In[6].Shape, c.In[7].Shape)
	}
	elem := c.In[7].Elem
	lo, hi, ok := integerRange(elem)
	if !ok {
		return errElem(elem)
	}
	size := p.m * p.n
	for i, a := range v {
		row := i / p.n
		k := row % len(ys)
		s := as(i/size, row%p.m) * bs(i/size, i%p.n) / ys[k]
		v[i] = min(max(math.RoundToEven(a*s)+yz[k], lo), hi)
	}
	return storeFloats(c.Out(0, elem, p.dims...), v)
}

// rowScale gives the scale of a row (or column) of a matrix of the batch.
func rowScale(t, of *tensor.Tensor, perRow bool) (func(batch, i int) float64, error) {
	v, err := t.Float64s()
	if err != nil {
		return nil, err
	}
	rank := len(of.Shape)
	n := int(of.Shape[rank-1])
	if perRow && rank > 1 {
		n = int(of.Shape[rank-2])
	}
	switch {
	case len(v) == 1:
		return func(int, int) float64 { return v[0] }, nil
	case len(v) == n:
		return func(_, i int) float64 { return v[i] }, nil
	case n > 0 && len(v)%n == 0 && len(v) == n*numel(of.Shape[:rank-2]):
		return func(batch, i int) float64 { return v[batch%(len(v)/n)*n+i] }, nil
	}
	return nil, fmt.Errorf("scale of shape %v does not fit %v", t.Shape, of.Shape)
}

func prepareConvInteger(p *Prep) (Exec, error) {
	e, err := newConv(p)
	if err != nil {
		return nil, err
	}
	return ExecFunc(func(c *Call) error {
		v, dims, err := e.exact(c, c.In[0], c.In[1], input(c, 2), input(c, 3))
		if err != nil {
			return err
		}
		return storeFloats(c.Out(0, tensor.Int32, dims...), v)
	}), nil
}

// exact convolves shifted 8-bit integers in float64.
func (e *convExec) exact(c *Call, x, w, xz, wz *tensor.Tensor) ([]float64, []int64, error) {
	if err := checkWeight(w); err != nil {
		return nil, nil, err
	}
	win, err := e.attrs(w.Shape[2:])
	if err != nil {
		return nil, nil, err
	}
	if len(x.Shape) != win.n+2 || x.Shape[1] != w.Shape[1]*int64(e.group) || w.Shape[0] == 0 || w.Shape[0]%int64(e.group) != 0 {
		return nil, nil, fmt.Errorf("input %v and weight %v do not fit in %d groups", x.Shape, w.Shape, e.group)
	}
	f, err := win.fit(x.Shape[2:])
	if err != nil {
		return nil, nil, err
	}
	xv, err := shifted(x, xz, false)
	if err != nil {
		return nil, nil, err
	}
	wv, err := w.Float64s()
	if err != nil {
		return nil, nil, err
	}
	if wz != nil {
		z, err := wz.Float64s()
		if err != nil {
			return nil, nil, err
		}
		if len(z) != 1 && len(z) != int(w.Shape[0]) {
			return nil, nil, fmt.Errorf("weight zero point has shape %v", wz.Shape)
		}
		per := len(wv) / int(w.Shape[0])
		for i := range wv {
			wv[i] -= z[i/per%len(z)]
		}
	}
	dims := f.dims([]int64{x.Shape[0], w.Shape[0]}, win.n)
	y := tensor.Zeros(tensor.Float64, dims...)
	one := &Call{In: []*tensor.Tensor{nil, nil}, Pool: c.Pool}
	err = e.run64(one, y, tensor.Of(xv, x.Shape...), tensor.Of(wv, w.Shape...), int(x.Shape[0]), &f)
	return tensor.Data[float64](y), dims, err
}

// prepareQLinearConv: x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias.
func prepareQLinearConv(p *Prep) (Exec, error) {
	a := p.Attrs()
	e := &convExec{group: int(a.Int("group", 1)), attrs: func(k []int64) (*window, error) { return windowOf(a, k) }}
	if e.group < 1 {
		return nil, fmt.Errorf("attribute group is %d", e.group)
	}
	return ExecFunc(func(c *Call) error {
		for i := range 8 {
			if _, err := needInput(c, i); err != nil {
				return err
			}
		}
		v, dims, err := e.exact(c, c.In[0], c.In[3], c.In[2], c.In[5])
		if err != nil {
			return err
		}
		var s [3][]float64
		for i, at := range []int{1, 4, 6} {
			if s[i], err = c.In[at].Float64s(); err != nil {
				return err
			}
		}
		zero, err := c.In[7].Float64s()
		if err != nil {
			return err
		}
		oc := int(dims[1])
		if len(s[0]) != 1 || len(s[2]) != 1 || len(zero) != 1 || len(s[1]) != 1 && len(s[1]) != oc {
			return fmt.Errorf("scales have shapes %v, %v, %v", c.In[1].Shape, c.In[4].Shape, c.In[6].Shape)
		}
		var bias []float64
		if t := input(c, 8); t != nil {
			if bias, err = t.Float64s(); err != nil || len(bias) != oc {
				return fmt.Errorf("bias is %v", t)
			}
		}
		elem := c.In[7].Elem
		lo, hi, ok := integerRange(elem)
		if !ok {
			return errElem(elem)
		}
		inner := numel(dims[2:])
		for i, a := range v {
			k := i / inner % oc
			if bias != nil {
				a += bias[k]
			}
			v[i] = min(max(math.RoundToEven(a*s[0][0]*s[1][k%len(s[1])]/s[2][0])+zero[0], lo), hi)
		}
		return storeFloats(c.Out(0, elem, dims...), v)
	}), nil
}
