package op

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// activationOps are the activation functions and Clip.
func activationOps() []OpDef {
	var defs []OpDef
	for _, a := range []struct {
		name  string
		since int
	}{
		{"Sigmoid", 1}, {"Tanh", 1}, {"LeakyRelu", 1}, {"HardSigmoid", 1}, {"Elu", 1}, {"Selu", 1}, {"Softplus", 1}, {"Softsign", 1},
		{"ThresholdedRelu", 10}, {"Celu", 12}, {"HardSwish", 14}, {"Mish", 18}, {"Gelu", 20}, {"Swish", 24},
	} {
		defs = append(defs, OpDef{Op: a.name, Since: a.since, Prepare: checked(floats, prepareActivation, 0), InPlace: []int{0}})
	}
	return append(defs,
		OpDef{Op: "Shrink", Since: 9, Prepare: checked(numbers, prepareShrink, 0), InPlace: []int{0}},
		OpDef{Op: "Clip", Since: 11, Prepare: checked(numbers, prepareClip, 0, 1, 2), InPlace: []int{0}},
		OpDef{Op: "Clip", Since: 1, Until: 10, Prepare: checked(floats, prepareClipAttr, 0), InPlace: []int{0}},
	)
}

// ActivationOf is the kernel's activation that a node computes, with its parameters; ok is false for nodes that are no activation.
func ActivationOf(n *graph.Node) (act kernel.Act, params kernel.ActParams, ok bool) {
	if graph.CanonicalDomain(n.ID.Domain) != "" {
		return kernel.ActNone, params, false
	}
	switch n.ID.Op {
	case "Relu":
		act = kernel.ActRelu
	case "Sigmoid":
		act = kernel.ActSigmoid
	case "Tanh":
		act = kernel.ActTanh
	case "LeakyRelu":
		act = kernel.ActLeakyRelu
	case "HardSigmoid":
		act = kernel.ActHardSigmoid
	case "Elu":
		act = kernel.ActElu
	case "Selu":
		act = kernel.ActSelu
	case "Softplus":
		act = kernel.ActSoftplus
	case "Softsign":
		act = kernel.ActSoftsign
	case "ThresholdedRelu":
		act = kernel.ActThresholdedRelu
	case "Celu":
		act = kernel.ActCelu
	case "HardSwish":
		act = kernel.ActHardSwish
	case "Mish":
		act = kernel.ActMish
	case "Swish":
		act = kernel.ActSilu
	case "Gelu":
		switch n.Attrs.String("approximate", "none") {
		case "none":
			act = kernel.ActGelu
		case "tanh":
			act = kernel.ActGeluTanh
		default:
			return kernel.ActNone, params, false
		}
	default:
		return kernel.ActNone, params, false
	}
	params = act.Defaults()
	params.Alpha = n.Attrs.Float("alpha", params.Alpha)
	params.Beta = n.Attrs.Float("beta", params.Beta)
	if act == kernel.ActSelu {
		params.Beta = n.Attrs.Float("gamma", params.Beta)
	}
	return act, params, true
}

func prepareActivation(p *Prep) (Exec, error) {
	act, params, ok := ActivationOf(p.Node)
	if !ok {
		return nil, fmt.Errorf("attribute approximate is %q", p.Attrs().String("approximate", ""))
	}
	if act == kernel.ActSelu && p.Opset < 6 { // shorter defaults
		params = kernel.ActParams{Alpha: p.Attrs().Float("alpha", 1.6732), Beta: p.Attrs().Float("gamma", 1.0507)}
	}
	return mapExec{mathFunc{
		f32: func(dst, x []float32) { kernel.ActivateParams(act, params, dst, x) },
		f64: func(x float64) float64 { return activate64(act, float64(params.Alpha), float64(params.Beta), x) },
	}}, nil
}

// activate64 is the activation in float64, by the formulas of the operators.
func activate64(act kernel.Act, alpha, beta, x float64) float64 {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	softplus := func(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
	clamp := func(x float64) float64 { return math.Max(0, math.Min(1, x)) }
	switch act {
	case kernel.ActGelu:
		return 0.5 * x * (1 + math.Erf(x/math.Sqrt2))
	case kernel.ActGeluTanh:
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case kernel.ActSilu:
		return x * sigmoid(alpha*x)
	case kernel.ActSigmoid:
		return sigmoid(x)
	case kernel.ActTanh:
		return math.Tanh(x)
	case kernel.ActLeakyRelu:
		if x < 0 {
			return alpha * x
		}
		return x
	case kernel.ActHardSigmoid:
		return clamp(alpha*x + beta)
	case kernel.ActHardSwish:
		return x * clamp(x/6+0.5)
	case kernel.ActElu:
		if x < 0 {
			return alpha * math.Expm1(x)
		}
		return x
	case kernel.ActSelu:
		if x <= 0 {
			return beta * alpha * math.Expm1(x)
		}
		return beta * x
	case kernel.ActCelu:
		if x < 0 {
			return alpha * math.Expm1(x/alpha)
		}
		return x
	case kernel.ActSoftplus:
		return softplus(x)
	case kernel.ActSoftsign:
		return x / (1 + math.Abs(x))
	case kernel.ActMish:
		return x * math.Tanh(softplus(x))
	case kernel.ActThresholdedRelu:
		if x > alpha {
			return x
		}
		return 0
	case kernel.ActRelu:
		return max(x, 0)
	}
	return x
}

func prepareShrink(p *Prep) (Exec, error) {
	bias, lambd := float64(p.Attrs().Float("bias", 0)), float64(p.Attrs().Float("lambd", 0.5))
	return mapExec{mathFunc{f64: func(x float64) float64 {
		switch {
		case x < -lambd:
			return x + bias
		case x > lambd:
			return x - bias
		}
		return 0
	}}}, nil
}

func prepareClipAttr(p *Prep) (Exec, error) {
	lo, hi := float32(-math.MaxFloat32), float32(math.MaxFloat32)
	if p.Opset < 6 { // no bounds
		lo, hi = float32(math.Inf(-1)), float32(math.Inf(1))
	}
	lo, hi = p.Attrs().Float("min", lo), p.Attrs().Float("max", hi)
	return mapExec{clipFunc(float64(lo), float64(hi))}, nil
}

func clipFunc(lo, hi float64) mathFunc {
	return mathFunc{
		f32: func(dst, x []float32) { kernel.Clip(dst, x, float32(lo), float32(hi)) },
		f64: func(x float64) float64 { return min(max(x, lo), hi) },
	}
}

func prepareClip(*Prep) (Exec, error) { return ExecFunc(runClip), nil }

func runClip(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	bounds := [2]*tensor.Tensor{input(c, 1), input(c, 2)}
	for _, t := range bounds {
		if t != nil && (t.Elem != x.Elem || t.Len() != 1) {
			return fmt.Errorf("a bound is %s%v, want one element of %s", t.Elem, t.Shape, x.Elem)
		}
	}
	if floats.has(x.Elem) {
		lim := [2]float64{math.Inf(-1), math.Inf(1)}
		for i, t := range bounds {
			if t == nil {
				continue
			}
			v, err := double(t)
			if err != nil {
				return err
			}
			lim[i] = v[0]
		}
		return clipFunc(lim[0], lim[1]).apply(c.Out(0, x.Elem, x.Shape...), x, c.Pool)
	}
	y := c.Out(0, x.Elem, x.Shape...)
	switch x.Elem {
	case tensor.Int8:
		clipInts[int8](y, x, bounds)
	case tensor.Int16:
		clipInts[int16](y, x, bounds)
	case tensor.Int32:
		clipInts[int32](y, x, bounds)
	case tensor.Int64:
		clipInts[int64](y, x, bounds)
	case tensor.Uint8:
		clipInts[uint8](y, x, bounds)
	case tensor.Uint16:
		clipInts[uint16](y, x, bounds)
	case tensor.Uint32:
		clipInts[uint32](y, x, bounds)
	case tensor.Uint64:
		clipInts[uint64](y, x, bounds)
	default:
		return errElem(x.Elem)
	}
	return nil
}

func clipInts[T integer](y, x *tensor.Tensor, bounds [2]*tensor.Tensor) {
	out := tensor.Cast[T](y.Bytes())
	for i, v := range tensor.Cast[T](x.Bytes()) {
		if bounds[0] != nil {
			v = max(v, tensor.Cast[T](bounds[0].Bytes())[0])
		}
		if bounds[1] != nil {
			v = min(v, tensor.Cast[T](bounds[1].Bytes())[0])
		}
		out[i] = v
	}
}
