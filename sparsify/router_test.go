package sparsify

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// expertOutput is Z_e of one token by the definition.
func expertOutput(h []float32, down Matrix, x Experts, e int) []float64 {
	z := make([]float64, down.Cols)
	for n, a := range x.Assign {
		if a == e {
			for j, w := range down.Row(n) {
				z[j] += float64(h[n]) * float64(w)
			}
		}
	}
	return z
}

func routing(t *testing.T, r *rand.Rand, tokens, n, out, e int) (h, down Matrix, x Experts) {
	t.Helper()
	h, down = randomMatrix(r, tokens, n), randomMatrix(r, n, out)
	for i := range h.Data {
		h.Data[i] = max(h.Data[i], 0)
	}
	x, err := SplitRandom(n, e, 1)
	require.NoError(t, err)
	x.Assign[0] = Shared
	return h, down, x
}

func TestExpertNorms(t *testing.T) {
	h, down, x := routing(t, rand.New(rand.NewPCG(1, 1)), 300, 23, 5, 4)
	norms, err := ExpertNorms(h, down, x)
	require.NoError(t, err)
	for tok := range h.Rows {
		for e := range x.E {
			var s float64
			for _, v := range expertOutput(h.Row(tok), down, x, e) {
				s += v * v
			}
			require.InDelta(t, math.Sqrt(s), norms.Row(tok)[e], 1e-4)
		}
	}
	_, err = ExpertNorms(NewMatrix(1, 3), down, x)
	require.ErrorContains(t, err, "partition of 23 neurons, activations of 3")
}

// skipped is |Σ_{e not in set} Z_e|².
func skipped(z [][]float64, set uint) (sum float64) {
	for j := range z[0] {
		var s float64
		for e := range z {
			if set>>e&1 == 0 {
				s += z[e][j]
			}
		}
		sum += s * s
	}
	return sum
}

func TestOracleGreedyAgainstBruteForce(t *testing.T) {
	h, down, x := routing(t, rand.New(rand.NewPCG(2, 2)), 200, 30, 6, 5)
	for _, k := range []int{0, 1, 3, 4, 5} {
		sel, err := OracleGreedy(h, down, x, k)
		require.NoError(t, err)
		var got, best float64
		for tok := range h.Rows {
			z := make([][]float64, x.E)
			var set uint
			for e := range z {
				z[e] = expertOutput(h.Row(tok), down, x, e)
				if sel.Get(tok*x.E + e) {
					set |= 1 << e
				}
			}
			require.Equal(t, k, bits.OnesCount(set))
			least := math.Inf(1)
			for s := range uint(1 << x.E) {
				if bits.OnesCount(s) == k {
					least = min(least, skipped(z, s))
				}
			}
			got += skipped(z, set)
			best += least
			if k >= x.E-1 { // one step is exact
				require.InDelta(t, least, skipped(z, set), 1e-3)
			}
		}
		require.GreaterOrEqual(t, got, best-1e-3)
		require.LessOrEqual(t, got, 1.3*best+1e-3)
	}
	_, err := OracleGreedy(h, down, x, 6)
	require.ErrorContains(t, err, "cannot select 6 of 5")
}

func TestFitRouterRecoversLogLinearNorms(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	x, w := randomMatrix(r, 2000, 6), randomMatrix(r, 6, 4)
	norms := NewMatrix(2000, 4)
	for t := range x.Rows {
		for e := range 4 {
			v := float64(e)
			for j, xv := range x.Row(t) {
				v += float64(xv) * float64(w.Row(j)[e])
			}
			norms.Row(t)[e] = float32(math.Exp(v))
		}
	}
	fit, err := FitRouter(x, norms, RouterOptions{Ridge: 1e-6, Eps: 1e-12})
	require.NoError(t, err)
	require.InDeltaSlice(t, w.Data, fit.W.Data, 1e-3)
	require.InDeltaSlice(t, []float32{0, 1, 2, 3}, fit.B, 1e-3)
	logits, err := fit.Logits(x)
	require.NoError(t, err)
	sel, err := SelectTop(logits, 2)
	require.NoError(t, err)
	want, err := SelectTop(norms, 2)
	require.NoError(t, err)
	recall, err := Recall(sel, want)
	require.NoError(t, err)
	require.Greater(t, recall, 0.999)
	_, err = fit.Logits(NewMatrix(1, 5))
	require.ErrorContains(t, err, "5 inputs, want 6")
	norms.Data[9] = -1
	_, err = FitRouter(x, norms, RouterOptions{})
	require.ErrorContains(t, err, "norm of expert 1 on token 2 is -1")
}

func TestSelectionReports(t *testing.T) {
	nan := float32(math.NaN())
	sel, err := SelectTop(Matrix{3, 4, []float32{1, 2, 2, 2, nan, 0, -1, nan, nan, nan, nan, nan}}, 2)
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 5, 6, 8, 9}, alive(sel), "ties to the lower index, NaN last")
	require.Equal(t, []int64{1, 3, 2, 0}, Load(sel))
	_, err = SelectTop(NewMatrix(1, 4), 5)
	require.ErrorContains(t, err, "cannot keep 5 of 4")
	energy, err := CapturedEnergy(sel, Matrix{3, 4, []float32{3, 1, 1, 0, 0, 2, 0, 1, 0, 0, 0, 0}})
	require.NoError(t, err)
	require.InDelta(t, 6.0/16, energy, 1e-12)
	other, err := FullMask(3, 4)
	require.NoError(t, err)
	recall, err := Recall(sel, other)
	require.NoError(t, err)
	require.Equal(t, 0.5, recall)
}

func TestLogNormsFloor(t *testing.T) {
	got, err := LogNorms(Matrix{1, 2, []float32{0, 2}}, 0.1) // mean 1, ε 0.1
	require.NoError(t, err)
	require.InDeltaSlice(t, []float32{float32(math.Log(0.1)), float32(math.Log(2.1))}, got.Data, 1e-6)
	got, err = LogNorms(NewMatrix(1, 2), 0)
	require.NoError(t, err)
	require.False(t, math.IsInf(float64(got.Data[0]), 0), "experts that are always silent give finite targets")
}

// The form of MeanTable and the mask form must be the same layer.
func TestMeanCompensationForms(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	h, down, x := routing(t, r, 400, 24, 5, 4)
	bias := []float64{1, 2, 3, 4, 5}
	sel, err := SelectTop(randomMatrix(r, 400, 4), 2)
	require.NoError(t, err)
	keep, err := x.NeuronMask(sel)
	require.NoError(t, err)
	mm := NewMaskedMean(24)
	require.NoError(t, mm.Observe(h, keep))
	mu := mm.Mean()
	require.Zero(t, mu[0], "a shared neuron is never masked")
	table, err := MeanTable(mu, down, x)
	require.NoError(t, err)
	for e := range x.E { // M_e is the mean of Z_e over the tokens without e
		sum, count := make([]float64, 5), 0.0
		for tok := range h.Rows {
			if !sel.Get(tok*x.E + e) {
				count++
				for j, v := range expertOutput(h.Row(tok), down, x, e) {
					sum[j] += v
				}
			}
		}
		for j := range sum {
			require.InDelta(t, sum[j]/count, table.Row(e)[j], 1e-4)
		}
	}
	masked := NewMatrix(400, 24)
	require.NoError(t, MaskRows(masked, h, keep, mu))
	for tok := range 20 {
		for j := range 5 {
			a, b := bias[j], bias[j] // a: table form, b: mask form with all means in the bias
			a += expertOutput(h.Row(tok), down, x, Shared)[j]
			for e := range x.E {
				a += float64(table.Row(e)[j])
				if sel.Get(tok*x.E + e) {
					a += expertOutput(h.Row(tok), down, x, e)[j] - float64(table.Row(e)[j])
				}
				b += float64(table.Row(e)[j])
			}
			for n, v := range masked.Row(tok) {
				b += float64(v) * float64(down.Row(n)[j])
			}
			require.InDelta(t, a, b, 1e-4)
		}
	}
	require.NoError(t, MaskRows(masked, h, keep, nil))
	for i, v := range masked.Data {
		if keep.Get(i) {
			require.Equal(t, h.Data[i], v)
		} else {
			require.Zero(t, v)
		}
	}
	require.ErrorContains(t, mm.Observe(NewMatrix(2, 24), keep), "does not fit")
	_, err = MeanTable(mu[:3], down, x)
	require.ErrorContains(t, err, "3 means")
}
