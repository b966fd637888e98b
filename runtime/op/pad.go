package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// padOps are Pad and CenterCropPad.
func padOps() []OpDef {
	return []OpDef{
		{Op: "Pad", Since: 1, Prepare: checked(wideBytes, preparePad, 0)},
		{Op: "CenterCropPad", Since: 18, Prepare: checked(wideBytes, prepareCenterCropPad, 0)},
	}
}

func preparePad(p *Prep) (Exec, error) {
	a := p.Attrs()
	mode := a.String("mode", "constant")
	switch mode {
	case "constant", "edge", "reflect", "wrap":
	default:
		return nil, fmt.Errorf("attribute mode is %q", mode)
	}
	attr := a.Ints("pads")
	if p.Opset < 2 {
		attr = a.Ints("paddings")
	}
	value := a.Float("value", 0)
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		pads, fill, axes := attr, (*tensor.Tensor)(nil), []int64(nil)
		if p.Opset >= 11 {
			t, err := needInput(c, 1)
			if err != nil {
				return err
			}
			if pads, err = intList(t); err != nil {
				return err
			}
			if fill = input(c, 2); fill != nil && (fill.Len() != 1 || fill.Elem != x.Elem) {
				return fmt.Errorf("constant_value is %s%v", fill.Elem, fill.Shape)
			}
			if t := input(c, 3); t != nil {
				if axes, err = intList(t); err != nil {
					return err
				}
			}
		} else if value != 0 {
			fill = tensor.Zeros(x.Elem)
			if err := storeFloats(fill, []float64{float64(value)}); err != nil {
				return err
			}
		}
		begin, end, err := padsOf(pads, axes, len(x.Shape))
		if err != nil {
			return err
		}
		return pad(c, x, begin, end, mode, fill)
	}), nil
}

// padsOf spreads pads over all axes.
func padsOf(pads, axes []int64, rank int) (begin, end []int64, err error) {
	n := rank
	if axes != nil {
		n = len(axes)
	}
	if len(pads) != 2*n {
		return nil, nil, fmt.Errorf("pads %v do not fit %d axes", pads, n)
	}
	begin, end = make([]int64, rank), make([]int64, rank)
	for i := range n {
		k := i
		if axes != nil {
			if k, err = axisIn(axes[i], rank); err != nil {
				return nil, nil, err
			}
		}
		begin[k], end[k] = pads[i], pads[n+i]
	}
	return begin, end, nil
}

// pad writes output 0. Negative pads crop.
func pad(c *Call, x *tensor.Tensor, begin, end []int64, mode string, fill *tensor.Tensor) error {
	rank := len(x.Shape)
	dims := make([]int64, rank)
	for i, d := range x.Shape {
		dims[i] = d + begin[i] + end[i]
		if dims[i] < 0 || begin[i] > maxTensorBytes || end[i] > maxTensorBytes {
			return fmt.Errorf("pads %v and %v do not fit shape %v", begin, end, x.Shape)
		}
	}
	if err := sizeOf(x.Elem, dims); err != nil {
		return err
	}
	y := c.Out(0, x.Elem, dims...)
	if y.Len() == 0 {
		return nil
	}
	if rank == 0 {
		copyAll(y, x)
		return nil
	}
	// from[i][k] is the place along axis i that position k of the result reads; -1 is the constant.
	from := make([][]int, rank)
	for i := range from {
		from[i] = make([]int, dims[i])
		for k := range from[i] {
			at, err := padSource(int64(k)-begin[i], x.Shape[i], mode)
			if err != nil {
				return err
			}
			from[i][k] = int(at)
		}
	}
	if mode == "constant" {
		if err := fillAll(y, fill); err != nil {
			return err
		}
	}
	return gridPick(y, x, from, c.Pool)
}

// gridPick fills y, whose dims are the lengths of from, with the elements of x at the grid of places from: along axis i, position k of y
// reads place from[i][k] of x. An element with a negative place keeps its old value.
func gridPick(y, x *tensor.Tensor, from [][]int, p *kernel.Pool) error {
	if y.Elem == tensor.String {
		gridRows(y.Strs, x.Strs, x.Shape, from, nil)
		return nil
	}
	d, s := y.Bytes(), x.Bytes()
	return byWidth(y.Elem,
		func() { gridRows(d, s, x.Shape, from, p) },
		func() { gridRows(tensor.Cast[uint16](d), tensor.Cast[uint16](s), x.Shape, from, p) },
		func() { gridRows(tensor.Cast[uint32](d), tensor.Cast[uint32](s), x.Shape, from, p) },
		func() { gridRows(tensor.Cast[uint64](d), tensor.Cast[uint64](s), x.Shape, from, p) },
		func() { gridRows(tensor.Cast[complex128](d), tensor.Cast[complex128](s), x.Shape, from, p) })
}

func gridRows[T any](y, x []T, shape []int64, from [][]int, p *kernel.Pool) {
	rank := len(shape)
	last := from[rank-1]
	row, strides := len(last), rowMajor(shape)
	if len(y) == 0 {
		return
	}
	lo, run := contiguous(last)
	p.For(len(y)/row, 1+moveGrain/row, func(first, end int) {
		for r := first; r < end; r++ {
			base, rest := 0, r
			for i := rank - 2; i >= 0; i-- {
				k := from[i][rest%len(from[i])]
				rest /= len(from[i])
				if k < 0 {
					base = -1
					break
				}
				base += k * strides[i]
			}
			if base < 0 {
				continue
			}
			dst, src := y[r*row:(r+1)*row], x[base:]
			if run > 0 {
				copy(dst[lo:lo+run], src[last[lo]:])
			}
			for k, at := range last[:lo] {
				if at >= 0 {
					dst[k] = src[at]
				}
			}
			for k, at := range last[lo+run:] {
				if at >= 0 {
					dst[lo+run+k] = src[at]
				}
			}
		}
	})
}

// contiguous finds the longest run of ascending places in from.
func contiguous(from []int) (lo, n int) {
	for i := 0; i < len(from); {
		j := i + 1
		if from[i] < 0 {
			i = j
			continue
		}
		for j < len(from) && from[j] == from[j-1]+1 {
			j++
		}
		if j-i > n {
			lo, n = i, j-i
		}
		i = j
	}
	return lo, n
}

func padSource(k, n int64, mode string) (int64, error) {
	if k >= 0 && k < n {
		return k, nil
	}
	if mode == "constant" {
		return -1, nil
	}
	if n == 0 {
		return 0, fmt.Errorf("mode %s has nothing to repeat", mode)
	}
	switch mode {
	case "edge":
		return min(max(k, 0), n-1), nil
	case "wrap":
		return (k%n + n) % n, nil
	}
	if n == 1 {
		return 0, nil
	}
	period := 2 * (n - 1)
	k = (k%period + period) % period
	return min(k, period-k), nil
}

func prepareCenterCropPad(p *Prep) (Exec, error) {
	axes := p.Attrs().Ints("axes")
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		want, err := intList(c.In[1])
		if err != nil {
			return err
		}
		rank := len(x.Shape)
		if axes == nil && len(want) != rank || axes != nil && len(axes) != len(want) {
			return fmt.Errorf("shape %v does not fit axes %v", want, axes)
		}
		begin, end := make([]int64, rank), make([]int64, rank)
		for i, d := range want {
			k := i
			if axes != nil {
				if k, err = axisIn(axes[i], rank); err != nil {
					return err
				}
			}
			diff := d - x.Shape[k]
			if diff >= 0 {
				begin[k] = diff / 2
			} else {
				begin[k] = -(-diff / 2)
			}
			end[k] = diff - begin[k]
		}
		return pad(c, x, begin, end, "constant", nil)
	}), nil
}
