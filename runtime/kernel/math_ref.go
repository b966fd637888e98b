package kernel

import "math"

// unaryRef is unary in plain Go: the portable implementation and the oracle of the others.
func unaryRef(op unaryOp, dst, x []float32, p unaryParams) {
	for i, v := range x {
		dst[i] = unaryScalar(op, v, p)
	}
}

// unaryScalar defines every elementwise kernel, operation by operation: the vector forms give the same bits.
func unaryScalar(op unaryOp, x float32, p unaryParams) float32 {
	switch op {
	case opExp:
		return expScalar(x)
	case opLog:
		return logScalar(x)
	case opTanh:
		return tanhScalar(x)
	case opErf:
		return erfScalar(x)
	case opSigmoid:
		return 1 / (1 + expScalar(-x))
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
	case opClip: // p[0]: lowest, p[1]: highest
		return minf(p[1], maxf(p[0], x))
	case opAffine: // p[0]: factor, p[1]: offset
		return fmaf(x, p[0], p[1])
	}
	return actScalar(op, x, p)
}

// The constants and polynomials below are minimax fits made for these kernels; _gen/math.go holds the same numbers.
const (
	log2e    = 0x1.715476p+0
	ln2Hi    = 0x1.62e4p-1 // 15 bits, so that n*ln2Hi is exact
	ln2Lo    = 0x1.7f7d1cp-20
	expMin   = -104     // below, e^x rounds to 0
	expMax   = 89       // above, e^x overflows
	roundInt = 12582912 // 1.5 * 2^23: adding and subtracting it rounds to an integer
)

var (
	expPoly     = [...]float32{0.0013941876823082566, 0.008368677459657192, 0.041666388511657715, 0.1666652113199234, 0.5}                                                                                                                                                           // (e^r - 1 - r)/r², |r| <= ln 2 / 2
	logPoly     = [...]float32{-0.1287769079208374, 0.13985975086688995, -0.12187749892473221, 0.14005474746227264, -0.1668020784854889, 0.20010438561439514, -0.2499980479478836, 0.3333321511745453}                                                                               // (log(1+f) - f + f²/2)/f³, |f| <= 1/3
	erfPoly     = [...]float32{-0.0006121191545389593, 0.00501567916944623, -0.026779677718877792, 0.11282104253768921, -0.37612512707710266, 0.12837915122509003}                                                                                                                   // erf(x)/x - 1 in x², |x| <= 0.875
	erfcLogPoly = [...]float32{-0.00020099992980249226, 0.0030923117883503437, -0.022420253604650497, 0.10432752966880798, 0.6367372274398804, 1.1279361248016357, 0.00013357470743358135}                                                                                           // -log erfc t, 0.875 <= t <= 4
	normLogPoly = [...]float32{3.080867827520706e-08, -8.170002843144175e-07, 9.456663065066095e-06, -6.117128214100376e-05, 0.00021428533364087343, -2.9058790460112505e-05, -0.004792902152985334, 0.03634142875671387, 0.318308562040329, 0.7978846430778503, 0.6931471824645996} // -log Φ(-t), 0 <= t <= 6.5
	log1pPoly   = [...]float32{0.0020845443941652775, -0.013691671192646027, 0.042114824056625366, -0.08323895186185837, 0.12479529529809952, -0.16135171055793762, 0.19899623095989227, -0.24988864362239838, 0.33332714438438416, -0.49999988079071045, 1}                         // log(1+e)/e, 0 <= e <= 1
)

// horner is the polynomial with the highest coefficient first.
func horner(c []float32, x float32) float32 {
	y := c[0]
	for _, v := range c[1:] {
		y = fmaf(y, x, v)
	}
	return y
}

// expReduce splits x into n ln 2 + r with |r| <= ln 2 / 2.
func expReduce(x float32) (n, r float32) {
	n = fmaf(x, log2e, roundInt) - roundInt
	r = fmaf(-n, ln2Hi, x)
	return n, fmaf(-n, ln2Lo, r)
}

func expScalar(x float32) float32 {
	n, r := expReduce(maxf(expMin, minf(expMax, x)))
	y := fmaf(fmaf(horner(expPoly[:], r), r, 1), r, 1)
	if n != n {
		return y
	}
	half := int32(n) >> 1 // two steps, so that neither factor leaves the range of float32
	return y * pow2(half) * pow2(int32(n)-half)
}

// expm1Scalar is e^x - 1 for -25 <= x <= 25.
func expm1Scalar(x float32) float32 {
	n, r := expReduce(x)
	q := fmaf(horner(expPoly[:], r)*r, r, r)
	s := pow2(int32(n))
	return fmaf(s, q, s-1)
}

// pow2 is 2^n for -126 <= n <= 127.
func pow2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }

func tanhScalar(x float32) float32 {
	t := absf(x)
	e := expm1Scalar(minf(20, t+t))
	return signOf(e/(e+2), x)
}

func logScalar(x float32) float32 {
	switch {
	case x == 0:
		return float32(math.Inf(-1))
	case x < 0:
		return float32(math.NaN())
	case !(x < float32(math.Inf(1))):
		return x
	}
	var e0 float32
	if x < 0x1p-126 {
		x *= 0x1p23
		e0 = -23
	}
	bits := math.Float32bits(x)
	t := (bits - 0x3f2aaaab) & 0xff800000 // the exponent that leaves a mantissa in [2/3, 4/3)
	f := math.Float32frombits(bits-t) - 1
	e := float32(int32(t)>>23) + e0
	s := f * f
	lo := fmaf(s, fmaf(horner(logPoly[:], f), f, -0.5), e*ln2Lo)
	return fmaf(e, ln2Hi, f+lo)
}

func erfScalar(x float32) float32 {
	t := absf(x)
	if t < 0.875 {
		return fmaf(x, horner(erfPoly[:], x*x), x)
	}
	return signOf(1-expScalar(-horner(erfcLogPoly[:], minf(4, t))), x)
}

// signOf is |v| with the sign of s.
func signOf(v, s float32) float32 {
	return math.Float32frombits(math.Float32bits(v)&^(1<<31) | math.Float32bits(s)&(1<<31))
}

// fmaf is a*b + c rounded once. The product is exact in float64 (48 bits), so that rounding the sum twice is rounding it once unless
// the first rounding gave a number that may lie halfway between two float32.
func fmaf(a, b, c float32) float32 {
	s := float64(a)*float64(b) + float64(c)
	if math.Float64bits(s)<<36 == 0 {
		return fmafHalfway(a, b, c)
	}
	return float32(s)
}

// fmafHalfway is fmaf for any numbers: it steps the float64 sum to the side where the exact one lies.
func fmafHalfway(a, b, c float32) float32 {
	p, q := float64(a)*float64(b), float64(c)
	s := p + q
	part := s - p
	switch rest := (p - (s - part)) + (q - part); {
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
