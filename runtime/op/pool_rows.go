package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// rowPool is the float32 form of MaxPool and AveragePool on planes [height, width] (or rows). It first joins the rows under a window,
// element by element with the vector kernels, then the columns of what that gives.
type rowPool struct {
	f       *fitted
	largest bool
	// count gives the divisor of an average for an output row and column; nil for maxima.
	count func(oy, ox int) float32
}

// flat reports whether the window has no depth, so that rowPool can do it.
func (f *fitted) flat() bool {
	return f.in[0] == 1 && f.kernel[0] == 1 && f.out[0] == 1 && f.begin[0] == 0 && f.end[0] == 0
}

// run pools n planes of x into y.
func (r *rowPool) run(y, x []float32, n int, p *kernel.Pool) {
	f := r.f
	h, w, oh, ow := f.in[1], f.in[2], f.out[1], f.out[2]
	if n*oh*ow == 0 {
		return
	}
	p.For(n, 1+zipGrain/(oh*w*f.kernel[1]+1), func(lo, hi int) {
		line := make([]float32, w)
		for c := lo; c < hi; c++ {
			src := x[c*h*w : (c+1)*h*w]
			for oy := range oh {
				y0, y1 := f.reach(1, oy)
				r.joinRows(line, src, y0, y1)
				dst := y[(c*oh+oy)*ow:][:ow]
				r.joinColumns(dst, line)
				if r.count != nil {
					for ox := range dst {
						dst[ox] /= r.count(oy, ox)
					}
				}
			}
		}
	})
}

// joinRows sets line to the largest, or the sum, of rows y0, y0+dilation, … below y1.
func (r *rowPool) joinRows(line, src []float32, y0, y1 int) {
	w, first := len(line), true
	for yy := y0; yy < y1; yy += r.f.dilation[1] {
		row := src[yy*w : (yy+1)*w]
		switch {
		case first:
			copy(line, row)
		case r.largest:
			kernel.Max(line, line, row)
		default:
			kernel.Add(line, line, row)
		}
		first = false
	}
	if first {
		fillWith(line, r.identity())
	}
}

func (r *rowPool) identity() float32 {
	if r.largest {
		return float32(math.Inf(-1))
	}
	return 0
}

// joinColumns does the same along the line, with the window's stride. Outputs whose window lies inside need no checks.
func (r *rowPool) joinColumns(dst, line []float32) {
	f := r.f
	k, s, d, w := f.kernel[2], f.stride[2], f.dilation[2], len(line)
	from := min(len(dst), (f.begin[2]+s-1)/s)
	to := from
	if last := w - 1 - (k-1)*d + f.begin[2]; last >= 0 {
		to = max(from, min(len(dst), last/s+1))
	}
	for ox := range dst[:from] {
		dst[ox] = r.edge(line, ox)
	}
	for ox := to; ox < len(dst); ox++ {
		dst[ox] = r.edge(line, ox)
	}
	mid := dst[from:to]
	if len(mid) == 0 {
		return
	}
	line = line[from*s-f.begin[2]:]
	if s == 1 {
		copy(mid, line)
		for t := 1; t < k; t++ {
			if r.largest {
				kernel.Max(mid, mid, line[t*d:])
			} else {
				kernel.Add(mid, mid, line[t*d:])
			}
		}
		return
	}
	for ox := range mid {
		at := ox * s
		v := line[at]
		for t := 1; t < k; t++ {
			at += d
			if r.largest {
				v = max(v, line[at])
			} else {
				v += line[at]
			}
		}
		mid[ox] = v
	}
}

// edge is one output whose window reaches beyond the line.
func (r *rowPool) edge(line []float32, ox int) float32 {
	v := r.identity()
	x0, x1 := r.f.reach(2, ox)
	for x := x0; x < x1; x += r.f.dilation[2] {
		if r.largest {
			v = max(v, line[x])
		} else {
			v += line[x]
		}
	}
	return v
}

// inside is the number of window elements of dimension d at output position o that lie in the input.
func (f *fitted) inside(d, o int) int {
	lo, hi := f.reach(d, o)
	if hi <= lo {
		return 0
	}
	return (hi-lo-1)/f.dilation[d] + 1
}
