package op

import (
	"errors"
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// signalOps are Fourier transforms and windows.
func signalOps() []OpDef {
	defs := []OpDef{
		{Op: "DFT", Since: 17, Prepare: checked(floats, prepareDFT, 0)},
		{Op: "STFT", Since: 17, Prepare: checked(floats, prepareSTFT, 0)},
		{Op: "MelWeightMatrix", Since: 17, Prepare: prepareMel},
	}
	for _, w := range []struct {
		name string
		coef [3]float64
	}{{"HannWindow", [3]float64{0.5, 0.5, 0}}, {"HammingWindow", [3]float64{25.0 / 46, 21.0 / 46, 0}}, {"BlackmanWindow", [3]float64{0.42, 0.5, 0.08}}} {
		defs = append(defs, OpDef{Op: w.name, Since: 17, Prepare: prepareWindow(w.coef)})
	}
	return defs
}

// prepareWindow is a0 - a1 cos(2πn/N) + a2 cos(4πn/N).
func prepareWindow(a [3]float64) func(*Prep) (Exec, error) {
	return func(p *Prep) (Exec, error) {
		elem, periodic := tensor.DType(p.Attrs().Int("output_datatype", 1)), p.Attrs().Int("periodic", 1) != 0
		if !numbers.has(elem) {
			return nil, errElem(elem)
		}
		return ExecFunc(func(c *Call) error {
			n, err := scalarInt(c.In[0], "size")
			if err != nil {
				return err
			}
			if err := sizeOf(elem, []int64{n}); err != nil {
				return err
			}
			period := float64(n)
			if !periodic {
				period--
			}
			v := make([]float64, n)
			for i := range v {
				t := 2 * math.Pi * float64(i) / period
				if period == 0 {
					t = 0
				}
				v[i] = a[0] - a[1]*math.Cos(t) + a[2]*math.Cos(2*t)
			}
			return storeFloats(c.Out(0, elem, n), v)
		}), nil
	}
}

func prepareDFT(p *Prep) (Exec, error) {
	a := p.Attrs()
	attrAxis := a.Int("axis", 1)
	inverse, onesided := a.Int("inverse", 0) != 0, a.Int("onesided", 0) != 0
	return ExecFunc(func(c *Call) error {
		x := c.In[0]
		axis := attrAxis
		if p.Opset >= 20 {
			axis = -2
			if t := input(c, 2); t != nil {
				var err error
				if axis, err = scalarInt(t, "axis"); err != nil {
					return err
				}
			}
		}
		k, err := axisIn(axis, len(x.Shape))
		if err != nil {
			return err
		}
		last := len(x.Shape) - 1
		if k == last || x.Shape[last] != 1 && x.Shape[last] != 2 {
			return fmt.Errorf("input has shape %v, axis is %d", x.Shape, axis)
		}
		n := x.Shape[k]
		if inverse && onesided {
			n = 2 * (n - 1)
		}
		if t := input(c, 1); t != nil {
			if n, err = scalarInt(t, "dft_length"); err != nil {
				return err
			}
		}
		if n < 1 {
			return fmt.Errorf("length is %d", n)
		}
		dims := append([]int64{}, x.Shape...)
		dims[k], dims[last] = n, 2
		if onesided && !inverse {
			dims[k] = n/2 + 1
		}
		if onesided && inverse {
			dims[last] = 1
		}
		if err := sizeOf(tensor.Complex128, append([]int64{n}, dims...)); err != nil {
			return err
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		parts := int(x.Shape[last])
		outer, inner := numel(x.Shape[:k]), numel(x.Shape[k+1:last])
		in, out := int(x.Shape[k]), make([]float64, numel(dims))
		c.Pool.For(outer*inner, 1+zipGrain/int(16*n), func(lo, hi int) {
			line := make([]complex128, n)
			for i := lo; i < hi; i++ {
				o, j := i/inner, i%inner
				clear(line)
				for t := range min(in, int(n)) {
					at := ((o*in+t)*inner + j) * parts
					line[t] = complex(v[at], 0)
					if parts == 2 {
						line[t] = complex(v[at], v[at+1])
					}
				}
				if onesided && inverse {
					mirror(line)
				}
				fourier(line, inverse)
				rows, width := int(dims[k]), int(dims[last])
				for t := range rows {
					at := ((o*rows+t)*inner + j) * width
					out[at] = real(line[t])
					if width == 2 {
						out[at+1] = imag(line[t])
					}
				}
			}
		})
		return storeFloats(c.Out(0, x.Elem, dims...), out)
	}), nil
}

func prepareSTFT(p *Prep) (Exec, error) {
	onesided := p.Attrs().Int("onesided", 1) != 0
	return ExecFunc(func(c *Call) error {
		x := c.In[0]
		step, err := scalarInt(c.In[1], "frame_step")
		if err != nil {
			return err
		}
		var window []float64
		size := int64(0)
		if t := input(c, 2); t != nil {
			if window, err = t.Float64s(); err != nil {
				return err
			}
			size = int64(len(window))
		}
		if t := input(c, 3); t != nil {
			if size, err = scalarInt(t, "frame_length"); err != nil {
				return err
			}
		}
		if len(x.Shape) == 2 {
			x = x.WithShape(x.Shape[0], x.Shape[1], 1)
		}
		if len(x.Shape) != 3 || x.Shape[2] != 1 && x.Shape[2] != 2 || step < 1 || size < 1 || size > x.Shape[1] || window != nil && int64(len(window)) > size {
			return fmt.Errorf("signal %v, step %d, frame %d, window of %d", x.Shape, step, size, len(window))
		}
		if onesided && x.Shape[2] == 2 {
			return errors.New("onesided needs a real signal")
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		frames := (x.Shape[1]-size)/step + 1
		bins := size
		if onesided {
			bins = size/2 + 1
		}
		parts := int(x.Shape[2])
		out := make([]float64, int(x.Shape[0]*frames*bins)*2)
		c.Pool.For(int(x.Shape[0]*frames), 1+zipGrain/int(16*size), func(lo, hi int) {
			line := make([]complex128, size)
			for i := lo; i < hi; i++ {
				b, f := i/int(frames), i%int(frames)
				for t := range line {
					at := (b*int(x.Shape[1]) + f*int(step) + t) * parts
					w := 1.0
					if window != nil {
						w = 0
						if t < len(window) {
							w = window[t]
						}
					}
					line[t] = complex(v[at]*w, 0)
					if parts == 2 {
						line[t] = complex(v[at]*w, v[at+1]*w)
					}
				}
				fourier(line, false)
				for t := range int(bins) {
					out[(i*int(bins)+t)*2], out[(i*int(bins)+t)*2+1] = real(line[t]), imag(line[t])
				}
			}
		})
		return storeFloats(c.Out(0, x.Elem, x.Shape[0], frames, bins, 2), out)
	}), nil
}

func prepareMel(p *Prep) (Exec, error) {
	elem := tensor.DType(p.Attrs().Int("output_datatype", 1))
	if !numbers.has(elem) {
		return nil, errElem(elem)
	}
	return ExecFunc(func(c *Call) error {
		var v [5]float64
		for i := range v {
			t, err := needInput(c, i)
			if err != nil {
				return err
			}
			f, err := t.Float64s()
			if err != nil || len(f) != 1 {
				return fmt.Errorf("input %d is %v", i, t)
			}
			v[i] = f[0]
		}
		bands, length, rate := int64(v[0]), int64(v[1]), v[2]
		if bands < 0 || length < 1 || rate <= 0 {
			return fmt.Errorf("%d bands, length %d, rate %v", bands, length, rate)
		}
		rows := length/2 + 1
		if err := sizeOf(elem, []int64{rows, bands}); err != nil {
			return err
		}
		mel := func(hz float64) float64 { return 2595 * math.Log10(1+hz/700) }
		low, high := mel(v[3]), mel(v[4])
		edge := make([]int64, bands+2)
		for i := range edge {
			m := low + float64(i)*(high-low)/float64(len(edge))
			hz := 700 * (math.Pow(10, m/2595) - 1)
			edge[i] = int64(math.Floor(float64(length+1) * hz / rate))
			if edge[i] < 0 || edge[i] > rows {
				return fmt.Errorf("band edge %v Hz is beyond the spectrum", hz)
			}
		}
		out := make([]float64, rows*bands)
		for b := range bands {
			lo, mid, hi := edge[b], edge[b+1], edge[b+2]
			put := func(row int64, val float64) {
				if row < rows {
					out[row*bands+b] = val
				}
			}
			if mid == lo {
				put(mid, 1)
			} else {
				for j := lo; j <= mid; j++ {
					put(j, float64(j-lo)/float64(mid-lo))
				}
			}
			for j := mid; j < hi; j++ {
				put(j, float64(hi-j)/float64(hi-mid))
			}
		}
		return storeFloats(c.Out(0, elem, rows, bands), out)
	}), nil
}
