package kernel

import "math"

// actScalar defines the elementwise kernels that are activations.
func actScalar(op unaryOp, x float32, p unaryParams) float32 {
	switch op {
	case opRelu:
		return maxf(0, x)
	case opReluSquared:
		r := maxf(0, x)
		return r * r
	case opGelu:
		return x * float32(0.5*math.Erfc(-float64(x)*math.Sqrt2/2))
	case opGeluTanh:
		u := math.Sqrt(2/math.Pi) * (float64(x) + 0.044715*float64(x)*float64(x)*float64(x))
		return x * float32(1/(1+math.Exp(-2*u)))
	case opSilu: // p[0]: factor of the sigmoid's argument
		return x * sigmoidScalar(p[0]*x)
	case opLeakyRelu: // p[0]: slope below zero
		if x < 0 {
			return p[0] * x
		}
		return x
	case opHardSigmoid: // p[0]: slope, p[1]: offset
		return minf(1, maxf(0, fmaf(p[0], x, p[1])))
	case opHardSwish:
		return x * minf(1, maxf(0, fmaf(1./6, x, 0.5)))
	case opElu: // p[0]: factor below zero, p[1]: factor of the exponent, p[2]: factor above zero
		if x < 0 {
			return p[0] * float32(math.Expm1(float64(x*p[1])))
		}
		return p[2] * x
	case opSoftplus:
		return float32(math.Max(float64(x), 0) + math.Log1p(math.Exp(-math.Abs(float64(x)))))
	case opSoftsign:
		return x / (1 + absf(x))
	case opMish:
		return x * float32(math.Tanh(math.Log1p(math.Exp(float64(x)))))
	case opThresholdedRelu: // p[0]: threshold
		if x <= p[0] {
			return 0
		}
		return x
	}
	return x
}

func sigmoidScalar(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }
