package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// mathFunc is an elementwise function of one real input.
type mathFunc struct {
	f32 func(dst, x []float32) // nil: f64 rounded
	f64 func(float64) float64
}

// mathFuncs are the operators that are a function of each element, for floating-point inputs.
var mathFuncs = []struct {
	name  string
	since int
	mathFunc
}{
	{"Exp", 1, mathFunc{kernel.Exp, math.Exp}},
	{"Log", 1, mathFunc{kernel.Log, math.Log}},
	{"Sqrt", 1, mathFunc{kernel.Sqrt, math.Sqrt}},
	{"Reciprocal", 1, mathFunc{kernel.Recip, func(x float64) float64 { return 1 / x }}},
	{"Floor", 1, mathFunc{kernel.Floor, math.Floor}},
	{"Ceil", 1, mathFunc{kernel.Ceil, math.Ceil}},
	{"Round", 11, mathFunc{kernel.Round, math.RoundToEven}},
	{"Erf", 9, mathFunc{kernel.Erf, math.Erf}},
	{"Sin", 7, mathFunc{nil, math.Sin}},
	{"Cos", 7, mathFunc{nil, math.Cos}},
	{"Tan", 7, mathFunc{nil, math.Tan}},
	{"Asin", 7, mathFunc{nil, math.Asin}},
	{"Acos", 7, mathFunc{nil, math.Acos}},
	{"Atan", 7, mathFunc{nil, math.Atan}},
	{"Sinh", 9, mathFunc{nil, math.Sinh}},
	{"Cosh", 9, mathFunc{nil, math.Cosh}},
	{"Asinh", 9, mathFunc{nil, math.Asinh}},
	{"Acosh", 9, mathFunc{nil, math.Acosh}},
	{"Atanh", 9, mathFunc{nil, math.Atanh}},
}

// unaryOps are the functions of one input that carry no parameters.
func unaryOps() []OpDef {
	var defs []OpDef
	for _, m := range mathFuncs {
		f, set := m.mathFunc, floats
		if m.name == "Erf" {
			set = numbers
		}
		defs = append(defs, OpDef{Op: m.name, Since: m.since, Prepare: checked(set, func(*Prep) (Exec, error) { return mapExec{f}, nil }, 0), InPlace: []int{0}})
	}
	return append(defs,
		OpDef{Op: "Neg", Since: 1, Prepare: checked(numbers, func(*Prep) (Exec, error) { return signExec{signNeg}, nil }, 0), InPlace: []int{0}},
		OpDef{Op: "Abs", Since: 1, Prepare: checked(numbers, func(*Prep) (Exec, error) { return signExec{signAbs}, nil }, 0), InPlace: []int{0}},
		OpDef{Op: "Sign", Since: 9, Prepare: checked(numbers, func(*Prep) (Exec, error) { return signExec{signSign}, nil }, 0), InPlace: []int{0}},
		OpDef{Op: "Relu", Since: 1, Prepare: checked(numbers, func(*Prep) (Exec, error) { return signExec{signRelu}, nil }, 0), InPlace: []int{0}},
		OpDef{Op: "IsNaN", Since: 9, Prepare: checked(floats|float8s, prepareIsNaN, 0)},
		OpDef{Op: "IsInf", Since: 10, Prepare: checked(floats|float8s, prepareIsInf, 0)},
	)
}

var float8s = elemSet(tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ, tensor.Float8E5M2, tensor.Float8E5M2FNUZ)

// mapExec applies a real function to each element. Integer inputs are computed in float64 and converted back.
type mapExec struct{ f mathFunc }

func (e mapExec) Run(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	return e.f.apply(c.Out(0, x.Elem, x.Shape...), x, c.Pool)
}

func (f mathFunc) apply(y, x *tensor.Tensor, p *kernel.Pool) error {
	switch x.Elem {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
		in, out := single(x), singleOut(y)
		p.For(len(in), zipGrain/4, func(lo, hi int) {
			if f.f32 != nil {
				f.f32(out[lo:hi], in[lo:hi])
				return
			}
			for i := lo; i < hi; i++ {
				out[i] = float32(f.f64(float64(in[i])))
			}
		})
		singleDone(y, out)
		return nil
	case tensor.Float64:
		in, out := tensor.Data[float64](x), tensor.Data[float64](y)
		p.For(len(in), zipGrain/4, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				out[i] = f.f64(in[i])
			}
		})
		return nil
	}
	v, err := x.Float64s()
	if err != nil {
		return err
	}
	for i := range v {
		v[i] = f.f64(v[i])
	}
	return storeFloats(y, v)
}

// signOp names the functions that need no more than comparisons and negation.
type signOp uint8

const (
	signNeg signOp = iota
	signAbs
	signSign
	signRelu
)

type signExec struct{ op signOp }

func (e signExec) Run(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	y := c.Out(0, x.Elem, x.Shape...)
	switch x.Elem {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
		in, out := single(x), singleOut(y)
		c.Pool.For(len(in), zipGrain, func(lo, hi int) { e.single(out[lo:hi], in[lo:hi]) })
		singleDone(y, out)
	case tensor.Float64:
		signs[float64](e.op, y, x)
	case tensor.Int8:
		signs[int8](e.op, y, x)
	case tensor.Int16:
		signs[int16](e.op, y, x)
	case tensor.Int32:
		signs[int32](e.op, y, x)
	case tensor.Int64:
		signs[int64](e.op, y, x)
	case tensor.Uint8:
		signs[uint8](e.op, y, x)
	case tensor.Uint16:
		signs[uint16](e.op, y, x)
	case tensor.Uint32:
		signs[uint32](e.op, y, x)
	case tensor.Uint64:
		signs[uint64](e.op, y, x)
	default:
		return errElem(x.Elem)
	}
	return nil
}

func (e signExec) single(dst, x []float32) {
	switch e.op {
	case signNeg:
		kernel.Neg(dst, x)
	case signAbs:
		kernel.Abs(dst, x)
	case signRelu:
		kernel.Activate(kernel.ActRelu, dst, x)
	default:
		signSlice(signSign, dst, x)
	}
}

func signs[T number](op signOp, y, x *tensor.Tensor) {
	signSlice(op, tensor.Cast[T](y.Bytes()), tensor.Cast[T](x.Bytes()))
}

func signSlice[T number](op signOp, dst, x []T) {
	for i, v := range x {
		switch op {
		case signNeg:
			v = -v
		case signAbs:
			if v < 0 {
				v = -v
			} else if v == 0 {
				v = 0
			}
		case signRelu:
			if v < 0 {
				v = 0
			}
		case signSign:
			switch {
			case v > 0:
				v = 1
			case v < 0:
				v = 0
				v--
			}
		}
		dst[i] = v
	}
}

func prepareIsNaN(*Prep) (Exec, error) {
	return ExecFunc(func(c *Call) error { return classify(c, math.IsNaN) }), nil
}

func prepareIsInf(p *Prep) (Exec, error) {
	pos, neg := p.Attrs().Int("detect_positive", 1) != 0, p.Attrs().Int("detect_negative", 1) != 0
	return ExecFunc(func(c *Call) error {
		return classify(c, func(v float64) bool { return pos && math.IsInf(v, 1) || neg && math.IsInf(v, -1) })
	}), nil
}

// classify sets each output to a predicate of the input's value.
func classify(c *Call, f func(float64) bool) error {
	x := c.In[0]
	v, err := x.Float64s()
	if err != nil {
		return err
	}
	y := tensor.Data[bool](c.Out(0, tensor.Bool, x.Shape...))
	for i, a := range v {
		y[i] = f(a)
	}
	return nil
}
