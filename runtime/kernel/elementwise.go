package kernel

// BinaryOp names an elementwise operation of two inputs.
type BinaryOp uint8

// The operations. Max and Min give NaN when either input is NaN, as ONNX does.
const (
	OpAdd BinaryOp = iota
	OpSub
	OpMul
	OpDiv
	OpMax
	OpMin
)

// binaryForm says which input is one number for all elements.
type binaryForm uint8

const (
	formVV binaryForm = iota // vector op vector
	formVS                   // vector op scalar
	formSV                   // scalar op vector
)

func binary(op BinaryOp, form binaryForm, dst, a, b []float32, n int) {
	if n == 0 {
		return
	}
	if level := ActiveLevel(); level == Portable || !binaryAsm(op, form, level, dst, a, b, n) {
		binaryRef(op, form, dst, a, b, n)
	}
}

// Apply sets dst[i] = a[i] op b[i] for i < len(a). b and dst hold at least len(a) elements; dst may be a or b, but not overlap them otherwise.
func Apply(op BinaryOp, dst, a, b []float32) {
	binary(op, formVV, dst[:len(a)], a, b[:len(a)], len(a))
}

// ApplyScalar sets dst[i] = a[i] op s. dst may be a.
func ApplyScalar(op BinaryOp, dst, a []float32, s float32) {
	v := [1]float32{s}
	binary(op, formVS, dst[:len(a)], a, v[:], len(a))
}

// ApplyScalarLeft sets dst[i] = s op b[i]. dst may be b.
func ApplyScalarLeft(op BinaryOp, dst []float32, s float32, b []float32) {
	v := [1]float32{s}
	binary(op, formSV, dst[:len(b)], v[:], b, len(b))
}

// Add sets dst[i] = a[i] + b[i]; lengths and aliasing as in Apply, here and below.
func Add(dst, a, b []float32) { Apply(OpAdd, dst, a, b) }

// Sub sets dst[i] = a[i] - b[i].
func Sub(dst, a, b []float32) { Apply(OpSub, dst, a, b) }

// Mul sets dst[i] = a[i] * b[i].
func Mul(dst, a, b []float32) { Apply(OpMul, dst, a, b) }

// Div sets dst[i] = a[i] / b[i].
func Div(dst, a, b []float32) { Apply(OpDiv, dst, a, b) }

// Max sets dst[i] = max(a[i], b[i]).
func Max(dst, a, b []float32) { Apply(OpMax, dst, a, b) }

// Min sets dst[i] = min(a[i], b[i]).
func Min(dst, a, b []float32) { Apply(OpMin, dst, a, b) }

// AddScalar sets dst[i] = x[i] + s.
func AddScalar(dst, x []float32, s float32) { ApplyScalar(OpAdd, dst, x, s) }

// SubScalar sets dst[i] = x[i] - s.
func SubScalar(dst, x []float32, s float32) { ApplyScalar(OpSub, dst, x, s) }

// ScalarSub sets dst[i] = s - x[i].
func ScalarSub(dst []float32, s float32, x []float32) { ApplyScalarLeft(OpSub, dst, s, x) }

// Scale sets dst[i] = x[i] * s.
func Scale(dst, x []float32, s float32) { ApplyScalar(OpMul, dst, x, s) }

// DivScalar sets dst[i] = x[i] / s.
func DivScalar(dst, x []float32, s float32) { ApplyScalar(OpDiv, dst, x, s) }

// ScalarDiv sets dst[i] = s / x[i].
func ScalarDiv(dst []float32, s float32, x []float32) { ApplyScalarLeft(OpDiv, dst, s, x) }

// MaxScalar sets dst[i] = max(x[i], s).
func MaxScalar(dst, x []float32, s float32) { ApplyScalar(OpMax, dst, x, s) }

// MinScalar sets dst[i] = min(x[i], s).
func MinScalar(dst, x []float32, s float32) { ApplyScalar(OpMin, dst, x, s) }

// MulAdd sets dst[i] = a[i]*b[i] + c[i], rounded once. dst may be any of the inputs.
func MulAdd(dst, a, b, c []float32) {
	n := len(a)
	dst, b, c = dst[:n], b[:n], c[:n]
	if n == 0 {
		return
	}
	if level := ActiveLevel(); level == Portable || !mulAddAsm(level, dst, a, b, c) {
		mulAddRef(dst, a, b, c)
	}
}

// Axpy adds alpha*x[i] to y[i], rounded once, for i < len(x).
func Axpy(alpha float32, x, y []float32) {
	y = y[:len(x)]
	if len(x) == 0 {
		return
	}
	if level := ActiveLevel(); level == Portable || !axpyAsm(level, alpha, x, y) {
		axpyRef(alpha, x, y)
	}
}
