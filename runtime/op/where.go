package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// selectOps choose or blank elements by a condition or by their place.
func selectOps() []OpDef {
	return []OpDef{
		{Op: "Where", Since: 9, Prepare: checked(wideBytes, func(*Prep) (Exec, error) { return ExecFunc(runWhere), nil }, 1, 2)},
		{Op: "Trilu", Since: 14, Prepare: checked(wideBytes, prepareTrilu, 0)},
		{Op: "NonZero", Since: 9, Prepare: checked(numbers|bools|elemSet(tensor.String), func(*Prep) (Exec, error) { return ExecFunc(runNonZero), nil }, 0)},
		{Op: "ReverseSequence", Since: 10, Prepare: checked(wideBytes, prepareReverseSequence, 0)},
	}
}

func runWhere(c *Call) error {
	for i := range 3 {
		if _, err := needInput(c, i); err != nil {
			return err
		}
	}
	cond, a, b := c.In[0], c.In[1], c.In[2]
	if cond.Elem != tensor.Bool || a.Elem != b.Elem {
		return fmt.Errorf("inputs are %s, %s and %s", cond.Elem, a.Elem, b.Elem)
	}
	dims, err := broadcastDims(a.Shape, b.Shape)
	if err != nil {
		return err
	}
	if dims, err = broadcastDims(cond.Shape, dims); err != nil {
		return err
	}
	y := c.Out(0, a.Elem, dims...)
	ns, err := newNest(y.Shape, broadcastStrides(cond.Shape, y.Shape), broadcastStrides(a.Shape, y.Shape), broadcastStrides(b.Shape, y.Shape))
	if err != nil || ns.n == 0 {
		return err
	}
	k := cond.Bytes()
	if a.Elem == tensor.String {
		where(y.Strs, k, a.Strs, b.Strs, ns, nil)
		return nil
	}
	yb, ab, bb := y.Bytes(), a.Bytes(), b.Bytes()
	return byWidth(a.Elem,
		func() { where(yb, k, ab, bb, ns, c.Pool) },
		func() {
			where(tensor.Cast[uint16](yb), k, tensor.Cast[uint16](ab), tensor.Cast[uint16](bb), ns, c.Pool)
		},
		func() {
			where(tensor.Cast[uint32](yb), k, tensor.Cast[uint32](ab), tensor.Cast[uint32](bb), ns, c.Pool)
		},
		func() {
			where(tensor.Cast[uint64](yb), k, tensor.Cast[uint64](ab), tensor.Cast[uint64](bb), ns, c.Pool)
		},
		func() {
			where(tensor.Cast[complex128](yb), k, tensor.Cast[complex128](ab), tensor.Cast[complex128](bb), ns, c.Pool)
		})
}

func where[T any](y []T, cond []byte, a, b []T, ns *nest, p *kernel.Pool) {
	_, s := ns.inner()
	p.For(ns.n, zipGrain, func(lo, hi int) {
		ns.walk(lo, hi, func(d int, o [3]int, n int) {
			if s[0] == 0 { // one side for the whole run
				src, at, step := b, o[2], s[2]
				if cond[o[0]] != 0 {
					src, at, step = a, o[1], s[1]
				}
				if step == 0 {
					fillWith(y[d:d+n], src[at])
				} else {
					copy(y[d:d+n], src[at:at+n])
				}
				return
			}
			if s == [3]int{1, 1, 0} || s == [3]int{1, 0, 1} { // a masked fill
				src, fill, keep := a[o[1]:], b[o[2]], true
				if s[1] == 0 {
					src, fill, keep = b[o[2]:], a[o[1]], false
				}
				dst, src := y[d:d+n], src[:n]
				for i, c := range cond[o[0] : o[0]+n] {
					v := fill
					if (c != 0) == keep {
						v = src[i]
					}
					dst[i] = v
				}
				return
			}
			for i := range n {
				if cond[o[0]] != 0 {
					y[d+i] = a[o[1]]
				} else {
					y[d+i] = b[o[2]]
				}
				o[0] += s[0]
				o[1] += s[1]
				o[2] += s[2]
			}
		})
	})
}

func prepareTrilu(p *Prep) (Exec, error) {
	upper := p.Attrs().Int("upper", 1) != 0
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		rank := len(x.Shape)
		if rank < 2 {
			return fmt.Errorf("input has shape %v, want matrices", x.Shape)
		}
		k := int64(0)
		if t := input(c, 1); t != nil {
			if k, err = scalarInt(t, "k"); err != nil {
				return err
			}
		}
		rows, cols := x.Shape[rank-2], x.Shape[rank-1]
		k = min(max(k, -rows), cols)
		y := c.Out(0, x.Elem, x.Shape...)
		if err := fillAll(y, nil); err != nil {
			return err
		}
		for r := range numel(x.Shape[:rank-1]) {
			at := min(max(int64(r)%rows+k, 0), cols) // the diagonal's column
			lo, n := r*int(cols), int(min(max(int64(r)%rows+k+1, 0), cols))
			if upper {
				lo, n = lo+int(at), int(cols-at)
			}
			copyBlock(y, lo, x, lo, n)
		}
		return nil
	}), nil
}

func runNonZero(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	var at []int
	switch {
	case x.Elem == tensor.String:
		for i, s := range x.Strs {
			if len(s) > 0 {
				at = append(at, i)
			}
		}
	case x.Elem == tensor.Bool:
		for i, v := range x.Bytes() {
			if v != 0 {
				at = append(at, i)
			}
		}
	default:
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		for i, a := range v {
			if a != 0 {
				at = append(at, i)
			}
		}
	}
	rank := len(x.Shape)
	y := tensor.Data[int64](c.Out(0, tensor.Int64, int64(rank), int64(len(at))))
	for i, p := range at {
		for d := rank - 1; d >= 0; d-- {
			y[d*len(at)+i] = int64(p) % x.Shape[d]
			p /= int(x.Shape[d])
		}
	}
	return nil
}

func prepareReverseSequence(p *Prep) (Exec, error) {
	batchAxis, timeAxis := p.Attrs().Int("batch_axis", 1), p.Attrs().Int("time_axis", 0)
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		b, err := axisIn(batchAxis, len(x.Shape))
		if err != nil {
			return err
		}
		t, err := axisIn(timeAxis, len(x.Shape))
		if err != nil {
			return err
		}
		lens, err := intList(c.In[1])
		if err != nil {
			return err
		}
		if b == t || len(lens) != int(x.Shape[b]) {
			return fmt.Errorf("sequence_lens %v do not fit shape %v", lens, x.Shape)
		}
		for _, n := range lens {
			if n < 0 || n > x.Shape[t] {
				return fmt.Errorf("sequence length %d is outside a dim of %d", n, x.Shape[t])
			}
		}
		strides, idx := rowMajor(x.Shape), make([]int, x.Len())
		for i := range idx {
			k := int64(i/strides[t]) % x.Shape[t]
			n := lens[int64(i/strides[b])%x.Shape[b]]
			idx[i] = i
			if k < n {
				idx[i] += int(n-1-2*k) * strides[t]
			}
		}
		return pick(c.Out(0, x.Elem, x.Shape...), x, idx, nil)
	}), nil
}
