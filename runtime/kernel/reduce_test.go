package kernel_test

import (
	"math"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

func over(f func(acc, x float64) float64, start float64) func(x []float32) float64 {
	return func(x []float32) float64 {
		acc := start
		for _, v := range x {
			acc = f(acc, float64(v))
		}
		return acc
	}
}

var sumAbs = over(func(acc, x float64) float64 { return acc + math.Abs(x) }, 0)

func TestReductions(t *testing.T) {
	finite := []kerneltest.Kind{kerneltest.Ordinary, kerneltest.Wide, kerneltest.Subnormal}
	// Each lane is a sum of at most 17 terms here, then six foldings: 23 roundings of half an ulp of Σ|x|.
	sumTol := kerneltest.Tolerance{Name: "Sum", Abs: 23 * 0x1p-24}
	squares := over(func(acc, x float64) float64 { return acc + x*x }, 0)
	withFloor := func(x []float32) float64 { return squares(x) + 0x1p-120 } // squares of subnormals vanish
	kerneltest.Reduce(t, sumTol, kernel.Sum, over(func(acc, x float64) float64 { return acc + x }, 0), sumAbs, finite...)
	kerneltest.Reduce(t, sumTol, kernel.SumAbs, sumAbs, sumAbs, finite...)
	kerneltest.Reduce(t, sumTol, kernel.SumSquares, squares, withFloor, finite...)
	kerneltest.Reduce(t, sumTol, func(x []float32) float32 { return kernel.Dot(x, x) }, squares, withFloor, finite...)
	shifted := over(func(acc, x float64) float64 { return acc + (x-0.25)*(x-0.25) }, 0)
	kerneltest.Reduce(t, kerneltest.Tolerance{Name: "SumSquaredDeviations", Abs: 26 * 0x1p-24},
		func(x []float32) float32 { return kernel.SumSquaredDeviations(x, 0.25) }, shifted, shifted, finite...)

	exact := kerneltest.Tolerance{Name: "MaxOf"}
	kerneltest.Reduce(t, exact, kernel.MaxOf, over(numMax, math.Inf(-1)), nil)
	kerneltest.Reduce(t, exact, kernel.MinOf, over(func(a, b float64) float64 { return -numMax(-a, -b) }, math.Inf(1)), nil)
	kerneltest.Reduce(t, exact, kernel.MaxAbs, over(func(a, b float64) float64 { return numMax(a, math.Abs(b)) }, 0), nil)
}

func TestReductionsGiveSameBitsAtEveryLevel(t *testing.T) {
	reductions := map[string]func(x []float32) float32{
		"Sum": kernel.Sum, "SumAbs": kernel.SumAbs, "SumSquares": kernel.SumSquares, "MaxOf": kernel.MaxOf, "MinOf": kernel.MinOf,
		"Dot": func(x []float32) float32 { return kernel.Dot(x, x) },
		"Dev": func(x []float32) float32 { return kernel.SumSquaredDeviations(x, 0.3) },
	}
	for name, f := range reductions {
		kerneltest.EachCase(func(c kerneltest.Case) {
			x := c.Input(1)
			restore := kernel.SetLevel(kernel.Portable)
			want := f(x.F)
			restore()
			for _, l := range kernel.Levels() {
				restore := kernel.SetLevel(l)
				sameOrNaN(t, []float32{0}, []float32{want}, []float32{f(x.F)}, name, l, c)
				restore()
			}
		})
	}
}

func TestRowReductions(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		kerneltest.EachPool(t, func(t *testing.T, p *kernel.Pool) {
			const rows, cols = 130, 300
			x := kerneltest.Random(rows*cols, 1)
			dst := make([]float32, rows)
			for _, c := range []struct {
				rows func(dst, x []float32, rows, cols int, p *kernel.Pool)
				one  func(x []float32) float32
			}{{kernel.SumRows, kernel.Sum}, {kernel.MaxRows, kernel.MaxOf}, {kernel.MinRows, kernel.MinOf}, {kernel.SumSquaresRows, kernel.SumSquares}} {
				c.rows(dst, x, rows, cols, p)
				for r, got := range dst {
					require.Equal(t, c.one(x[r*cols:(r+1)*cols]), got)
				}
			}
			sums := make([]float32, cols)
			sums[3] = 5
			kernel.AccumulateCols(sums, x, rows, cols, p)
			for c, got := range sums {
				want := float32(0)
				if c == 3 {
					want = 5
				}
				for r := range rows {
					want += x[r*cols+c]
				}
				require.Equal(t, want, got)
			}
		})
	})
}
