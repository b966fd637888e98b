package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// alongOps work along one axis and keep it, or pick from it: ArgMax, ArgMin, CumSum, CumProd.
func alongOps() []OpDef {
	arg := func(largest bool) func(*Prep) (Exec, error) {
		return func(p *Prep) (Exec, error) {
			a := p.Attrs()
			return &argExec{largest, a.Int("axis", 0), a.Int("keepdims", 1) == 1, a.Int("select_last_index", 0) != 0}, nil
		}
	}
	cum := func(product bool) func(*Prep) (Exec, error) {
		return func(p *Prep) (Exec, error) {
			a := p.Attrs()
			return &cumExec{product, a.Int("exclusive", 0) != 0, a.Int("reverse", 0) != 0}, nil
		}
	}
	return []OpDef{
		{Op: "ArgMax", Since: 1, Prepare: checked(numbers, arg(true), 0)},
		{Op: "ArgMin", Since: 1, Prepare: checked(numbers, arg(false), 0)},
		{Op: "CumSum", Since: 11, Prepare: checked(numbers, cum(false), 0)},
		{Op: "CumProd", Since: 26, Prepare: checked(numbers, cum(true), 0)},
	}
}

type argExec struct {
	largest    bool
	axis       int64
	keep, last bool
}

func (e *argExec) Run(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	k, err := axisIn(e.axis, len(x.Shape))
	if err != nil {
		return err
	}
	dims := append([]int64{}, x.Shape[:k]...)
	if e.keep {
		dims = append(dims, 1)
	}
	dims = append(dims, x.Shape[k+1:]...)
	y := c.Out(0, tensor.Int64, dims...)
	if y.Len() == 0 {
		return nil
	}
	if x.Shape[k] == 0 {
		return refusal("the position of the largest of no elements")
	}
	outer, inner := splitAt(x.Shape, k)
	out, n := tensor.Data[int64](y), int(x.Shape[k])
	switch x.Elem {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
		argLoop(e, out, single(x), outer, n, inner, c.Pool)
	case tensor.Float64:
		argLoop(e, out, tensor.Data[float64](x), outer, n, inner, c.Pool)
	case tensor.Int8:
		argLoop(e, out, tensor.Data[int8](x), outer, n, inner, c.Pool)
	case tensor.Int16:
		argLoop(e, out, tensor.Data[int16](x), outer, n, inner, c.Pool)
	case tensor.Int32:
		argLoop(e, out, tensor.Data[int32](x), outer, n, inner, c.Pool)
	case tensor.Int64:
		argLoop(e, out, tensor.Data[int64](x), outer, n, inner, c.Pool)
	case tensor.Uint8:
		argLoop(e, out, tensor.Data[uint8](x), outer, n, inner, c.Pool)
	case tensor.Uint16:
		argLoop(e, out, tensor.Data[uint16](x), outer, n, inner, c.Pool)
	case tensor.Uint32:
		argLoop(e, out, tensor.Data[uint32](x), outer, n, inner, c.Pool)
	case tensor.Uint64:
		argLoop(e, out, tensor.Data[uint64](x), outer, n, inner, c.Pool)
	default:
		return errElem(x.Elem)
	}
	return nil
}

func argLoop[T number](e *argExec, out []int64, x []T, outer, n, inner int, p *kernel.Pool) {
	p.For(outer*inner, 1+zipGrain/n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			at := i/inner*n*inner + i%inner
			best, pos := x[at], 0
			for k := 1; k < n; k++ {
				v := x[at+k*inner]
				better := v > best
				if !e.largest {
					better = v < best
				}
				if better || e.last && v == best {
					best, pos = v, k
				}
			}
			out[i] = int64(pos)
		}
	})
}

type cumExec struct{ product, exclusive, reverse bool }

func (e *cumExec) Run(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	t, err := needInput(c, 1)
	if err != nil {
		return err
	}
	axis, err := scalarInt(t, "axis")
	if err != nil {
		return err
	}
	k, err := axisIn(axis, len(x.Shape))
	if err != nil {
		return err
	}
	outer, inner := splitAt(x.Shape, k)
	n := int(x.Shape[k])
	y := c.Out(0, x.Elem, x.Shape...)
	switch x.Elem {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
		out := singleOut(y)
		cumLoop(e, out, single(x), outer, n, inner)
		singleDone(y, out)
	case tensor.Float64:
		cumLoop(e, tensor.Data[float64](y), tensor.Data[float64](x), outer, n, inner)
	case tensor.Int8:
		cumLoop(e, tensor.Data[int8](y), tensor.Data[int8](x), outer, n, inner)
	case tensor.Int16:
		cumLoop(e, tensor.Data[int16](y), tensor.Data[int16](x), outer, n, inner)
	case tensor.Int32:
		cumLoop(e, tensor.Data[int32](y), tensor.Data[int32](x), outer, n, inner)
	case tensor.Int64:
		cumLoop(e, tensor.Data[int64](y), tensor.Data[int64](x), outer, n, inner)
	case tensor.Uint8:
		cumLoop(e, tensor.Data[uint8](y), tensor.Data[uint8](x), outer, n, inner)
	case tensor.Uint16:
		cumLoop(e, tensor.Data[uint16](y), tensor.Data[uint16](x), outer, n, inner)
	case tensor.Uint32:
		cumLoop(e, tensor.Data[uint32](y), tensor.Data[uint32](x), outer, n, inner)
	case tensor.Uint64:
		cumLoop(e, tensor.Data[uint64](y), tensor.Data[uint64](x), outer, n, inner)
	default:
		return errElem(x.Elem)
	}
	return nil
}

func cumLoop[T number](e *cumExec, y, x []T, outer, n, inner int) {
	for i := range outer * inner {
		at, step := i/inner*n*inner+i%inner, inner
		if e.reverse {
			at, step = at+(n-1)*inner, -inner
		}
		var acc T
		if e.product {
			acc = 1
		}
		for range n {
			v := x[at]
			if e.exclusive {
				y[at] = acc
			}
			if e.product {
				acc *= v
			} else {
				acc += v
			}
			if !e.exclusive {
				y[at] = acc
			}
			at += step
		}
	}
}
