package kernel

import "math"

// unaryRef is unary in plain Go: the portable implementation and the oracle of the others.
func unaryRef(op unaryOp, dst, x []float32, p unaryParams) {
	for i, v := range x {
		dst[i] = unaryScalar(op, v, p)
	}
}

// unaryScalar defines every elementwise kernel.
func unaryScalar(op unaryOp, x float32, p unaryParams) float32 {
	switch op {
	case opExp:
		return float32(math.Exp(float64(x)))
	case opLog:
		return float32(math.Log(float64(x)))
	case opTanh:
		return float32(math.Tanh(float64(x)))
	case opErf:
		return float32(math.Erf(float64(x)))
	case opSigmoid:
		return sigmoidScalar(x)
	case opSqrt:
		return sqrtf(x)
	case opRsqrt:
		return 1 / sqrtf(x)
	case opRecip:
		return 1 / x
	case opNeg:
		return -x
	case opAbs:
		return absf(x)
	case opSquare:
		return x * x
	case opFloor:
		return float32(math.Floor(float64(x)))
	case opCeil:
		return float32(math.Ceil(float64(x)))
	case opRound:
		return float32(math.RoundToEven(float64(x)))
	case opClip:
		return minf(p[1], maxf(p[0], x))
	case opAffine:
		return fmaf(p[0], x, p[1])
	}
	return actScalar(op, x, p)
}

// fmaf is a*b + c rounded once.
func fmaf(a, b, c float32) float32 {
	p := float64(a) * float64(b) // exact: 48 bits
	s := p + float64(c)
	if math.Float64bits(s)&(1<<28-1) != 0 {
		return float32(s) // s is not halfway between two float32, so rounding twice is rounding once
	}
	// s may be a halfway case made by the addition's own rounding: step it to the side where the exact sum lies.
	cc := s - p
	rest := (p - (s - cc)) + (float64(c) - cc)
	switch {
	case rest > 0:
		s = math.Nextafter(s, math.Inf(1))
	case rest < 0:
		s = math.Nextafter(s, math.Inf(-1))
	}
	return float32(s)
}

// minf and maxf are the machine's min and max: the second operand when either is NaN or both are zero.
func minf(a, b float32) float32 {
	if a < b {
		return a
	}
	return b
}

func maxf(a, b float32) float32 {
	if a > b {
		return a
	}
	return b
}

func absf(x float32) float32  { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
func sqrtf(x float32) float32 { return float32(math.Sqrt(float64(x))) }
