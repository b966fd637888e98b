package op

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

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
