package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// scatterOps write updates into a copy of their input.
func scatterOps() []OpDef {
	return []OpDef{
		{Op: "Scatter", Since: 9, Until: 10, Prepare: checked(wideBytes, prepareScatterElements, 0)},
		{Op: "ScatterElements", Since: 11, Prepare: checked(wideBytes, prepareScatterElements, 0)},
		{Op: "ScatterND", Since: 11, Prepare: checked(wideBytes, prepareScatterND, 0)},
		{Op: "TensorScatter", Since: 24, Prepare: checked(wideBytes, prepareTensorScatter, 0)},
	}
}

// reductionOf maps the attribute to an operation; ok is false for "none", which replaces.
func reductionOf(p *Prep) (op arith, ok bool, err error) {
	switch r := p.Attrs().String("reduction", "none"); r {
	case "none":
		return 0, false, nil
	case "add":
		return arithAdd, true, nil
	case "mul":
		return arithMul, true, nil
	case "max":
		return arithMax, true, nil
	case "min":
		return arithMin, true, nil
	default:
		return 0, false, fmt.Errorf("attribute reduction is %q", r)
	}
}

func prepareScatterElements(p *Prep) (Exec, error) {
	axis := p.Attrs().Int("axis", 0)
	op, reduce, err := reductionOf(p)
	if err != nil {
		return nil, err
	}
	if reduce {
		if err := want(p, numbers, 0); err != nil {
			return nil, err
		}
	}
	return ExecFunc(func(c *Call) error {
		x, t, u, err := scatterInputs(c)
		if err != nil {
			return err
		}
		k, err := axisIn(axis, len(x.Shape))
		if err != nil {
			return err
		}
		idx, err := intList(t)
		if err != nil {
			return err
		}
		if !equalDims(t.Shape, u.Shape) {
			return fmt.Errorf("indices have shape %v, updates %v", t.Shape, u.Shape)
		}
		at, err := elementPlaces(x.Shape, k, t.Shape, idx)
		if err != nil {
			return err
		}
		y := c.Out(0, x.Elem, x.Shape...)
		copyAll(y, x)
		return scatter(y, u, at, 1, op, reduce)
	}), nil
}

func scatterInputs(c *Call) (x, idx, upd *tensor.Tensor, err error) {
	for i := range 3 {
		if _, err := needInput(c, i); err != nil {
			return nil, nil, nil, err
		}
	}
	x, idx, upd = c.In[0], c.In[1], c.In[2]
	if x.Elem != upd.Elem {
		err = fmt.Errorf("data is %s, updates are %s", x.Elem, upd.Elem)
	}
	return
}

// scatter writes block i of u, n elements, to place at[i] of y, or joins it with what is there.
func scatter(y, u *tensor.Tensor, at []int, n int, op arith, reduce bool) error {
	if !reduce {
		for i, to := range at {
			copyBlock(y, to, u, i*n, n)
		}
		return nil
	}
	switch y.Elem {
	case tensor.Float32:
		joinAt(tensor.Data[float32](y), tensor.Data[float32](u), at, n, realFunc[float32](op))
	case tensor.Float16, tensor.BFloat16:
		v := single(y)
		joinAt(v, single(u), at, n, realFunc[float32](op))
		singleDone(y, v)
	case tensor.Float64:
		joinAt(tensor.Data[float64](y), tensor.Data[float64](u), at, n, realFunc[float64](op))
	case tensor.Int8:
		joinInts[int8](y, u, at, n, op)
	case tensor.Int16:
		joinInts[int16](y, u, at, n, op)
	case tensor.Int32:
		joinInts[int32](y, u, at, n, op)
	case tensor.Int64:
		joinInts[int64](y, u, at, n, op)
	case tensor.Uint8:
		joinInts[uint8](y, u, at, n, op)
	case tensor.Uint16:
		joinInts[uint16](y, u, at, n, op)
	case tensor.Uint32:
		joinInts[uint32](y, u, at, n, op)
	case tensor.Uint64:
		joinInts[uint64](y, u, at, n, op)
	default:
		return errElem(y.Elem)
	}
	return nil
}

func joinInts[T integer](y, u *tensor.Tensor, at []int, n int, op arith) {
	joinAt(tensor.Cast[T](y.Bytes()), tensor.Cast[T](u.Bytes()), at, n, intFunc[T](op))
}

func joinAt[T number](y, u []T, at []int, n int, f func(a, b T) T) {
	for i, to := range at {
		for j := range n {
			y[to+j] = f(y[to+j], u[i*n+j])
		}
	}
}

func prepareScatterND(p *Prep) (Exec, error) {
	op, reduce, err := reductionOf(p)
	if err != nil {
		return nil, err
	}
	if reduce {
		if err := want(p, numbers, 0); err != nil {
			return nil, err
		}
	}
	return ExecFunc(func(c *Call) error {
		x, t, u, err := scatterInputs(c)
		if err != nil {
			return err
		}
		at, n, err := tuples(x.Shape, t)
		if err != nil {
			return err
		}
		if u.Len() != len(at)*n {
			return fmt.Errorf("updates have shape %v for %d blocks of %d elements", u.Shape, len(at), n)
		}
		y := c.Out(0, x.Elem, x.Shape...)
		copyAll(y, x)
		return scatter(y, u, at, n, op, reduce)
	}), nil
}

// prepareTensorScatter writes new steps into a cache [batch, ..., steps, ...] at a position of each sample.
func prepareTensorScatter(p *Prep) (Exec, error) {
	axis, mode := p.Attrs().Int("axis", -2), p.Attrs().String("mode", "linear")
	if mode != "linear" && mode != "circular" {
		return nil, fmt.Errorf("attribute mode is %q", mode)
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		u, err := needInput(c, 1)
		if err != nil {
			return err
		}
		k, err := axisIn(axis, len(x.Shape))
		if err != nil {
			return err
		}
		if k == 0 || len(u.Shape) != len(x.Shape) || u.Elem != x.Elem || u.Shape[k] > x.Shape[k] {
			return fmt.Errorf("update %s%v does not fit cache %s%v", u.Elem, u.Shape, x.Elem, x.Shape)
		}
		for i, d := range u.Shape {
			if i != k && d != x.Shape[i] {
				return fmt.Errorf("update %v does not fit cache %v", u.Shape, x.Shape)
			}
		}
		batch := int(x.Shape[0])
		start := make([]int64, batch)
		if t := input(c, 2); t != nil {
			if start, err = intList(t); err != nil {
				return err
			}
			if len(start) != batch {
				return fmt.Errorf("write_indices has %d values for a batch of %d", len(start), batch)
			}
		}
		y := c.Out(0, x.Elem, x.Shape...)
		copyAll(y, x)
		outer, inner := splitAt(x.Shape, k)
		steps, room := u.Shape[k], x.Shape[k]
		for o := range outer {
			at := start[o/(outer/batch)]
			if at < 0 || mode == "linear" && at+steps > room {
				return fmt.Errorf("position %d with %d steps is outside a cache of %d", at, steps, room)
			}
			for s := range steps {
				to := (at + s) % room
				copyBlock(y, (o*int(room)+int(to))*inner, u, (o*int(steps)+int(s))*inner, inner)
			}
		}
		return nil
	}), nil
}
