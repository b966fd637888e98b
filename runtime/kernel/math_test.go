package kernel_test

import (
	"math"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
)

// tiny is the smallest normal float32: absolute slack for kernels that do not promise subnormals.
const tiny = 0x1p-126

// unaryCase is an elementwise kernel, its bound and the function it approximates.
type unaryCase struct {
	tol    kerneltest.Tolerance
	f      func(dst, x []float32)
	oracle func(float64) float64
}

func act(a kernel.Act) func(dst, x []float32) {
	return func(dst, x []float32) { kernel.Activate(a, dst, x) }
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

var unaryCases = []unaryCase{
	{kerneltest.Tolerance{Name: "Exp", ULP: 1}, kernel.Exp, math.Exp},
	{kerneltest.Tolerance{Name: "Log", ULP: 1}, kernel.Log, math.Log},
	{kerneltest.Tolerance{Name: "Tanh", ULP: 2.5}, kernel.Tanh, math.Tanh},
	{kerneltest.Tolerance{Name: "Erf", ULP: 1.5}, kernel.Erf, math.Erf},
	{kerneltest.Tolerance{Name: "Sigmoid", ULP: 2.5, Abs: tiny}, kernel.Sigmoid, sigmoid},
	{kerneltest.Tolerance{Name: "Sqrt", ULP: 0.5}, kernel.Sqrt, math.Sqrt},
	{kerneltest.Tolerance{Name: "Recip", ULP: 0.5}, kernel.Recip, func(x float64) float64 { return 1 / x }},
	{kerneltest.Tolerance{Name: "Rsqrt", ULP: 1.5}, kernel.Rsqrt, func(x float64) float64 { return 1 / math.Sqrt(x) }},
	{kerneltest.Tolerance{Name: "Neg"}, kernel.Neg, func(x float64) float64 { return -x }},
	{kerneltest.Tolerance{Name: "Abs"}, kernel.Abs, math.Abs},
	{kerneltest.Tolerance{Name: "Square", ULP: 0.5}, kernel.Square, func(x float64) float64 { return x * x }},
	{kerneltest.Tolerance{Name: "Floor"}, kernel.Floor, math.Floor},
	{kerneltest.Tolerance{Name: "Ceil"}, kernel.Ceil, math.Ceil},
	{kerneltest.Tolerance{Name: "Round"}, kernel.Round, math.RoundToEven},
	{kerneltest.Tolerance{Name: "relu"}, act(kernel.ActRelu), func(x float64) float64 { return math.Max(0, x) }},
	{kerneltest.Tolerance{Name: "relu_squared", ULP: 0.5}, act(kernel.ActReluSquared), func(x float64) float64 { return math.Max(0, x) * math.Max(0, x) }},
	{kerneltest.Tolerance{Name: "gelu", ULP: 6, Abs: 2e-8}, act(kernel.ActGelu), func(x float64) float64 { return x * 0.5 * math.Erfc(-x/math.Sqrt2) }},
	{kerneltest.Tolerance{Name: "gelu_tanh", ULP: 6, Abs: 2e-8}, act(kernel.ActGeluTanh), func(x float64) float64 {
		return x * sigmoid(2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))
	}},
	{kerneltest.Tolerance{Name: "silu", ULP: 3, Abs: 100 * tiny}, act(kernel.ActSilu), func(x float64) float64 { return x * sigmoid(x) }},
	{kerneltest.Tolerance{Name: "quick_gelu", ULP: 6, Abs: 2e-8}, act(kernel.ActQuickGelu), func(x float64) float64 { return x * sigmoid(float64(float32(1.702))*x) }},
	{kerneltest.Tolerance{Name: "sigmoid", ULP: 2.5, Abs: tiny}, act(kernel.ActSigmoid), sigmoid},
	{kerneltest.Tolerance{Name: "tanh", ULP: 2.5}, act(kernel.ActTanh), math.Tanh},
	{kerneltest.Tolerance{Name: "leaky_relu", ULP: 0.5}, act(kernel.ActLeakyRelu), func(x float64) float64 {
		if x < 0 {
			return float64(float32(0.01)) * x
		}
		return x
	}},
	{kerneltest.Tolerance{Name: "hard_sigmoid", ULP: 0.5, Abs: 6e-8}, act(kernel.ActHardSigmoid), func(x float64) float64 {
		return math.Max(0, math.Min(1, float64(float32(0.2))*x+0.5))
	}},
	{kerneltest.Tolerance{Name: "hard_swish", ULP: 1, Abs: 3e-7}, act(kernel.ActHardSwish), func(x float64) float64 {
		return x * math.Max(0, math.Min(1, x/6+0.5))
	}},
	{kerneltest.Tolerance{Name: "elu", ULP: 1}, act(kernel.ActElu), func(x float64) float64 {
		if x < 0 {
			return math.Expm1(x)
		}
		return x
	}},
	{kerneltest.Tolerance{Name: "selu", ULP: 2.5}, act(kernel.ActSelu), func(x float64) float64 {
		if x < 0 {
			return 1.05070102214813232421875 * 1.67326319217681884765625 * math.Expm1(x)
		}
		return 1.05070102214813232421875 * x
	}},
	{kerneltest.Tolerance{Name: "celu", ULP: 1}, act(kernel.ActCelu), func(x float64) float64 {
		if x < 0 {
			return math.Expm1(x)
		}
		return x
	}},
	{kerneltest.Tolerance{Name: "softplus", ULP: 2.5}, act(kernel.ActSoftplus), func(x float64) float64 {
		return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
	}},
	{kerneltest.Tolerance{Name: "softsign", ULP: 1.5}, act(kernel.ActSoftsign), func(x float64) float64 { return x / (1 + math.Abs(x)) }},
	{kerneltest.Tolerance{Name: "mish", ULP: 4.5, Abs: 100 * tiny}, act(kernel.ActMish), func(x float64) float64 {
		if x < -700 {
			return x * 0
		}
		return x * math.Tanh(math.Max(x, 0)+math.Log1p(math.Exp(-math.Abs(x))))
	}},
	{kerneltest.Tolerance{Name: "thresholded_relu"}, act(kernel.ActThresholdedRelu), func(x float64) float64 {
		if x <= 1 {
			return 0
		}
		return x
	}},
}

func TestUnary(t *testing.T) {
	for _, c := range unaryCases {
		t.Run(c.tol.Name, func(t *testing.T) { kerneltest.Unary(t, c.tol, c.f, c.oracle) })
	}
}
