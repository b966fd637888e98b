package sparsify

import (
	"fmt"
	"math"
)

// DefaultRidge is the refit's ridge relative to the mean diagonal of the Gram matrix.
const DefaultRidge = 1e-3

// RidgeOptions steers a refit. The zero value is the reference setting: intercept, ridge DefaultRidge.
type RidgeOptions struct {
	Ridge       float64 // λ as a share of the mean diagonal; 0 means DefaultRidge, negative means none
	NoIntercept bool    // fit through the origin on uncentred moments; the bias stays what it was
}

func (o RidgeOptions) ridge() float64 {
	switch {
	case o.Ridge == 0:
		return DefaultRidge
	case o.Ridge < 0:
		return 0
	}
	return o.Ridge
}

// Refit is a fitted linear layer y = x·W + B.
type Refit struct {
	W      Matrix    // [features kept, targets]
	B      []float32 // [targets]; nil for NoIntercept without an old bias
	Lambda float64   // the λ used
	Raised int       // how often λ was multiplied by ten because the matrix was not positive definite
}

// Ridge solves
//
//	min over W, b of  Σ |y - xW - b|² + λ |W - W0|²,   λ = ridge · mean diag of the (centred) Gram matrix
//
// from the moments of (x, y): (G + λI) W = XY + λ W0 on centred sums, b = ȳ - x̄W. keep selects features (nil = all); w0 holds the old
// weights of all N features [N, M], or of the kept ones, and the zero Matrix stands for zero. b0 is used by NoIntercept only:
// y - b0 is fitted. A matrix that is not positive definite has λ raised tenfold, at most eight times.
func Ridge(g *Moments, keep []int, w0 Matrix, b0 []float32, opt RidgeOptions) (*Refit, error) {
	if g.M == 0 {
		return nil, fmt.Errorf("ridge: the moments hold no targets")
	}
	if g.Count() == 0 {
		return nil, fmt.Errorf("ridge: no rows observed")
	}
	if err := g.usable(); err != nil {
		return nil, err
	}
	xx, xy := g.design(opt.NoIntercept)
	if opt.NoIntercept && b0 != nil {
		if len(b0) != g.M {
			return nil, fmt.Errorf("ridge: bias has %d values, want %d", len(b0), g.M)
		}
		xy = xy.Clone()
		for i, s := range g.sumX {
			r := xy.Row(i)
			for j, b := range b0 {
				r[j] -= s * float64(b)
			}
		}
	}
	return solveRefit(g, xx, xy, keep, w0, b0, opt, g.MeanY())
}

// RefitKeep refits the outgoing weights of the kept neurons so that they reproduce the dense layer's output, from the hidden Gram matrix
// alone: g holds the moments of the hidden vector h (targets are not read), w [N, M] and b [M] (or nil) are the dense layer's, and
// y = h·w + b needs no data because Σ h yᵀ = XX·w + SumX·bᵀ. Any keep-set can be solved from one g.
func RefitKeep(g *Moments, keep []int, w Matrix, b []float32, opt RidgeOptions) (*Refit, error) {
	if err := w.check("weights"); err != nil {
		return nil, err
	}
	if w.Rows != g.N {
		return nil, fmt.Errorf("refit: weights have %d rows for %d hidden neurons", w.Rows, g.N)
	}
	if b != nil && len(b) != w.Cols {
		return nil, fmt.Errorf("refit: bias has %d values, want %d", len(b), w.Cols)
	}
	if g.Count() == 0 {
		return nil, fmt.Errorf("refit: no rows observed")
	}
	if err := g.usable(); err != nil {
		return nil, err
	}
	rows, err := keepOrAll(keep, g.N)
	if err != nil {
		return nil, err
	}
	xx, _ := g.design(opt.NoIntercept)
	xy := NewMatrix64(g.N, w.Cols)
	parallel(len(rows), 4, func(lo, hi int) {
		for _, i := range rows[lo:hi] {
			dst, src := xy.Row(i), xx.Row(i)
			for p, v := range src {
				for j, wv := range w.Row(p) {
					dst[j] += v * float64(wv)
				}
			}
		}
	})
	mean := make([]float64, w.Cols)
	for i, m := range g.MeanX() {
		for j, wv := range w.Row(i) {
			mean[j] += m * float64(wv)
		}
	}
	for j, v := range b {
		mean[j] += float64(v)
	}
	return solveRefit(g, xx, xy, keep, w, b, opt, mean)
}

// MeanRefit removes neurons with mean compensation only: the kept rows of w stay, and b gains x̄_R·w_R of the removed ones.
func MeanRefit(mean []float64, keep []int, w Matrix, b []float32) (*Refit, error) {
	if len(mean) != w.Rows {
		return nil, fmt.Errorf("mean compensation: %d means for %d neurons", len(mean), w.Rows)
	}
	if b != nil && len(b) != w.Cols {
		return nil, fmt.Errorf("mean compensation: bias has %d values, want %d", len(b), w.Cols)
	}
	gone, err := Complement(keep, w.Rows)
	if err != nil {
		return nil, err
	}
	bias := make([]float64, w.Cols)
	for j, v := range b {
		bias[j] = float64(v)
	}
	for _, i := range gone {
		for j, wv := range w.Row(i) {
			bias[j] += mean[i] * float64(wv)
		}
	}
	kept, err := w.SelectRows(keep)
	if err != nil {
		return nil, err
	}
	return &Refit{W: kept, B: round32(bias)}, nil
}

func (g *Moments) usable() error {
	g.flush()
	for i := range g.N {
		if v := g.xx[i*g.N+i]; math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("least squares: feature %d holds NaN or infinite values", i)
		}
	}
	for j, v := range g.yy {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("least squares: target %d holds NaN or infinite values", j)
		}
	}
	return nil
}

func (g *Moments) design(uncentred bool) (xx, xy Matrix64) {
	if uncentred {
		return g.XX(), g.XY()
	}
	return g.Centred()
}

func keepOrAll(keep []int, n int) ([]int, error) {
	if keep != nil {
		return keep, checkIndices(keep, n)
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all, nil
}

func solveRefit(g *Moments, xx, xy Matrix64, keep []int, w0 Matrix, b0 []float32, opt RidgeOptions, meanY []float64) (*Refit, error) {
	rows, err := keepOrAll(keep, g.N)
	if err != nil {
		return nil, err
	}
	if err := w0.check("old weights"); err != nil {
		return nil, err
	}
	k, m := len(rows), xy.Cols
	old := func(i int) []float32 { return nil }
	switch {
	case w0.Data == nil && w0.Rows == 0:
	case w0.Cols != m:
		return nil, fmt.Errorf("refit: old weights have %d columns, want %d", w0.Cols, m)
	case w0.Rows == g.N:
		old = func(i int) []float32 { return w0.Row(rows[i]) }
	case w0.Rows == k:
		old = w0.Row
	default:
		return nil, fmt.Errorf("refit: old weights have %d rows, want %d or %d", w0.Rows, g.N, k)
	}
	a := NewMatrix64(k, k)
	var trace float64
	for i, r := range rows {
		src, dst := xx.Row(r), a.Row(i)
		for j, c := range rows[:i+1] {
			dst[j] = src[c]
		}
		trace += src[r]
	}
	rhs := func(lambda float64) Matrix64 {
		out := NewMatrix64(k, m)
		for i, r := range rows {
			dst := out.Row(i)
			copy(dst, xy.Row(r))
			for j, v := range old(i) {
				dst[j] += lambda * float64(v)
			}
		}
		return out
	}
	fit := &Refit{}
	if k > 0 && trace > 0 {
		fit.Lambda = opt.ridge() * trace / float64(k)
	} else {
		fit.Lambda = 1 // nothing varies: the old weights are the solution
	}
	var w Matrix64
	for {
		l := a.Clone()
		for i := range k {
			l.Data[i*k+i] += fit.Lambda
		}
		if Cholesky(l) == nil {
			w = rhs(fit.Lambda)
			CholeskySolve(l, w)
			break
		}
		if fit.Raised++; fit.Raised > 8 {
			return nil, fmt.Errorf("refit: %w with λ up to %.3g; more calibration rows or a larger ridge are needed", ErrNotPositive, fit.Lambda)
		}
		fit.Lambda = max(10*fit.Lambda, 1e-10*trace/float64(k))
	}
	fit.W = w.Float32()
	switch {
	case opt.NoIntercept && b0 != nil:
		fit.B = append([]float32(nil), b0...)
	case !opt.NoIntercept:
		meanX, bias := g.MeanX(), append([]float64(nil), meanY...)
		for i, r := range rows {
			for j, v := range w.Row(i) {
				bias[j] -= meanX[r] * v
			}
		}
		fit.B = round32(bias)
	}
	for _, v := range fit.W.Data {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("refit: the solution is not finite")
		}
	}
	return fit, nil
}

func round32(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}
