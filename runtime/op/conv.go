package op

import (
	"fmt"
	"sync/atomic"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// convOps are Conv and ConvTranspose.
func convOps() []OpDef {
	return []OpDef{
		{Op: "Conv", Since: 1, Prepare: checked(floats, prepareConv, 0, 1, 2)},
		{Op: "ConvTranspose", Since: 1, Prepare: checked(halves|elemSet(tensor.Float32), prepareConvTranspose, 0, 1, 2)},
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
