package block

import (
	"fmt"
	"strings"
)

// body collects the lines of a function body. Helper values get names of their own by a counter.
type body struct {
	lines []string
	opset int64
	n     int
}

func (b *body) add(format string, args ...any) {
	b.lines = append(b.lines, fmt.Sprintf(format, args...))
}

// op adds "fresh = call" and returns the fresh name.
func (b *body) op(format string, args ...any) string {
	b.n++
	name := fmt.Sprintf("t%d", b.n)
	b.add("%s = %s", name, fmt.Sprintf(format, args...))
	return name
}

func (b *body) text() string { return strings.Join(b.lines, "\n") }

// sub is a body for a subgraph, whose helper names do not clash with b's.
func (b *body) sub() *body { return &body{opset: b.opset, n: b.n} }

func (b *body) float(v string) string { return b.op("Constant <value = float {%s}> ()", v) }

func (b *body) ints(v ...int64) string {
	words := make([]string, len(v))
	for i, x := range v {
		words[i] = fmt.Sprint(x)
	}
	return b.op("Constant <value = int64[%d] {%s}> ()", len(v), strings.Join(words, ", "))
}

// attrInts and attrFloat give an attribute of the function as a tensor. Version 11 of Constant takes tensors only.
func (b *body) attrInts(name string) string {
	if b.opset < 12 {
		return b.op("Constant <value: tensor = @%s> ()", name)
	}
	return b.op("Constant <value_ints: ints = @%s> ()", name)
}

func (b *body) attrFloat(name string) string {
	if b.opset < 12 {
		return b.op("Constant <value: tensor = @%s> ()", name)
	}
	return b.op("Constant <value_float: float = @%s> ()", name)
}

// reduce adds a reduction over one axis; axes became an input at different versions.
func (b *body) reduce(op, x string, axis, keepdims int64, inputSince int64) string {
	if b.opset < inputSince {
		return b.op("%s <axes: ints = [%d], keepdims = %d> (%s)", op, axis, keepdims, x)
	}
	return b.op("%s <keepdims = %d> (%s, %s)", op, keepdims, x, b.ints(axis))
}

func (b *body) linear(x, w, bias string) string {
	return b.op("Add (%s, %s)", b.op("MatMul (%s, %s)", x, w), bias)
}

func (b *body) act(a Act, x string) string {
	switch a {
	case Relu:
		return b.op("Relu (%s)", x)
	case Relu2:
		r := b.op("Relu (%s)", x)
		return b.op("Mul (%s, %s)", r, r)
	case Sigmoid:
		return b.op("Sigmoid (%s)", x)
	case Tanh:
		return b.op("Tanh (%s)", x)
	case Silu:
		return b.op("Mul (%s, %s)", x, b.op("Sigmoid (%s)", x))
	case QuickGelu:
		return b.op("Mul (%s, %s)", x, b.op("Sigmoid (%s)", b.op("Mul (%s, %s)", x, b.float("1.702"))))
	case Gelu:
		e := b.op("Erf (%s)", b.op("Mul (%s, %s)", x, b.float("0.70710677")))
		half := b.op("Mul (%s, %s)", x, b.float("0.5"))
		return b.op("Mul (%s, %s)", half, b.op("Add (%s, %s)", e, b.float("1.0")))
	case GeluTanh:
		cube := b.op("Mul (%s, %s)", b.op("Mul (%s, %s)", x, x), x)
		in := b.op("Add (%s, %s)", x, b.op("Mul (%s, %s)", cube, b.float("0.044715")))
		t := b.op("Tanh (%s)", b.op("Mul (%s, %s)", in, b.float("0.7978846")))
		half := b.op("Mul (%s, %s)", x, b.float("0.5"))
		return b.op("Mul (%s, %s)", half, b.op("Add (%s, %s)", t, b.float("1.0")))
	}
	panic("block: no body for activation " + string(a))
}

// hidden adds the FFN up to the tensor that enters the down projection. pre and gate are the scores' sources: before and after the
// activation.
func (b *body) hidden(v Variant, x string, w weights) (h, pre, gate string) {
	if !v.Gated {
		pre = b.linear(x, w.up, w.upBias)
		h = b.act(v.Act, pre)
		return h, pre, h
	}
	pre = b.linear(x, w.gate, w.gateBias)
	gate = b.act(v.Act, pre)
	return b.op("Mul (%s, %s)", gate, b.linear(x, w.up, w.upBias)), pre, gate
}

type weights struct{ gate, gateBias, up, upBias, down string }

var plainWeights = weights{"gate", "gate_bias", "up", "up_bias", "down"}

// function is the text of a whole function.
func function(v Variant, opset int64, attrs, inputs []string, body string) string {
	attr := ""
	if len(attrs) > 0 {
		attr = "<" + strings.Join(attrs, ", ") + "> "
	}
	return fmt.Sprintf("<domain: %q, opset_import: [\"\" : %d]>\n%s %s(%s) => (y) {\n%s\n}", Domain, opset, v.Name(), attr, strings.Join(inputs, ", "), body)
}
