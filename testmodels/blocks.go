package testmodels

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// BlockVariants is every variant of every sparse block that can be written.
func BlockVariants() []block.Variant {
	list := []block.Variant{{Family: block.SparseLinear}, {Family: block.SparseLinear, Bias: true}}
	for _, gated := range []bool{false, true} {
		for _, act := range block.Acts {
			for _, on := range []block.On{block.OnHidden, block.OnGate, block.OnSigned} {
				for _, keep := range []block.Keep{block.KeepExact, block.KeepThreshold, block.KeepStat} {
					list = append(list, block.Variant{Family: block.TopKFFN, Gated: gated, Act: act, On: on, Keep: keep})
				}
			}
			for _, form := range []block.Form{block.Loop, block.Unrolled, block.Dense} {
				for i := range 4 {
					v := block.Variant{Family: block.MoEFFN, Gated: gated, Act: act, Form: form, Mean: i&1 != 0, Shared: i&2 != 0}
					if form == block.Unrolled {
						v.Experts = blockExperts
					}
					list = append(list, v)
				}
			}
		}
	}
	return list
}

const blockExperts = 3

// BlockCall is a model that calls one sparse block with constant weights: x float[N,S,8] -> y float[N,S,6]; 12 hidden values, in 3
// experts of which 2 run, 5 of them kept or those above 0.05.
func BlockCall(v block.Variant, opset int64) (*graph.Model, error) {
	const in, hidden, out, shared = 8, 12, 6, 4
	dims := map[string][]int64{
		"gate": {in, hidden}, "up": {in, hidden}, "gate_bias": {hidden}, "up_bias": {hidden}, "down": {hidden, out}, "down_bias": {out},
		"router": {in, blockExperts}, "router_bias": {blockExperts}, "mean": {blockExperts, out},
		"shared_gate": {in, shared}, "shared_up": {in, shared}, "shared_gate_bias": {shared}, "shared_up_bias": {shared}, "shared_down": {shared, out},
		"value": {4}, "bias": {out},
	}
	if v.Family == block.MoEFFN {
		const size = hidden / blockExperts
		for _, name := range []string{"gate", "up"} {
			dims[name], dims[name+"_bias"] = []int64{blockExperts, in, size}, []int64{blockExperts, size}
		}
		dims["down"] = []int64{blockExperts, size, out}
	}
	m := graph.NewModel(8, opset)
	id, err := block.Install(m, v)
	if err != nil {
		return nil, err
	}
	g := m.Graph
	args := []*graph.Value{g.AddInput("x", graph.TensorType(tensor.Float32, graph.ShapeOf(graph.Sym("N"), graph.Sym("S"), graph.Const(in))))}
	rnd := Uniform(12345)

	for _, f := range m.Functions[0].Body.Inputs[1:] {
		if f.Name == "index" {
			args = append(args, g.AddInit("index", tensor.Of([]int32{1, 7, 30, 47}, 4)))
			continue
		}
		shape, ok := dims[f.Name]
		if !ok {
			return nil, fmt.Errorf("no weight is known for input %q of %s", f.Name, v.Name())
		}
		args = append(args, g.AddInit(f.Name, rnd.Tensor(shape...)))
	}
	y := g.NewValue("y", graph.TensorType(tensor.Float32, graph.ShapeOf(graph.Sym("N"), graph.Sym("S"), graph.Const(out))))
	var attr *graph.Attr
	switch {
	case v.Family == block.SparseLinear:
		attr = block.CountAttr(opset, "shape", in, out)
	case v.Family == block.MoEFFN:
		attr = block.CountAttr(opset, "k", 2)
	case v.Keep == block.KeepExact:
		attr = block.CountAttr(opset, "k", 5)
	default:
		attr = block.ThresholdAttr(opset, 0.05)
	}
	g.Append(graph.NewNode(id, args, []*graph.Value{y}, attr))
	g.AddOutput(y)
	return m, graph.Err(m.Verify())
}
