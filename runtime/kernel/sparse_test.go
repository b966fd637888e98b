package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/stretchr/testify/require"
)

func randomSparse(r *rand.Rand, rows, cols int, density float64) []float32 {
	w := make([]float32, rows*cols)
	for i := range w {
		if r.Float64() < density {
			w[i] = float32(r.NormFloat64())
		}
	}
	return w
}

func TestCSR(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 9))
		for _, d := range []struct{ rows, cols int }{{0, 3}, {3, 0}, {1, 1}, {5, 130}, {65, 64}, {200, 333}, {1000, 40}} {
			for _, density := range []float64{0, 0.03, 0.3, 1} {
				w := randomSparse(r, d.rows, d.cols, density)
				a := kernel.NewCSR(w, d.rows, d.cols)
				back := make([]float32, len(w))
				a.Dense(back)
				require.Equal(t, w, back)
				for _, m := range []int{0, 1, 2, 15, 16, 17, 33, 64, 70, 131} {
					x := randoms(r, m*d.cols, 1)
					want, got := make([]float32, m*d.rows), nans(m*d.rows+4)
					kernel.CSRGemmRef(want, a, x, m)
					kernel.CSRGemm(got[:m*d.rows], a, x, m, nil)
					requireNear(t, want, got[:m*d.rows], sparseTolerance, fmt.Sprint(d, density, m))
					requireGuard(t, got[m*d.rows:])
					for _, threads := range []int{2, 3} {
						p := kernel.NewPool(threads)
						again := make([]float32, m*d.rows)
						kernel.CSRGemm(again, a, x, m, p)
						require.Equal(t, got[:m*d.rows], again)
						p.Close()
					}
				}
			}
		}
	})
}

func TestNewCSRKeepsNaNAndDropsZeros(t *testing.T) {
	nan := float32(math.NaN())
	a := kernel.NewCSR([]float32{0, nan, float32(math.Copysign(0, -1)), 2}, 2, 2)
	require.Equal(t, 2, a.NNZ())
	require.Equal(t, []int32{0, 1, 2}, a.RowPtr)
	require.Equal(t, []int32{1, 1}, a.Col)
}

func TestSparseWorthIt(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{64, 512, 4096} {
			for _, m := range []int{1, 2, 7, 8, 16, 200} {
				require.True(t, kernel.SparseWorthIt(n, n, 0, m))
				require.True(t, kernel.SparseWorthIt(n, n, n*n/50, m))
				require.False(t, kernel.SparseWorthIt(n, n, n*n, m))
			}
		}
		require.False(t, kernel.SparseWorthIt(0, 5, 0, 1))
		require.False(t, kernel.SparseWorthIt(5, 5, 0, 0))
	})
}
