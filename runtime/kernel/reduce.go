package kernel

import "math"

// reduceLanes is the number of partial results of a reduction: element i goes to lane i mod reduceLanes, and the lanes are then
// folded by halves (lane j takes lane j+32, then j+16, … then j+1). The order is the same at every level, so the bits are too.
const reduceLanes = 64

// Sum is the sum of x, 0 when empty. Error: at most (len(x)/64 + 6) half ulps of Σ|x|.
func Sum(x []float32) float32 { return reduce(redSum, x, 0) }

// SumSquares is Σ x[i]², 0 when empty.
func SumSquares(x []float32) float32 { return reduce(redSumSq, x, 0) }

// SumSquaredDeviations is Σ (x[i]-mean)², 0 when empty.
func SumSquaredDeviations(x []float32, mean float32) float32 { return reduce(redSumSqDev, x, mean) }

// SumAbs is Σ |x[i]|, 0 when empty.
func SumAbs(x []float32) float32 { return reduce(redSumAbs, x, 0) }

// MaxOf is the largest of x, -Inf when empty, NaN when any is NaN.
func MaxOf(x []float32) float32 { return reduce(redMax, x, 0) }

// MinOf is the smallest of x, +Inf when empty, NaN when any is NaN.
func MinOf(x []float32) float32 { return reduce(redMin, x, 0) }

// MaxAbs is the largest |x[i]|, 0 when empty, NaN when any is NaN.
func MaxAbs(x []float32) float32 { return reduce(redMaxAbs, x, 0) }

// Dot is Σ a[i]*b[i] over i < len(a), 0 when empty.
func Dot(a, b []float32) float32 {
	b = b[:len(a)]
	if level := ActiveLevel(); level != Portable && len(a) > 0 {
		if v, ok := dotAsm(level, a, b); ok {
			return v
		}
	}
	return dotRef(a, b)
}

// addReduce sets dst = a + b and reduces it by op, redSum or redSumSq.
func addReduce(op reduceOp, dst, a, b []float32) float32 {
	if level := ActiveLevel(); level != Portable && len(a) > 0 {
		if v, ok := addReduceAsm(op, level, dst, a, b); ok {
			return v
		}
	}
	binaryRef(OpAdd, formVV, dst, a, b, len(a))
	return reduceRef(op, dst[:len(a)], 0)
}

// reduceOp names a reduction to one number.
type reduceOp uint8

const (
	redSum reduceOp = iota
	redSumSq
	redSumSqDev
	redSumAbs
	redMax
	redMin
	redMaxAbs
	redMaxNum // the largest, NaN left out
)

func (op reduceOp) identity() float32 {
	switch op {
	case redMax, redMaxNum:
		return float32(math.Inf(-1))
	case redMin:
		return float32(math.Inf(1))
	}
	return 0
}

func reduce(op reduceOp, x []float32, param float32) float32 {
	if len(x) == 0 {
		return op.identity()
	}
	if level := ActiveLevel(); level != Portable {
		if v, ok := reduceAsm(op, level, x, param); ok {
			return v
		}
	}
	return reduceRef(op, x, param)
}

// SumRows sets dst[r] = Σ_c x[r,c] for x [rows, cols].
func SumRows(dst, x []float32, rows, cols int, p *Pool) {
	reduceRows(redSum, dst, x, rows, cols, p)
}

// MaxRows sets dst[r] = max_c x[r,c] for x [rows, cols].
func MaxRows(dst, x []float32, rows, cols int, p *Pool) {
	reduceRows(redMax, dst, x, rows, cols, p)
}

// MinRows sets dst[r] = min_c x[r,c] for x [rows, cols].
func MinRows(dst, x []float32, rows, cols int, p *Pool) {
	reduceRows(redMin, dst, x, rows, cols, p)
}

// SumSquaresRows sets dst[r] = Σ_c x[r,c]² for x [rows, cols].
func SumSquaresRows(dst, x []float32, rows, cols int, p *Pool) {
	reduceRows(redSumSq, dst, x, rows, cols, p)
}

func reduceRows(op reduceOp, dst, x []float32, rows, cols int, p *Pool) {
	p.For(rows, grainRows(cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			dst[r] = reduce(op, x[r*cols:(r+1)*cols], 0)
		}
	})
}

// AccumulateCols adds each column's sum over the rows to dst[c], for x [rows, cols]: rows are added in order, so the sum of a
// column does not depend on threads. dst is not cleared first.
func AccumulateCols(dst, x []float32, rows, cols int, p *Pool) {
	dst = dst[:cols]
	p.For(cols, max(64, rowGrain/max(rows, 1)), func(lo, hi int) {
		for r := range rows {
			row := x[r*cols : (r+1)*cols]
			Add(dst[lo:hi], dst[lo:hi], row[lo:hi])
		}
	})
}
