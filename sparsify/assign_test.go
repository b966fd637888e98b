package sparsify

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func costOf(c Matrix64, assign []int) (sum float64) {
	for i, e := range assign {
		sum += c.At(i, e)
	}
	return sum
}

// bruteAssign tries every assignment with the balanced sizes.
func bruteAssign(c Matrix64) float64 {
	n, e := c.Rows, c.Cols
	floor, extra := n/e, n%e
	size := make([]int, e)
	best := math.Inf(1)
	var try func(i, used int, sum float64)
	try = func(i, used int, sum float64) {
		if i == n {
			best = min(best, sum)
			return
		}
		for k := range e {
			if size[k] < floor || size[k] == floor && used < extra {
				u := used
				if size[k] == floor {
					u++
				}
				size[k]++
				try(i+1, u, sum+c.At(i, k))
				size[k]--
			}
		}
	}
	try(0, 0, 0)
	return best
}

func randomCost(r *rand.Rand, n, e int, whole bool) Matrix64 {
	c := NewMatrix64(n, e)
	for i := range c.Data {
		if c.Data[i] = r.NormFloat64(); whole {
			c.Data[i] = float64(r.IntN(4)) // many ties
		}
	}
	return c
}

func requireBalanced(t *testing.T, assign []int, e int) {
	t.Helper()
	size := make([]int, e)
	for _, k := range assign {
		size[k]++
	}
	long := 0
	for _, s := range size {
		if s == len(assign)/e+1 {
			long++
		} else {
			require.Equal(t, len(assign)/e, s)
		}
	}
	require.Equal(t, len(assign)%e, long)
}

func TestBalancedAssignIsOptimal(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for trial := range 600 {
		n := 1 + r.IntN(8)
		e := 1 + r.IntN(min(n, 4))
		c := randomCost(r, n, e, trial%3 == 0)
		got, err := BalancedAssign(c)
		require.NoError(t, err)
		requireBalanced(t, got, e)
		require.InDelta(t, bruteAssign(c), costOf(c, got), 1e-9, "n=%d e=%d %v", n, e, c.Data)
	}
}

// No two points may gain by changing places, and no point by moving from a long cluster to a short one; together with chains, which the small
// cases cover, that is what optimality means.
func TestBalancedAssignLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, p := range [][2]int{{1536, 16}, {1536, 64}, {1000, 48}} {
		c := randomCost(r, p[0], p[1], false)
		got, err := BalancedAssign(c)
		require.NoError(t, err)
		requireBalanced(t, got, p[1])
		for i := range got {
			for j := range i {
				now := c.At(i, got[i]) + c.At(j, got[j])
				require.LessOrEqual(t, now, c.At(i, got[j])+c.At(j, got[i])+1e-9)
			}
		}
	}
}

func TestBalancedAssignByHand(t *testing.T) {
	// Both points prefer cluster 0; the second loses less by leaving it.
	got, err := BalancedAssign(Matrix64{Rows: 2, Cols: 2, Data: []float64{0, 9, 0, 2}})
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, got)
	// Three points, two clusters: the long one is where it pays.
	got, err = BalancedAssign(Matrix64{Rows: 3, Cols: 2, Data: []float64{5, 0, 5, 0, 1, 0}})
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 0}, got)

	_, err = BalancedAssign(NewMatrix64(2, 3))
	require.ErrorContains(t, err, "3 clusters for 2 points")
	_, err = BalancedAssign(Matrix64{Rows: 1, Cols: 1, Data: []float64{math.NaN()}})
	require.ErrorContains(t, err, "point 0 in cluster 0")
}

func BenchmarkBalancedAssign(b *testing.B) {
	c := randomCost(rand.New(rand.NewPCG(3, 4)), 1536, 64, false)
	for b.Loop() {
		if _, err := BalancedAssign(c); err != nil {
			b.Fatal(err)
		}
	}
}
