package testmodels

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
)

// biasInside reports whether the activation's own operator adds the bias of the linear in front.
func (f FFNForm) biasInside() bool { return f.Spelling == "biasgelu" || f.Spelling == "fastgelu-bias" }

// activate appends the form's activation in its spelling:
//
//	relu2      "" (r·r), pow
//	gelu       "" (x·(1+Erf(x/√2))·½), half-first, op, biasgelu
//	gelutanh   "" (cube by Pow), muls, factored, op, fastgelu, fastgelu-bias
//	silu       "" (x·Sigmoid(x)), sigmoid-first, swish, quickgelu (alpha 1)
//	quickgelu  "" (x·Sigmoid(1.702·x)), op
func (b *ffnBuilder) activate(x *graph.Value) *graph.Value {
	contrib := func(op string, in []*graph.Value, attrs ...*graph.Attr) *graph.Value {
		return b.call(graph.OpID{Domain: "com.microsoft", Op: op}, "act", in, attrs...)
	}
	biased := func() []*graph.Value {
		return []*graph.Value{x, b.constant("act.bias", b.width(x))}
	}
	switch how := b.form.Spelling; b.form.Act {
	case block.Relu:
		return b.node("Relu", "act", x)
	case block.Sigmoid:
		return b.node("Sigmoid", "act", x)
	case block.Tanh:
		return b.node("Tanh", "act", x)
	case block.Relu2:
		r := b.node("Relu", "relu", x)
		if how == "pow" {
			return b.node("Pow", "act", r, b.scalar(2))
		}
		return b.node("Mul", "act", r, r)
	case block.Gelu:
		switch how {
		case "op":
			return b.node("Gelu", "act", x)
		case "biasgelu":
			return contrib("BiasGelu", biased())
		case "half-first":
			half := b.node("Mul", "half_x", x, b.scalar(0.5))
			return b.node("Mul", "act", half, b.node("Add", "one", b.scalar(1), b.node("Erf", "erf", b.node("Mul", "arg", x, b.scalar(math.Sqrt2/2)))))
		}
		one := b.node("Add", "one", b.node("Erf", "erf", b.node("Div", "arg", x, b.scalar(math.Sqrt2))), b.scalar(1))
		return b.node("Mul", "act", b.node("Mul", "twice", x, one), b.scalar(0.5))
	case block.GeluTanh:
		switch how {
		case "op":
			return b.call(graph.OpID{Op: "Gelu"}, "act", []*graph.Value{x}, graph.StringAttr("approximate", "tanh"))
		case "fastgelu":
			return contrib("FastGelu", []*graph.Value{x})
		case "fastgelu-bias":
			return contrib("FastGelu", biased())
		}
		one := b.node("Add", "one", b.node("Tanh", "tanh", b.tanhArg(x)), b.scalar(1))
		return b.node("Mul", "act", b.node("Mul", "half_x", x, b.scalar(0.5)), one)
	case block.Silu:
		switch how {
		case "sigmoid-first":
			return b.node("Mul", "act", b.node("Sigmoid", "sig", x), x)
		case "swish":
			return b.node("Swish", "act", x)
		case "quickgelu":
			return contrib("QuickGelu", []*graph.Value{x}, graph.FloatAttr("alpha", 1))
		}
		return b.node("Mul", "act", x, b.node("Sigmoid", "sig", x))
	case block.QuickGelu:
		if how == "op" {
			return contrib("QuickGelu", []*graph.Value{x})
		}
		return b.node("Mul", "act", x, b.node("Sigmoid", "sig", b.node("Mul", "arg", x, b.scalar(1.702))))
	}
	panic(fmt.Sprintf("testmodels: no activation %q", b.form.Act))
}

// tanhArg is √(2/π)·(x + 0.044715·x³).
func (b *ffnBuilder) tanhArg(x *graph.Value) *graph.Value {
	root := float32(math.Sqrt(2 / math.Pi))
	switch b.form.Spelling {
	case "factored":
		square := b.node("Mul", "square", x, x)
		poly := b.node("Add", "poly", b.node("Mul", "scaled", square, b.scalar(0.044715)), b.scalar(1))
		return b.node("Mul", "arg", b.node("Mul", "root_x", x, b.scalar(root)), poly)
	case "muls":
		cube := b.node("Mul", "cube", b.node("Mul", "square", x, x), x)
		return b.node("Mul", "arg", b.scalar(root), b.node("Add", "poly", x, b.node("Mul", "scaled", b.scalar(0.044715), cube)))
	}
	cube := b.node("Pow", "cube", x, b.scalar(3))
	return b.node("Mul", "arg", b.node("Add", "poly", x, b.node("Mul", "scaled", cube, b.scalar(0.044715))), b.scalar(root))
}

// width is the last dim of what a MatMul with an initializer gives.
func (b *ffnBuilder) width(x *graph.Value) int64 {
	p, _ := x.Producer()
	return p.In(1).Const.Shape[1]
}
