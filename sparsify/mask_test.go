package sparsify

import (
	"math"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
)

func alive(m Mask) (out []int) {
	for i := range m.Len() {
		if m.Get(i) {
			out = append(out, i)
		}
	}
	return out
}

func TestMaskBasics(t *testing.T) {
	m, err := FullMask(5, 13)
	require.NoError(t, err)
	require.Equal(t, 65, m.Count())
	require.Equal(t, uint64(1), m.Bits[1], "bits past the end stay zero")
	m.Set(64, false)
	require.Equal(t, 64.0/65, m.Density())
	other, err := NewMask(5, 13)
	require.NoError(t, err)
	other.Set(3, true)
	other.Set(64, true)
	both, err := m.And(other)
	require.NoError(t, err)
	require.Equal(t, []int{3}, alive(both))
	require.Equal(t, 64, m.Count(), "And makes a new mask")
	_, err = m.And(Mask{Shape: []int{65}, Bits: make([]uint64, 2)})
	require.ErrorContains(t, err, "shapes [5 13] and [65]")

	x := []float32{1, -2, float32(math.NaN()), 4}
	small, err := NonZero([]float32{1, 0, 0, 2}, 2, 2)
	require.NoError(t, err)
	require.NoError(t, small.Apply(x, x))
	require.Equal(t, []float32{1, 0, 0, 4}, x)
	require.ErrorContains(t, small.Apply(x, x[:3]), "shape [2 2] does not fit 3 values")
	require.NoError(t, small.Fits([]int{2, 2}))
	require.ErrorContains(t, small.Fits([]int{4}), "shape [2 2] does not fit a tensor of shape [4]")
	require.ErrorContains(t, Mask{Shape: []int{70}, Bits: make([]uint64, 1)}.Fits([]int{70}), "1 words of bits, want 2")
	_, err = NewMask(-1)
	require.ErrorContains(t, err, "negative dimension")
	_, err = NewMask(1<<30, 1<<30)
	require.ErrorContains(t, err, "too large")
	empty, err := NewMask(0, 3)
	require.NoError(t, err)
	require.Equal(t, 1.0, empty.Density())
}

func TestMaskPatternsByHand(t *testing.T) {
	s := Score{
		4, 1, 3,
		4, 2, 3,
		0, 2, 9,
		5, 2, 9,
	}
	shape := []int{4, 3} // [in, out]
	top, err := MaskTop(s, 4, shape...)
	require.NoError(t, err)
	require.Equal(t, []int{0, 8, 9, 11}, alive(top), "of the two fours the first")
	per, err := MaskPerOutput(s, shape, 1, 2)
	require.NoError(t, err)
	require.Equal(t, []int{0, 4, 7, 8, 9, 11}, alive(per))
	rows, err := MaskPerOutput(s, shape, 0, 1)
	require.NoError(t, err)
	require.Equal(t, []int{0, 3, 8, 11}, alive(rows))
	nm, err := MaskNM(s, shape, 0, 1, 2)
	require.NoError(t, err)
	require.Equal(t, []int{0, 2, 4, 7, 8, 9}, alive(nm))
	short, err := MaskNM(s, shape, 1, 1, 2) // groups of 2 and a rest of 1, which keeps 1
	require.NoError(t, err)
	require.Equal(t, []int{0, 2, 3, 5, 7, 8, 9, 11}, alive(short))

	_, err = MaskNM(s, shape, 0, 3, 2)
	require.ErrorContains(t, err, "3 of 2 is no pattern")
	_, err = MaskNM(s, shape, 2, 1, 2)
	require.ErrorContains(t, err, "axis 2 is outside shape [4 3]")
	_, err = MaskTop(s, 13, shape...)
	require.ErrorContains(t, err, "cannot keep 13 of 12")
	_, err = MaskTop(s, 1, 5)
	require.ErrorContains(t, err, "12 scores do not fill shape [5]")
	_, err = MaskPerOutput(s, []int{3}, 0, 1)
	require.ErrorContains(t, err, "12 values do not fill shape [3]")
}

func TestMaskTopAgainstSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		n := 1 + r.IntN(200)
		s := make(Score, n)
		for i := range s {
			switch r.IntN(3) {
			case 0:
				s[i] = float64(r.IntN(5))
			case 1:
				s[i] = r.NormFloat64()
			case 2:
				s[i] = math.NaN()
			}
		}
		keep := r.IntN(n + 1)
		m, err := MaskTop(s, keep, n)
		require.NoError(t, err)
		want, err := s.Keep(keep)
		require.NoError(t, err)
		require.Equal(t, len(want), m.Count())
		if keep > 0 {
			require.Equal(t, want, alive(m))
		}
	}
}

func TestKthLargest(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 300 {
		x := make([]float64, 1+r.IntN(300))
		for i := range x {
			x[i] = float64(r.IntN(40))
		}
		sorted := append([]float64(nil), x...)
		sort.Sort(sort.Reverse(sort.Float64Slice(sorted)))
		k := 1 + r.IntN(len(x))
		require.Equal(t, sorted[k-1], kthLargest(x, k))
	}
}

func TestMaskGlobal(t *testing.T) {
	scores := []Score{{9, 8, 7}, {1, 2}, {7, 6}}
	shapes := [][]int{{3}, {1, 2}, {2}}
	m, err := MaskGlobal(scores, shapes, 3, 0)
	require.NoError(t, err)
	require.Equal(t, [][]int{{0, 1, 2}, nil, nil}, [][]int{alive(m[0]), alive(m[1]), alive(m[2])}, "the earlier of the sevens")
	m, err = MaskGlobal(scores, shapes, 4, 1)
	require.NoError(t, err)
	require.Equal(t, [][]int{{0, 1}, {1}, {0}}, [][]int{alive(m[0]), alive(m[1]), alive(m[2])})
	_, err = MaskGlobal(scores, shapes, 5, 2)
	require.ErrorContains(t, err, "cannot keep 5 of 7 weights with at least 6")
	_, err = MaskGlobal(scores, shapes[:2], 5, 2)
	require.ErrorContains(t, err, "3 scores for 2 shapes")
}

func TestWandaScore(t *testing.T) {
	w := []float32{1, -2, 3, 4, 5, -6}
	s, err := WandaScore(w, []int{2, 3}, 0, []float64{10, 1}) // [in, out]
	require.NoError(t, err)
	require.Equal(t, Score{10, 20, 30, 4, 5, 6}, s)
	s, err = WandaScore(w, []int{2, 3}, 1, []float64{1, 2, 3}) // [out, in]
	require.NoError(t, err)
	require.Equal(t, Score{1, 4, 9, 4, 10, 18}, s)
	_, err = WandaScore(w, []int{2, 3}, 1, []float64{1})
	require.ErrorContains(t, err, "1 input norms for 3 inputs")
}
