package op

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// poolOps are the pooling operators.
func poolOps() []OpDef {
	return []OpDef{
		{Op: "MaxPool", Since: 1, Prepare: checked(floats|elemSet(tensor.Int8, tensor.Uint8), prepareMaxPool, 0)},
		{Op: "AveragePool", Since: 1, Prepare: checked(floats, prepareAveragePool, 0)},
		{Op: "LpPool", Since: 1, Prepare: checked(floats, prepareLpPool, 0)},
		{Op: "GlobalAveragePool", Since: 1, Prepare: checked(floats, globalPool(redMean), 0)},
		{Op: "GlobalMaxPool", Since: 1, Prepare: checked(floats, globalPool(redMax), 0)},
		{Op: "GlobalLpPool", Since: 1, Prepare: checked(floats, prepareGlobalLpPool, 0)},
		{Op: "MaxUnpool", Since: 9, Prepare: checked(floats, prepareMaxUnpool, 0)},
	}
}

// planes checks a pooling input and counts its [N, C] planes.
func planes(x *tensor.Tensor) (int, error) {
	if len(x.Shape) < 3 {
		return 0, fmt.Errorf("input has shape %v, want [N, C, ...]", x.Shape)
	}
	return numel(x.Shape[:2]), nil
}

func poolWindow(p *Prep) (*window, error) {
	w, err := windowOf(p.Attrs(), nil)
	if err != nil {
		return nil, err
	}
	if w.n == 0 || w.n > 3 {
		return nil, fmt.Errorf("attribute kernel_shape has %d dims, want 1 to 3", w.n)
	}
	return w, nil
}

// pooled fits the window on input 0 and gives the result's shape.
func pooled(c *Call, w *window) (x *tensor.Tensor, n int, f fitted, dims []int64, err error) {
	if x, err = needInput(c, 0); err != nil {
		return
	}
	if n, err = planes(x); err != nil {
		return
	}
	if f, err = w.fit(x.Shape[2:]); err != nil {
		return
	}
	return x, n, f, f.dims(append(make([]int64, 0, 5), x.Shape[:2]...), w.n), nil
}

func prepareMaxPool(p *Prep) (Exec, error) {
	w, err := poolWindow(p)
	if err != nil {
		return nil, err
	}
	columnMajor := p.Attrs().Int("storage_order", 0) != 0
	return ExecFunc(func(c *Call) error {
		x, n, f, dims, err := pooled(c, w)
		if err != nil {
			return err
		}
		y := c.Out(0, x.Elem, dims...)
		var idx []int64
		if c.Wanted(1) {
			idx = tensor.Data[int64](c.Out(1, tensor.Int64, dims...))
		}
		switch x.Elem {
		case tensor.Float32, tensor.Float16, tensor.BFloat16:
			out := singleOut(y)
			if idx == nil && f.flat() {
				(&rowPool{f: &f, largest: true}).run(out, single(x), n, c.Pool)
			} else {
				maxPool(out, single(x), idx, n, &f, c.Pool)
			}
			singleDone(y, out)
		case tensor.Float64:
			maxPool(tensor.Data[float64](y), tensor.Data[float64](x), idx, n, &f, c.Pool)
		case tensor.Int8:
			maxPool(tensor.Data[int8](y), tensor.Data[int8](x), idx, n, &f, c.Pool)
		case tensor.Uint8:
			maxPool(tensor.Data[uint8](y), tensor.Data[uint8](x), idx, n, &f, c.Pool)
		default:
			return errElem(x.Elem)
		}
		if columnMajor {
			flipIndices(idx, &f)
		}
		return nil
	}), nil
}

// maxPool takes the largest element under each window; idx, unless nil, says where it was in the whole input.
func maxPool[T number](y, x []T, idx []int64, planes int, f *fitted, p *kernel.Pool) {
	in, out := f.inSize(), f.outSize()
	lowest := limit[T](false)
	p.For(planes, 1+zipGrain/(out*f.kernel[0]*f.kernel[1]*f.kernel[2]+1), func(lo, hi int) {
		for c := lo; c < hi; c++ {
			src, at := x[c*in:(c+1)*in], c*out
			for oz := range f.out[0] {
				for oy := range f.out[1] {
					for ox := range f.out[2] {
						best, pos := lowest, -1
						z0, z1 := f.reach(0, oz)
						y0, y1 := f.reach(1, oy)
						x0, x1 := f.reach(2, ox)
						for z := z0; z < z1; z += f.dilation[0] {
							for yy := y0; yy < y1; yy += f.dilation[1] {
								row := (z*f.in[1] + yy) * f.in[2]
								for xx := x0; xx < x1; xx += f.dilation[2] {
									if v := src[row+xx]; v > best || pos < 0 {
										best, pos = v, row+xx
									}
								}
							}
						}
						y[at] = best
						if idx != nil {
							idx[at] = int64(c*in + max(pos, 0))
						}
						at++
					}
				}
			}
		}
	})
}

// reach is the range of input positions of dimension d under the window at output position o, in steps of the dilation.
func (f *fitted) reach(d, o int) (lo, hi int) {
	lo = o*f.stride[d] - f.begin[d]
	hi = min(f.in[d], lo+(f.kernel[d]-1)*f.dilation[d]+1)
	if lo < 0 {
		lo += (-lo + f.dilation[d] - 1) / f.dilation[d] * f.dilation[d]
	}
	return lo, hi
}

// flipIndices turns row-major indices into column-major ones, plane by plane.
func flipIndices(idx []int64, f *fitted) {
	size := int64(f.inSize())
	for i, v := range idx {
		p, at := v/size, v%size
		z, y, x := at/int64(f.in[1]*f.in[2]), at/int64(f.in[2])%int64(f.in[1]), at%int64(f.in[2])
		idx[i] = p*size + (x*int64(f.in[1])+y)*int64(f.in[0]) + z
	}
}

func prepareAveragePool(p *Prep) (Exec, error) {
	w, err := poolWindow(p)
	if err != nil {
		return nil, err
	}
	includePad := p.Attrs().Int("count_include_pad", 0) != 0
	general := floatPool(w, func(f *fitted, pos [3]int, sum, n float64, _ func(func(float64))) float64 {
		if includePad {
			n = float64(f.padded(pos))
		}
		return sum / n
	})
	return ExecFunc(func(c *Call) error {
		x, n, f, dims, err := pooled(c, w)
		if err != nil || x.Elem == tensor.Float64 || !f.flat() {
			return general.Run(c)
		}
		counts := [2][]float32{make([]float32, f.out[1]), make([]float32, f.out[2])}
		for d := range counts {
			for o := range counts[d] {
				if includePad {
					counts[d][o] = float32(f.paddedAlong(d+1, o))
				} else {
					counts[d][o] = float32(f.inside(d+1, o))
				}
			}
		}
		y := c.Out(0, x.Elem, dims...)
		out := singleOut(y)
		r := &rowPool{f: &f, count: func(oy, ox int) float32 { return counts[0][oy] * counts[1][ox] }}
		r.run(out, single(x), n, c.Pool)
		singleDone(y, out)
		return nil
	}), nil
}

// lpOrder is the attribute p, a float in opset 1 and an integer since.
func lpOrder(p *Prep) float64 {
	if p.Opset < 2 {
		return float64(p.Attrs().Float("p", 2))
	}
	return float64(p.Attrs().Int("p", 2))
}

func prepareLpPool(p *Prep) (Exec, error) {
	w, err := poolWindow(p)
	if err != nil {
		return nil, err
	}
	order := lpOrder(p)
	return floatPool(w, func(_ *fitted, _ [3]int, _, _ float64, each func(func(float64))) float64 {
		s := 0.0
		each(func(v float64) { s += math.Pow(math.Abs(v), order) })
		return math.Pow(s, 1/order)
	}), nil
}

// floatPool reduces each window: finish gets the sum and number of its elements, and a way to walk them again.
func floatPool(w *window, finish func(f *fitted, pos [3]int, sum, n float64, each func(func(float64))) float64) Exec {
	return ExecFunc(func(c *Call) error {
		x, n, f, dims, err := pooled(c, w)
		if err != nil {
			return err
		}
		y := c.Out(0, x.Elem, dims...)
		if x.Elem == tensor.Float64 {
			poolRows(tensor.Data[float64](y), tensor.Data[float64](x), n, &f, finish, c.Pool)
			return nil
		}
		out := singleOut(y)
		poolRows(out, single(x), n, &f, finish, c.Pool)
		singleDone(y, out)
		return nil
	})
}

func poolRows[T realNumber](y, x []T, planes int, f *fitted, finish func(*fitted, [3]int, float64, float64, func(func(float64))) float64, p *kernel.Pool) {
	in, out := f.inSize(), f.outSize()
	p.For(planes, 1+zipGrain/(out*f.kernel[0]*f.kernel[1]*f.kernel[2]+1), func(lo, hi int) {
		for c := lo; c < hi; c++ {
			src, at := x[c*in:(c+1)*in], c*out
			for oz := range f.out[0] {
				for oy := range f.out[1] {
					for ox := range f.out[2] {
						sum, n := 0.0, 0.0
						f.taps(oz, oy, ox, func(i int) { sum += float64(src[i]); n++ })
						y[at] = T(finish(f, [3]int{oz, oy, ox}, sum, n, func(visit func(float64)) {
							f.taps(oz, oy, ox, func(i int) { visit(float64(src[i])) })
						}))
						at++
					}
				}
			}
		}
	})
}

// globalPool reduces all spatial dims.
func globalPool(op reduction) func(*Prep) (Exec, error) {
	return func(*Prep) (Exec, error) {
		r := &reduceExec{op: op}
		return ExecFunc(func(c *Call) error {
			x, err := needInput(c, 0)
			if err != nil {
				return err
			}
			n, err := planes(x)
			if err != nil {
				return err
			}
			return r.reduce(c, c.Out(0, x.Elem, globalDims(x)...), x, n, numel(x.Shape[2:]), 1)
		}), nil
	}
}

func globalDims(x *tensor.Tensor) []int64 {
	dims := append([]int64{}, x.Shape...)
	fillWith(dims[2:], 1)
	return dims
}

func prepareGlobalLpPool(p *Prep) (Exec, error) {
	order := lpOrder(p)
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		n, err := planes(x)
		if err != nil {
			return err
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		out, cols := make([]float64, n), numel(x.Shape[2:])
		for i := range out {
			for _, a := range v[i*cols : (i+1)*cols] {
				out[i] += math.Pow(math.Abs(a), order)
			}
			out[i] = math.Pow(out[i], 1/order)
		}
		return storeFloats(c.Out(0, x.Elem, globalDims(x)...), out)
	}), nil
}
