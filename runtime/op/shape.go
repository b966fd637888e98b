package op

import (
	"fmt"

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
