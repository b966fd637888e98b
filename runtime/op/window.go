package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// window is the geometry that convolutions and pools share, for n spatial dims.
type window struct {
	n        int // spatial dims; 0 while the node does not say
	kernel   []int
	stride   []int
	dilation []int
	pads     []int // begins, then ends
	auto     string
	ceil     bool
}

// windowOf reads the attributes. kernel may be given by a weight's shape instead.
func windowOf(a graph.Attrs, kernel []int64) (*window, error) {
	w := &window{auto: a.String("auto_pad", "NOTSET"), ceil: a.Int("ceil_mode", 0) != 0}
	if k := a.Ints("kernel_shape"); k != nil {
		if kernel != nil && !equalDims(k, kernel) {
			return nil, fmt.Errorf("attribute kernel_shape is %v, the weight has %v", k, kernel)
		}
		kernel = k
	}
	w.n = len(kernel)
	var err error
	if w.kernel, err = positive("kernel_shape", kernel, w.n); err != nil {
		return nil, err
	}
	if w.stride, err = positive("strides", a.Ints("strides"), w.n); err != nil {
		return nil, err
	}
	if w.dilation, err = positive("dilations", a.Ints("dilations"), w.n); err != nil {
		return nil, err
	}
	w.pads = make([]int, 2*w.n)
	if p := a.Ints("pads"); p != nil {
		if len(p) != 2*w.n {
			return nil, fmt.Errorf("attribute pads is %v for %d spatial dims", p, w.n)
		}
		for i, v := range p {
			if v < 0 || v > 1<<30 {
				return nil, fmt.Errorf("attribute pads is %v", p)
			}
			w.pads[i] = int(v)
		}
	}
	switch w.auto {
	case "NOTSET", "":
	case "VALID":
		clear(w.pads)
	case "SAME_UPPER", "SAME_LOWER":
	default:
		return nil, fmt.Errorf("attribute auto_pad is %q", w.auto)
	}
	return w, nil
}

func (w *window) same() bool { return w.auto == "SAME_UPPER" || w.auto == "SAME_LOWER" }

// positive is a list of n attribute values, 1 each when absent.
func positive(name string, v []int64, n int) ([]int, error) {
	out := make([]int, n)
	fillWith(out, 1)
	if v == nil {
		return out, nil
	}
	if len(v) != n {
		return nil, fmt.Errorf("attribute %s is %v for %d spatial dims", name, v, n)
	}
	for i, x := range v {
		if x < 1 || x > 1<<30 {
			return nil, fmt.Errorf("attribute %s is %v", name, v)
		}
		out[i] = int(x)
	}
	return out, nil
}

// fitted is a window on an input of known size, always with three spatial dims, the leading ones 1.
type fitted struct {
	in, out, kernel, stride, dilation, begin, end [3]int
}

// fit places the window on spatial dims in. A dim that the window does not fit in gives an empty output.
func (w *window) fit(in []int64) (fitted, error) {
	f := fitted{
		in: [3]int{1, 1, 1}, out: [3]int{1, 1, 1}, kernel: [3]int{1, 1, 1}, stride: [3]int{1, 1, 1}, dilation: [3]int{1, 1, 1},
	}
	if len(in) != w.n || w.n > 3 {
		return f, fmt.Errorf("%d spatial dims, want %d", len(in), w.n)
	}
	for i := range w.n {
		k := 3 - w.n + i
		f.in[k], f.kernel[k], f.stride[k], f.dilation[k] = int(in[i]), w.kernel[i], w.stride[i], w.dilation[i]
		span := (w.kernel[i]-1)*w.dilation[i] + 1
		if w.same() {
			f.out[k] = (f.in[k] + f.stride[k] - 1) / f.stride[k]
			total := max(0, (f.out[k]-1)*f.stride[k]+span-f.in[k])
			f.begin[k] = total / 2
			if w.auto == "SAME_LOWER" {
				f.begin[k] = (total + 1) / 2
			}
			f.end[k] = total - f.begin[k]
			continue
		}
		f.begin[k], f.end[k] = w.pads[i], w.pads[w.n+i]
		room := f.in[k] + f.begin[k] + f.end[k] - span
		if room < 0 {
			f.out[k] = 0
			continue
		}
		f.out[k] = room/f.stride[k] + 1
		if w.ceil && room%f.stride[k] != 0 {
			if f.out[k]*f.stride[k] < f.in[k]+f.begin[k] { // the last window must start inside the input or its left padding
				f.out[k]++
			}
		}
	}
	return f, nil
}

// dims appends the spatial dims of the output, without the added leading ones.
func (f *fitted) dims(dst []int64, n int) []int64 {
	for _, d := range f.out[3-n:] {
		dst = append(dst, int64(d))
	}
	return dst
}

func (f *fitted) inSize() int  { return f.in[0] * f.in[1] * f.in[2] }
func (f *fitted) outSize() int { return f.out[0] * f.out[1] * f.out[2] }

// taps calls visit for each element under the window at output position (z, y, x): at is its place in the input.
func (f *fitted) taps(z, y, x int, visit func(at int)) {
	for kz := range f.kernel[0] {
		iz := z*f.stride[0] + kz*f.dilation[0] - f.begin[0]
		if iz < 0 || iz >= f.in[0] {
			continue
		}
		for ky := range f.kernel[1] {
			iy := y*f.stride[1] + ky*f.dilation[1] - f.begin[1]
			if iy < 0 || iy >= f.in[1] {
				continue
			}
			row := (iz*f.in[1] + iy) * f.in[2]
			for kx := range f.kernel[2] {
				if ix := x*f.stride[2] + kx*f.dilation[2] - f.begin[2]; ix >= 0 && ix < f.in[2] {
					visit(row + ix)
				}
			}
		}
	}
}

// padded is the number of window elements at an output position that lie in the input or in its padding (but not beyond it, where a
// rounded-up output size reaches).
func (f *fitted) padded(pos [3]int) int {
	return f.paddedAlong(0, pos[0]) * f.paddedAlong(1, pos[1]) * f.paddedAlong(2, pos[2])
}

// paddedAlong is padded for one dimension.
func (f *fitted) paddedAlong(d, o int) int {
	count := 0
	for k := range f.kernel[d] {
		if o*f.stride[d]+k*f.dilation[d] < f.begin[d]+f.in[d]+f.end[d] {
			count++
		}
	}
	return count
}
