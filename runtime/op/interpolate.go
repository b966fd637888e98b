package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// tap is one input element and its share.
type tap struct {
	at int
	w  float64
}

// tapsOf lists the elements that output position k of an axis is made of.
func (e *resizer) tapsOf(a *axisScale, k int) []tap {
	s := e.source(a, k)
	base := math.Floor(s)
	t := s - base
	shrink := 1.0
	if e.antialias {
		shrink = math.Min(a.scale, 1)
	}
	reach := 1.0
	if e.mode == "cubic" {
		reach = 2
	}
	first := int(math.Floor(-reach/shrink)) + 1
	var taps []tap
	sum := 0.0
	for i := first; i <= 1-first; i++ {
		d := math.Abs((float64(i) - t) * shrink)
		w := math.Max(0, 1-d)
		if e.mode == "cubic" {
			w = e.cubic(d)
		}
		at := int(base) + i
		if e.excludeOutside && (at < 0 || at >= a.in) {
			continue
		}
		sum += w
		taps = append(taps, tap{min(max(at, 0), a.in-1), w})
	}
	if e.excludeOutside || e.antialias {
		for i := range taps {
			taps[i].w /= sum
		}
	}
	return taps
}

// cubic is the convolution kernel of Keys at distance d.
func (e *resizer) cubic(d float64) float64 {
	a := e.cubicA
	switch {
	case d <= 1:
		return ((a+2)*d-(a+3))*d*d + 1
	case d < 2:
		return ((a*d-5*a)*d+8*a)*d - 4*a
	}
	return 0
}

// interpolate resizes one axis after the other.
func (e *resizer) interpolate(c *Call, y, x *tensor.Tensor, plan []axisScale) error {
	if x.Elem != tensor.Float32 && !isHalf(x.Elem) {
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		dims := append([]int64{}, x.Shape...)
		for i := range plan {
			if a := &plan[i]; e.changes(a) {
				outer, inner := splitAt(dims, i)
				out := make([]float64, outer*a.out*inner)
				blend(out, v, outer, inner, a, e, nil)
				v, dims[i] = out, int64(a.out)
			}
		}
		return storeFloats(y, v)
	}
	v := single(x)
	dims := append([]int64{}, x.Shape...)
	for i := range plan {
		if a := &plan[i]; e.changes(a) {
			outer, inner := splitAt(dims, i)
			out := c.Scratch(outer * a.out * inner)
			blend(out, v, outer, inner, a, e, c.Pool)
			v, dims[i] = out, int64(a.out)
		}
	}
	out := singleOut(y)
	copy(out, v)
	singleDone(y, out)
	return nil
}

func (e *resizer) changes(a *axisScale) bool {
	return a.scale != 1 || a.in != a.out || e.coord == "tf_crop_and_resize"
}

// blend makes y [outer, out, inner] of x [outer, in, inner].
func blend[T realNumber](y, x []T, outer, inner int, a *axisScale, e *resizer, p *kernel.Pool) {
	taps := make([][]tap, a.out)
	for k := range taps {
		taps[k] = e.tapsOf(a, k)
	}
	p.For(outer, 1+zipGrain/(a.out*inner+1), func(lo, hi int) {
		for o := lo; o < hi; o++ {
			for k, list := range taps {
				dst := y[(o*a.out+k)*inner:][:inner]
				clear(dst)
				for _, t := range list {
					src, w := x[(o*a.in+t.at)*inner:][:inner], T(t.w)
					if w == 0 {
						continue
					}
					for j, v := range src {
						dst[j] += w * v
					}
				}
			}
		}
	})
}
