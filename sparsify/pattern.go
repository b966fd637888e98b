package sparsify

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// Magnitudes returns |w| as scores.
func Magnitudes(w []float32) Score {
	out := make(Score, len(w))
	for i, v := range w {
		out[i] = math.Abs(float64(v))
	}
	return out
}

// WandaScore is |w_ij|·n_j (arXiv 2306.11695): norms[j] is the L2 norm, over the calibration rows, of input j, which runs along axis inAxis of
// the row-major tensor w. Use it with MaskPerOutput or MaskNM.
func WandaScore(w []float32, shape []int, inAxis int, norms []float64) (Score, error) {
	outer, n, inner, err := around(shape, inAxis, len(w))
	if err != nil {
		return nil, err
	}
	if len(norms) != n {
		return nil, fmt.Errorf("wanda: %d input norms for %d inputs", len(norms), n)
	}
	s := Magnitudes(w)
	for o := range outer {
		for j := range n {
			for i := range inner {
				s[(o*n+j)*inner+i] *= norms[j]
			}
		}
	}
	return s, nil
}

// around splits a shape at an axis: element (o, a, i) lies at (o·n + a)·inner + i.
func around(shape []int, axis, have int) (outer, n, inner int, err error) {
	total, err := elements(shape)
	if err != nil {
		return 0, 0, 0, err
	}
	if total != have {
		return 0, 0, 0, fmt.Errorf("%d values do not fill shape %v", have, shape)
	}
	if axis < 0 || axis >= len(shape) {
		return 0, 0, 0, fmt.Errorf("axis %d is outside shape %v", axis, shape)
	}
	outer, inner = 1, 1
	for _, d := range shape[:axis] {
		outer *= d
	}
	for _, d := range shape[axis+1:] {
		inner *= d
	}
	return outer, shape[axis], inner, nil
}

// MaskTop keeps exactly the keep best scores of the whole tensor; of equal scores the lower index lives.
func MaskTop(s Score, keep int, shape ...int) (Mask, error) {
	m, err := NewMask(shape...)
	if err != nil {
		return m, err
	}
	if m.Len() != len(s) {
		return m, fmt.Errorf("mask: %d scores do not fill shape %v", len(s), shape)
	}
	if keep < 0 || keep > len(s) {
		return m, fmt.Errorf("mask: cannot keep %d of %d", keep, len(s))
	}
	pickTop(s, nil, keep, func(i int) { m.Set(i, true) })
	return m, nil
}

// MaskPerOutput keeps, of the weights of every output, the keep best. Outputs run along outAxis: 1 for a MatMul weight [in, out], 0 for Gemm
// with transB and for Conv [out, in, k...].
func MaskPerOutput(s Score, shape []int, outAxis, keep int) (Mask, error) {
	outer, n, inner, err := around(shape, outAxis, len(s))
	if err != nil {
		return Mask{}, err
	}
	if keep < 0 || keep > outer*inner {
		return Mask{}, fmt.Errorf("mask: cannot keep %d of the %d weights of an output", keep, outer*inner)
	}
	m, err := NewMask(shape...)
	if err != nil {
		return m, err
	}
	idx := make([]int, 0, outer*inner)
	for a := range n {
		idx = idx[:0]
		for o := range outer {
			for i := range inner {
				idx = append(idx, (o*n+a)*inner+i)
			}
		}
		pickTop(s, idx, keep, func(i int) { m.Set(i, true) })
	}
	return m, nil
}

// MaskNM keeps the n best of every m consecutive inputs, which run along inAxis. A last group of r < m inputs keeps ⌈r·n/m⌉.
func MaskNM(s Score, shape []int, inAxis, n, m int) (Mask, error) {
	if n < 0 || m <= 0 || n > m {
		return Mask{}, fmt.Errorf("mask: %d of %d is no pattern", n, m)
	}
	outer, in, inner, err := around(shape, inAxis, len(s))
	if err != nil {
		return Mask{}, err
	}
	mask, err := NewMask(shape...)
	if err != nil {
		return mask, err
	}
	idx := make([]int, 0, m)
	for o := range outer {
		for i := range inner {
			for g := 0; g < in; g += m {
				idx = idx[:0]
				for a := g; a < min(g+m, in); a++ {
					idx = append(idx, (o*in+a)*inner+i)
				}
				pickTop(s, idx, (len(idx)*n+m-1)/m, func(i int) { mask.Set(i, true) })
			}
		}
	}
	return mask, nil
}

// MaskGlobal ranks the scores of several tensors together and keeps exactly keep of them in all, but at least atLeast in each (all of a
// tensor that has fewer). Of equal scores the earlier tensor, then the lower index lives.
func MaskGlobal(scores []Score, shapes [][]int, keep, atLeast int) ([]Mask, error) {
	if len(scores) != len(shapes) {
		return nil, fmt.Errorf("mask: %d scores for %d shapes", len(scores), len(shapes))
	}
	masks := make([]Mask, len(scores))
	var total, need int
	for i, s := range scores {
		floor := min(max(atLeast, 0), len(s))
		m, err := MaskTop(s, floor, shapes[i]...)
		if err != nil {
			return nil, fmt.Errorf("tensor %d: %w", i, err)
		}
		masks[i] = m
		total += len(s)
		need += floor
	}
	if keep < need || keep > total {
		return nil, fmt.Errorf("mask: cannot keep %d of %d weights with at least %d", keep, total, need)
	}
	rest := make(Score, 0, total-need)
	type place struct{ tensor, index int }
	where := make([]place, 0, total-need)
	for i, s := range scores {
		for j, v := range s {
			if !masks[i].Get(j) {
				rest = append(rest, v)
				where = append(where, place{i, j})
			}
		}
	}
	pickTop(rest, nil, keep-need, func(k int) { masks[where[k].tensor].Set(where[k].index, true) })
	return masks, nil
}

// pickTop calls pick with the k best of idx (nil: of all): larger score first, then earlier in idx; NaN is worst.
func pickTop(s Score, idx []int, k int, pick func(int)) {
	at := func(i int) (float64, int) {
		if idx != nil {
			i = idx[i]
		}
		v := s[i]
		if v != v {
			v = math.Inf(-1)
		}
		return v, i
	}
	n := len(s)
	if idx != nil {
		n = len(idx)
	}
	if k <= 0 {
		return
	}
	if k >= n {
		for i := range n {
			_, j := at(i)
			pick(j)
		}
		return
	}
	vals := make([]float64, n)
	for i := range vals {
		vals[i], _ = at(i)
	}
	cut := kthLargest(vals, k)
	var above int
	for i := range n {
		if v, _ := at(i); v > cut {
			above++
		}
	}
	for i := range n {
		v, j := at(i)
		switch {
		case v > cut:
			pick(j)
		case v == cut && above < k:
			above++
			pick(j)
		}
	}
}

// kthLargest returns the k-th largest value, 1 <= k <= len(x), and reorders x. x holds no NaN.
func kthLargest[T float32 | float64](x []T, k int) T {
	lo, hi, want := 0, len(x)-1, len(x)-k
	for hi-lo > 16 {
		a, b, c := x[lo], x[lo+(hi-lo)/2], x[hi]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := lo, hi
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case want <= j:
			hi = j
		case want >= i:
			lo = i
		default:
			return x[want]
		}
	}
	part := x[lo : hi+1]
	slices.Sort(part)
	return x[want]
}

// sortedBy lists 0..n-1 by ascending key, equal keys by index.
func sortedBy(n int, key func(int) int) []int {
	idx := make([]int, n)
	for i := range idx {
		idx[i] = i
	}
	sort.SliceStable(idx, func(a, b int) bool { return key(idx[a]) < key(idx[b]) })
	return idx
}
