package op

import (
	"fmt"
)

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
