package kernel

// actScalar defines the elementwise kernels that are activations.
func actScalar(op unaryOp, x float32, p unaryParams) float32 {
	switch op {
	case opRelu:
		return maxf(0, x)
	case opReluSquared:
		r := maxf(0, x)
		return r * r
	case opGelu:
		w := expScalar(-horner(normLogPoly[:], absf(x))) // Φ(-|x|)
		if x >= 0 {
			w = 1 - w
		}
		return x * w
	case opGeluTanh: // x * sigmoid(2u), u = √(2/π) (x + 0.044715x³)
		v := fmaf(x*x, -geluCubic, -geluLinear) * x
		return x / (1 + expScalar(v))
	case opSilu: // p[0]: factor of the sigmoid's argument
		return x / (1 + expScalar(-p[0]*x))
	case opLeakyRelu: // p[0]: slope below zero
		if x < 0 {
			return p[0] * x
		}
		return x
	case opHardSigmoid: // p[0]: slope, p[1]: offset
		return minf(1, maxf(0, fmaf(x, p[0], p[1])))
	case opHardSwish:
		return x * minf(1, maxf(0, fmaf(x, 1./6, 0.5)))
	case opElu: // p[0]: factor below zero, p[1]: factor of the exponent, p[2]: factor above zero
		if x < 0 {
			return p[0] * expm1Scalar(maxf(-25, minf(0, x*p[1])))
		}
		return p[2] * x
	case opSoftplus: // max(x, 0) + log(1 + e^-|x|)
		e := expScalar(-absf(x))
		return fmaf(horner(log1pPoly[:], e), e, maxf(0, x))
	case opSoftsign:
		return x / (1 + absf(x))
	case opMish: // tanh(log(1+e)) = e(e+2) / (e(e+2) + 2)
		e := expScalar(minf(20, x))
		n := fmaf(e, e, e+e)
		return x * (n / (n + 2))
	case opThresholdedRelu: // p[0]: threshold
		if x <= p[0] {
			return 0
		}
		return x
	}
	return x
}

const (
	geluLinear = 1.5957691216057308 // 2 √(2/π)
	geluCubic  = geluLinear * 0.044715
)
