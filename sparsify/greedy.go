package sparsify

import (
	"fmt"
	"math"
	"sort"
)

// Greedy is the outcome of GreedyKeep.
type Greedy struct {
	Keep    []int     // ascending
	Removed []int     // in order of removal
	Cost    []float64 // increase of the squared output error at each removal, of the ridge problem
	Lambda  float64
}

// GreedyKeep removes neurons one at a time, optimal brain surgeon fashion, until keep are left. Each step removes the neuron of least
//
//	|d_p|² / [G⁻¹]_pp
//
// and lets the others take over its part: D -= G⁻¹[:,p] d_p / [G⁻¹]_pp, G⁻¹ -= G⁻¹[:,p] G⁻¹[p,:] / [G⁻¹]_pp. g holds the moments of the
// hidden vector (centred here, so a constant neuron costs nothing), down is [n, outputs]; G has λ = ridge · mean diagonal added, as in
// RefitKeep, which gives the weights for the result. Ties go to the lower index. O(n²) per removal.
func GreedyKeep(g *Moments, down Matrix, keep int, ridge float64) (*Greedy, error) {
	n := g.N
	if down.Rows != n {
		return nil, fmt.Errorf("greedy: %d outgoing rows for %d neurons", down.Rows, n)
	}
	if keep < 0 || keep > n {
		return nil, fmt.Errorf("greedy: cannot keep %d of %d", keep, n)
	}
	if g.Count() == 0 {
		return nil, fmt.Errorf("greedy: no rows observed")
	}
	if err := g.usable(); err != nil {
		return nil, err
	}
	xx, _ := g.Centred()
	inv, lambda, err := regularInverse(xx, RidgeOptions{Ridge: ridge}.ridge())
	if err != nil {
		return nil, fmt.Errorf("greedy: %w", err)
	}
	s := newSurgeon(inv, down)
	out := &Greedy{Lambda: lambda}
	for range n - keep {
		p, cost := s.cheapest()
		out.Removed = append(out.Removed, s.ids[p])
		out.Cost = append(out.Cost, cost)
		s.remove(p)
	}
	for i, id := range s.ids {
		if s.alive[i] {
			out.Keep = append(out.Keep, id)
		}
	}
	sort.Ints(out.Keep)
	return out, nil
}

// regularInverse inverts xx + λI, λ = ridge · mean diagonal, raising λ tenfold while that is not positive definite.
func regularInverse(xx Matrix64, ridge float64) (Matrix64, float64, error) {
	n := xx.Rows
	var trace float64
	for i := range n {
		trace += xx.At(i, i)
	}
	lambda := ridge * trace / float64(max(n, 1))
	if trace == 0 {
		lambda = 1
	}
	for range 9 {
		l := xx.Clone()
		for i := range n {
			l.Data[i*n+i] += lambda
		}
		if Cholesky(l) == nil {
			return inverse(l), lambda, nil
		}
		lambda = max(10*lambda, 1e-10*trace/float64(n))
	}
	return Matrix64{}, lambda, ErrNotPositive
}

// surgeon holds the neurons still there: inverse Gram matrix, current outgoing weights and their squared norms. Removed neurons stay as
// holes until enough have gathered to make packing the arrays pay.
type surgeon struct {
	ids   []int
	alive []bool
	live  int
	inv   Matrix64
	down  Matrix64
	norm  []float64
}

func newSurgeon(inv Matrix64, down Matrix) *surgeon {
	n := down.Rows
	s := &surgeon{ids: make([]int, n), alive: make([]bool, n), live: n, inv: inv, down: NewMatrix64(n, down.Cols), norm: make([]float64, n)}
	for i := range n {
		s.ids[i], s.alive[i] = i, true
		for j, v := range down.Row(i) {
			s.down.Row(i)[j] = float64(v)
			s.norm[i] += float64(v) * float64(v)
		}
	}
	return s
}

func (s *surgeon) cheapest() (best int, cost float64) {
	best, cost = -1, math.Inf(1)
	for i, ok := range s.alive {
		if !ok {
			continue
		}
		if c := s.norm[i] / s.inv.At(i, i); best < 0 || c < cost {
			best, cost = i, c
		}
	}
	return best, cost
}

func (s *surgeon) remove(p int) {
	s.alive[p] = false
	s.live--
	rp := append([]float64(nil), s.inv.Row(p)...)
	dp := append([]float64(nil), s.down.Row(p)...)
	scale := 1 / rp[p]
	parallel(len(s.ids), 64, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			f := rp[i] * scale
			if !s.alive[i] || f == 0 {
				continue
			}
			for j, v := range rp {
				s.inv.Data[i*s.inv.Cols+j] -= f * v
			}
			var norm float64
			row := s.down.Row(i)
			for j, v := range dp {
				row[j] -= f * v
				norm += row[j] * row[j]
			}
			s.norm[i] = norm
		}
	})
	if s.live*8 < len(s.ids)*7 {
		s.pack()
	}
}

func (s *surgeon) pack() {
	inv, down := NewMatrix64(s.live, s.live), NewMatrix64(s.live, s.down.Cols)
	k := 0
	for i, ok := range s.alive {
		if !ok {
			continue
		}
		c, dst := 0, inv.Row(k)
		for j, ok := range s.alive {
			if ok {
				dst[c] = s.inv.At(i, j)
				c++
			}
		}
		copy(down.Row(k), s.down.Row(i))
		s.ids[k], s.norm[k] = s.ids[i], s.norm[i]
		k++
	}
	s.ids, s.norm, s.alive = s.ids[:k], s.norm[:k], s.alive[:k]
	for i := range s.alive {
		s.alive[i] = true
	}
	s.inv, s.down = inv, down
}
