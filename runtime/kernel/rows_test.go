package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/stretchr/testify/require"
)

func randomIndices(r *rand.Rand, n, rows int) []int32 {
	idx := make([]int32, n)
	for i := range idx {
		idx[i] = int32(r.IntN(rows))
	}
	return idx
}

func TestDotRows(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 9))
		for cols := range 131 {
			rows := 1 + cols%23
			x, w, bias := randoms(r, cols, 1), randoms(r, rows*cols+3, 1)[3:], randoms(r, rows, 1)
			for _, idx := range [][]int32{nil, {}, randomIndices(r, 1, rows), randomIndices(r, 37, rows)} {
				n := rows
				if idx != nil {
					n = len(idx)
				}
				want, got := make([]float32, n), nans(n+4)
				kernel.DotRowsRef(want, x, w, rows, cols, idx, bias)
				kernel.DotRows(got[:n], x, w, rows, cols, idx, bias, nil)
				requireNear(t, want, got[:n], sparseTolerance, fmt.Sprint(cols, rows, n))
				requireGuard(t, got[n:])
				for _, threads := range []int{1, 2, 3} {
					p := kernel.NewPool(threads)
					again := make([]float32, n)
					kernel.DotRows(again, x, w, rows, cols, idx, bias, p)
					require.Equal(t, got[:n], again)
					p.Close()
				}
			}
		}
		require.Panics(t, func() {
			kernel.DotRows(make([]float32, 1), make([]float32, 4), make([]float32, 8), 2, 4, []int32{2}, nil, nil)
		})
	})
}

func TestAxpyRows(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 9))
		for _, cols := range append(ints(0, 131), 255, 256, 300, 520, 1000) {
			rows := 1 + cols%23
			w, start := randoms(r, rows*cols+3, 1)[3:], randoms(r, cols, 1)
			for _, n := range []int{0, 1, 2, 7, 8, 9, 40} {
				idx, coef := randomIndices(r, n, rows), randoms(r, n, 1)
				want := append([]float32(nil), start...)
				got := append(append([]float32{}, start...), nans(20)...)
				kernel.AxpyRowsRef(want, w, cols, idx, coef)
				kernel.AxpyRows(got[:cols], w, cols, idx, coef, nil)
				requireNear(t, want, got[:cols], sparseTolerance, fmt.Sprint(cols, rows, n))
				requireGuard(t, got[cols:])
				for _, threads := range []int{1, 2, 3} {
					p := kernel.NewPool(threads)
					again := append([]float32{}, start...)
					kernel.AxpyRows(again, w, cols, idx, coef, p)
					require.Equal(t, got[:cols], again)
					p.Close()
				}
			}
		}
		require.Panics(t, func() { kernel.AxpyRows(make([]float32, 4), make([]float32, 8), 4, []int32{-1}, []float32{1}, nil) })
	})
}

func ints(lo, hi int) []int {
	var s []int
	for i := lo; i < hi; i++ {
		s = append(s, i)
	}
	return s
}
