package kernel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/stretchr/testify/require"
)

// hardRow mixes ties, both zeros, infinities, subnormals and NaNs.
func hardRow(r *rand.Rand, n, nans int) []float32 {
	special := []float32{0, float32(math.Copysign(0, -1)), 1, -1, float32(math.Inf(1)), float32(math.Inf(-1)), 1e-42, -1e-42, math.MaxFloat32, 1.5}
	x := make([]float32, n)
	for i := range x {
		switch r.IntN(3) {
		case 0:
			x[i] = special[r.IntN(len(special))]
		case 1:
			x[i] = float32(r.IntN(7) - 3)
		default:
			x[i] = float32(r.NormFloat64())
		}
	}
	for range nans {
		if n > 0 {
			x[r.IntN(n)] = float32(math.NaN())
		}
	}
	return x
}

func TestTopKAgainstSort(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 1))
		for n := range 131 {
			for trial := range 12 {
				x := hardRow(r, n, []int{0, 0, 1, n}[trial%4])
				abs := make([]float32, n)
				for i, v := range x {
					abs[i] = float32(math.Abs(float64(v)))
				}
				idx := make([]int32, kernel.CompactRoom(n)+1)
				for _, k := range []int{-1, 0, 1, 2, n / 3, n - 1, n, n + 1} {
					idx[len(idx)-1] = 77
					require.Equal(t, kernel.TopKRef(x, k), kernel.TopK(x, k, idx), "n %d k %d x %v", n, k, x)
					require.Equal(t, kernel.TopKRef(abs, k), kernel.TopKAbs(x, k, idx), "n %d k %d x %v", n, k, x)
					require.EqualValues(t, 77, idx[len(idx)-1])
				}
				for _, v := range []float32{0, 1, -1, 1e-42, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())} {
					above, atLeast := []int32{}, []int32{}
					for i, u := range x {
						if u > v {
							above = append(above, int32(i))
						}
						if u >= v {
							atLeast = append(atLeast, int32(i))
						}
					}
					require.Equal(t, above, kernel.SelectAbove(x, v, idx))
					require.Equal(t, atLeast, kernel.SelectAtLeast(x, v, idx))
				}
			}
		}
	})
}

func TestRowMeanStd(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 1))
		for n := 1; n < 131; n++ {
			x := randoms(r, n, 3)
			wm, ws := kernel.RowMeanStdRef(x)
			m, s := kernel.RowMeanStd(x)
			require.InDelta(t, wm, m, 1e-12)
			require.InDelta(t, ws, s, 1e-12)
			for i := range x {
				x[i] = 0.1
			}
			m, s = kernel.RowMeanStd(x)
			require.Equal(t, float64(float32(0.1)), m)
			require.Zero(t, s)
		}
		m, s := kernel.RowMeanStd(nil)
		require.Zero(t, m)
		require.Zero(t, s)
	})
}
