package sparsify

import (
	"fmt"
	"math"
	"sort"
)

// Score ranks neurons or weights; larger is kept longer.
type Score []float64

// Keep returns the indices of the k best, ascending. Of equal scores the lower index is kept; NaN counts as the worst.
func (s Score) Keep(k int) ([]int, error) {
	if k < 0 || k > len(s) {
		return nil, fmt.Errorf("cannot keep %d of %d", k, len(s))
	}
	keep := append([]int(nil), s.order()[:k]...)
	sort.Ints(keep)
	return keep, nil
}

// order lists all indices, best first.
func (s Score) order() []int {
	idx := make([]int, len(s))
	for i := range idx {
		idx[i] = i
	}
	sort.SliceStable(idx, func(a, b int) bool {
		x, y := s[idx[a]], s[idx[b]]
		return x > y || y != y && x == x
	})
	return idx
}

// KeepCount is round(share·n), at least 1 when n is not 0 and share is positive, at most n.
func KeepCount(share float64, n int) int {
	k := int(math.Round(share * float64(n)))
	if k < 1 && share > 0 {
		k = 1
	}
	return max(min(k, n), 0)
}

// MagnitudeScore is |row|·|column|: the norm of all incoming weights of a neuron together, times the norm of its outgoing ones.
// in holds the up (and gate) projections as [inputs, n], down is [n, outputs].
func MagnitudeScore(down Matrix, in ...Matrix) (Score, error) {
	if len(in) == 0 {
		return nil, fmt.Errorf("magnitude score: no incoming weights")
	}
	s := make(Score, down.Rows)
	for _, w := range in {
		if w.Cols != down.Rows {
			return nil, fmt.Errorf("magnitude score: incoming weights feed %d neurons, outgoing leave %d", w.Cols, down.Rows)
		}
		for j, v := range w.ColNorms() {
			s[j] += v * v
		}
	}
	for j, v := range down.RowNorms() {
		s[j] = math.Sqrt(s[j]) * v
	}
	return s, nil
}

// EnergyScore is the mean contribution energy E[h²]·|d|²; meanSquare is per neuron, down [n, outputs].
func EnergyScore(meanSquare []float64, down Matrix) (Score, error) {
	if len(meanSquare) != down.Rows {
		return nil, fmt.Errorf("score: %d activations for %d neurons", len(meanSquare), down.Rows)
	}
	s := make(Score, down.Rows)
	for j, v := range down.RowNorms() {
		s[j] = meanSquare[j] * v * v
	}
	return s, nil
}

// VarianceScore is Var[h]·|d|², the exact cost of removing one neuron with mean compensation (FLAP's WIFV, arXiv 2312.11983).
func VarianceScore(variance []float64, down Matrix) (Score, error) {
	return EnergyScore(variance, down)
}

// MeanSquares returns E[x²] per column of rows, summed in float64.
func MeanSquares(rows Matrix) []float64 {
	out := make([]float64, rows.Cols)
	for i := range rows.Rows {
		for j, v := range rows.Row(i) {
			out[j] += float64(v) * float64(v)
		}
	}
	for j := range out {
		out[j] /= float64(max(rows.Rows, 1))
	}
	return out
}
