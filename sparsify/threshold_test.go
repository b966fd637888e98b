package sparsify

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNormalQuantile(t *testing.T) {
	for p, z := range map[float64]float64{
		0.5: 0, 0.75: 0.6744897501960817, 0.8: 0.8416212335729143, 0.9: 1.2815515655446004, 0.92: 1.4050715603096329,
		0.95: 1.6448536269514722, 0.97: 1.8807936081512509, 0.98: 2.0537489106318225, 0.99: 2.3263478740408408,
		0.975: 1.959963984540054, 1e-3: -3.090232306167813, 1e-10: -6.361340902404056, 1e-20: -9.262340089798408,
		1e-300: -37.0471,
	} {
		tol := 1e-14 * max(1, math.Abs(z))
		if p == 1e-300 {
			tol = 1e-4
		}
		require.InDelta(t, z, NormalQuantile(p), tol, "p = %g", p)
	}
	for _, p := range []float64{1e-300, 1e-100, 1e-12, 1e-5, 0.01, 0.3, 0.49999} {
		require.InEpsilon(t, p, 0.5*math.Erfc(-NormalQuantile(p)/math.Sqrt2), 2e-12*max(1, -math.Log(p)))
	}
	require.True(t, math.IsInf(NormalQuantile(0), -1))
	require.True(t, math.IsInf(NormalQuantile(1), 1))
	for _, p := range []float64{-0.1, 1.1, math.NaN()} {
		require.True(t, math.IsNaN(NormalQuantile(p)))
	}
}

func TestKeepRulesByHand(t *testing.T) {
	s := Matrix{2, 4, []float32{1, 3, 3, 2, 5, 5, 5, 5}}
	for _, c := range []struct {
		rule KeepRule
		want []int
	}{
		{KeepRule{Kind: KeepExact, K: 0}, nil},
		{KeepRule{Kind: KeepExact, K: 1}, []int{1, 4}},
		{KeepRule{Kind: KeepExact, K: 3}, []int{1, 2, 3, 4, 5, 6}},
		{KeepRule{Kind: KeepExact, K: 4}, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{KeepRule{Kind: KeepThreshold, Threshold: 3}, []int{1, 2, 4, 5, 6, 7}},
		{KeepRule{Kind: KeepThreshold, Threshold: 3.1}, []int{4, 5, 6, 7}},
		// mean 2.25, population std sqrt(11/16) = 0.829: cut at 2.25 + 0.9·0.829 = 2.996; the constant row keeps nothing.
		{KeepRule{Kind: KeepStat, Threshold: 0.9}, []int{1, 2}},
		{KeepRule{Kind: KeepStat, Threshold: 0.91}, nil},
		{KeepRule{Kind: KeepStat, Threshold: -5}, []int{0, 1, 2, 3}},
	} {
		m, err := c.rule.Mask(s)
		require.NoError(t, err)
		require.Equal(t, c.want, alive(m), "%+v", c.rule)
	}
	for _, bad := range []KeepRule{{Kind: KeepExact, K: 5}, {Kind: 7}, {Kind: KeepStat, Threshold: math.NaN()}} {
		_, err := bad.Mask(s)
		require.Error(t, err)
	}
	require.Equal(t, []float32{1, 2, 0}, AbsScores(Matrix{1, 3, []float32{-1, 2, 0}}).Data)
}

// Calibrated rules keep the share they were made for, whatever the distribution; the normal quantile does on Gaussian rows only.
func TestCalibratedShares(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	gauss := randomMatrix(r, 200, 500)
	skewed := NewMatrix(200, 500)
	for i, v := range gauss.Data {
		skewed.Data[i] = v * v * v * float32(1+i%3)
	}
	for _, share := range []float64{0.5, 0.25, 0.08} {
		for _, x := range []Matrix{gauss, skewed, AbsScores(gauss)} {
			z, err := PooledMultiplier(x, share)
			require.NoError(t, err)
			m, err := KeepRule{Kind: KeepStat, Threshold: z}.Mask(x)
			require.NoError(t, err)
			require.InDelta(t, share, m.Density(), 1e-4)
			c, err := PooledThreshold(append([]float32(nil), AbsScores(x).Data...), share)
			require.NoError(t, err)
			m, err = KeepRule{Kind: KeepThreshold, Threshold: float64(c)}.Mask(AbsScores(x))
			require.NoError(t, err)
			require.InDelta(t, share, m.Density(), 1e-4)
		}
		m, err := KeepRule{Kind: KeepStat, Threshold: NormalQuantile(1 - share)}.Mask(gauss)
		require.NoError(t, err)
		require.InDelta(t, share, m.Density(), 5e-3)
	}
	m, err := KeepRule{Kind: KeepStat, Threshold: NormalQuantile(0.92)}.Mask(AbsScores(gauss))
	require.NoError(t, err)
	require.InDelta(t, 0.10, m.Density(), 5e-3, "the figure of absolute Gaussians at a target of 8 %")
}

func TestPooledEdgeCases(t *testing.T) {
	c, err := PooledThreshold([]float32{0, 0, 0, 1}, 0.5)
	require.NoError(t, err)
	require.Equal(t, float32(0x1p-126), c)
	_, err = PooledThreshold(nil, 0.5)
	require.Error(t, err)
	_, err = PooledThreshold([]float32{float32(math.NaN())}, 0.5)
	require.ErrorContains(t, err, "score 0 is NaN")
	z, err := PooledMultiplier(Matrix{1, 3, []float32{1, 2, 3}}, 1)
	require.NoError(t, err)
	m, err := KeepRule{Kind: KeepStat, Threshold: z}.Mask(Matrix{1, 3, []float32{1, 2, 3}})
	require.NoError(t, err)
	require.Equal(t, 3, m.Count())
	_, err = PooledMultiplier(Matrix{1, 3, []float32{2, 2, 2}}, 0.5)
	require.ErrorContains(t, err, "cannot keep 0.5 of 0 scores")
	_, err = PooledMultiplier(Matrix{1, 2, []float32{2, float32(math.Inf(1))}}, 0.5)
	require.ErrorContains(t, err, "row 0 is not finite")
}

func TestKeepRuleRowsAreIndependent(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	x := randomMatrix(r, 301, 37)
	for _, rule := range []KeepRule{{Kind: KeepExact, K: 9}, {Kind: KeepThreshold, Threshold: 0.4}, {Kind: KeepStat, Threshold: 0.7}} {
		all, err := rule.Mask(x)
		require.NoError(t, err)
		for row := range x.Rows {
			one, err := rule.Mask(x.Slice(row, row+1))
			require.NoError(t, err)
			for j := range x.Cols {
				require.Equal(t, one.Get(j), all.Get(row*x.Cols+j))
			}
		}
	}
}
