package op

import (
	"bytes"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// relation names a comparison.
type relation uint8

const (
	relEqual relation = iota
	relLess
	relGreater
	relLessOrEqual
	relGreaterOrEqual
)

// logic names an operation on truth values or on bits.
type logic uint8

const (
	logicAnd logic = iota
	logicOr
	logicXor
	logicShiftLeft
	logicShiftRight
)

// compareOps are comparisons, logic and bit operations.
func compareOps() []OpDef {
	var defs []OpDef
	for _, r := range []struct {
		name  string
		rel   relation
		since int // first version with numpy broadcasting
	}{{"Equal", relEqual, 7}, {"Less", relLess, 7}, {"Greater", relGreater, 7}, {"LessOrEqual", relLessOrEqual, 12}, {"GreaterOrEqual", relGreaterOrEqual, 12}} {
		rel, set := r.rel, numbers
		if rel == relEqual {
			set |= bools | elemSet(tensor.String)
		}
		defs = append(defs, OpDef{Op: r.name, Since: r.since, Prepare: checked(set, func(*Prep) (Exec, error) { return compareExec{rel: rel}, nil }, 0, 1)})
		if r.since == 7 {
			defs = append(defs, OpDef{Op: r.name, Since: 1, Until: 6, Prepare: checked(set, func(p *Prep) (Exec, error) {
				old, err := legacyBroadcast(p)
				return compareExec{rel, old}, err
			}, 0, 1)})
		}
	}
	for _, l := range []struct {
		name string
		op   logic
	}{{"And", logicAnd}, {"Or", logicOr}, {"Xor", logicXor}} {
		op := l.op
		defs = append(defs,
			OpDef{Op: l.name, Since: 7, Prepare: checked(bools, func(*Prep) (Exec, error) { return logicExec{op: op}, nil }, 0, 1), InPlace: []int{0, 1}},
			OpDef{Op: l.name, Since: 1, Until: 6, Prepare: checked(bools, func(p *Prep) (Exec, error) {
				old, err := legacyBroadcast(p)
				return logicExec{op, old}, err
			}, 0, 1)},
			OpDef{Op: "Bitwise" + l.name, Since: 18, Prepare: checked(integers, func(*Prep) (Exec, error) { return logicExec{op: op}, nil }, 0, 1), InPlace: []int{0, 1}})
	}
	return append(defs,
		OpDef{Op: "BitShift", Since: 11, Prepare: checked(unsigned, prepareShift, 0, 1), InPlace: []int{0, 1}},
		OpDef{Op: "Not", Since: 1, Prepare: checked(bools, func(*Prep) (Exec, error) { return ExecFunc(runNot), nil }, 0), InPlace: []int{0}},
		OpDef{Op: "BitwiseNot", Since: 18, Prepare: checked(integers, func(*Prep) (Exec, error) { return ExecFunc(runBitwiseNot), nil }, 0), InPlace: []int{0}},
	)
}

type compareExec struct {
	rel    relation
	legacy *legacy
}

func (e compareExec) Run(c *Call) error {
	a, b := c.In[0], c.In[1]
	bdims, err := e.legacy.align(a.Shape, b.Shape)
	if err != nil {
		return err
	}
	o, err := pair(a.Shape, bdims)
	if err != nil {
		return err
	}
	if a.Elem != b.Elem {
		return fmt.Errorf("operands are %s and %s", a.Elem, b.Elem)
	}
	y := c.Out(0, tensor.Bool, o.out...)
	switch a.Elem {
	case tensor.Float32:
		return zipTensors(relForms[float32](e.rel), y, a, b, o, c.Pool)
	case tensor.Float16, tensor.BFloat16:
		return zip(relForms[float32](e.rel), tensor.Data[bool](y), single(a), single(b), o, c.Pool)
	case tensor.Float64:
		return zipTensors(relForms[float64](e.rel), y, a, b, o, c.Pool)
	case tensor.Int8:
		return zipTensors(relForms[int8](e.rel), y, a, b, o, c.Pool)
	case tensor.Int16:
		return zipTensors(relForms[int16](e.rel), y, a, b, o, c.Pool)
	case tensor.Int32:
		return zipTensors(relForms[int32](e.rel), y, a, b, o, c.Pool)
	case tensor.Int64:
		return zipTensors(relForms[int64](e.rel), y, a, b, o, c.Pool)
	case tensor.Uint8, tensor.Bool:
		return zip(relForms[uint8](e.rel), tensor.Data[bool](y), a.Bytes(), b.Bytes(), o, c.Pool)
	case tensor.Uint16:
		return zipTensors(relForms[uint16](e.rel), y, a, b, o, c.Pool)
	case tensor.Uint32:
		return zipTensors(relForms[uint32](e.rel), y, a, b, o, c.Pool)
	case tensor.Uint64:
		return zipTensors(relForms[uint64](e.rel), y, a, b, o, c.Pool)
	case tensor.String:
		return zip(each(bytes.Equal), tensor.Data[bool](y), a.Strs, b.Strs, o, c.Pool)
	}
	return errElem(a.Elem)
}

func relForms[T number](r relation) forms[T, bool] {
	switch r {
	case relEqual:
		return each(func(a, b T) bool { return a == b })
	case relLess:
		return each(func(a, b T) bool { return a < b })
	case relGreater:
		return each(func(a, b T) bool { return a > b })
	case relLessOrEqual:
		return each(func(a, b T) bool { return a <= b })
	}
	return each(func(a, b T) bool { return a >= b })
}

// logicExec computes on bits: the truth values of Bool are 0 and 1, so that the same code serves them.
type logicExec struct {
	op     logic
	legacy *legacy
}

func (e logicExec) Run(c *Call) error {
	a, b := c.In[0], c.In[1]
	bdims, err := e.legacy.align(a.Shape, b.Shape)
	if err != nil {
		return err
	}
	o, err := pair(a.Shape, bdims)
	if err != nil {
		return err
	}
	if a.Elem != b.Elem {
		return fmt.Errorf("operands are %s and %s", a.Elem, b.Elem)
	}
	y := c.Out(0, a.Elem, o.out...)
	switch a.Elem.Bits() {
	case 8:
		return zipBits[uint8](e.op, y, a, b, o, c.Pool)
	case 16:
		return zipBits[uint16](e.op, y, a, b, o, c.Pool)
	case 32:
		return zipBits[uint32](e.op, y, a, b, o, c.Pool)
	case 64:
		return zipBits[uint64](e.op, y, a, b, o, c.Pool)
	}
	return errElem(a.Elem)
}

type bits interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

func zipBits[T bits](op logic, y, a, b *tensor.Tensor, o operands, p *kernel.Pool) error {
	return zip(bitForms[T](op), tensor.Cast[T](y.Bytes()), tensor.Cast[T](a.Bytes()), tensor.Cast[T](b.Bytes()), o, p)
}

func bitForms[T bits](op logic) forms[T, T] {
	switch op {
	case logicAnd:
		return each(func(a, b T) T { return a & b })
	case logicOr:
		return each(func(a, b T) T { return a | b })
	case logicXor:
		return each(func(a, b T) T { return a ^ b })
	case logicShiftLeft:
		return each(func(a, b T) T { return a << b })
	}
	return each(func(a, b T) T { return a >> b })
}

func prepareShift(p *Prep) (Exec, error) {
	switch d := p.Attrs().String("direction", ""); d {
	case "LEFT":
		return logicExec{op: logicShiftLeft}, nil
	case "RIGHT":
		return logicExec{op: logicShiftRight}, nil
	default:
		return nil, fmt.Errorf("attribute direction is %q, want LEFT or RIGHT", d)
	}
}

func runNot(c *Call) error {
	x := c.In[0]
	y := c.Out(0, tensor.Bool, x.Shape...).Bytes()
	for i, v := range x.Bytes() {
		y[i] = v ^ 1
	}
	return nil
}

func runBitwiseNot(c *Call) error {
	x := c.In[0]
	y := c.Out(0, x.Elem, x.Shape...).Bytes()
	for i, v := range x.Bytes() {
		y[i] = ^v
	}
	return nil
}
