package kernel

// Act names an activation function. The zero value is the identity.
type Act uint8

// The activation functions, with their defaults for the parameters of ActivateParams.
const (
	ActNone            Act = iota // x
	ActRelu                       // max(x, 0)
	ActGelu                       // x * Φ(x), the erf form
	ActGeluTanh                   // 0.5x (1 + tanh(√(2/π) (x + 0.044715x³)))
	ActSilu                       // x * sigmoid(Alpha x), Alpha 1
	ActSigmoid                    // 1 / (1 + e^-x)
	ActTanh                       // tanh(x)
	ActQuickGelu                  // x * sigmoid(Alpha x), Alpha 1.702
	ActLeakyRelu                  // x < 0: Alpha x, else x; Alpha 0.01
	ActHardSigmoid                // max(0, min(1, Alpha x + Beta)); Alpha 0.2, Beta 0.5
	ActHardSwish                  // x * max(0, min(1, x/6 + 0.5))
	ActElu                        // x < 0: Alpha (e^x - 1), else x; Alpha 1
	ActSelu                       // x <= 0: Beta Alpha (e^x - 1), else Beta x; Alpha and Beta (the spec's gamma) as in ONNX
	ActCelu                       // x < 0: Alpha (e^(x/Alpha) - 1), else x; Alpha 1
	ActSoftplus                   // log(1 + e^x)
	ActSoftsign                   // x / (1 + |x|)
	ActMish                       // x * tanh(log(1 + e^x))
	ActThresholdedRelu            // x > Alpha: x, else 0; Alpha 1
	ActReluSquared                // max(x, 0)²
	actCount
)

var actNames = [actCount]string{"none", "relu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh", "quick_gelu", "leaky_relu",
	"hard_sigmoid", "hard_swish", "elu", "selu", "celu", "softplus", "softsign", "mish", "thresholded_relu", "relu_squared"}

// String is the name used in function names and reports, for example "gelu_tanh".
func (a Act) String() string {
	if a >= actCount {
		return "invalid"
	}
	return actNames[a]
}

// ParseAct is the inverse of String; ok is false for an unknown name.
func ParseAct(name string) (a Act, ok bool) {
	for i, s := range actNames {
		if s == name {
			return Act(i), true
		}
	}
	return ActNone, false
}

// ActParams holds the parameters of the activations that have any; the others ignore it.
type ActParams struct{ Alpha, Beta float32 }

// Defaults are the parameters Activate uses: those of the ONNX operator of that name.
func (a Act) Defaults() ActParams {
	switch a {
	case ActSilu, ActElu, ActCelu, ActThresholdedRelu:
		return ActParams{Alpha: 1}
	case ActQuickGelu:
		return ActParams{Alpha: 1.702}
	case ActLeakyRelu:
		return ActParams{Alpha: 0.01}
	case ActHardSigmoid:
		return ActParams{Alpha: 0.2, Beta: 0.5}
	case ActSelu:
		return ActParams{Alpha: 1.67326319217681884765625, Beta: 1.05070102214813232421875}
	}
	return ActParams{}
}

// Scalar is act(x) with default parameters. It equals Activate on the same value, bit for bit.
func (a Act) Scalar(x float32) float32 {
	op, p := a.unary(a.Defaults())
	return unaryScalar(op, x, p)
}

// Activate sets dst[i] = act(x[i]) for every i < len(x), with default parameters. dst holds at least len(x) elements; it may be x
// itself, but not overlap it otherwise. NaN in gives NaN out, -Inf in gives NaN where the definition multiplies it by 0 (Gelu, GeluTanh,
// Silu, QuickGelu, Mish, HardSwish). Every level gives the same bits. Bounds, in units in the last place or, near zero, absolute:
// Gelu, GeluTanh and QuickGelu 6 ulp or 2e-8, Mish 4.5, Silu 3, Tanh, Sigmoid, Selu and Softplus 2.5, Softsign 1.5, Elu and Celu 1 ulp, where
// the result is not subnormal.
func Activate(act Act, dst, x []float32) { ActivateParams(act, act.Defaults(), dst, x) }

// ActivateParams is Activate with the given parameters.
func ActivateParams(act Act, params ActParams, dst, x []float32) {
	if act == ActNone {
		copy(dst[:len(x)], x)
		return
	}
	op, p := act.unary(params)
	unary(op, dst, x, p)
}

// actBlock is the number of elements ActivateMul handles at a time, so that the second step finds them in the first-level cache.
const actBlock = 1024

// ActivateMul sets dst[i] = act(gate[i]) * up[i], the hidden layer of a gated feed-forward block. dst may be gate or, when it is
// not gate, must not overlap either input.
func ActivateMul(act Act, dst, gate, up []float32) {
	dst, up = dst[:len(gate)], up[:len(gate)]
	for lo := 0; lo < len(gate); lo += actBlock {
		hi := min(lo+actBlock, len(gate))
		Activate(act, dst[lo:hi], gate[lo:hi])
		Mul(dst[lo:hi], dst[lo:hi], up[lo:hi])
	}
}

// unary maps the activation and its parameters to the elementwise kernel that computes it.
func (a Act) unary(p ActParams) (unaryOp, unaryParams) {
	switch a {
	case ActRelu:
		return opRelu, unaryParams{}
	case ActGelu:
		return opGelu, unaryParams{}
	case ActGeluTanh:
		return opGeluTanh, unaryParams{}
	case ActSilu, ActQuickGelu:
		return opSilu, unaryParams{p.Alpha}
	case ActSigmoid:
		return opSigmoid, unaryParams{}
	case ActTanh:
		return opTanh, unaryParams{}
	case ActLeakyRelu:
		return opLeakyRelu, unaryParams{p.Alpha}
	case ActHardSigmoid:
		return opHardSigmoid, unaryParams{p.Alpha, p.Beta}
	case ActHardSwish:
		return opHardSwish, unaryParams{}
	case ActElu:
		return opElu, unaryParams{p.Alpha, 1, 1}
	case ActSelu:
		return opElu, unaryParams{p.Alpha * p.Beta, 1, p.Beta}
	case ActCelu:
		return opElu, unaryParams{p.Alpha, 1 / p.Alpha, 1}
	case ActSoftplus:
		return opSoftplus, unaryParams{}
	case ActSoftsign:
		return opSoftsign, unaryParams{}
	case ActMish:
		return opMish, unaryParams{}
	case ActThresholdedRelu:
		return opThresholdedRelu, unaryParams{p.Alpha}
	case ActReluSquared:
		return opReluSquared, unaryParams{}
	}
	return opCopy, unaryParams{}
}
