package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// powExec computes y = a^b; y has a's type, b any numeric type.
type powExec struct{ legacy *legacy }

func (e powExec) Run(c *Call) error {
	a, b := c.In[0], c.In[1]
	bdims, err := e.legacy.align(a.Shape, b.Shape)
	if err != nil {
		return err
	}
	o, err := pair(a.Shape, bdims)
	if err != nil {
		return err
	}
	y := c.Out(0, a.Elem, o.out...)
	if a.Elem == tensor.Float32 && b.Len() == 1 && y.Len() == a.Len() {
		ev, err := double(b)
		if err != nil {
			return err
		}
		if powScalar(tensor.Data[float32](y), tensor.Data[float32](a), ev[0], c.Pool) {
			return nil
		}
	}
	switch a.Elem {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
		exp, err := b.Float32s()
		if err != nil {
			return err
		}
		out := singleOut(y)
		err = zip(each(func(x, y float32) float32 { return float32(math.Pow(float64(x), float64(y))) }), out, single(a), exp, o, c.Pool)
		singleDone(y, out)
		return err
	case tensor.Float64:
		exp, err := double(b)
		if err != nil {
			return err
		}
		return zip(each(math.Pow), tensor.Data[float64](y), tensor.Data[float64](a), exp, o, c.Pool)
	}
	base, err := a.Float64s()
	if err != nil {
		return err
	}
	exp, err := double(b)
	if err != nil {
		return err
	}
	if ints, err := b.Int64s(); err == nil && integers.has(a.Elem) {
		base, err := a.Int64s()
		if err != nil {
			return err
		}
		out := make([]int64, y.Len())
		if err := zip(each(powInt), out, base, ints, o, c.Pool); err != nil {
			return err
		}
		return storeInts(y, out)
	}
	out := make([]float64, y.Len())
	if err := zip(each(math.Pow), out, base, exp, o, c.Pool); err != nil {
		return err
	}
	return storeFloats(y, out)
}

// powScalar handles the exponents that need no logarithm.
func powScalar(dst, x []float32, exp float64, p *kernel.Pool) bool {
	var f func(dst, x []float32)
	switch exp {
	case 2:
		f = kernel.Square
	case 1:
		f = func(dst, x []float32) { copy(dst, x) }
	case 3:
		f = func(dst, x []float32) {
			for i, v := range x {
				dst[i] = v * v * v
			}
		}
	case -1:
		f = kernel.Recip
	default:
		return false
	}
	p.For(len(x), zipGrain, func(lo, hi int) { f(dst[lo:hi], x[lo:hi]) })
	return true
}

// powInt is the integer power modulo 2^64; a negative exponent gives the truncated quotient 1/a^-b.
func powInt(a, b int64) int64 {
	if b < 0 {
		switch a {
		case 1:
			return 1
		case -1:
			return 1 - 2*(b&1)
		}
		return 0
	}
	r := int64(1)
	for ; b > 0; b >>= 1 {
		if b&1 != 0 {
			r *= a
		}
		a *= a
	}
	return r
}
