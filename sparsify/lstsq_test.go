package sparsify

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCholeskyAndSolve(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 2, 5, 63, 64, 65, 130, 200} {
		b := NewMatrix64(n, n)
		for i := range b.Data {
			b.Data[i] = r.NormFloat64()
		}
		a := NewMatrix64(n, n)
		for i := range n {
			for j := range n {
				a.Data[i*n+j] = dot64(b.Row(i), b.Row(j))
			}
			a.Data[i*n+i] += float64(n)
		}
		l := a.Clone()
		require.NoError(t, Cholesky(l))
		for i := range n {
			for j := 0; j <= i; j++ {
				require.InDelta(t, a.At(i, j), dot64(l.Row(i)[:j+1], l.Row(j)[:j+1]), 1e-9*float64(n))
			}
		}
		x := NewMatrix64(n, 3)
		for i := range x.Data {
			x.Data[i] = r.NormFloat64()
		}
		y := NewMatrix64(n, 3)
		for i := range n {
			for k := range 3 {
				for j := range n {
					y.Data[i*3+k] += a.At(i, j) * x.At(j, k)
				}
			}
		}
		CholeskySolve(l, y)
		require.InDeltaSlice(t, x.Data, y.Data, 1e-9)
		inv := inverse(l)
		for i := range n {
			require.InDelta(t, 1, dot64(a.Row(i), inv.Row(i)), 1e-9) // both symmetric
		}
	}
}

func TestCholeskyRefuses(t *testing.T) {
	require.ErrorIs(t, Cholesky(Matrix64{2, 2, []float64{1, 2, 2, 1}}), ErrNotPositive)
	require.ErrorIs(t, Cholesky(Matrix64{1, 1, []float64{math.NaN()}}), ErrNotPositive)
	require.Error(t, Cholesky(NewMatrix64(2, 3)))
}

// One feature, by hand: x = 0, 2, y = 1, 5. Centred G = 2, XY = 4. With w0 = 3 and ridge r: λ = 2r, w = (4 + 6r)/(2 + 2r), b = 3 - w.
func TestRidgeByHand(t *testing.T) {
	g, err := NewMoments(1, 1)
	require.NoError(t, err)
	require.NoError(t, g.Observe(Matrix{2, 1, []float32{0, 2}}, Matrix{2, 1, []float32{1, 5}}))
	for _, r := range []float64{-1, 0.5, 3} {
		fit, err := Ridge(g, nil, Matrix{1, 1, []float32{3}}, nil, RidgeOptions{Ridge: r})
		require.NoError(t, err)
		rr := max(r, 0)
		w := (4 + 6*rr) / (2 + 2*rr)
		require.InDelta(t, w, fit.W.Data[0], 1e-6)
		require.InDelta(t, 3-w, fit.B[0], 1e-6)
		require.InDelta(t, 2*rr, fit.Lambda, 1e-12)
	}
	// Through the origin, uncentred: G = 4, Σ x(y-b0) = 10 - 2·b0; the bias stays.
	fit, err := Ridge(g, nil, Matrix{}, []float32{1}, RidgeOptions{Ridge: -1, NoIntercept: true})
	require.NoError(t, err)
	require.InDelta(t, 2, fit.W.Data[0], 1e-6)
	require.Equal(t, []float32{1}, fit.B)
}

// ridgeLoss is the objective that Ridge minimises, computed row by row.
func ridgeLoss(x, y Matrix, keep []int, w Matrix, b []float32, w0 Matrix, lambda float64) (sum float64) {
	for t := range x.Rows {
		for j := range y.Cols {
			p := float64(y.Row(t)[j])
			if b != nil {
				p -= float64(b[j])
			}
			for i, k := range keep {
				p -= float64(x.Row(t)[k]) * float64(w.Row(i)[j])
			}
			sum += p * p
		}
	}
	for i, k := range keep {
		for j := range y.Cols {
			d := float64(w.Row(i)[j] - w0.Row(k)[j])
			sum += lambda * d * d
		}
	}
	return sum
}

func TestRidgeIsTheMinimum(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for trial := range 20 {
		n, m, rows := 2+r.IntN(6), 1+r.IntN(3), 10+r.IntN(600)
		x, y, w0 := randomMatrix(r, rows, n), randomMatrix(r, rows, m), randomMatrix(r, n, m)
		g, err := NewMoments(n, m)
		require.NoError(t, err)
		require.NoError(t, g.Observe(x, y))
		keep := r.Perm(n)[:1+r.IntN(n)]
		opt := RidgeOptions{Ridge: 0.1, NoIntercept: trial%2 == 0}
		fit, err := Ridge(g, keep, w0, nil, opt)
		require.NoError(t, err)
		require.Zero(t, fit.Raised)
		best := ridgeLoss(x, y, keep, fit.W, fit.B, w0, fit.Lambda)
		for range 40 {
			w, b := fit.W.Clone(), append([]float32(nil), fit.B...)
			w.Data[r.IntN(len(w.Data))] += float32(0.05 * r.NormFloat64())
			if b != nil {
				b[r.IntN(m)] += float32(0.05 * r.NormFloat64())
			}
			require.GreaterOrEqual(t, ridgeLoss(x, y, keep, w, b, w0, fit.Lambda)+1e-3, best)
		}
	}
}

// Solving from the hidden Gram matrix alone must equal fitting to the dense layer's outputs.
func TestRefitKeepEqualsRidgeOnOutputs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	h, w, b := randomMatrix(r, 700, 20), randomMatrix(r, 20, 4), []float32{1, -2, 0.5, 3}
	for i := range h.Data {
		h.Data[i] = max(h.Data[i], 0)
	}
	y := NewMatrix(700, 4)
	gemm(700, 4, 20, h.Data, 20, false, w.Data, 4, false, y.Data, 4)
	for i := range y.Rows {
		for j, v := range b {
			y.Row(i)[j] += v
		}
	}
	alone, err := NewMoments(20, 0)
	require.NoError(t, err)
	require.NoError(t, alone.Observe(h, Matrix{}))
	full, err := NewMoments(20, 4)
	require.NoError(t, err)
	require.NoError(t, full.Observe(h, y))
	keep := []int{0, 3, 4, 8, 9, 11, 17}
	for _, opt := range []RidgeOptions{{}, {Ridge: 0.3}, {NoIntercept: true}} {
		a, err := RefitKeep(alone, keep, w, b, opt)
		require.NoError(t, err)
		bias := b
		if !opt.NoIntercept {
			bias = nil
		}
		c, err := Ridge(full, keep, w, bias, opt)
		require.NoError(t, err)
		if opt.NoIntercept {
			continue // RefitKeep fits the layer without its bias, which is the same problem; compared below
		}
		require.InDeltaSlice(t, c.W.Data, a.W.Data, 1e-4)
		require.InDeltaSlice(t, c.B, a.B, 1e-4)
	}
	a, err := RefitKeep(alone, keep, w, b, RidgeOptions{NoIntercept: true})
	require.NoError(t, err)
	c, err := Ridge(full, keep, w, b, RidgeOptions{NoIntercept: true})
	require.NoError(t, err)
	require.InDeltaSlice(t, c.W.Data, a.W.Data, 1e-4)
	require.Equal(t, b, a.B)

	all, err := RefitKeep(alone, nil, w, b, RidgeOptions{})
	require.NoError(t, err)
	require.InDeltaSlice(t, w.Data, all.W.Data, 1e-4, "nothing removed: nothing changes")
	require.InDeltaSlice(t, b, all.B, 1e-4)
}

func TestRefitDegenerate(t *testing.T) {
	// Two equal features and no ridge: λ is raised until the matrix is positive definite, and the pair shares the weight.
	g, err := NewMoments(2, 1)
	require.NoError(t, err)
	require.NoError(t, g.Observe(Matrix{3, 2, []float32{1, 1, 2, 2, 4, 4}}, Matrix{3, 1, []float32{2, 4, 8}}))
	fit, err := Ridge(g, nil, Matrix{}, nil, RidgeOptions{Ridge: -1})
	require.NoError(t, err)
	require.Positive(t, fit.Lambda)
	require.InDelta(t, 2, fit.W.Data[0]+fit.W.Data[1], 1e-3)

	// Constant features: the old weights stay, the intercept absorbs them.
	c, err := NewMoments(2, 1)
	require.NoError(t, err)
	require.NoError(t, c.Observe(Matrix{2, 2, []float32{1, 3, 1, 3}}, Matrix{2, 1, []float32{5, 7}}))
	fit, err = Ridge(c, nil, Matrix{2, 1, []float32{4, 2}}, nil, RidgeOptions{})
	require.NoError(t, err)
	require.Equal(t, []float32{4, 2}, fit.W.Data)
	require.Equal(t, []float32{6 - 10}, fit.B)

	// Nothing kept: the mean output remains.
	fit, err = RefitKeep(c, []int{}, Matrix{2, 1, []float32{4, 2}}, []float32{1}, RidgeOptions{})
	require.NoError(t, err)
	require.Equal(t, []float32{11}, fit.B)
	require.Zero(t, fit.W.Rows)

	bad, err := NewMoments(1, 1)
	require.NoError(t, err)
	require.NoError(t, bad.Observe(Matrix{1, 1, []float32{float32(math.Inf(1))}}, Matrix{1, 1, []float32{1}}))
	_, err = Ridge(bad, nil, Matrix{}, nil, RidgeOptions{})
	require.ErrorContains(t, err, "feature 0 holds NaN or infinite")
	empty, err := NewMoments(1, 1)
	require.NoError(t, err)
	_, err = Ridge(empty, nil, Matrix{}, nil, RidgeOptions{})
	require.ErrorContains(t, err, "no rows")
	_, err = Ridge(g, []int{0, 0}, Matrix{}, nil, RidgeOptions{})
	require.ErrorContains(t, err, "index 0 is given twice")
	_, err = Ridge(g, nil, NewMatrix(3, 1), nil, RidgeOptions{})
	require.ErrorContains(t, err, "old weights have 3 rows")
}

func TestMeanRefit(t *testing.T) {
	fit, err := MeanRefit([]float64{1, 2, 3}, []int{1}, Matrix{3, 2, []float32{1, 10, 2, 20, 3, 30}}, []float32{100, 200})
	require.NoError(t, err)
	require.Equal(t, []float32{2, 20}, fit.W.Data)
	require.Equal(t, []float32{100 + 1 + 9, 200 + 10 + 90}, fit.B)
}

func TestMomentsAgainstPlainSums(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	x, y := randomMatrix(r, 777, 300), randomMatrix(r, 777, 3) // more features than one block row
	g, err := NewMoments(300, 3)
	require.NoError(t, err)
	cut, err := NewMoments(300, 3)
	require.NoError(t, err)
	require.NoError(t, g.Observe(x, y))
	for _, p := range [][2]int{{0, 5}, {5, 300}, {300, 700}, {700, 777}} {
		require.NoError(t, cut.Observe(x.Slice(p[0], p[1]), y.Slice(p[0], p[1])))
	}
	require.Equal(t, g.XX(), cut.XX(), "batching does not change a bit")
	require.Equal(t, g.XY(), cut.XY())
	require.EqualValues(t, 777, g.Count())
	for range 200 {
		i, j, k := r.IntN(300), r.IntN(300), r.IntN(3)
		var xx, xy float64
		for t := range 777 {
			xx += float64(x.Row(t)[i]) * float64(x.Row(t)[j])
			xy += float64(x.Row(t)[i]) * float64(y.Row(t)[k])
		}
		require.InDelta(t, xx, g.XX().At(i, j), 1e-3)
		require.InDelta(t, xy, g.XY().At(i, k), 1e-3)
	}
	xx, xy := g.Centred()
	mx, my := g.MeanX(), g.MeanY()
	var c, d float64
	for t := range 777 {
		c += (float64(x.Row(t)[7]) - mx[7]) * (float64(x.Row(t)[270]) - mx[270])
		d += (float64(x.Row(t)[7]) - mx[7]) * (float64(y.Row(t)[1]) - my[1])
	}
	require.InDelta(t, c, xx.At(7, 270), 1e-3)
	require.InDelta(t, d, xy.At(7, 1), 1e-3)

	both, err := NewMoments(300, 3)
	require.NoError(t, err)
	require.NoError(t, both.Observe(x.Slice(0, 256), y.Slice(0, 256)))
	rest, err := NewMoments(300, 3)
	require.NoError(t, err)
	require.NoError(t, rest.Observe(x.Slice(256, 777), y.Slice(256, 777)))
	require.NoError(t, both.Merge(rest))
	require.EqualValues(t, 777, both.Count())
	require.InDeltaSlice(t, g.XX().Data, both.XX().Data, 1e-9)
	require.ErrorContains(t, both.Merge(&Moments{N: 2}), "cannot merge")
	require.ErrorContains(t, g.Observe(NewMatrix(1, 2), NewMatrix(1, 3)), "x has 2 features, want 300")
	require.ErrorContains(t, g.Observe(NewMatrix(1, 300), NewMatrix(2, 3)), "y is 2 x 3")
}
