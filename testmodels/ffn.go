package testmodels

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Dims are the widths of a feed-forward block.
type Dims struct{ In, Hidden, Out int }

// FFNForm is one way in which exporters write feed-forward blocks. The zero value of a field is the first choice listed.
type FFNForm struct {
	Name     string
	Opset    int64 // 0 is 17
	Act      block.Act
	Spelling string // of the activation; see spell
	Gated    bool
	Linear   string // matmul (no bias), bias, bias-first, gemm, gemm-transb, transpose, constant, identity, fold (Gemm between Reshapes)
	GateUp   string // two products, or one cut by: split, split-swapped, split-equal, slice
	Special  string // what else is there: see special.go
	Declines string // part of the reason for which FindFFN declines it; empty when it may be rewritten
}

// FFN is a seeded model of two such blocks with residuals: x float[N, S, in] (float[N, in] for Gemm) to y of the same shape.
func FFN(f FFNForm, d Dims, seed uint32) *graph.Model {
	if f.Opset == 0 {
		f.Opset = 17
	}
	if d == (Dims{}) {
		d = Dims{8, 24, 8}
	}
	m := graph.NewModel(8, f.Opset)
	b := &ffnBuilder{form: f, m: m, g: m.Graph, rnd: Uniform(seed + 1)}
	m.Graph.Name = "ffn"
	shape := []graph.Dim{graph.Sym("N"), graph.Sym("S"), graph.Const(int64(d.In))}
	if b.rank2() {
		shape = append(shape[:1], shape[2:]...)
	}
	x := b.g.AddInput("x", graph.TensorType(b.elem(), graph.ShapeOf(shape...)))
	for i := range 2 {
		b.prefix = fmt.Sprintf("l%d.", i)
		y := b.block(x, d)
		if d.In == d.Out {
			y = b.node("Add", "res", x, y)
		}
		if x = y; d.In != d.Out {
			break
		}
	}
	x.Name = "y"
	shape = append([]graph.Dim(nil), shape...)
	shape[len(shape)-1] = graph.Const(int64(d.Out))
	x.Type = graph.TensorType(b.elem(), graph.ShapeOf(shape...))
	b.g.Outputs = append([]*graph.Value{x}, b.g.Outputs...)
	if err := graph.Err(m.Verify()); err != nil {
		panic(fmt.Sprintf("testmodels: form %s: %v", f.Name, err))
	}
	return m
}

// ffnBuilder appends nodes to a model.
type ffnBuilder struct {
	form   FFNForm
	m      *graph.Model
	g      *graph.Graph
	rnd    Uniform
	prefix string
	shared map[string]*graph.Value // weights that the layers share
}

func (b *ffnBuilder) rank2() bool {
	return b.form.Linear == "gemm" || b.form.Linear == "gemm-transb"
}

func (b *ffnBuilder) elem() tensor.DType {
	if b.form.Special == "half" {
		return tensor.Float16
	}
	return tensor.Float32
}

// node appends a node of the default domain with one output, and names both after hint.
func (b *ffnBuilder) node(op, hint string, in ...*graph.Value) *graph.Value {
	return b.call(graph.OpID{Op: op}, hint, in)
}

func (b *ffnBuilder) call(id graph.OpID, hint string, in []*graph.Value, attrs ...*graph.Attr) *graph.Value {
	if id.Domain != "" && b.m.Opset(id.Domain) == 0 {
		b.m.Import(id.Domain, 1)
	}
	out := b.g.NewValue(b.prefix+hint, graph.Type{})
	n := graph.NewNode(id, in, []*graph.Value{out}, attrs...)
	n.Name = b.g.NewName(b.prefix + hint + "/" + id.Op)
	b.g.Append(n)
	return out
}

// scalar is a constant of no dims with the model's element type.
func (b *ffnBuilder) scalar(v float32) *graph.Value {
	t := tensor.Scalar(v)
	if b.elem() == tensor.Float16 {
		t, _ = tensor.FromBytes(tensor.Float16, nil, tensor.AsBytes([]uint16{tensor.Float32ToHalf(v)}))
	}
	if b.form.Linear == "constant" {
		return b.call(graph.OpID{Op: "Constant"}, "c", nil, graph.TensorAttr("value", t))
	}
	return b.g.AddInit(b.prefix+"c", t)
}

func (b *ffnBuilder) ints(v ...int64) *graph.Value {
	return b.g.AddInit(b.prefix+"ints", tensor.Of(v, int64(len(v))))
}

// block appends one block.
func (b *ffnBuilder) block(x *graph.Value, d Dims) *graph.Value {
	var h *graph.Value
	switch {
	case !b.form.Gated:
		h = b.activate(b.linear("up", x, d.In, d.Hidden, true))
	case b.form.GateUp == "":
		gate := b.activate(b.linear("gate", x, d.In, d.Hidden, true))
		h = b.node("Mul", "h", gate, b.linear("up", x, d.In, d.Hidden, false))
	default:
		gate, up := b.cut(b.linear("gate_up", x, d.In, 2*d.Hidden, false), int64(d.Hidden))
		h = b.node("Mul", "h", up, b.activate(gate))
	}
	h = b.hiddenUse(h)
	return b.linear("down", h, d.Hidden, d.Out, false)
}

// linear appends x·W (+ bias) in the form's way; active tells that an activation follows, which may want to add the bias itself.
func (b *ffnBuilder) linear(name string, x *graph.Value, in, out int, active bool) *graph.Value {
	how := b.form.Linear
	w := b.weight(name, in, out)
	if active && b.form.biasInside() {
		return b.node("MatMul", name, x, w)
	}
	var bias *graph.Value
	if how != "" && how != "matmul" {
		bias = b.constant(name+".bias", int64(out))
	}
	switch how {
	case "gemm":
		return b.call(graph.OpID{Op: "Gemm"}, name, []*graph.Value{x, w, bias})
	case "gemm-transb":
		return b.call(graph.OpID{Op: "Gemm"}, name, []*graph.Value{x, w, bias}, graph.IntAttr("transB", 1))
	case "fold":
		flat := b.node("Reshape", name+".flat", x, b.ints(-1, int64(in)))
		y := b.call(graph.OpID{Op: "Gemm"}, name, []*graph.Value{flat, w, bias})
		lead := b.node("Slice", name+".lead", b.node("Shape", name+".shape", x), b.ints(0), b.ints(-1), b.ints(0))
		shape := b.call(graph.OpID{Op: "Concat"}, name+".to", []*graph.Value{lead, b.ints(int64(out))}, graph.IntAttr("axis", 0))
		return b.node("Reshape", name+".unflat", y, shape)
	}
	y := b.node("MatMul", name, x, w)
	switch {
	case bias == nil:
		return y
	case how == "bias-first":
		return b.node("Add", name+".sum", bias, y)
	}
	return b.node("Add", name+".sum", y, bias)
}

// weight is W as the product takes it.
func (b *ffnBuilder) weight(name string, in, out int) *graph.Value {
	switch b.form.Linear {
	case "gemm-transb":
		return b.constant(name+".weight", int64(out), int64(in))
	case "transpose":
		w := b.constant(name+".weight", int64(out), int64(in))
		return b.call(graph.OpID{Op: "Transpose"}, name+".weight_t", []*graph.Value{w}, graph.IntsAttr("perm", 1, 0))
	case "identity":
		return b.node("Identity", name+".weight_id", b.constant(name+".weight", int64(in), int64(out)))
	}
	return b.constant(name+".weight", int64(in), int64(out))
}

// constant is a weight or bias: an initializer, a Constant node, or what the form's special case makes of it.
func (b *ffnBuilder) constant(name string, shape ...int64) *graph.Value {
	t := b.rnd.Tensor(shape...)
	if v := b.specialConstant(name, t); v != nil {
		return v
	}
	if b.form.Linear == "constant" {
		return b.call(graph.OpID{Op: "Constant"}, name, nil, graph.TensorAttr("value", t))
	}
	return b.g.AddInit(b.prefix+name, t)
}

// cut takes the gate and the up part of one product.
func (b *ffnBuilder) cut(v *graph.Value, hidden int64) (gate, up *graph.Value) {
	axis := int64(-1)
	if b.form.GateUp == "slice" {
		part := func(hint string, lo, hi int64) *graph.Value {
			return b.node("Slice", hint, v, b.ints(lo), b.ints(hi), b.ints(axis), b.ints(1))
		}
		return part("gate", 0, hidden), part("up", hidden, 1<<62)
	}
	first, second := b.g.NewValue(b.prefix+"half", graph.Type{}), b.g.NewValue(b.prefix+"half", graph.Type{})
	attrs := []*graph.Attr{graph.IntAttr("axis", axis)}
	in := []*graph.Value{v}
	switch equal := b.form.GateUp == "split-equal"; {
	case equal && b.form.Opset >= 18:
		attrs = append(attrs, graph.IntAttr("num_outputs", 2))
	case equal:
	case b.form.Opset >= 13:
		in = append(in, b.ints(hidden, hidden))
	default:
		attrs = append(attrs, graph.IntsAttr("split", hidden, hidden))
	}
	n := graph.NewNode(graph.OpID{Op: "Split"}, in, []*graph.Value{first, second}, attrs...)
	n.Name = b.g.NewName(b.prefix + "gate_up/Split")
	b.g.Append(n)
	if b.form.GateUp == "split-swapped" {
		return second, first
	}
	return first, second
}
