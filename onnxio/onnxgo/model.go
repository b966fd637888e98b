package onnxgo

import (
	"fmt"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// modelIR is the IR version of the models that are made here. They never leave the process.
const modelIR = 8

// build makes the model: fed values are its inputs, of the types given; others that no operation computes are initializers. Its outputs are
// the wanted values. Each value's key is its name in the model.
func (g *Graph) build(fed map[*value]graph.Type) (*graph.Model, error) {
	m := &graph.Model{IRVersion: modelIR, Graph: graph.NewGraph("onnx-go")}
	vals := map[*value]*graph.Value{}
	for _, v := range g.values {
		if v.omitted || len(v.nodes) == 0 {
			continue
		}
		hint := v.name
		if hint == "" {
			hint = fmt.Sprintf("node%d", v.nodes[0].id)
		}
		switch t, ok := fed[v]; {
		case ok:
			vals[v] = m.Graph.AddInput(m.Graph.NewName(hint), t)
		case v.by != nil:
			vals[v] = m.Graph.NewValue(hint, graph.Type{})
		case v.read() && v.t != nil:
			c, err := v.constant()
			if err != nil {
				return nil, err
			}
			vals[v] = m.Graph.AddInit(hint, c)
		}
	}
	for _, p := range g.ops {
		if err := g.append(m.Graph, p, vals); err != nil {
			return nil, err
		}
	}
	importOpsets(m, g.Opset)
	expandLegacy(m.Graph)
	for v, x := range vals {
		v.key = x.Name
	}
	for _, v := range g.values {
		if v.wanted {
			m.Graph.AddOutput(vals[v])
		}
	}
	return m, nil
}

// append adds the node of p.
func (g *Graph) append(to *graph.Graph, p *operation, vals map[*value]*graph.Value) error {
	inputs, err := g.inputs(p)
	if err != nil {
		return err
	}
	in := make([]*graph.Value, len(inputs))
	for i, v := range inputs {
		if v == nil {
			continue
		}
		if in[i] = vals[v]; in[i] == nil {
			return fmt.Errorf("onnxgo: %s reads value %s, which has no tensor and nothing computes", p.label(), quoted(v))
		}
	}
	out := make([]*graph.Value, len(p.outputs))
	any := false
	for i, n := range p.outputs {
		if !n.v.omitted {
			out[i], any = vals[n.v], true
		}
	}
	if any {
		to.Append(graph.NewNode(p.id, in, out, slices.Clone(p.attrs)...))
	}
	return nil
}

// constant is the tensor of an initializer.
func (v *value) constant() (*tensor.Tensor, error) {
	if v.c == nil {
		t, err := fromGorgonia(v.t)
		if err != nil {
			return nil, fmt.Errorf("onnxgo: initializer %s: %w", quoted(v), err)
		}
		v.c = t
	}
	return v.c, nil
}

// compile builds and compiles the model for inputs of the types given.
func (g *Graph) compile(fed map[*value]graph.Type) (*runtime.Session, error) {
	m, err := g.build(fed)
	if err != nil {
		return nil, err
	}
	s, err := runtime.Compile(m, runtime.Options{Threads: g.Threads})
	if err != nil {
		return nil, g.explain(err)
	}
	return s, nil
}
