package op

import (
	"errors"
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// shapeOps move elements without computing on them.
func shapeOps() []OpDef {
	return []OpDef{
		{Op: "Transpose", Since: 1, Prepare: checked(wideBytes, prepareTranspose, 0)},
		{Op: "Expand", Since: 8, Prepare: checked(wideBytes, func(*Prep) (Exec, error) { return ExecFunc(runExpand), nil }, 0)},
		{Op: "Concat", Since: 1, Prepare: prepareConcat},
		{Op: "Split", Since: 1, Prepare: checked(wideBytes, prepareSplit, 0)},
		{Op: "Slice", Since: 1, Until: 9, Prepare: checked(wideBytes, prepareSliceAttr, 0)},
		{Op: "Slice", Since: 10, Prepare: checked(wideBytes, func(*Prep) (Exec, error) { return ExecFunc(runSlice), nil }, 0)},
		{Op: "Tile", Since: 6, Prepare: checked(wideBytes, func(*Prep) (Exec, error) { return ExecFunc(runTile), nil }, 0)},
		{Op: "DepthToSpace", Since: 1, Prepare: checked(wideBytes, prepareDepthToSpace, 0)},
		{Op: "SpaceToDepth", Since: 1, Prepare: checked(wideBytes, prepareSpaceToDepth, 0)},
	}
}

func prepareTranspose(p *Prep) (Exec, error) {
	perm := p.Attrs().Ints("perm")
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		return transpose(c, x, perm)
	}), nil
}

// transpose writes output 0; a nil perm reverses the dims.
func transpose(c *Call, x *tensor.Tensor, perm []int64) error {
	rank := len(x.Shape)
	if perm != nil && len(perm) != rank {
		return fmt.Errorf("perm %v does not fit rank %d", perm, rank)
	}
	var buf dimsBuf
	dims := buf[:0]
	from := rowMajor(x.Shape)
	strides := make([]int, rank)
	var seen uint64
	for i := range rank {
		k := rank - 1 - i
		if perm != nil {
			var err error
			if k, err = axisIn(perm[i], rank); err != nil {
				return err
			}
		}
		if seen&(1<<uint(k)) != 0 {
			return fmt.Errorf("perm %v is no permutation", perm)
		}
		seen |= 1 << uint(k)
		dims = append(dims, x.Shape[k])
		strides[i] = from[k]
	}
	ns, err := newNest(dims, strides)
	if err != nil {
		return err
	}
	return moveStrided(c.Out(0, x.Elem, dims...), x, 0, ns, c.Pool)
}

func runExpand(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	s, err := needInput(c, 1)
	if err != nil {
		return err
	}
	want, err := intList(s)
	if err != nil {
		return err
	}
	dims, err := broadcastDims(x.Shape, want)
	if err != nil {
		return err
	}
	if err := sizeOf(x.Elem, dims); err != nil {
		return err
	}
	y := c.Out(0, x.Elem, dims...)
	ns, err := newNest(y.Shape, broadcastStrides(x.Shape, y.Shape))
	if err != nil {
		return err
	}
	return moveStrided(y, x, 0, ns, c.Pool)
}

func prepareConcat(p *Prep) (Exec, error) {
	for i := range p.Node.NumIn() {
		if err := want(p, wideBytes, i); err != nil {
			return nil, err
		}
	}
	axis := p.Attrs().Int("axis", 1)
	return ExecFunc(func(c *Call) error { return concat(c, axis) }), nil
}

func concat(c *Call, axis int64) error {
	first, err := needInput(c, 0)
	if err != nil {
		return err
	}
	k, err := axisIn(axis, len(first.Shape))
	if err != nil {
		return err
	}
	var buf dimsBuf
	dims := append(buf[:0], first.Shape...)
	for i, t := range c.In[1:] {
		if t == nil || len(t.Shape) != len(dims) || t.Elem != first.Elem {
			return fmt.Errorf("input %d is %v, input 0 is %v", i+1, t, first)
		}
		for d := range dims {
			if d != k && t.Shape[d] != first.Shape[d] {
				return fmt.Errorf("inputs 0 and %d have shapes %v and %v", i+1, first.Shape, t.Shape)
			}
		}
		dims[k] += t.Shape[k]
	}
	y := c.Out(0, first.Elem, dims...)
	outer, inner := splitAt(dims, k)
	row, at := inner*int(dims[k]), 0
	for _, t := range c.In {
		n := inner * int(t.Shape[k])
		if n == 0 {
			continue
		}
		c.Pool.For(outer, 1+moveGrain/n, func(lo, hi int) {
			for o := lo; o < hi; o++ {
				copyBlock(y, o*row+at, t, o*n, n)
			}
		})
		at += n
	}
	return nil
}

func prepareSplit(p *Prep) (Exec, error) {
	a := p.Attrs()
	axis, attr, outs := a.Int("axis", 0), a.Ints("split"), int64(p.Node.NumOut())
	if n := a.Int("num_outputs", outs); n != outs {
		return nil, fmt.Errorf("attribute num_outputs is %d, the node has %d outputs", n, outs)
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		k, err := axisIn(axis, len(x.Shape))
		if err != nil {
			return err
		}
		sizes := attr
		if t := input(c, 1); t != nil {
			if sizes, err = intList(t); err != nil {
				return err
			}
		}
		if sizes == nil {
			sizes = evenParts(x.Shape[k], outs)
		}
		if int64(len(sizes)) != outs {
			return fmt.Errorf("%d sizes for %d outputs", len(sizes), outs)
		}
		total := int64(0)
		for _, s := range sizes {
			if s < 0 {
				return fmt.Errorf("split sizes %v have a negative one", sizes)
			}
			total += s
		}
		if total != x.Shape[k] {
			return fmt.Errorf("split sizes %v do not add up to dim %d", sizes, x.Shape[k])
		}
		var buf dimsBuf
		dims := append(buf[:0], x.Shape...)
		outer, inner := splitAt(x.Shape, k)
		row, at := inner*int(x.Shape[k]), 0
		for i, s := range sizes {
			n := inner * int(s)
			if c.Wanted(i) {
				dims[k] = s
				y, from := c.Out(i, x.Elem, dims...), at
				c.Pool.For(outer, 1+moveGrain/(n+1), func(lo, hi int) {
					for o := lo; o < hi; o++ {
						copyBlock(y, o*n, x, o*row+from, n)
					}
				})
			}
			at += n
		}
		return nil
	}), nil
}

// evenParts cuts dim into n parts of equal size, the last one smaller when it does not divide.
func evenParts(dim, n int64) []int64 {
	size := (dim + n - 1) / n
	parts := make([]int64, n)
	for i := range parts {
		parts[i] = min(size, dim)
		dim -= parts[i]
	}
	return parts
}

// slicing is one axis of a Slice after clamping: count elements from start at step.
type slicing struct{ axis, start, step, count int64 }

func sliceAxis(axis int, dim, start, end, step int64) (slicing, error) {
	if step == 0 {
		return slicing{}, errors.New("a step is 0")
	}
	if start < 0 {
		start += dim
	}
	if end < 0 {
		end += dim
	}
	s := slicing{axis: int64(axis), step: step}
	if step > 0 {
		s.start, end = min(max(start, 0), dim), min(max(end, 0), dim)
		if end > s.start {
			s.count = (end-s.start-1)/step + 1
		}
		return s, nil
	}
	s.start, end = min(max(start, 0), dim-1), min(max(end, -1), dim-1)
	if s.start > end {
		if step == math.MinInt64 {
			step++
		}
		s.count = (s.start-end-1)/-step + 1
	}
	return s, nil
}

func prepareSliceAttr(p *Prep) (Exec, error) {
	a := p.Attrs()
	starts, ends, axes := a.Ints("starts"), a.Ints("ends"), a.Ints("axes")
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		return slice(c, x, starts, ends, axes, nil)
	}), nil
}

func runSlice(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	var lists [4][]int64
	for i := range lists {
		t := input(c, i+1)
		if t == nil {
			if i < 2 {
				return fmt.Errorf("input %d is missing", i+1)
			}
			continue
		}
		if lists[i], err = intList(t); err != nil {
			return err
		}
	}
	return slice(c, x, lists[0], lists[1], lists[2], lists[3])
}

func slice(c *Call, x *tensor.Tensor, starts, ends, axes, steps []int64) error {
	n := len(starts)
	if len(ends) != n || axes != nil && len(axes) != n || steps != nil && len(steps) != n || axes == nil && n > len(x.Shape) {
		return fmt.Errorf("starts %v, ends %v, axes %v, steps %v do not fit each other or rank %d", starts, ends, axes, steps, len(x.Shape))
	}
	var buf dimsBuf
	dims := append(buf[:0], x.Shape...)
	strides, off := rowMajor(x.Shape), 0
	var seen uint64
	for i := range starts {
		k := i
		if axes != nil {
			var err error
			if k, err = axisIn(axes[i], len(x.Shape)); err != nil {
				return err
			}
		}
		if seen&(1<<uint(k)) != 0 {
			return fmt.Errorf("axes %v name dim %d twice", axes, k)
		}
		seen |= 1 << uint(k)
		step := int64(1)
		if steps != nil {
			step = steps[i]
		}
		s, err := sliceAxis(k, x.Shape[k], starts[i], ends[i], step)
		if err != nil {
			return err
		}
		dims[k] = s.count
		if s.count > 0 {
			off += int(s.start) * strides[k]
		}
		if s.count > 1 {
			strides[k] *= int(s.step)
		}
	}
	y := c.Out(0, x.Elem, dims...)
	ns, err := newNest(y.Shape, strides)
	if err != nil {
		return err
	}
	return moveStrided(y, x, off, ns, c.Pool)
}

func runTile(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	r, err := needInput(c, 1)
	if err != nil {
		return err
	}
	repeats, err := intList(r)
	if err != nil {
		return err
	}
	if len(repeats) != len(x.Shape) {
		return fmt.Errorf("repeats %v do not fit rank %d", repeats, len(x.Shape))
	}
	dims := make([]int64, len(x.Shape))
	wide, strides := make([]int64, 0, 2*len(dims)), make([]int, 0, 2*len(dims))
	for i, s := range rowMajor(x.Shape) {
		if repeats[i] < 0 || repeats[i] > 0 && x.Shape[i] > maxTensorBytes/repeats[i] {
			return fmt.Errorf("repeats are %v", repeats)
		}
		dims[i] = x.Shape[i] * repeats[i]
		wide, strides = append(wide, repeats[i], x.Shape[i]), append(strides, 0, s)
	}
	if err := sizeOf(x.Elem, dims); err != nil {
		return err
	}
	ns, err := newNest(wide, strides)
	if err != nil {
		return err
	}
	return moveStrided(c.Out(0, x.Elem, dims...), x, 0, ns, c.Pool)
}

// blockShape checks the input of DepthToSpace and SpaceToDepth.
func blockShape(c *Call, block int64) (x *tensor.Tensor, n, ch, h, w int64, err error) {
	if x, err = needInput(c, 0); err != nil {
		return
	}
	if len(x.Shape) != 4 || block <= 0 {
		err = fmt.Errorf("input has shape %v, blocksize is %d", x.Shape, block)
		return
	}
	return x, x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3], nil
}

func prepareDepthToSpace(p *Prep) (Exec, error) {
	b, mode := p.Attrs().Int("blocksize", 0), p.Attrs().String("mode", "DCR")
	if mode != "DCR" && mode != "CRD" {
		return nil, fmt.Errorf("attribute mode is %q", mode)
	}
	return ExecFunc(func(c *Call) error {
		x, n, ch, h, w, err := blockShape(c, b)
		if err != nil {
			return err
		}
		if ch%(b*b) != 0 {
			return fmt.Errorf("%d channels are no multiple of blocksize %d squared", ch, b)
		}
		out := ch / (b * b)
		hw, bb := int(h*w), int(b)
		// Result dims n, out, h, b(row), w, b(col); where the block's row and column lie among the channels depends on the mode.
		col, rowS, chS := hw*int(out), hw*int(out)*bb, hw
		if mode == "CRD" {
			col, rowS, chS = hw, hw*bb, hw*bb*bb
		}
		ns, err := newNest([]int64{n, out, h, b, w, b}, []int{int(ch) * hw, chS, int(w), rowS, 1, col})
		if err != nil {
			return err
		}
		return moveStrided(c.Out(0, x.Elem, n, out, h*b, w*b), x, 0, ns, c.Pool)
	}), nil
}

func prepareSpaceToDepth(p *Prep) (Exec, error) {
	b := p.Attrs().Int("blocksize", 0)
	return ExecFunc(func(c *Call) error {
		x, n, ch, h, w, err := blockShape(c, b)
		if err != nil {
			return err
		}
		if h%b != 0 || w%b != 0 {
			return fmt.Errorf("%dx%d is no multiple of blocksize %d", h, w, b)
		}
		ns, err := newNest([]int64{n, b, b, ch, h / b, w / b},
			[]int{int(ch * h * w), int(w), 1, int(h * w), int(w * b), int(b)})
		if err != nil {
			return err
		}
		return moveStrided(c.Out(0, x.Elem, n, ch*b*b, h/b, w/b), x, 0, ns, c.Pool)
	}), nil
}
