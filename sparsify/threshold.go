package sparsify

import (
	"fmt"
	"math"
)

// KeepKind is how a row of scores chooses what it keeps.
type KeepKind uint8

// The keep rules.
const (
	KeepExact     KeepKind = iota // the K largest; ties to the lower index; NaN last
	KeepThreshold                 // score >= Threshold
	KeepStat                      // score > mean + Threshold·std of the row, population std; a constant row keeps nothing
)

// KeepRule is one rule with its parameter. It is the reference for what graph bodies and kernels compute in float32: scores closer to the
// cut than float32 rounding may fall either way there.
type KeepRule struct {
	Kind      KeepKind
	K         int
	Threshold float64
}

// Mask applies the rule to every row of scores [T, n] and returns the mask [T, n] of what is kept.
func (r KeepRule) Mask(scores Matrix) (Mask, error) {
	if err := scores.check("scores"); err != nil {
		return Mask{}, err
	}
	if r.Kind == KeepExact && (r.K < 0 || r.K > scores.Cols) {
		return Mask{}, fmt.Errorf("cannot keep %d of %d", r.K, scores.Cols)
	}
	if r.Kind > KeepStat {
		return Mask{}, fmt.Errorf("no keep rule %d", r.Kind)
	}
	if math.IsNaN(r.Threshold) {
		return Mask{}, fmt.Errorf("threshold is NaN")
	}
	m, err := NewMask(scores.Rows, scores.Cols)
	if err != nil {
		return m, err
	}
	// Blocks of 64 rows start at whole words of the mask, so goroutines never share one.
	parallel((scores.Rows+63)/64, 1, func(lo, hi int) {
		vals := make(Score, scores.Cols)
		for t := 64 * lo; t < min(64*hi, scores.Rows); t++ {
			r.maskRow(m, t*scores.Cols, scores.Row(t), vals)
		}
	})
	return m, nil
}

// maskRow sets the bits of one row, whose first bit is at; vals is scratch.
func (r KeepRule) maskRow(m Mask, at int, row []float32, vals Score) {
	switch r.Kind {
	case KeepExact:
		for j, v := range row {
			vals[j] = float64(v)
		}
		pickTop(vals, nil, r.K, func(j int) { m.Set(at+j, true) })
	case KeepThreshold:
		for j, v := range row {
			if float64(v) >= r.Threshold {
				m.Set(at+j, true)
			}
		}
	case KeepStat:
		mean, std := rowMoments(row, false)
		if std == 0 {
			return
		}
		cut := mean + r.Threshold*std
		for j, v := range row {
			if float64(v) > cut {
				m.Set(at+j, true)
			}
		}
	}
}

// AbsScores returns |x| elementwise.
func AbsScores(x Matrix) Matrix {
	out := NewMatrix(x.Rows, x.Cols)
	for i, v := range x.Data {
		out.Data[i] = float32(math.Abs(float64(v)))
	}
	return out
}

// NormalQuantile is the inverse of the standard normal distribution function, accurate to a few units in the last place of float64.
// The statistical top-k rule keeps the share rho with z = NormalQuantile(1-rho) when rows are Gaussian. 0 gives -Inf, 1 gives +Inf.
func NormalQuantile(p float64) float64 {
	switch {
	case !(p >= 0 && p <= 1):
		return math.NaN()
	case p == 0:
		return math.Inf(-1)
	case p == 1:
		return math.Inf(1)
	case p > 0.5:
		return -lowerQuantile(1 - p)
	}
	return lowerQuantile(p)
}

// lowerQuantile solves Φ(x) = p for p <= 1/2: a start from the inverse error function or, far out, from the tail's leading term, then
// Halley steps on the complementary error function, which keeps its relative accuracy there.
func lowerQuantile(p float64) float64 {
	var x float64
	if p > 1e-8 {
		x = -math.Sqrt2 * math.Erfinv(1-2*p)
	} else {
		t := math.Sqrt(-2 * math.Log(p))
		x = -(t - math.Log(t*math.Sqrt(2*math.Pi))/t)
	}
	for range 6 {
		e := (0.5*math.Erfc(-x/math.Sqrt2) - p) / p
		u := e * p * math.Sqrt(2*math.Pi) * math.Exp(x*x/2)
		step := u / (1 + x*u/2)
		x -= step
		if math.Abs(step) <= 1e-16*math.Abs(x) {
			break
		}
	}
	return x
}

// PooledThreshold returns the constant t for KeepThreshold that keeps the share keep of all scores: the round(keep·len)-th largest. Scores
// of zero are never worth keeping, so the result is at least the smallest normal float32. scores is reordered.
func PooledThreshold(scores []float32, keep float64) (float32, error) {
	k := KeepCount(keep, len(scores))
	if k == 0 {
		return 0, fmt.Errorf("threshold: cannot keep %v of %d scores", keep, len(scores))
	}
	for i, v := range scores {
		if v != v {
			return 0, fmt.Errorf("threshold: score %d is NaN", i)
		}
	}
	return max(kthLargest(scores, k), 0x1p-126), nil
}

// PooledMultiplier returns the z for KeepStat that keeps the share keep of all entries of scores [T, n], whatever their distribution: the
// pooled quantile of (x-mean)/std over the rows. Rows with std 0 count as keeping nothing.
func PooledMultiplier(scores Matrix, keep float64) (float64, error) {
	k := KeepCount(keep, len(scores.Data))
	var z []float64
	for t := range scores.Rows {
		row := scores.Row(t)
		mean, std := rowMoments(row, false)
		if std == 0 {
			continue
		}
		for _, v := range row {
			d := (float64(v) - mean) / std
			if d != d {
				return 0, fmt.Errorf("multiplier: row %d is not finite", t)
			}
			z = append(z, d)
		}
	}
	switch {
	case k == 0 || len(z) == 0:
		return 0, fmt.Errorf("multiplier: cannot keep %v of %d scores", keep, len(z))
	case k >= len(z):
		return kthLargest(z, len(z)) - 1, nil // everything, with room for rounding
	}
	at := kthLargest(z, k)
	below := kthLargest(z, k+1)
	return below + (at-below)/2, nil
}
