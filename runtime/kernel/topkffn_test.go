package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/stretchr/testify/require"
)

// sparseTolerance bounds max|a-b|/(1+max|b|) of this file's products against loops in float64.
const sparseTolerance = 3e-6

func randoms(r *rand.Rand, n int, scale float64) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(r.NormFloat64() * scale)
	}
	return s
}

func requireNear(t *testing.T, want, got []float32, tol float64, msg string) {
	t.Helper()
	require.Len(t, got, len(want))
	var top, worst float64
	for i := range want {
		top = max(top, math.Abs(float64(want[i])))
		if d := math.Abs(float64(want[i]) - float64(got[i])); d > worst || d != d {
			worst = d
		}
	}
	require.LessOrEqual(t, worst, tol*(1+top), msg)
}

func eachLevel(t *testing.T, f func(t *testing.T)) {
	for _, l := range kernel.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer kernel.SetLevel(l)()
			f(t)
		})
	}
}

func randomFFN(r *rand.Rand, in, hidden, out int, gated, biased bool, act kernel.Act) kernel.FFNSpec {
	s := kernel.FFNSpec{In: in, Hidden: hidden, Out: out, Act: act}
	s.Up = randoms(r, in*hidden, 1/math.Sqrt(float64(in)))
	s.Down = randoms(r, hidden*out, 1/math.Sqrt(float64(hidden)))
	if gated {
		s.Gate = randoms(r, in*hidden, 1/math.Sqrt(float64(in)))
	}
	if biased {
		s.UpBias, s.OutBias = randoms(r, hidden, 0.3), randoms(r, out, 0.3)
		if gated {
			s.GateBias = randoms(r, hidden, 0.3)
		}
	}
	return s
}

type dims struct{ in, hidden, out int }

var ffnDims = []dims{{1, 1, 1}, {3, 5, 2}, {16, 64, 16}, {17, 65, 63}, {64, 100, 320}, {33, 330, 257}}

func TestFFNDense(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, d := range ffnDims {
			for variant := range 4 {
				s := randomFFN(r, d.in, d.hidden, d.out, variant&1 != 0, variant&2 != 0, kernel.ActSilu)
				f := kernel.NewFFN(s)
				for _, m := range []int{0, 1, 2, 3, 4, 5, 7, max(8, 131-d.hidden)} {
					x := randoms(r, m*d.in, 1)
					want, got := make([]float32, m*d.out), nans(m*d.out+8)
					s.DenseRef(m, x, want)
					f.Dense(m, x, got[:m*d.out], nil)
					requireNear(t, want, got[:m*d.out], 1e-5, fmt.Sprint(d, variant, m))
					requireGuard(t, got[m*d.out:])
				}
			}
		}
	})
}

func nans(n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(math.NaN())
	}
	return s
}

func requireGuard(t *testing.T, s []float32) {
	t.Helper()
	for _, v := range s {
		require.True(t, v != v, "wrote beyond the end")
	}
}

var keepOns = []kernel.KeepOn{kernel.KeepHidden, kernel.KeepGate, kernel.KeepGateSigned}

func keepRules(hidden int) []kernel.KeepRule {
	var rules []kernel.KeepRule
	for _, on := range keepOns {
		for _, k := range []int{-1, 0, 1, (hidden + 9) / 10, hidden / 2, hidden * 9 / 10, hidden, hidden + 3} {
			rules = append(rules, kernel.KeepRule{On: on, Kind: kernel.KeepExact, K: k})
		}
		for _, z := range []float32{-1, 0, 0.8, 1.5, 50} {
			rules = append(rules, kernel.KeepRule{On: on, Kind: kernel.KeepStat, Threshold: z}, kernel.KeepRule{On: on, Kind: kernel.KeepThreshold, Threshold: z / 4})
		}
	}
	return rules
}

// nearTie tells whether rounding could move a score across the rule's border.
func nearTie(rule kernel.KeepRule, score []float32, kept []int32) bool {
	in := make([]bool, len(score))
	for _, i := range kept {
		in[i] = true
	}
	low, high, top := math.Inf(1), math.Inf(-1), 0.0
	for i, v := range score {
		top = max(top, math.Abs(float64(v)))
		if in[i] {
			low = min(low, float64(v))
		} else {
			high = max(high, float64(v))
		}
	}
	border := rule.Threshold
	if rule.Kind == kernel.KeepStat {
		mean, std := kernel.RowMeanStdRef(score)
		border = float32(mean + float64(rule.Threshold)*std)
	}
	if rule.Kind != kernel.KeepExact {
		return min(math.Abs(low-float64(border)), math.Abs(high-float64(border))) < 1e-5*(1+top)
	}
	return low-high < 1e-5*(1+top)
}

func TestFFNTopK(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		left := 0
		for _, d := range ffnDims {
			for variant := range 4 {
				s := randomFFN(r, d.in, d.hidden, d.out, variant&1 != 0, variant&2 != 0, []kernel.Act{kernel.ActSilu, kernel.ActRelu}[variant/2])
				f := kernel.NewFFN(s)
				m := []int{1, 2, 5, 19}[variant]
				for _, rule := range keepRules(d.hidden) {
					x := randoms(r, m*d.in, 1)
					want, got := make([]float32, m*d.out), nans(m*d.out+8)
					ties := false
					wantKept := s.TopKRef(m, x, want, rule, func(_ int, score []float32, kept []int32) {
						ties = ties || nearTie(rule, score, kept)
					})
					gotKept := f.TopK(m, x, got[:m*d.out], rule, nil)
					requireGuard(t, got[m*d.out:])
					// Zeros of a ReLU tie exactly and add nothing, so only their choice is left out.
					if ties && s.Act != kernel.ActRelu {
						left++
						continue
					}
					msg := fmt.Sprintf("%v variant %d m %d rule %+v", d, variant, m, rule)
					if rule.Kind == kernel.KeepExact || !ties {
						require.Equal(t, wantKept, gotKept, msg)
					}
					if !ties {
						requireNear(t, want, got[:m*d.out], 1e-5, msg)
					}
				}
			}
		}
		require.Less(t, left, 60)
	})
}

func TestFFNSameBitsForAnyThreadsAndBatch(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, d := range []dims{{17, 65, 63}, {40, 400, 330}} {
			s := randomFFN(r, d.in, d.hidden, d.out, true, true, kernel.ActSilu)
			f := kernel.NewFFN(s)
			for _, m := range []int{1, 3, 20} {
				x := randoms(r, m*d.in, 1)
				rules := append(keepRules(d.hidden), kernel.KeepRule{Kind: kernel.KeepThreshold}) // the last keeps all
				for _, rule := range rules {
					want := make([]float32, m*d.out)
					kept := f.TopK(m, x, want, rule, nil)
					for _, threads := range []int{1, 2, 3} {
						p := kernel.NewPool(threads)
						got := make([]float32, m*d.out)
						require.Equal(t, kept, f.TopK(m, x, got, rule, p))
						require.Equal(t, want, got, "threads %d rule %+v", threads, rule)
						p.Close()
					}
					single := make([]float32, d.out)
					for i := range m {
						f.TopK(1, x[i*d.in:(i+1)*d.in], single, rule, nil)
						require.Equal(t, want[i*d.out:(i+1)*d.out], single, "row %d of %d rule %+v", i, m, rule)
					}
				}
			}
		}
	})
}

func TestFFNNaNScores(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		s := randomFFN(r, 8, 40, 8, true, false, kernel.ActSilu)
		nan := float32(math.NaN())
		for i := range 30 { // neurons 0..29 have NaN scores
			s.Gate[i] = nan
		}
		f := kernel.NewFFN(s)
		x := randoms(r, 8, 1)
		y := make([]float32, 8)
		for _, on := range keepOns {
			kept := f.TopK(1, x, y, kernel.KeepRule{On: on, K: 10}, nil)
			require.EqualValues(t, 10, kept)
			require.False(t, slices.ContainsFunc(y, func(v float32) bool { return v != v }), "numbers come first")
			kept = f.TopK(1, x, y, kernel.KeepRule{On: on, K: 11}, nil)
			require.EqualValues(t, 11, kept)
			require.True(t, y[0] != y[0], "the eleventh is a NaN")
			require.Zero(t, f.TopK(1, x, y, kernel.KeepRule{On: on, Kind: kernel.KeepStat}, nil))
			require.LessOrEqual(t, f.TopK(1, x, y, kernel.KeepRule{On: on, Kind: kernel.KeepThreshold, Threshold: -100}, nil), int64(10))
			require.Zero(t, f.TopK(1, x, y, kernel.KeepRule{On: on, Kind: kernel.KeepThreshold, Threshold: nan}, nil))
		}
	})
}

func TestSpecCheck(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 8))
	s := randomFFN(r, 3, 4, 5, true, true, kernel.ActRelu)
	require.NoError(t, s.Check())
	s.Down = s.Down[1:]
	require.ErrorContains(t, s.Check(), "down has 19 elements, want 20")
	x := randomMoE(r, moeDims{4, 2, 3, 4, 5, 6}, true, true, true)
	require.NoError(t, x.Check())
	x.Router = nil
	require.ErrorContains(t, x.Check(), "router has 0 elements, want 12")
	x.K = 4
	require.NoError(t, x.Check())
	x.E = 0
	require.Error(t, x.Check())
}
