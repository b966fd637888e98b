package sparsify

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScoresByHand(t *testing.T) {
	up, gate := Matrix{1, 2, []float32{3, 0}}, Matrix{1, 2, []float32{4, 2}}
	down := Matrix{2, 2, []float32{0, 2, 3, 4}}
	s, err := MagnitudeScore(down, up, gate)
	require.NoError(t, err)
	require.Equal(t, Score{5 * 2, 2 * 5}, s)
	s, err = MagnitudeScore(down, up)
	require.NoError(t, err)
	require.Equal(t, Score{3 * 2, 0}, s)
	s, err = EnergyScore([]float64{0.5, 2}, down)
	require.NoError(t, err)
	require.Equal(t, Score{0.5 * 4, 2 * 25}, s)
	require.Equal(t, []float64{5, 8}, MeanSquares(Matrix{2, 2, []float32{1, 0, 3, 4}}))
	_, err = MagnitudeScore(down, NewMatrix(1, 3))
	require.ErrorContains(t, err, "feed 3 neurons, outgoing leave 2")
	_, err = EnergyScore(nil, down)
	require.ErrorContains(t, err, "0 activations for 2 neurons")
}

func TestScoreKeep(t *testing.T) {
	s := Score{1, 5, math.NaN(), 5, 2, 5}
	for k, want := range [][]int{{}, {1}, {1, 3}, {1, 3, 5}, {1, 3, 4, 5}, {0, 1, 3, 4, 5}, {0, 1, 2, 3, 4, 5}} {
		got, err := s.Keep(k)
		require.NoError(t, err)
		require.Equal(t, want, append([]int{}, got...))
	}
	_, err := s.Keep(7)
	require.ErrorContains(t, err, "cannot keep 7 of 6")
	require.Equal(t, []int{82, 61, 55, 1, 0, 1024}, []int{
		KeepCount(0.08, 1024), KeepCount(0.08, 768), KeepCount(0.08, 688), KeepCount(0.001, 10), KeepCount(0, 10), KeepCount(2, 1024)})
}

// removalError is the least squared error, plus ridge penalty, of reproducing the dense outputs from the kept neurons.
func removalError(h, down Matrix, keep []int, lambda float64) float64 {
	g, _ := NewMoments(h.Cols, 0)
	_ = g.Observe(h, Matrix{})
	xx, _ := g.Centred()
	n, m := h.Cols, down.Cols
	k := len(keep)
	// The ridge problem in all neurons: minimise tr((W-D)ᵀ(G+λI)(W-D)) with removed rows of W zero.
	a, b := NewMatrix64(k, k), NewMatrix64(k, m)
	for i, p := range keep {
		for j, q := range keep {
			a.Data[i*k+j] = xx.At(p, q)
		}
		a.Data[i*k+i] += lambda
		for q := range n {
			v := xx.At(p, q)
			if p == q {
				v += lambda
			}
			for j := range m {
				b.Data[i*m+j] += v * float64(down.Row(q)[j])
			}
		}
	}
	if Cholesky(a) != nil {
		panic("not positive")
	}
	CholeskySolve(a, b)
	e := NewMatrix64(n, m)
	for q := range n {
		for j := range m {
			e.Data[q*m+j] = -float64(down.Row(q)[j])
		}
	}
	for i, p := range keep {
		for j := range m {
			e.Data[p*m+j] += b.At(i, j)
		}
	}
	var sum float64
	for p := range n {
		for q := range n {
			v := xx.At(p, q)
			if p == q {
				v += lambda
			}
			for j := range m {
				sum += e.At(p, j) * v * e.At(q, j)
			}
		}
	}
	return sum
}

func TestGreedyKeepAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 10 {
		n := 10
		h, down := randomMatrix(r, 60, n), randomMatrix(r, n, 3)
		for t := range h.Rows { // correlated neurons, so that the order matters
			row := h.Row(t)
			for j := 1; j < n; j++ {
				row[j] = 0.6*row[j-1] + row[j]
			}
		}
		g, err := NewMoments(n, 0)
		require.NoError(t, err)
		require.NoError(t, g.Observe(h, Matrix{}))
		got, err := GreedyKeep(g, down, 1, 0.01)
		require.NoError(t, err)
		alive := make([]int, n)
		for i := range alive {
			alive[i] = i
		}
		var spent float64
		for step, p := range got.Removed {
			best, least := -1, math.Inf(1)
			for _, q := range alive {
				rest := slices.DeleteFunc(slices.Clone(alive), func(v int) bool { return v == q })
				if e := removalError(h, down, rest, got.Lambda); e < least {
					best, least = q, e
				}
			}
			require.Equal(t, best, p)
			require.InDelta(t, least-spent, got.Cost[step], 1e-6*least)
			spent = least
			alive = slices.DeleteFunc(alive, func(v int) bool { return v == p })
		}
		require.Equal(t, alive, got.Keep)
	}
}

func TestGreedyKeepSparesConstantsAndRefuses(t *testing.T) {
	// Neuron 1 never varies, neuron 2 repeats neuron 0: both are free to go.
	h := Matrix{4, 3, []float32{1, 7, 2, -1, 7, -2, 3, 7, 6, 0, 7, 0}}
	g, err := NewMoments(3, 0)
	require.NoError(t, err)
	require.NoError(t, g.Observe(h, Matrix{}))
	got, err := GreedyKeep(g, Matrix{3, 1, []float32{1, 50, 1}}, 1, 1e-6)
	require.NoError(t, err)
	require.NotContains(t, got.Keep, 1)
	require.InDelta(t, 0, got.Cost[0]+got.Cost[1], 1e-1)
	_, err = GreedyKeep(g, NewMatrix(2, 1), 1, 0)
	require.ErrorContains(t, err, "2 outgoing rows for 3 neurons")
	_, err = GreedyKeep(g, NewMatrix(3, 1), 4, 0)
	require.ErrorContains(t, err, "cannot keep 4 of 3")
}
