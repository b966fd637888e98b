package kernel

// unaryOp names an elementwise kernel of one input.
type unaryOp uint8

const (
	opCopy unaryOp = iota
	opExp
	opLog
	opTanh
	opErf
	opSigmoid
	opSqrt
	opRsqrt
	opRecip
	opNeg
	opAbs
	opSquare
	opFloor
	opCeil
	opRound
	opClip
	opAffine
	opRelu
	opReluSquared
	opGelu
	opGeluTanh
	opSilu
	opLeakyRelu
	opHardSigmoid
	opHardSwish
	opElu
	opSoftplus
	opSoftsign
	opMish
	opThresholdedRelu
	unaryOpCount
)

// unaryParams are an elementwise kernel's numbers; what each means is said where its scalar form is defined (unaryScalar).
type unaryParams [3]float32

// unary runs op over x into dst at the active level.
func unary(op unaryOp, dst, x []float32, p unaryParams) {
	dst = dst[:len(x)]
	if len(x) == 0 {
		return
	}
	if level := ActiveLevel(); level == Portable || !unaryAsm(op, level, dst, x, p) {
		unaryRef(op, dst, x, p)
	}
}

// The functions below set dst[i] for every i < len(x). dst holds at least len(x) elements and may be x itself, but not overlap it
// otherwise. NaN in gives NaN out. Every level gives the same bits. Bounds are over all float32 arguments, in units in the last place.

// Exp sets dst[i] = e^x[i], within 1 ulp, subnormal results included. Overflow gives +Inf.
func Exp(dst, x []float32) { unary(opExp, dst, x, unaryParams{}) }

// Log sets dst[i] = ln x[i], within 1 ulp; ±0 gives -Inf and negative numbers NaN.
func Log(dst, x []float32) { unary(opLog, dst, x, unaryParams{}) }

// Tanh sets dst[i] = tanh x[i], within 2.5 ulp.
func Tanh(dst, x []float32) { unary(opTanh, dst, x, unaryParams{}) }

// Erf sets dst[i] = erf x[i], within 1.5 ulp.
func Erf(dst, x []float32) { unary(opErf, dst, x, unaryParams{}) }

// Sigmoid sets dst[i] = 1/(1+e^-x[i]), within 2.5 ulp or 2^-126: subnormal results are 0 where e^-x overflows.
func Sigmoid(dst, x []float32) { unary(opSigmoid, dst, x, unaryParams{}) }

// Sqrt sets dst[i] = √x[i], correctly rounded.
func Sqrt(dst, x []float32) { unary(opSqrt, dst, x, unaryParams{}) }

// Rsqrt sets dst[i] = 1/√x[i], two correctly rounded steps: within 1.5 ulp.
func Rsqrt(dst, x []float32) { unary(opRsqrt, dst, x, unaryParams{}) }

// Recip sets dst[i] = 1/x[i], correctly rounded.
func Recip(dst, x []float32) { unary(opRecip, dst, x, unaryParams{}) }

// Neg sets dst[i] = -x[i].
func Neg(dst, x []float32) { unary(opNeg, dst, x, unaryParams{}) }

// Abs sets dst[i] = |x[i]|.
func Abs(dst, x []float32) { unary(opAbs, dst, x, unaryParams{}) }

// Square sets dst[i] = x[i]².
func Square(dst, x []float32) { unary(opSquare, dst, x, unaryParams{}) }

// Floor sets dst[i] = ⌊x[i]⌋.
func Floor(dst, x []float32) { unary(opFloor, dst, x, unaryParams{}) }

// Ceil sets dst[i] = ⌈x[i]⌉.
func Ceil(dst, x []float32) { unary(opCeil, dst, x, unaryParams{}) }

// Round sets dst[i] = x[i] rounded to the nearest integer, halves to even, as ONNX Round.
func Round(dst, x []float32) { unary(opRound, dst, x, unaryParams{}) }

// Clip sets dst[i] = min(max(x[i], lo), hi); NaN stays NaN, and lo > hi gives hi, as ONNX Clip.
func Clip(dst, x []float32, lo, hi float32) { unary(opClip, dst, x, unaryParams{lo, hi}) }

// Affine sets dst[i] = scale*x[i] + shift, rounded once.
func Affine(dst, x []float32, scale, shift float32) {
	unary(opAffine, dst, x, unaryParams{scale, shift})
}
