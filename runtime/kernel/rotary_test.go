package kernel_test

import (
	"math"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

var rotaryTol = kerneltest.Tolerance{Name: "Rotary", Rel: 1e-6, Abs: 1e-6}

func TestRotary(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		kerneltest.EachPool(t, func(t *testing.T, p *kernel.Pool) {
			for _, d := range []struct{ outer, seq, inner, dim, h int }{{1, 1, 1, 2, 1}, {2, 3, 4, 64, 32}, {3, 5, 1, 80, 20}, {1, 2, 3, 37, 17}, {1, 1, 1, 3, 0}, {4, 70, 1, 128, 64}} {
				n := d.outer * d.seq * d.inner * d.dim
				x := kerneltest.Random(n, 1)
				for _, double := range []bool{false, true} {
					width := d.h
					if double {
						width = 2 * d.h
					}
					cos, sin := kerneltest.Random(d.seq*width, 2), kerneltest.Random(d.seq*width, 3)
					want := toFloat64(x)
					interleaved := toFloat64(x)
					for i := 0; i < n; i += d.dim {
						pos := i / d.dim / d.inner % d.seq
						for j := range d.h {
							t1, t2 := pos*width+j, pos*width+(j+d.h)%max(width, 1)
							a, b := float64(x[i+j]), float64(x[i+j+d.h])
							want[i+j] = a*float64(cos[t1]) - b*float64(sin[t1])
							want[i+j+d.h] = b*float64(cos[t2]) + a*float64(sin[t2])
							a, b = float64(x[i+2*j]), float64(x[i+2*j+1])
							interleaved[i+2*j] = a*float64(cos[t1]) - b*float64(sin[t1])
							interleaved[i+2*j+1] = b*float64(cos[t1]) + a*float64(sin[t1])
						}
					}
					dst := kerneltest.NewBuffer(n, 1)
					kernel.Rotary(dst.F, x, d.outer, d.seq, d.inner, d.dim, cos, sin, d.h, width, p)
					rotaryTol.Compare(t, want, dst.F, d)
					onX := kerneltest.Of(x, 3)
					kernel.Rotary(onX.F, onX.F, d.outer, d.seq, d.inner, d.dim, cos, sin, d.h, width, p)
					kerneltest.SameBits(t, dst.F, onX.F, "in place")
					if !double {
						kernel.RotaryInterleaved(dst.F, x, d.outer, d.seq, d.inner, d.dim, cos, sin, d.h, p)
						rotaryTol.Compare(t, interleaved, dst.F, d)
					}
					dst.Check(t)
					onX.Check(t)
				}
			}
		})
	})
}

// TestRotaryKeepsLength is what the embedding is for: a turn by any angle keeps each pair's length.
func TestRotaryKeepsLength(t *testing.T) {
	x := kerneltest.Random(16, 1)
	cos, sin, dst := make([]float32, 8), make([]float32, 8), make([]float32, 16)
	for i := range cos {
		s, c := math.Sincos(float64(i) * 0.7)
		cos[i], sin[i] = float32(c), float32(s)
	}
	kernel.Rotary(dst, x, 1, 1, 1, 16, cos, sin, 8, 8, nil)
	for i := range cos {
		require.InEpsilon(t, math.Hypot(float64(x[i]), float64(x[i+8])), math.Hypot(float64(dst[i]), float64(dst[i+8])), 1e-6)
	}
}
