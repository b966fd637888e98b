package op

import (
	"errors"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// reshapeOps are the operations that give the same elements another shape, and those that read a shape.
func reshapeOps() []OpDef {
	return []OpDef{
		{Op: "Reshape", Since: 1, Prepare: prepareReshape, View: true},
		{Op: "Flatten", Since: 1, Prepare: prepareFlatten, View: true},
		{Op: "Squeeze", Since: 1, Prepare: prepareSqueeze, View: true},
		{Op: "Unsqueeze", Since: 1, Prepare: prepareUnsqueeze, View: true},
		{Op: "Identity", Since: 1, Prepare: prepareIdentity, View: true},
		{Op: "Dropout", Since: 1, Prepare: prepareDropout, View: true},
		{Op: "Shape", Since: 1, Prepare: prepareShape},
		{Op: "Size", Since: 1, Prepare: prepareSize},
	}
}

// dimsBuf holds the shape of a result while it is worked out, so that usual ranks need no allocation.
type dimsBuf [8]int64

// onlyTensor refuses a node whose first input is known to be a sequence or another non-tensor.
func onlyTensor(p *Prep) error {
	if v := p.Node.In(0); v != nil {
		return wantTensor(v.Name, p.Type(0).Kind)
	}
	return nil
}

func prepareReshape(p *Prep) (Exec, error) {
	if err := onlyTensor(p); err != nil {
		return nil, err
	}
	attr := p.Attrs().Ints("shape")
	allowZero := p.Attrs().Int("allowzero", 0) != 0
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		want := attr
		if p.Opset >= 5 {
			s, err := needInput(c, 1)
			if err != nil {
				return err
			}
			if want, err = intList(s); err != nil {
				return err
			}
		}
		var buf dimsBuf
		dims, err := reshaped(buf[:0], x.Shape, want, allowZero)
		if err != nil {
			return err
		}
		c.Alias(0, x, dims...)
		return nil
	}), nil
}

// reshaped appends to out the shape that Reshape gives a tensor of shape dims.
func reshaped(out, dims, want []int64, allowZero bool) ([]int64, error) {
	n, rest, free := int64(numel(dims)), int64(1), -1
	for i, d := range want {
		switch {
		case d == 0 && !allowZero:
			if i >= len(dims) {
				return nil, fmt.Errorf("shape %v copies dim %d of an input of shape %v", want, i, dims)
			}
			d = dims[i]
		case d == -1:
			if free >= 0 {
				return nil, fmt.Errorf("shape %v has several dims of -1", want)
			}
			free, d = i, 1
		case d < -1:
			return nil, fmt.Errorf("shape %v has a negative dim", want)
		}
		out = append(out, d)
		rest *= d
	}
	if free >= 0 {
		if rest == 0 || n%rest != 0 {
			return nil, fmt.Errorf("%d elements do not fit shape %v", n, want)
		}
		out[free] = n / rest
		rest = n
	}
	if size, err := tensor.NumElements(out); err != nil || size != n {
		return nil, fmt.Errorf("input of shape %v has %d elements, shape %v does not", dims, n, want)
	}
	return out, nil
}

func prepareFlatten(p *Prep) (Exec, error) {
	axis := p.Attrs().Int("axis", 1)
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		k := axis
		if k < 0 {
			k += int64(len(x.Shape))
		}
		if k < 0 || k > int64(len(x.Shape)) {
			return fmt.Errorf("axis %d is outside rank %d", axis, len(x.Shape))
		}
		c.Alias(0, x, int64(numel(x.Shape[:k])), int64(numel(x.Shape[k:])))
		return nil
	}), nil
}

// axesOf are a node's axes: an attribute before opset since, an input from then on. given is false when there are none.
func axesOf(c *Call, attr []int64, opset, since, at int) (axes []int64, given bool, err error) {
	if opset < since {
		return attr, attr != nil, nil
	}
	t := input(c, at)
	if t == nil {
		return nil, false, nil
	}
	axes, err = intList(t)
	return axes, true, err
}

func prepareSqueeze(p *Prep) (Exec, error) {
	if err := onlyTensor(p); err != nil {
		return nil, err
	}
	attr := p.Attrs().Ints("axes")
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		axes, given, err := axesOf(c, attr, p.Opset, 13, 1)
		if err != nil {
			return err
		}
		var drop uint64
		for _, a := range axes {
			k, err := axisIn(a, len(x.Shape))
			if err != nil {
				return err
			}
			if x.Shape[k] != 1 {
				return fmt.Errorf("dim %d is %d, not 1", k, x.Shape[k])
			}
			drop |= 1 << uint(k)
		}
		var buf dimsBuf
		dims := buf[:0]
		for i, d := range x.Shape {
			if given && drop&(1<<uint(i)) != 0 || !given && d == 1 {
				continue
			}
			dims = append(dims, d)
		}
		c.Alias(0, x, dims...)
		return nil
	}), nil
}

func prepareUnsqueeze(p *Prep) (Exec, error) {
	if err := onlyTensor(p); err != nil {
		return nil, err
	}
	attr := p.Attrs().Ints("axes")
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		axes, given, err := axesOf(c, attr, p.Opset, 13, 1)
		if err != nil {
			return err
		}
		if !given {
			return errors.New("axes are missing")
		}
		rank := len(x.Shape) + len(axes)
		if rank > 64 {
			return errRank
		}
		var add uint64
		for _, a := range axes {
			k, err := axisIn(a, rank)
			if err != nil {
				return err
			}
			if add&(1<<uint(k)) != 0 {
				return fmt.Errorf("axes %v name dim %d twice", axes, k)
			}
			add |= 1 << uint(k)
		}
		var buf dimsBuf
		dims, from := buf[:0], 0
		for i := range rank {
			if add&(1<<uint(i)) != 0 {
				dims = append(dims, 1)
				continue
			}
			dims = append(dims, x.Shape[from])
			from++
		}
		c.Alias(0, x, dims...)
		return nil
	}), nil
}

func prepareIdentity(p *Prep) (Exec, error) {
	if err := onlyTensor(p); err != nil {
		return nil, err
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		c.Alias(0, x, x.Shape...)
		return nil
	}), nil
}

// prepareDropout runs Dropout as at inference. A node that really drops draws random numbers, which no other runtime would repeat: it is
// refused.
func prepareDropout(p *Prep) (Exec, error) {
	if p.Opset < 7 && p.Attrs().Int("is_test", 0) == 0 && p.Attrs().Float("ratio", 0.5) != 0 {
		return nil, errTraining
	}
	if p.Const(2) != nil && (p.Const(1) != nil || !p.Has(1)) {
		if err := refuseTraining(p.Const(1), p.Const(2)); err != nil {
			return nil, err
		}
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		if err := refuseTraining(input(c, 1), input(c, 2)); err != nil {
			return err
		}
		c.Alias(0, x, x.Shape...)
		if !c.Wanted(1) {
			return nil
		}
		if p.Opset < 10 { // the mask has the input's type
			mask := c.Out(1, x.Elem, x.Shape...)
			return storeFloats(mask, onesOf(mask.Len()))
		}
		fillWith(c.Out(1, tensor.Bool, x.Shape...).Bytes(), 1)
		return nil
	}), nil
}

// refuseTraining is an error when Dropout's training mode is on and its ratio, 0.5 by default, drops something.
func refuseTraining(ratio, mode *tensor.Tensor) error {
	if mode == nil || mode.Len() != 1 || mode.Bytes()[0] == 0 {
		return nil
	}
	if ratio == nil {
		return errTraining
	}
	v, err := double(ratio)
	if err != nil || len(v) != 1 {
		return errors.New("ratio is no number")
	}
	if v[0] != 0 {
		return errTraining
	}
	return nil
}

func onesOf(n int) []float64 {
	v := make([]float64, n)
	fillWith(v, 1)
	return v
}

func prepareShape(p *Prep) (Exec, error) {
	if err := onlyTensor(p); err != nil {
		return nil, err
	}
	a := p.Attrs()
	start, end, open := a.Int("start", 0), a.Int("end", 0), a.Get("end") == nil
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		r := int64(len(x.Shape))
		lo, hi := clampIndex(start, r), r
		if !open {
			hi = clampIndex(end, r)
		}
		hi = max(hi, lo)
		copy(tensor.Data[int64](c.Out(0, tensor.Int64, hi-lo)), x.Shape[lo:hi])
		return nil
	}), nil
}

// clampIndex maps a position that may count from the end into 0..n.
func clampIndex(i, n int64) int64 {
	if i < 0 {
		i += n
	}
	return min(max(i, 0), n)
}

func prepareSize(p *Prep) (Exec, error) {
	if err := onlyTensor(p); err != nil {
		return nil, err
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		tensor.Data[int64](c.Out(0, tensor.Int64))[0] = int64(numel(x.Shape))
		return nil
	}), nil
}
