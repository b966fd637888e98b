package kernel_test

import (
	"math"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

var (
	softmaxTol    = kerneltest.Tolerance{Name: "Softmax", Rel: 2e-6, Abs: 1e-36} // x-m is rounded: relative error |x-m| half ulps
	logSoftmaxTol = kerneltest.Tolerance{Name: "LogSoftmax", Rel: 5e-7, Abs: 1e-6}
)

// softmaxOracle is softmax of a row in float64.
func softmaxOracle(x []float64) []float64 {
	m := math.Inf(-1)
	for _, v := range x {
		m = numMax(m, v)
	}
	y, s := make([]float64, len(x)), 0.0
	for i, v := range x {
		y[i] = math.Exp(v - m)
		s += y[i]
	}
	for i := range y {
		y[i] /= s
	}
	return y
}

func toFloat64(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func TestSoftmax(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		kerneltest.EachCase(func(c kerneltest.Case) {
			x, dst := c.Input(1), kerneltest.NewBuffer(c.N, c.Offset)
			want := softmaxOracle(toFloat64(x.F))
			kernel.Softmax(dst.F, x.F, 1, c.N, nil)
			softmaxTol.Compare(t, want, dst.F, c)
			for i := range want {
				want[i] = math.Log(want[i])
				if math.IsInf(want[i], -1) {
					want[i] = logSoftmaxAt(x.F, i)
				}
			}
			onX := kerneltest.Of(x.F, c.Offset)
			kernel.Softmax(onX.F, onX.F, 1, c.N, nil)
			sameOrNaN(t, x.F, dst.F, onX.F, c)
			kernel.LogSoftmax(dst.F, x.F, 1, c.N, nil)
			logSoftmaxTol.Compare(t, want, dst.F, c)
			dst.Check(t)
			onX.Check(t)
		}, kerneltest.Ordinary, kerneltest.Subnormal, kerneltest.Special)
	})
}

// logSoftmaxAt is log softmax where the probability itself vanishes.
func logSoftmaxAt(x []float32, i int) float64 {
	m, s := math.Inf(-1), 0.0
	for _, v := range x {
		m = numMax(m, float64(v))
	}
	for _, v := range x {
		s += math.Exp(float64(v) - m)
	}
	return float64(x[i]) - m - math.Log(s)
}

func TestSoftmaxSpecialRows(t *testing.T) {
	inf := float32(math.Inf(1))
	kerneltest.EachLevel(t, func(t *testing.T) {
		for _, row := range [][]float32{{-inf, -inf}, {inf, 1}, {float32(math.NaN()), 1}} {
			dst := make([]float32, len(row))
			kernel.Softmax(dst, row, 1, len(row), nil)
			require.True(t, math.IsNaN(float64(dst[0])) && (dst[1] == 0 || math.IsNaN(float64(dst[1]))), "%v -> %v", row, dst)
		}
		dst := make([]float32, 3)
		kernel.Softmax(dst, []float32{0, -1e9, -inf}, 1, 3, nil)
		require.Equal(t, []float32{1, 0, 0}, dst)
	})
}

func TestLogSumExp(t *testing.T) {
	inf := math.Inf(1)
	kerneltest.EachLevel(t, func(t *testing.T) {
		require.InDelta(t, 1000+math.Log(3), kernel.LogSumExp([]float32{1000, 1000, 1000}), 1e-4)
		require.EqualValues(t, -inf, kernel.LogSumExp(nil))
		require.EqualValues(t, -inf, kernel.LogSumExp([]float32{float32(-inf), float32(-inf)}))
		require.EqualValues(t, inf, kernel.LogSumExp([]float32{float32(inf), 1}))
		require.True(t, math.IsNaN(float64(kernel.LogSumExp([]float32{float32(math.NaN()), float32(inf)}))))
	})
}

func TestSoftmaxMasked(t *testing.T) {
	const scale = 0.125
	kerneltest.EachLevel(t, func(t *testing.T) {
		kerneltest.EachPool(t, func(t *testing.T, p *kernel.Pool) {
			for _, d := range []struct{ heads, queries, keys, past int }{{1, 1, 1, 0}, {2, 3, 17, 14}, {3, 40, 40, 0}, {2, 65, 130, 65}, {2, 5, 3, 0}} {
				rows := d.heads * d.queries
				x, add := kerneltest.Random(rows*d.keys, 1), kerneltest.Random(d.queries*d.keys, 2)
				oracle := func(m kernel.AttentionMask) []float64 {
					var want []float64
					for r := range rows {
						row := make([]float64, d.keys)
						for c := range row {
							row[c] = scale * float64(x[r*d.keys+c])
							if m.Add != nil {
								at := r % d.queries
								if m.Row != nil {
									at = m.Row(r)
								}
								row[c] += float64(m.Add[at*d.keys+c])
							}
							if m.Causal && c > r%d.queries+d.past {
								row[c] = math.Inf(-1)
							}
						}
						want = append(want, softmaxOracle(row)...)
					}
					return want
				}
				for name, m := range map[string]kernel.AttentionMask{
					"none":   {},
					"add":    {Add: add},
					"row":    {Add: add, Row: func(r int) int { return r / d.heads % d.queries }},
					"causal": {Causal: true, Queries: d.queries, Past: d.past},
					"both":   {Add: add, Causal: true, Queries: d.queries, Past: d.past},
				} {
					dst := kerneltest.NewBuffer(rows*d.keys, 1)
					kernel.SoftmaxMasked(dst.F, x, rows, d.keys, scale, m, p)
					softmaxTol.Compare(t, oracle(m), dst.F, name, d)
					dst.Check(t)
				}
			}
		})
	})
}

func TestCausalRowWithoutKeys(t *testing.T) {
	dst := []float32{1, 1}
	kernel.SoftmaxMasked(dst, []float32{1, 2}, 1, 2, 1, kernel.AttentionMask{Causal: true, Queries: 1, Past: -1}, nil)
	require.True(t, math.IsNaN(float64(dst[0])) && math.IsNaN(float64(dst[1])))
}

func TestRowKernelsGiveSameBitsAtEveryLevelAndThreadCount(t *testing.T) {
	const rows, cols = 150, 333
	x, y, gamma, beta := kerneltest.Random(rows*cols, 1), kerneltest.Random(rows*cols, 2), kerneltest.Random(cols, 3), kerneltest.Random(cols, 4)
	kernels := map[string]func(dst []float32, p *kernel.Pool){
		"Softmax":    func(dst []float32, p *kernel.Pool) { kernel.Softmax(dst, x, rows, cols, p) },
		"LogSoftmax": func(dst []float32, p *kernel.Pool) { kernel.LogSoftmax(dst, x, rows, cols, p) },
		"SoftmaxMasked": func(dst []float32, p *kernel.Pool) {
			kernel.SoftmaxMasked(dst, x, rows, cols, 0.3, kernel.AttentionMask{Add: y}, p)
		},
		"LayerNorm": func(dst []float32, p *kernel.Pool) { kernel.LayerNorm(dst, x, rows, cols, gamma, beta, 1e-5, p) },
		"RMSNorm":   func(dst []float32, p *kernel.Pool) { kernel.RMSNorm(dst, x, rows, cols, gamma, 1e-5, p) },
		"AddLayerNorm": func(dst []float32, p *kernel.Pool) {
			kernel.AddLayerNorm(dst, nil, x, y, rows, cols, gamma, beta, 1e-5, p)
		},
		"AddRMSNorm": func(dst []float32, p *kernel.Pool) { kernel.AddRMSNorm(dst, nil, x, y, rows, cols, gamma, 1e-5, p) },
	}
	for name, f := range kernels {
		want, got := make([]float32, rows*cols), make([]float32, rows*cols)
		restore := kernel.SetLevel(kernel.Portable)
		f(want, nil)
		restore()
		kerneltest.EachLevel(t, func(t *testing.T) {
			kerneltest.EachPool(t, func(t *testing.T, p *kernel.Pool) {
				f(got, p)
				kerneltest.SameBits(t, want, got, name)
			})
		})
	}
}
