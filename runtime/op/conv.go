package op

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// convOps are Conv and ConvTranspose.
func convOps() []OpDef {
	return []OpDef{
		{Op: "Conv", Since: 1, Prepare: checked(floats, prepareConv, 0, 1, 2)},
		{Op: "ConvTranspose", Since: 1, Prepare: checked(floats, prepareConvTranspose, 0, 1, 2)},
	}
}

// convExec is a convolution of one to three spatial dims.
type convExec struct {
	group  int
	attrs  func(kernel []int64) (*window, error)
	win    *window        // of a constant weight
	w      *tensor.Tensor // the constant weight
	bias   []float32      // the constant bias
	act    kernel.Act     // applied to the result
	packed atomic.Pointer[convPacked]
}

// convPacked is the weight laid out for one padding; padding depends on the input's size only with auto_pad.
type convPacked struct {
	begin, end [3]int
	conv       *kernel.Conv
}

func newConv(p *Prep) (*convExec, error) {
	a := p.Attrs()
	e := &convExec{group: int(a.Int("group", 1)), attrs: func(k []int64) (*window, error) { return windowOf(a, k) }}
	if e.group < 1 {
		return nil, fmt.Errorf("attribute group is %d", e.group)
	}
	if w := p.Const(1); w != nil && w.Elem != tensor.Float64 {
		if err := checkWeight(w); err != nil {
			return nil, err
		}
		var err error
		if e.win, err = e.attrs(w.Shape[2:]); err != nil {
			return nil, err
		}
		e.w = w
		if b := p.Const(2); b != nil {
			e.bias = single(b)
			if len(e.bias) != int(w.Shape[0]) {
				return nil, fmt.Errorf("bias has %d values for %d channels", len(e.bias), w.Shape[0])
			}
		}
	}
	if n := len(a.Ints("kernel_shape")); n > 3 {
		return nil, fmt.Errorf("%d spatial dims", n)
	}
	return e, nil
}

func checkWeight(w *tensor.Tensor) error {
	if len(w.Shape) < 3 || len(w.Shape) > 5 {
		return fmt.Errorf("weight has shape %v, want one to three spatial dims", w.Shape)
	}
	return nil
}

func prepareConv(p *Prep) (Exec, error) { return prepareConvAct(p, kernel.ActNone) }

// prepareConvAct is a convolution followed by an activation.
func prepareConvAct(p *Prep, act kernel.Act) (Exec, error) {
	e, err := newConv(p)
	if err != nil {
		return nil, err
	}
	e.act = act
	if e.w != nil && !e.win.same() && (e.bias != nil || !p.Has(2)) {
		f, err := e.win.fit(make([]int64, e.win.n))
		if err != nil {
			return nil, err
		}
		e.pack(e.w, e.bias, &f)
		p.Drop(1)
	}
	return e, nil
}

func (e *convExec) spec(w []int64, bias []float32, f *fitted) kernel.ConvSpec {
	return kernel.ConvSpec{
		InChannels: int(w[1]) * e.group, OutChannels: int(w[0]), Group: e.group,
		Kernel: f.kernel, Stride: f.stride, Dilation: f.dilation, PadBegin: f.begin, PadEnd: f.end, Bias: bias, Act: e.act,
	}
}

// pack lays the constant weight out for the padding in f.
func (e *convExec) pack(w *tensor.Tensor, bias []float32, f *fitted) *kernel.Conv {
	if p := e.packed.Load(); p != nil && p.begin == f.begin && p.end == f.end {
		return p.conv
	}
	p := &convPacked{f.begin, f.end, kernel.NewConv(e.spec(w.Shape, bias, f), single(w))}
	e.packed.Store(p)
	return p.conv
}

func (e *convExec) Run(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	w, win := e.w, e.win
	if w == nil {
		if w, err = needInput(c, 1); err != nil {
			return err
		}
		if err := checkWeight(w); err != nil {
			return err
		}
		if win, err = e.attrs(w.Shape[2:]); err != nil {
			return err
		}
	}
	if len(x.Shape) != win.n+2 || x.Shape[1] != w.Shape[1]*int64(e.group) || w.Shape[0]%int64(e.group) != 0 {
		return fmt.Errorf("input %v and weight %v do not fit in %d groups", x.Shape, w.Shape, e.group)
	}
	f, err := win.fit(x.Shape[2:])
	if err != nil {
		return err
	}
	if w.Elem != x.Elem {
		return fmt.Errorf("input is %s, weight is %s", x.Elem, w.Elem)
	}
	batch := int(x.Shape[0])
	y := c.Out(0, x.Elem, f.dims(append(make([]int64, 0, 5), x.Shape[0], w.Shape[0]), win.n)...)
	if x.Elem == tensor.Float64 {
		return e.run64(c, y, x, w, batch, &f)
	}
	bias := e.bias
	if t := input(c, 2); bias == nil && t != nil {
		if bias, err = t.Float32s(); err != nil || len(bias) != int(w.Shape[0]) {
			return fmt.Errorf("bias is %v", t)
		}
	}
	var conv *kernel.Conv
	if e.w != nil && (e.bias != nil || bias == nil) {
		conv = e.pack(w, bias, &f)
	} else {
		conv = kernel.NewConv(e.spec(w.Shape, bias, &f), single(w))
	}
	out := singleOut(y)
	conv.Run(batch, f.in, single(x), out, c.Pool)
	singleDone(y, out)
	return nil
}

// run64 is the convolution by its definition.
func (e *convExec) run64(c *Call, y, x, w *tensor.Tensor, batch int, f *fitted) error {
	xv, wv := tensor.Data[float64](x), tensor.Data[float64](w)
	var bias []float64
	if t := input(c, 2); t != nil {
		var err error
		if bias, err = double(t); err != nil || len(bias) != int(w.Shape[0]) {
			return fmt.Errorf("bias is %v", t)
		}
	}
	out := tensor.Data[float64](y)
	oc, ic := int(w.Shape[0]), int(w.Shape[1])
	in, size, taps := f.inSize(), f.outSize(), f.kernel[0]*f.kernel[1]*f.kernel[2]
	c.Pool.For(batch*oc, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			n, o := i/oc, i%oc
			at := i * size
			for pos := range size {
				z, yy, xx := pos/(f.out[1]*f.out[2]), pos/f.out[2]%f.out[1], pos%f.out[2]
				s := 0.0
				for k := range ic {
					src := xv[(n*ic*e.group+o/(oc/e.group)*ic+k)*in:]
					ws := wv[(o*ic+k)*taps:]
					f.tapsAt(z, yy, xx, func(tap, p int) { s += ws[tap] * src[p] })
				}
				if bias != nil {
					s += bias[o]
				}
				out[at] = s
				at++
			}
		}
	})
	return nil
}

// tapsAt is taps that also tells which element of the kernel lies there.
func (f *fitted) tapsAt(z, y, x int, visit func(tap, at int)) {
	for tap := range f.kernel[0] * f.kernel[1] * f.kernel[2] {
		iz := z*f.stride[0] + tap/(f.kernel[1]*f.kernel[2])*f.dilation[0] - f.begin[0]
		iy := y*f.stride[1] + tap/f.kernel[2]%f.kernel[1]*f.dilation[1] - f.begin[1]
		ix := x*f.stride[2] + tap%f.kernel[2]*f.dilation[2] - f.begin[2]
		if iz >= 0 && iz < f.in[0] && iy >= 0 && iy < f.in[1] && ix >= 0 && ix < f.in[2] {
			visit(tap, (iz*f.in[1]+iy)*f.in[2]+ix)
		}
	}
}

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
