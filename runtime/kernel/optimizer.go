package kernel

import "math"

// AdamStep holds the numbers of one step of Adam, by the names of ai.onnx.preview.training Adam.
type AdamStep struct {
	Rate     float32 // R, adjusted for the step by AdamRate
	Alpha    float32 // decay of the averaged gradient
	Beta     float32 // decay of the averaged squared gradient
	Epsilon  float32
	Norm     float32 // norm_coefficient: weight of X added to the gradient
	NormPost float32 // norm_coefficient_post: share of the new X taken off
}

// AdamRate is R * √(1 - beta^t) / (1 - alpha^t), the rate of step t, or R itself when t is 0.
func AdamRate(r, alpha, beta float32, t int64) float32 {
	if t <= 0 {
		return r
	}
	bias := math.Sqrt(1-math.Pow(float64(beta), float64(t))) / (1 - math.Pow(float64(alpha), float64(t)))
	return float32(float64(r) * bias)
}

// Adam sets, for every element: g' = Norm*x + g, vNew = Alpha*v + (1-Alpha)*g', hNew = Beta*h + (1-Beta)*g'²,
// xNew = (1-NormPost) * (x - Rate*vNew/(√hNew + Epsilon)). All slices hold at least len(x) elements; an output may be the input of the
// same letter, but not overlap an input otherwise.
func Adam(xNew, vNew, hNew, x, g, v, h []float32, s AdamStep) {
	n := len(x)
	xNew, vNew, hNew, g, v, h = xNew[:n], vNew[:n], hNew[:n], g[:n], v[:n], h[:n]
	p := optimizerParams{s.Rate, s.Alpha, 1 - s.Alpha, s.Beta, 1 - s.Beta, s.Epsilon, s.Norm, 1 - s.NormPost}
	if level := ActiveLevel(); n > 0 && (level == Portable || !adamAsm(level, xNew, vNew, hNew, x, g, v, h, &p)) {
		adamRef(xNew, vNew, hNew, x, g, v, h, &p)
	}
}

// MomentumStep holds the numbers of one step of gradient descent with momentum, by the names of ai.onnx.preview.training Momentum.
type MomentumStep struct {
	Rate     float32 // R
	Alpha    float32 // decay of the averaged gradient
	Beta     float32 // weight of the new gradient; the operator takes 1 at step 0
	Norm     float32 // norm_coefficient: weight of X added to the gradient
	Nesterov bool    // mode "nesterov", else "standard"
}

// Momentum sets, for every element: g' = Norm*x + g, vNew = Alpha*v + Beta*g', xNew = x - Rate*vNew, or with Nesterov
// xNew = x - Rate*(g' + Alpha*vNew). Lengths and aliasing are as in Adam.
func Momentum(xNew, vNew, x, g, v []float32, s MomentumStep) {
	n := len(x)
	xNew, vNew, g, v = xNew[:n], vNew[:n], g[:n], v[:n]
	p := optimizerParams{s.Rate, s.Alpha, s.Beta, s.Norm}
	if level := ActiveLevel(); n > 0 && (level == Portable || !momentumAsm(level, xNew, vNew, x, g, v, &p, s.Nesterov)) {
		momentumRef(xNew, vNew, x, g, v, &p, s.Nesterov)
	}
}

// optimizerParams are the numbers of a step in the order of the reference's use.
type optimizerParams [8]float32
