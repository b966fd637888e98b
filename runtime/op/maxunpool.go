package op

import (
	"fmt"
)

func prepareMaxUnpool(p *Prep) (Exec, error) {
	w, err := poolWindow(p)
	if err != nil {
		return nil, err
	}
	return ExecFunc(func(c *Call) error {
		x, t := c.In[0], c.In[1]
		n, err := planes(x)
		if err != nil {
			return err
		}
		if len(x.Shape)-2 != w.n || !equalDims(x.Shape, t.Shape) {
			return fmt.Errorf("inputs have shapes %v and %v, the kernel %d dims", x.Shape, t.Shape, w.n)
		}
		small := append([]int64{}, x.Shape[:2]...)
		for i, d := range x.Shape[2:] {
			small = append(small, (d-1)*int64(w.stride[i])-int64(w.pads[i]+w.pads[w.n+i])+int64(w.kernel[i]))
		}
		dims := small
		if s := input(c, 2); s != nil {
			if dims, err = intList(s); err != nil {
				return err
			}
			if len(dims) != len(x.Shape) || dims[0] != x.Shape[0] || dims[1] != x.Shape[1] {
				return fmt.Errorf("output_shape is %v", dims)
			}
		}
		if err := sizeOf(x.Elem, dims); err != nil {
			return err
		}
		idx, err := intList(t)
		if err != nil {
			return err
		}
		y := c.Out(0, x.Elem, dims...)
		clear(y.Bytes())
		per, room := numel(x.Shape[2:]), numel(small[2:])
		for i, at := range idx {
			plane := i / max(per, 1)
			if at < 0 || at >= int64(n*room) {
				return fmt.Errorf("index %d is outside the output", at)
			}
			to := int(at)
			if len(dims) > 2 && !equalDims(dims, small) { // indices count in the smaller output; its rows lie at the start of the larger one's
				to = relocate(int(at)-int(at)/room*room, small[2:], dims[2:])
				if to < 0 {
					return fmt.Errorf("index %d is outside output_shape", at)
				}
				to += plane * numel(dims[2:])
			}
			copyBlock(y, to, x, i, 1)
		}
		return nil
	}), nil
}

// relocate is the place in a tensor of shape to of the coordinates that place at has in one of shape from; -1 when they lie outside.
func relocate(at int, from, to []int64) int {
	place, stride := 0, 1
	for i := len(from) - 1; i >= 0; i-- {
		k := at % int(from[i])
		at /= int(from[i])
		if k >= int(to[i]) {
			return -1
		}
		place += k * stride
		stride *= int(to[i])
	}
	return place
}
