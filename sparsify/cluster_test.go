package sparsify

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFeatures(t *testing.T) {
	p := CoactivationFeatures(Matrix{2, 3, []float32{9, 0, -1, -16, 0, 0}})
	require.Equal(t, []int{3, 2}, []int{p.Rows, p.Cols})
	require.InDeltaSlice(t, []float32{0.6, -0.8, 0, 0, -1, 0}, p.Data, 1e-7)
	w := WeightFeatures(Matrix{2, 2, []float32{3, 0, 4, 0}})
	require.InDeltaSlice(t, []float32{0.6, 0.8, 0, 0}, w.Data, 1e-7)
	require.Equal(t, []int{0, 2, 5, 7}, SampleRows(10, 4))
	require.Equal(t, []int{0, 1}, SampleRows(2, 4))
}

// plantedPoints has e groups of n/e points, well apart, in shuffled order.
func plantedPoints(r *rand.Rand, n, e, d int) (Matrix, []int) {
	centres := randomMatrix(r, e, d)
	p, group := NewMatrix(n, d), make([]int, n)
	for k, i := range r.Perm(n) {
		group[i] = k % e
		for j := range d {
			p.Row(i)[j] = 10*centres.Row(k % e)[j] + float32(r.NormFloat64())
		}
	}
	return p, group
}

func TestBalancedKMeansFindsPlantedGroups(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	p, group := plantedPoints(r, 96, 6, 20)
	x, sum, err := BalancedKMeans(p, 6, ClusterOptions{Restarts: 3})
	require.NoError(t, err)
	require.NoError(t, x.Check())
	requireBalanced(t, x.Assign, 6)
	for i := range group {
		for j := range i {
			require.Equal(t, group[i] == group[j], x.Assign[i] == x.Assign[j])
		}
	}
	again, sum2, err := BalancedKMeans(p, 6, ClusterOptions{Restarts: 3})
	require.NoError(t, err)
	require.Equal(t, x, again)
	require.Equal(t, sum, sum2)
}

func TestBalancedKMeansUnevenAndDegenerate(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	p := randomMatrix(r, 43, 5)
	one, sum1, err := BalancedKMeans(p, 8, ClusterOptions{Iterations: 1, Restarts: 1})
	require.NoError(t, err)
	requireBalanced(t, one.Assign, 8)
	_, sum8, err := BalancedKMeans(p, 8, ClusterOptions{Restarts: 1})
	require.NoError(t, err)
	require.Less(t, sum8, sum1, "iterations lower the sum of squares")
	_, many, err := BalancedKMeans(p, 8, ClusterOptions{})
	require.NoError(t, err)
	require.LessOrEqual(t, many, sum8)

	same, _, err := BalancedKMeans(NewMatrix(6, 2), 3, ClusterOptions{}) // all points equal
	require.NoError(t, err)
	requireBalanced(t, same.Assign, 3)
	_, _, err = BalancedKMeans(p, 44, ClusterOptions{})
	require.ErrorContains(t, err, "44 clusters for 43 points")
	p.Data[7] = float32(math.Inf(1))
	_, _, err = BalancedKMeans(p, 2, ClusterOptions{})
	require.ErrorContains(t, err, "point 1 holds +Inf")
}

func TestExpertsViews(t *testing.T) {
	x, err := WithShared([]int{1, 4}, Experts{E: 2, Assign: []int{1, 0, 1}}, 5)
	require.NoError(t, err)
	require.Equal(t, []int{1, Shared, 0, 1, Shared}, x.Assign)
	require.Equal(t, []int{1, 2}, x.Sizes())
	require.Equal(t, 2, x.MaxSize())
	require.Equal(t, []int{0, 3}, x.Members(1))
	require.Equal(t, []int{1, 4, 2, 0, 3}, x.Order())
	require.NoError(t, x.Check())
	sel, err := NewMask(2, 2)
	require.NoError(t, err)
	sel.Set(1, true) // token 0: expert 1
	m, err := x.NeuronMask(sel)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 3, 4, 6, 9}, alive(m))
	_, err = x.NeuronMask(Mask{Shape: []int{2, 3}})
	require.ErrorContains(t, err, "for 2 experts")
	_, err = WithShared([]int{1}, Experts{E: 1, Assign: []int{0}}, 5)
	require.ErrorContains(t, err, "1 routed neurons, want 4")
	require.ErrorContains(t, Experts{E: 2, Assign: []int{0, 0}}.Check(), "expert 1 is empty")
	require.ErrorContains(t, Experts{E: 2, Assign: []int{0, 2}}.Check(), "neuron 1 has expert 2 of 2")
	c, err := SplitContiguous(5, 2)
	require.NoError(t, err)
	require.Equal(t, []int{0, 0, 0, 1, 1}, c.Assign)
	a, err := SplitRandom(100, 7, 3)
	require.NoError(t, err)
	b, err := SplitRandom(100, 7, 4)
	require.NoError(t, err)
	requireBalanced(t, a.Assign, 7)
	require.NotEqual(t, a, b)
}

func TestNeuronMaskAgainstPlainLoop(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{1, 63, 64, 100} {
		x := Experts{E: 3, Assign: make([]int, n)}
		for i := range x.Assign {
			x.Assign[i] = r.IntN(4) - 1
		}
		sel, err := NewMask(77, 3)
		require.NoError(t, err)
		for i := range sel.Len() {
			sel.Set(i, r.IntN(2) == 0)
		}
		m, err := x.NeuronMask(sel)
		require.NoError(t, err)
		require.NoError(t, m.Fits([]int{77, n}))
		for tok := range 77 {
			for i, e := range x.Assign {
				require.Equal(t, e == Shared || sel.Get(tok*3+e), m.Get(tok*n+i))
			}
		}
	}
	_, err := Experts{E: 1, Assign: []int{-2}}.NeuronMask(Mask{Shape: []int{1, 1}, Bits: []uint64{1}})
	require.ErrorContains(t, err, "neuron 0 has expert -2 of 1")
}
