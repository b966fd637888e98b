package kernel_test

import (
	"math"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

var binaryCases = []struct {
	tol    kerneltest.Tolerance
	op     kernel.BinaryOp
	oracle func(a, b float64) float64
}{
	{kerneltest.Tolerance{Name: "Add", ULP: 0.5}, kernel.OpAdd, func(a, b float64) float64 { return a + b }},
	{kerneltest.Tolerance{Name: "Sub", ULP: 0.5}, kernel.OpSub, func(a, b float64) float64 { return a - b }},
	{kerneltest.Tolerance{Name: "Mul", ULP: 0.5}, kernel.OpMul, func(a, b float64) float64 { return a * b }},
	{kerneltest.Tolerance{Name: "Div", ULP: 0.5}, kernel.OpDiv, func(a, b float64) float64 { return a / b }},
	{kerneltest.Tolerance{Name: "Max"}, kernel.OpMax, numMax},
	{kerneltest.Tolerance{Name: "Min"}, kernel.OpMin, func(a, b float64) float64 { return -numMax(-a, -b) }},
}

// numMax is the larger of two numbers, NaN when either is.
func numMax(a, b float64) float64 {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.NaN()
	}
	return math.Max(a, b)
}

func TestBinary(t *testing.T) {
	for _, c := range binaryCases {
		t.Run(c.tol.Name, func(t *testing.T) {
			kerneltest.Binary(t, c.tol, func(dst, a, b []float32) { kernel.Apply(c.op, dst, a, b) }, c.oracle)
		})
		for _, s := range []float32{1.7, -0.3, 0, float32(math.Inf(1)), float32(math.NaN())} {
			t.Run(c.tol.Name+" scalar", func(t *testing.T) {
				kerneltest.Unary(t, c.tol, func(dst, x []float32) { kernel.ApplyScalar(c.op, dst, x, s) },
					func(x float64) float64 { return c.oracle(x, float64(s)) })
			})
			t.Run(c.tol.Name+" scalar left", func(t *testing.T) {
				kerneltest.Unary(t, c.tol, func(dst, x []float32) { kernel.ApplyScalarLeft(c.op, dst, s, x) },
					func(x float64) float64 { return c.oracle(float64(s), x) })
			})
		}
	}
}

func TestBinaryNames(t *testing.T) {
	a, b, dst := []float32{6, -3}, []float32{4, 0.5}, make([]float32, 2)
	for _, c := range []struct {
		f    func(dst, a, b []float32)
		want []float32
	}{
		{kernel.Add, []float32{10, -2.5}}, {kernel.Sub, []float32{2, -3.5}}, {kernel.Mul, []float32{24, -1.5}},
		{kernel.Div, []float32{1.5, -6}}, {kernel.Max, []float32{6, 0.5}}, {kernel.Min, []float32{4, -3}},
	} {
		c.f(dst, a, b)
		require.Equal(t, c.want, dst)
	}
	for _, c := range []struct {
		f    func()
		want []float32
	}{
		{func() { kernel.AddScalar(dst, a, 2) }, []float32{8, -1}}, {func() { kernel.SubScalar(dst, a, 2) }, []float32{4, -5}},
		{func() { kernel.ScalarSub(dst, 2, a) }, []float32{-4, 5}}, {func() { kernel.Scale(dst, a, 2) }, []float32{12, -6}},
		{func() { kernel.DivScalar(dst, a, 2) }, []float32{3, -1.5}}, {func() { kernel.ScalarDiv(dst, 12, a) }, []float32{2, -4}},
		{func() { kernel.MaxScalar(dst, a, 2) }, []float32{6, 2}}, {func() { kernel.MinScalar(dst, a, 2) }, []float32{2, -3}},
		{func() { kernel.Clip(dst, a, -1, 2) }, []float32{2, -1}}, {func() { kernel.Affine(dst, a, 2, 1) }, []float32{13, -5}},
	} {
		c.f()
		require.Equal(t, c.want, dst)
	}
}

var mulAddTol = kerneltest.Tolerance{Name: "MulAdd", ULP: 0.5}

func TestMulAddAndAxpy(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		kerneltest.EachCase(func(c kerneltest.Case) {
			a, b, z, dst := c.Input(1), c.Input(2), c.Input(3), kerneltest.NewBuffer(c.N, c.Offset)
			want := make([]float64, c.N)
			for i := range want {
				want[i] = math.FMA(float64(a.F[i]), float64(b.F[i]), float64(z.F[i]))
			}
			kernel.MulAdd(dst.F, a.F, b.F, z.F)
			slack := mulAddTol
			slack.ULP += 1e-6 // the oracle is rounded too, to float64
			slack.Compare(t, want, dst.F, c)
			y := kerneltest.Of(z.F, c.Offset)
			kernel.Axpy(1.37, a.F, y.F)
			for i := range want {
				want[i] = math.FMA(float64(float32(1.37)), float64(a.F[i]), float64(z.F[i]))
			}
			slack.Compare(t, want, y.F, c)
			for _, x := range []*kerneltest.Buffer{a, b, z, dst, y} {
				x.Check(t)
			}
		})
	})
}

func TestRowAndColumnBroadcast(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		kerneltest.EachPool(t, func(t *testing.T, p *kernel.Pool) {
			for _, d := range [][2]int{{0, 5}, {3, 0}, {1, 1}, {3, 17}, {64, 33}, {70, 500}} {
				rows, cols := d[0], d[1]
				x, row, col := kerneltest.Random(rows*cols, 1), kerneltest.Random(cols, 2), kerneltest.Random(rows, 3)
				dst := kerneltest.NewBuffer(rows*cols, 1)
				for _, swap := range []bool{false, true} {
					check := func(other func(r, c int) float32) {
						for i, got := range dst.F {
							a, b := x[i], other(i/cols, i%cols)
							if swap {
								a, b = b, a
							}
							if a-b != got {
								t.Fatalf("%v element %d: %v, want %v", d, i, got, a-b)
							}
						}
						dst.Check(t)
					}
					kernel.ApplyRow(kernel.OpSub, dst.F, x, row, rows, cols, swap, p)
					check(func(_, c int) float32 { return row[c] })
					kernel.ApplyCol(kernel.OpSub, dst.F, x, col, rows, cols, swap, p)
					check(func(r, _ int) float32 { return col[r] })
				}
			}
		})
	})
}

func TestActivateMul(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 15, 1024, 2500} {
			gate, up := kerneltest.Random(n, 1), kerneltest.Random(n, 2)
			want := make([]float32, n)
			kernel.Activate(kernel.ActSilu, want, gate)
			kernel.Mul(want, want, up)
			dst := kerneltest.NewBuffer(n, 3)
			kernel.ActivateMul(kernel.ActSilu, dst.F, gate, up)
			kerneltest.SameBits(t, want, dst.F)
			dst.Check(t)
			kernel.ActivateMul(kernel.ActSilu, gate, gate, up)
			kerneltest.SameBits(t, want, gate)
		}
	})
}

func TestActScalarEqualsActivate(t *testing.T) {
	x := kerneltest.Random(100, 4)
	dst := make([]float32, len(x))
	for a := kernel.ActNone; a.String() != "invalid"; a++ {
		kernel.Activate(a, dst, x)
		for i, v := range x {
			require.Equal(t, math.Float32bits(a.Scalar(v)), math.Float32bits(dst[i]), "%v(%v)", a, v)
		}
		b, ok := kernel.ParseAct(a.String())
		require.True(t, ok)
		require.Equal(t, a, b)
	}
	_, ok := kernel.ParseAct("swish7")
	require.False(t, ok)
}
