package op

import (
	"errors"
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

var errDivideByZero = errors.New("integer division by zero")

// arith names an arithmetic operation of two operands of one type.
type arith uint8

const (
	arithAdd arith = iota
	arithSub
	arithMul
	arithDiv
	arithMax
	arithMin
	arithMod  // the sign of the divisor, as in Python
	arithFmod // the sign of the dividend, as in C
	arithPRelu
)

// elementwiseOps are the binary and variadic operations with numpy broadcasting.
func elementwiseOps() []OpDef {
	var defs []OpDef
	for _, d := range []struct {
		name string
		op   arith
		set  elems
	}{{"Add", arithAdd, numbers}, {"Sub", arithSub, numbers}, {"Mul", arithMul, numbers}, {"Div", arithDiv, numbers}} {
		op, set := d.op, d.set
		defs = append(defs,
			OpDef{Op: d.name, Since: 7, Prepare: checked(set, func(*Prep) (Exec, error) { return &binaryExec{op: op}, nil }, 0, 1), InPlace: []int{0, 1}},
			OpDef{Op: d.name, Since: 1, Until: 6, Prepare: checked(set, func(p *Prep) (Exec, error) {
				old, err := legacyBroadcast(p)
				return &binaryExec{op: op, legacy: old}, err
			}, 0, 1), InPlace: []int{0}})
	}
	return append(defs,
		OpDef{Op: "Mod", Since: 10, Prepare: checked(numbers, prepareMod, 0, 1), InPlace: []int{0, 1}},
		OpDef{Op: "PRelu", Since: 7, Prepare: checked(numbers, func(*Prep) (Exec, error) { return &binaryExec{op: arithPRelu}, nil }, 0, 1), InPlace: []int{0}},
		OpDef{Op: "PRelu", Since: 1, Until: 6, Prepare: checked(floats, preparePReluOld, 0, 1), InPlace: []int{0}},
		OpDef{Op: "Max", Since: 6, Prepare: variadic(arithMax, numbers)},
		OpDef{Op: "Min", Since: 6, Prepare: variadic(arithMin, numbers)},
		OpDef{Op: "Sum", Since: 6, Prepare: variadic(arithAdd, floats)},
		OpDef{Op: "Mean", Since: 6, Prepare: prepareMean},
		OpDef{Op: "Max", Since: 1, Until: 5, Prepare: variadic(arithMax, floats)},
		OpDef{Op: "Min", Since: 1, Until: 5, Prepare: variadic(arithMin, floats)},
		OpDef{Op: "Sum", Since: 1, Until: 5, Prepare: variadic(arithAdd, floats)},
		OpDef{Op: "Mean", Since: 1, Until: 5, Prepare: prepareMean},
		OpDef{Op: "Pow", Since: 7, Prepare: checked(numbers, func(*Prep) (Exec, error) { return powExec{}, nil }, 0, 1), InPlace: []int{0}},
		OpDef{Op: "Pow", Since: 1, Until: 6, Prepare: checked(floats, func(p *Prep) (Exec, error) {
			old, err := legacyBroadcast(p)
			return powExec{old}, err
		}, 0, 1), InPlace: []int{0}},
	)
}

// legacy is the broadcasting of opset 6 and before: the right operand's dims are lined up with the left one's from axis on.
type legacy struct {
	on   bool
	axis int64
	tail bool // no axis given: line up with the last dims
}

func legacyBroadcast(p *Prep) (*legacy, error) {
	a := p.Attrs()
	return &legacy{on: a.Int("broadcast", 0) != 0, axis: a.Int("axis", 0), tail: a.Get("axis") == nil}, nil
}

// align gives the right operand's shape for numpy broadcasting.
func (l *legacy) align(a, b []int64) ([]int64, error) {
	if l == nil {
		return b, nil
	}
	if !l.on {
		if !equalDims(a, b) {
			return nil, fmt.Errorf("shapes %v and %v differ and broadcast is not set", a, b)
		}
		return b, nil
	}
	if l.tail || len(b) == 0 {
		return b, nil
	}
	axis, err := axisIn(l.axis, len(a))
	if err != nil {
		return nil, err
	}
	if axis+len(b) > len(a) {
		return nil, fmt.Errorf("axis %d leaves no room for shape %v in %v", axis, b, a)
	}
	out := append([]int64(nil), b...)
	for len(out) < len(a)-axis {
		out = append(out, 1)
	}
	return out, nil
}

// binaryExec computes y = a op b for two inputs of one numeric type.
type binaryExec struct {
	op     arith
	legacy *legacy
}

func (e *binaryExec) Run(c *Call) error {
	a, err := needInput(c, 0)
	if err != nil {
		return err
	}
	b, err := needInput(c, 1)
	if err != nil {
		return err
	}
	bdims, err := e.legacy.align(a.Shape, b.Shape)
	if err != nil {
		return err
	}
	o, err := pair(a.Shape, bdims)
	if err != nil {
		return err
	}
	return arithInto(c.Out(0, a.Elem, o.out...), e.op, a, b, o, c.Pool)
}

// arithInto computes y = a op b. y may be a or b where that has y's shape.
func arithInto(y *tensor.Tensor, op arith, a, b *tensor.Tensor, o operands, p *kernel.Pool) error {
	if a.Elem != b.Elem {
		return fmt.Errorf("operands are %s and %s", a.Elem, b.Elem)
	}
	switch a.Elem {
	case tensor.Float32:
		return zipTensors(singleForms(op), y, a, b, o, p)
	case tensor.Float16, tensor.BFloat16:
		out := singleOut(y)
		err := zip(singleForms(op), out, single(a), single(b), o, p)
		singleDone(y, out)
		return err
	case tensor.Float64:
		return zipTensors(each(realFunc[float64](op)), y, a, b, o, p)
	case tensor.Int8:
		return zipInts[int8](op, y, a, b, o, p)
	case tensor.Int16:
		return zipInts[int16](op, y, a, b, o, p)
	case tensor.Int32:
		return zipInts[int32](op, y, a, b, o, p)
	case tensor.Int64:
		return zipInts[int64](op, y, a, b, o, p)
	case tensor.Uint8:
		return zipInts[uint8](op, y, a, b, o, p)
	case tensor.Uint16:
		return zipInts[uint16](op, y, a, b, o, p)
	case tensor.Uint32:
		return zipInts[uint32](op, y, a, b, o, p)
	case tensor.Uint64:
		return zipInts[uint64](op, y, a, b, o, p)
	}
	return errElem(a.Elem)
}

func singleForms(op arith) forms[float32, float32] {
	switch op {
	case arithAdd:
		return kernelForms(kernel.OpAdd)
	case arithSub:
		return kernelForms(kernel.OpSub)
	case arithMul:
		return kernelForms(kernel.OpMul)
	case arithDiv:
		return kernelForms(kernel.OpDiv)
	case arithMax:
		return kernelForms(kernel.OpMax)
	case arithMin:
		return kernelForms(kernel.OpMin)
	}
	return each(realFunc[float32](op))
}

func realFunc[T realNumber](op arith) func(a, b T) T {
	switch op {
	case arithAdd:
		return func(a, b T) T { return a + b }
	case arithSub:
		return func(a, b T) T { return a - b }
	case arithMul:
		return func(a, b T) T { return a * b }
	case arithDiv:
		return func(a, b T) T { return a / b }
	case arithMax:
		return func(a, b T) T { return max(a, b) }
	case arithMin:
		return func(a, b T) T { return min(a, b) }
	case arithFmod:
		return func(a, b T) T { return T(math.Mod(float64(a), float64(b))) }
	case arithMod:
		return func(a, b T) T {
			r := math.Mod(float64(a), float64(b))
			if r != 0 && (r < 0) != (b < 0) {
				r += float64(b)
			}
			return T(r)
		}
	default: // arithPRelu
		return func(a, b T) T {
			if a < 0 {
				return a * b
			}
			return a
		}
	}
}

func zipInts[T number](op arith, y, a, b *tensor.Tensor, o operands, p *kernel.Pool) error {
	av, bv := tensor.Cast[T](a.Bytes()), tensor.Cast[T](b.Bytes())
	if (op == arithDiv || op == arithMod || op == arithFmod) && numel(o.out) > 0 {
		for _, v := range bv {
			if v == 0 {
				return errDivideByZero
			}
		}
	}
	return zip(each(intFunc[T](op)), tensor.Cast[T](y.Bytes()), av, bv, o, p)
}

func intFunc[T number](op arith) func(a, b T) T {
	switch op {
	case arithAdd:
		return func(a, b T) T { return a + b }
	case arithSub:
		return func(a, b T) T { return a - b }
	case arithMul:
		return func(a, b T) T { return a * b }
	case arithDiv:
		return func(a, b T) T { return a / b }
	case arithMax:
		return func(a, b T) T { return max(a, b) }
	case arithMin:
		return func(a, b T) T { return min(a, b) }
	case arithFmod:
		return func(a, b T) T { return a - a/b*b }
	case arithMod:
		return func(a, b T) T {
			r := a - a/b*b
			if r != 0 && (r < 0) != (b < 0) {
				r += b
			}
			return r
		}
	default: // arithPRelu
		return func(a, b T) T {
			if a < 0 {
				return a * b
			}
			return a
		}
	}
}

func prepareMod(p *Prep) (Exec, error) {
	op := arithMod
	if p.Attrs().Int("fmod", 0) != 0 {
		op = arithFmod
	}
	return &binaryExec{op: op}, nil
}

// preparePReluOld is PRelu before opset 7: a slope is a scalar or has one value a channel.
func preparePReluOld(*Prep) (Exec, error) {
	return ExecFunc(func(c *Call) error {
		x, slope := c.In[0], c.In[1]
		dims := slope.Shape
		if n := int64(slope.Len()); n == 1 {
			dims = nil
		} else if len(x.Shape) > 1 && n == x.Shape[1] {
			dims = make([]int64, len(x.Shape)-1)
			fillWith(dims, 1)
			dims[0] = n
		}
		o, err := pair(x.Shape, dims)
		if err != nil {
			return err
		}
		return arithInto(c.Out(0, x.Elem, o.out...), arithPRelu, x, slope, o, c.Pool)
	}), nil
}
