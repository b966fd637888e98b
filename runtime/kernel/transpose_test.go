package kernel_test

import (
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
)

func counting(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i + 1)
	}
	return x
}

func TestTranspose(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		for _, rows := range []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 33, 64, 65, 80, 130} {
			for _, cols := range []int{0, 1, 3, 7, 8, 9, 15, 16, 23, 24, 32, 47, 65} {
				for _, extra := range [][2]int{{0, 0}, {3, 5}} {
					ldx, ldd := cols+extra[0], rows+extra[1]
					x := counting(max(0, (rows-1)*ldx+cols))
					dst := kerneltest.NewBuffer(max(0, (cols-1)*ldd+rows), 1)
					kernel.Transpose(dst.F, ldd, x, ldx, rows, cols)
					for i, got := range dst.F {
						c, r := i/ldd, i%ldd
						want := float32(0) // between the rows of dst nothing is written
						if r < rows {
							want = x[r*ldx+c]
						}
						if want != got {
							t.Fatalf("rows=%d cols=%d dst[%d,%d] is %v, want %v", rows, cols, c, r, got, want)
						}
					}
					dst.Check(t)
				}
			}
		}
	})
}

func TestTransposeOfDimensions(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		kerneltest.EachPool(t, func(t *testing.T, p *kernel.Pool) {
			for _, s := range [][4]int{{1, 1, 1, 1}, {2, 3, 4, 5}, {1, 130, 3, 64}, {2, 300, 5, 64}, {3, 70, 90, 1}, {1, 500, 200, 1}, {0, 1, 2, 3}, {2, 3, 0, 1}} {
				a, b, c, d := s[0], s[1], s[2], s[3]
				x := counting(a * b * c * d)
				dst := kerneltest.NewBuffer(len(x), 1)
				kernel.Transpose0213(dst.F, x, a, b, c, d, p)
				for i, v := range x {
					l, k, j, h := i%d, i/d%c, i/d/c%b, i/d/c/b
					if got := dst.F[((h*c+k)*b+j)*d+l]; got != v {
						t.Fatalf("shape %v element %d: %v", s, i, got)
					}
				}
				kernel.TransposeLast(dst.F, x, a*b, c, d, p)
				for i, v := range x {
					l, k, h := i%d, i/d%c, i/d/c
					if got := dst.F[(h*d+l)*c+k]; got != v {
						t.Fatalf("shape %v last two, element %d: %v", s, i, got)
					}
				}
				dst.Check(t)
			}
		})
	})
}
