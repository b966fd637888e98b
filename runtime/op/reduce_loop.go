package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func reduceLoop[T number](op reduction, y, x *tensor.Tensor, outer, n, inner int) {
	out, in := tensor.Cast[T](y.Bytes()), tensor.Cast[T](x.Bytes())
	row := make([]T, n)
	for o := range outer {
		for i := range inner {
			for k := range row {
				row[k] = in[(o*n+k)*inner+i]
			}
			out[o*inner+i] = reduceRow(op, row)
		}
	}
}

func reduceRow[T number](op reduction, v []T) T {
	var s T
	switch op {
	case redMax, redMin:
		return extreme(op == redMax, v)
	case redProd:
		s = 1
		for _, a := range v {
			s *= a
		}
	case redL1:
		for _, a := range v {
			if a < 0 {
				a = -a
			}
			s += a
		}
	case redL2, redSumSquare:
		for _, a := range v {
			s += a * a
		}
		if op == redL2 {
			s = T(math.Sqrt(float64(s)))
		}
	case redLogSumExp:
		return T(logSumExp(v))
	default: // sum, mean, log of sum
		for _, a := range v {
			s += a
		}
		switch {
		case op == redLogSum:
			s = T(math.Log(float64(s)))
		case op == redMean && len(v) > 0:
			if T(1)/T(2) == 0 { // integers; the count fits float64, not every small T
				return T(float64(s) / float64(len(v)))
			}
			s /= T(len(v))
		case op == redMean:
			s = T(math.NaN())
		}
	}
	return s
}

// extreme is the largest or smallest element; NaN if there is one. Of nothing, it is the type's lowest or highest value.
func extreme[T number](largest bool, v []T) T {
	if len(v) == 0 {
		return limit[T](!largest)
	}
	m := v[0]
	for _, a := range v[1:] {
		if largest {
			m = max(m, a)
		} else {
			m = min(m, a)
		}
	}
	return m
}

// limit is the highest or lowest value of a type; an infinity for floats.
func limit[T number](high bool) T {
	var zero T
	if half := T(1) / T(2); half != 0 {
		inf := math.Inf(-1)
		if high {
			inf = math.Inf(1)
		}
		return T(inf)
	}
	top := ^uint64(0) // shift down until it fits
	if zero-1 < zero {
		top >>= 1
	}
	for uint64(T(top)) != top || T(top) < zero {
		top >>= 1
	}
	switch {
	case high:
		return T(top)
	case zero-1 < zero:
		return -T(top) - 1
	}
	return zero
}

func logSumExp[T number](v []T) float64 {
	m := math.Inf(-1)
	for _, a := range v {
		m = math.Max(m, float64(a))
	}
	if math.IsInf(m, 0) {
		return m
	}
	s := 0.0
	for _, a := range v {
		s += math.Exp(float64(a) - m)
	}
	return m + math.Log(s)
}
