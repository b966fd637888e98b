package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// BenchmarkCSR compares sparse products with the dense one of the same shape; density 1 is the dense Gemm.
func BenchmarkCSR(b *testing.B) {
	for _, n := range []int{512, 2048} {
		r := rand.New(rand.NewPCG(uint64(n), 8))
		for _, m := range []int{1, 8, 64} {
			x, y := randoms(r, m*n, 1), make([]float32, m*n)
			for _, density := range []float64{0.05, 0.2, 0.5} {
				a := kernel.NewCSR(randomSparse(r, n, n, density), n, n)
				b.Run(fmt.Sprintf("n=%d/m=%d/density=%v", n, m, density), func(b *testing.B) {
					for b.Loop() {
						kernel.CSRGemm(y, a, x, m, nil)
					}
				})
			}
			w := kernel.PackB(n, n, randoms(r, n*n, 1), n, true, nil)
			b.Run(fmt.Sprintf("n=%d/m=%d/density=1", n, m), func(b *testing.B) {
				for b.Loop() {
					kernel.Gemm(m, x, n, w, y, n, false, nil, nil)
				}
			})
		}
	}
}
