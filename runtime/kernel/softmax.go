package kernel

import "math"

// Softmax sets dst[r,c] = e^(x[r,c]-m) / Σ_c e^(x[r,c]-m) with m the row's largest element, for x and dst [rows, cols], row-major and
// contiguous. dst may be x. A row holding NaN or +Inf, or nothing but -Inf, becomes NaN, as the operations one by one give.
// Each element is within 4 ulp of the exact value plus the rounding of x-m.
func Softmax(dst, x []float32, rows, cols int, p *Pool) {
	dst, x = dst[:rows*cols], x[:rows*cols]
	p.For(rows, grainRows(4*cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			softmaxRow(dst[r*cols:(r+1)*cols], x[r*cols:(r+1)*cols])
		}
	})
}

func softmaxRow(dst, x []float32) {
	m := reduce(redMaxNum, x, 0)
	s := expSum(dst, x, m)
	Scale(dst, dst, 1/s)
}

// LogSoftmax sets dst[r,c] = x[r,c] - m - ln Σ_c e^(x[r,c]-m), with m, shapes and special rows as in Softmax.
func LogSoftmax(dst, x []float32, rows, cols int, p *Pool) {
	dst, x = dst[:rows*cols], x[:rows*cols]
	p.For(rows, grainRows(4*cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			d, v := dst[r*cols:(r+1)*cols], x[r*cols:(r+1)*cols]
			m := reduce(redMaxNum, v, 0)
			s := expSum(nil, v, m)
			SubScalar(d, v, m)
			SubScalar(d, d, float32(math.Log(float64(s))))
		}
	})
}

// LogSumExp is m + ln Σ e^(x[i]-m) with m the largest element; -Inf when empty.
func LogSumExp(x []float32) float32 {
	m := reduce(redMaxNum, x, 0)
	if math.IsInf(float64(m), 0) && !math.IsNaN(float64(Sum(x))) {
		return m
	}
	return m + float32(math.Log(float64(expSum(nil, x, m))))
}

// AttentionMask says which scores of an attention row count. Scores are [rows, cols]: one row a query, one column a key.
type AttentionMask struct {
	// Add is added to the scaled scores, [maskRows, cols] row-major; nil adds nothing.
	Add []float32
	// Row picks the row of Add for a row of scores; nil means r mod maskRows.
	Row func(r int) int
	// Causal lets query q = r mod Queries see only the keys up to q + Past; the others get probability 0.
	Causal  bool
	Queries int
	Past    int
}

// SoftmaxMasked sets dst = softmax(scale*x + mask) row by row, for x and dst [rows, cols]; dst may be x. scale*x + mask is rounded once.
// Special rows are as in Softmax; a causal row that sees no key is NaN.
func SoftmaxMasked(dst, x []float32, rows, cols int, scale float32, mask AttentionMask, p *Pool) {
	dst, x = dst[:rows*cols], x[:rows*cols]
	maskRows := 0
	if mask.Add != nil && cols > 0 {
		maskRows = len(mask.Add) / cols
	}
	p.For(rows, grainRows(4*cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			n := cols
			if mask.Causal {
				n = min(cols, max(0, r%mask.Queries+mask.Past+1))
			}
			d, v := dst[r*cols:(r+1)*cols], x[r*cols:(r+1)*cols]
			var add []float32
			if maskRows > 0 {
				at := r % maskRows
				if mask.Row != nil {
					at = mask.Row(r)
				}
				add = mask.Add[at*cols : (at+1)*cols]
			}
			softmaxMaskedRow(d, v, n, scale, add)
		}
	})
}

func softmaxMaskedRow(dst, x []float32, n int, scale float32, add []float32) {
	if n == 0 {
		fill(dst, float32(math.NaN()))
		return
	}
	m := scaleMax(dst[:n], x[:n], add, scale)
	s := expSum(dst[:n], dst[:n], m)
	Scale(dst[:n], dst[:n], 1/s)
	clear(dst[n:])
}

func fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}

// expSum sets dst[i] = e^(x[i]-m), unless dst is nil, and returns the sum of these over softmaxLanes lanes.
func expSum(dst, x []float32, m float32) float32 {
	if level := ActiveLevel(); level != Portable && len(x) > 0 {
		if s, ok := expSumAsm(level, dst, x, m); ok {
			return s
		}
	}
	return expSumRef(dst, x, m)
}

// scaleMax sets dst[i] = scale*x[i] + add[i] (add nil: scale*x[i]) and returns the largest, NaN left out.
func scaleMax(dst, x, add []float32, scale float32) float32 {
	if level := ActiveLevel(); level != Portable && len(x) > 0 {
		if s, ok := scaleMaxAsm(level, dst, x, add, scale); ok {
			return s
		}
	}
	return scaleMaxRef(dst, x, add, scale)
}
