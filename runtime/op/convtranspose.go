package op

import (
	"errors"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// prepareConvTranspose is the gradient of a convolution with respect to its input: every input element adds its weighted kernel to the
// output.
func prepareConvTranspose(p *Prep) (Exec, error) {
	a := p.Attrs()
	group := int(a.Int("group", 1))
	outShape := a.Ints("output_shape")
	if group < 1 {
		return nil, fmt.Errorf("attribute group is %d", group)
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		w, err := needInput(c, 1)
		if err != nil {
			return err
		}
		if err := checkWeight(w); err != nil {
			return err
		}
		win, err := windowOf(a, w.Shape[2:])
		if err != nil {
			return err
		}
		if len(x.Shape) != win.n+2 || x.Shape[1] != w.Shape[0] || x.Shape[1]%int64(group) != 0 {
			return fmt.Errorf("input %v and weight %v do not fit in %d groups", x.Shape, w.Shape, group)
		}
		extra := make([]int64, win.n)
		if o := a.Ints("output_padding"); len(o) == win.n {
			extra = o
		}
		f, err := win.fitTransposed(x.Shape[2:], extra, outShape)
		if err != nil {
			return err
		}
		oc := int(w.Shape[1]) * group
		y := c.Out(0, x.Elem, f.dims(append(make([]int64, 0, 5), x.Shape[0], int64(oc)), win.n)...)
		if y.Len() == 0 {
			return nil
		}
		xv, err := x.Float32s()
		if err != nil {
			return err
		}
		wv, err := w.Float32s()
		if err != nil {
			return err
		}
		var bias []float32
		if t := input(c, 2); t != nil {
			if bias, err = t.Float32s(); err != nil || len(bias) != oc {
				return fmt.Errorf("bias is %v", t)
			}
		}
		if x.Elem == tensor.Float64 {
			return errElem(x.Elem)
		}
		out := singleOut(y)
		convTranspose(c, out, xv, wv, bias, int(x.Shape[0]), int(x.Shape[1]), oc, group, &f)
		singleDone(y, out)
		return nil
	}), nil
}

// fitTransposed works out the output: in and out are those of the transposed convolution.
func (w *window) fitTransposed(in, extra, want []int64) (fitted, error) {
	f := fitted{
		in: [3]int{1, 1, 1}, out: [3]int{1, 1, 1}, kernel: [3]int{1, 1, 1}, stride: [3]int{1, 1, 1}, dilation: [3]int{1, 1, 1},
	}
	if want != nil {
		if len(want) == w.n+2 {
			want = want[2:]
		}
		if len(want) != w.n {
			return f, fmt.Errorf("attribute output_shape is %v", want)
		}
	}
	for i := range w.n {
		k := 3 - w.n + i
		f.in[k], f.kernel[k], f.stride[k], f.dilation[k] = int(in[i]), w.kernel[i], w.stride[i], w.dilation[i]
		full := (f.in[k]-1)*f.stride[k] + int(extra[i]) + (f.kernel[k]-1)*f.dilation[k] + 1
		switch {
		case want != nil, w.same():
			f.out[k] = f.in[k] * f.stride[k]
			if want != nil {
				f.out[k] = int(want[i])
			}
			total := full - f.out[k]
			f.begin[k] = total / 2
			if w.auto != "SAME_UPPER" {
				f.begin[k] = total - total/2
			}
			if total < 0 { // more output than the kernels reach: the rest stays zero
				f.begin[k] = 0
			}
		default:
			f.begin[k] = w.pads[i]
			f.out[k] = full - w.pads[i] - w.pads[w.n+i]
		}
		if f.out[k] < 0 {
			return f, errors.New("pads leave no output")
		}
	}
	return f, nil
}

// convTranspose multiplies all taps of a group at once, then adds them where they belong, output channel by output channel.
func convTranspose(c *Call, y, x, w, bias []float32, batch, ic, oc, group int, f *fitted) {
	in, out := f.inSize(), f.outSize()
	taps := f.kernel[0] * f.kernel[1] * f.kernel[2]
	icg, ocg := ic/group, oc/group
	cols := c.Scratch(ocg * taps * in)
	for i := range batch * group {
		n, g := i/group, i%group
		kernel.GemmUnpacked(ocg*taps, in, icg, w[g*icg*ocg*taps:], ocg*taps, true, x[(n*ic+g*icg)*in:], in, false, 1, cols, in, 0, c.Pool, nil)
		c.Pool.For(ocg, 1+zipGrain/(taps*in+1), func(lo, hi int) {
			for o := lo; o < hi; o++ {
				dst := y[(n*oc+g*ocg+o)*out:][:out]
				b := float32(0)
				if bias != nil {
					b = bias[g*ocg+o]
				}
				fillWith(dst, b)
				f.scatterTaps(dst, cols[o*taps*in:])
			}
		})
	}
}

// scatterTaps adds cols [taps, in...] to the output positions of each tap.
func (f *fitted) scatterTaps(dst, cols []float32) {
	for kz := range f.kernel[0] {
		for ky := range f.kernel[1] {
			for kx := range f.kernel[2] {
				for iz := range f.in[0] {
					oz := iz*f.stride[0] + kz*f.dilation[0] - f.begin[0]
					for iy := range f.in[1] {
						oy := iy*f.stride[1] + ky*f.dilation[1] - f.begin[1]
						row := cols[:f.in[2]]
						cols = cols[f.in[2]:]
						if oz < 0 || oz >= f.out[0] || oy < 0 || oy >= f.out[1] {
							continue
						}
						to := dst[(oz*f.out[1]+oy)*f.out[2]:][:f.out[2]]
						ox := kx*f.dilation[2] - f.begin[2]
						for _, v := range row {
							if ox >= 0 && ox < len(to) {
								to[ox] += v
							}
							ox += f.stride[2]
						}
					}
				}
			}
		}
	}
}
