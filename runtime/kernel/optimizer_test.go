package kernel_test

import (
	"math"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// optimizerTol: a handful of roundings, of terms that may cancel.
var optimizerTol = kerneltest.Tolerance{Name: "optimizer step", Rel: 1e-6, Abs: 1e-6}

func TestAdam(t *testing.T) {
	s := kernel.AdamStep{Rate: 0.01, Alpha: 0.9, Beta: 0.999, Epsilon: 1e-8, Norm: 0.02, NormPost: 0.001}
	kerneltest.EachLevel(t, func(t *testing.T) {
		kerneltest.EachCase(func(c kerneltest.Case) {
			x, g, v, h := c.Input(1), c.Input(2), c.Input(3), c.Input(4)
			kernel.Square(h.F, h.F)
			wantX, wantV, wantH := make([]float64, c.N), make([]float64, c.N), make([]float64, c.N)
			for i := range wantX {
				r := float64(s.Norm)*float64(x.F[i]) + float64(g.F[i])
				wantV[i] = float64(s.Alpha)*float64(v.F[i]) + float64(1-s.Alpha)*r
				wantH[i] = float64(s.Beta)*float64(h.F[i]) + float64(1-s.Beta)*r*r
				wantX[i] = float64(1-s.NormPost) * (float64(x.F[i]) - float64(s.Rate)*wantV[i]/(math.Sqrt(wantH[i])+float64(s.Epsilon)))
			}
			xNew, vNew, hNew := kerneltest.NewBuffer(c.N, 1), kerneltest.NewBuffer(c.N, 2), kerneltest.NewBuffer(c.N, 0)
			kernel.Adam(xNew.F, vNew.F, hNew.F, x.F, g.F, v.F, h.F, s)
			optimizerTol.Compare(t, wantX, xNew.F, "X ", c)
			optimizerTol.Compare(t, wantV, vNew.F, "V ", c)
			optimizerTol.Compare(t, wantH, hNew.F, "H ", c)
			kernel.Adam(x.F, v.F, h.F, x.F, g.F, v.F, h.F, s)
			kerneltest.SameBits(t, xNew.F, x.F, "in place ", c)
			for _, b := range []*kerneltest.Buffer{x, g, v, h, xNew, vNew, hNew} {
				b.Check(t)
			}
		}, kerneltest.Ordinary)
	})
}

func TestMomentum(t *testing.T) {
	for _, nesterov := range []bool{false, true} {
		s := kernel.MomentumStep{Rate: 0.01, Alpha: 0.9, Beta: 0.7, Norm: 0.02, Nesterov: nesterov}
		kerneltest.EachLevel(t, func(t *testing.T) {
			kerneltest.EachCase(func(c kerneltest.Case) {
				x, g, v := c.Input(1), c.Input(2), c.Input(3)
				wantX, wantV := make([]float64, c.N), make([]float64, c.N)
				for i := range wantX {
					r := float64(s.Norm)*float64(x.F[i]) + float64(g.F[i])
					wantV[i] = float64(s.Alpha)*float64(v.F[i]) + float64(s.Beta)*r
					step := wantV[i]
					if nesterov {
						step = r + float64(s.Alpha)*wantV[i]
					}
					wantX[i] = float64(x.F[i]) - float64(s.Rate)*step
				}
				xNew, vNew := kerneltest.NewBuffer(c.N, 1), kerneltest.NewBuffer(c.N, 2)
				kernel.Momentum(xNew.F, vNew.F, x.F, g.F, v.F, s)
				optimizerTol.Compare(t, wantX, xNew.F, "X ", c)
				optimizerTol.Compare(t, wantV, vNew.F, "V ", c)
				kernel.Momentum(x.F, v.F, x.F, g.F, v.F, s)
				kerneltest.SameBits(t, xNew.F, x.F, "in place ", c)
				for _, b := range []*kerneltest.Buffer{x, g, v, xNew, vNew} {
					b.Check(t)
				}
			}, kerneltest.Ordinary)
		})
	}
}

func TestOptimizersGiveSameBitsAtEveryLevel(t *testing.T) {
	const n = 501
	x, g, v, h := kerneltest.Random(n, 1), kerneltest.Random(n, 2), kerneltest.Random(n, 3), kerneltest.Random(n, 4)
	kernel.Abs(h, h)
	var want [][]float32
	for _, l := range kernel.Levels() {
		restore := kernel.SetLevel(l)
		out := make([][]float32, 5)
		for i := range out {
			out[i] = make([]float32, n)
		}
		kernel.Adam(out[0], out[1], out[2], x, g, v, h, kernel.AdamStep{Rate: 0.1, Alpha: 0.9, Beta: 0.99, Epsilon: 1e-6})
		kernel.Momentum(out[3], out[4], x, g, v, kernel.MomentumStep{Rate: 0.1, Alpha: 0.9, Beta: 1, Nesterov: true})
		restore()
		if want == nil {
			want = out
		}
		for i := range out {
			kerneltest.SameBits(t, want[i], out[i], l)
		}
	}
}

func TestAdamRate(t *testing.T) {
	require.Equal(t, float32(0.1), kernel.AdamRate(0.1, 0.9, 0.999, 0))
	require.InEpsilon(t, 0.1*math.Sqrt(1-math.Pow(0.999, 3))/(1-math.Pow(0.9, 3)), kernel.AdamRate(0.1, 0.9, 0.999, 3), 1e-4)
}
