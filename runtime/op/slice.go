package op

import (
	"errors"
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

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
