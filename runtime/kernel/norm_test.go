package kernel_test

import (
	"math"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// normTol: the deviation, the factor and the last step are each rounded; the deviation's error is that of the mean, absolute.
var normTol = kerneltest.Tolerance{Name: "LayerNorm", Rel: 1e-6, Abs: 1e-5}

// layerNormOracle is LayerNorm of a row in float64; without centre, RMSNorm.
func layerNormOracle(x []float64, gamma, beta []float32, eps float64, centre bool) (y []float64, mean, inv float64) {
	n := float64(len(x))
	if centre {
		for _, v := range x {
			mean += v / n
		}
	}
	variance := 0.0
	for _, v := range x {
		variance += (v - mean) * (v - mean) / n
	}
	inv = 1 / math.Sqrt(variance+eps)
	y = make([]float64, len(x))
	for i, v := range x {
		y[i] = (v - mean) * inv
		if gamma != nil {
			y[i] *= float64(gamma[i])
		}
		if beta != nil {
			y[i] += float64(beta[i])
		}
	}
	return y, mean, inv
}

func TestNorms(t *testing.T) {
	const eps = float32(1e-5)
	kerneltest.EachLevel(t, func(t *testing.T) {
		kerneltest.EachCase(func(c kerneltest.Case) {
			x, dst := c.Input(1), kerneltest.NewBuffer(c.N, c.Offset)
			g, b := c.Input(2), c.Input(3)
			for _, gamma := range [][]float32{nil, g.F} {
				for _, beta := range [][]float32{nil, b.F} {
					var mean, inv [1]float32
					kernel.LayerNormStats(dst.F, x.F, 1, c.N, gamma, beta, eps, mean[:], inv[:], nil)
					want, wantMean, wantInv := layerNormOracle(toFloat64(x.F), gamma, beta, float64(eps), true)
					normTol.Compare(t, want, dst.F, c)
					if c.N > 0 {
						normTol.Compare(t, []float64{wantMean, wantInv}, []float32{mean[0], inv[0]}, "stats ", c)
					}
				}
				kernel.RMSNorm(dst.F, x.F, 1, c.N, gamma, eps, nil)
				want, _, _ := layerNormOracle(toFloat64(x.F), gamma, nil, float64(eps), false)
				normTol.Compare(t, want, dst.F, c)
			}
			kernel.LayerNorm(dst.F, x.F, 1, c.N, g.F, b.F, eps, nil)
			kernel.LayerNorm(x.F, x.F, 1, c.N, g.F, b.F, eps, nil)
			kerneltest.SameBits(t, dst.F, x.F, "in place ", c)
			for _, buf := range []*kerneltest.Buffer{x, dst, g, b} {
				buf.Check(t)
			}
		}, kerneltest.Ordinary)
	})
}

func TestLayerNormOfLargeMean(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		x, dst := make([]float32, 128), make([]float32, 128)
		for i := range x {
			x[i] = 4096 + float32(i%2) // variance 1/4 around 4096.5
		}
		kernel.LayerNorm(dst, x, 1, 128, nil, nil, 0, nil)
		for i, v := range dst {
			require.Equal(t, float32(2*(i%2)-1), v)
		}
	})
}

func TestNormOfNaNAndInf(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		for _, bad := range []float64{math.NaN(), math.Inf(1)} {
			x, dst := kerneltest.Random(70, 1), make([]float32, 70)
			x[66] = float32(bad)
			kernel.LayerNorm(dst, x, 1, 70, nil, nil, 1e-5, nil)
			require.True(t, math.IsNaN(float64(dst[0])))
			kernel.RMSNorm(dst, x, 1, 70, nil, 1e-5, nil)
			require.True(t, math.IsNaN(float64(dst[66])))
		}
	})
}

func TestAddNorms(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		kerneltest.EachPool(t, func(t *testing.T, p *kernel.Pool) {
			for _, d := range [][2]int{{1, 1}, {3, 65}, {50, 700}, {2, 0}} {
				rows, cols := d[0], d[1]
				n := rows * cols
				a, b, gamma, beta := kerneltest.Random(n, 1), kerneltest.Random(n, 2), kerneltest.Random(cols, 3), kerneltest.Random(cols, 4)
				sum, want, wantRMS := make([]float32, n), make([]float32, n), make([]float32, n)
				kernel.Add(sum, a, b)
				kernel.LayerNorm(want, sum, rows, cols, gamma, beta, 1e-5, nil)
				kernel.RMSNorm(wantRMS, sum, rows, cols, gamma, 1e-5, nil)

				dst, stored := kerneltest.NewBuffer(n, 1), kerneltest.NewBuffer(n, 2)
				kernel.AddLayerNorm(dst.F, stored.F, a, b, rows, cols, gamma, beta, 1e-5, p)
				kerneltest.SameBits(t, want, dst.F)
				kerneltest.SameBits(t, sum, stored.F)
				kernel.AddRMSNorm(dst.F, nil, a, b, rows, cols, gamma, 1e-5, p)
				kerneltest.SameBits(t, wantRMS, dst.F)
				kernel.AddLayerNorm(b, a, a, b, rows, cols, gamma, beta, 1e-5, p) // onto both inputs
				kerneltest.SameBits(t, want, b)
				kerneltest.SameBits(t, sum, a)
				dst.Check(t)
				stored.Check(t)
			}
		})
	})
}
