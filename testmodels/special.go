package testmodels

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// specialConstant is how the form's special case stores a weight; nil for the usual way:
//
//	shared-layers  both blocks use the same weights
//	tied           another node reads the weights, too, and gives a graph output
//	half           everything is float16
//	cast           stored as float16, cast to float
//	quantised      stored as int8, dequantised
//	overridable    weights are graph inputs with a default
func (b *ffnBuilder) specialConstant(name string, t *tensor.Tensor) *graph.Value {
	switch b.form.Special {
	case "shared-layers":
		if b.shared == nil {
			b.shared = map[string]*graph.Value{}
		}
		if b.shared[name] == nil {
			b.shared[name] = b.g.AddInit(name, t)
		}
		return b.shared[name]
	case "tied":
		v := b.g.AddInit(b.prefix+name, t)
		if t.Rank() == 2 {
			b.output(b.node("Neg", name+".neg", v), graph.TypeOf(t))
		}
		return v
	case "half":
		return b.g.AddInit(b.prefix+name, halfOf(t))
	case "cast":
		return b.call(graph.OpID{Op: "Cast"}, name+".float", []*graph.Value{b.g.AddInit(b.prefix+name, halfOf(t))}, graph.IntAttr("to", int64(tensor.Float32)))
	case "quantised":
		if t.Rank() != 2 {
			return nil
		}
		return b.node("DequantizeLinear", name+".dq", b.g.AddInit(b.prefix+name, bytesOf(t)), b.scalar(1.0/256))
	case "overridable":
		v := b.g.AddInput(b.prefix+name, graph.TypeOf(t))
		v.Const = t
		b.g.Inits = append(b.g.Inits, v)
		return v
	}
	return nil
}

// hiddenUse is what the form's special case does with the hidden value:
//
//	second-consumer  another node reads it
//	hidden-output    it is an output of the graph
//	qdq              it is quantised and dequantised
//	shape-lead       its first dim is an output of the graph
//	shape-last       its last dim is an output of the graph
//	dropout          a Dropout and an Identity stand behind it
func (b *ffnBuilder) hiddenUse(h *graph.Value) *graph.Value {
	unknown := graph.TensorType(tensor.Float32, graph.ShapeOf(graph.Sym("N"), graph.Sym("S"), graph.Sym("H")))
	dim := func(i int64) {
		v := b.node("Gather", "dim", b.node("Shape", "h.shape", h), b.ints(i))
		b.output(v, graph.TensorType(tensor.Int64, graph.ShapeOf(graph.Const(1))))
	}
	switch b.form.Special {
	case "second-consumer":
		b.output(b.node("Neg", "h.neg", h), unknown)
	case "hidden-output":
		b.output(h, unknown)
	case "qdq":
		zero := b.g.AddInit(b.prefix+"zero", tensor.Of([]int8{0}).WithShape())
		q := b.node("QuantizeLinear", "h.q", h, b.scalar(1.0/64), zero)
		return b.node("DequantizeLinear", "h.dq", q, b.scalar(1.0/64), zero)
	case "shape-lead":
		dim(0)
	case "shape-last":
		dim(-1)
	case "dropout":
		return b.node("Identity", "h.id", b.node("Dropout", "h.drop", h))
	}
	return h
}

func (b *ffnBuilder) output(v *graph.Value, t graph.Type) {
	v.Type = t
	b.g.AddOutput(v)
}

// halfOf is t as float16.
func halfOf(t *tensor.Tensor) *tensor.Tensor {
	src := tensor.Data[float32](t)
	bits := make([]uint16, len(src))
	for i, x := range src {
		bits[i] = tensor.Float32ToHalf(x)
	}
	h, err := tensor.FromBytes(tensor.Float16, t.Shape, tensor.AsBytes(bits))
	if err != nil {
		panic(err)
	}
	return h
}

// bytesOf is 256·t rounded to int8.
func bytesOf(t *tensor.Tensor) *tensor.Tensor {
	src := tensor.Data[float32](t)
	q := make([]int8, len(src))
	for i, x := range src {
		q[i] = int8(math.Round(float64(min(max(x*256, -128), 127))))
	}
	return tensor.Of(q, t.Shape...)
}
