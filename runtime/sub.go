package runtime

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

// subProgram runs a subgraph for the operator that holds it. It implements op.SubExec.
type subProgram struct{ p *program }

// sub compiles a subgraph of the node that b is preparing.
func (c *compiler) sub(g *graph.Graph, b *builder) (op.SubExec, error) {
	p, err := c.program(g, b)
	if err != nil {
		return nil, err
	}
	return &subProgram{p}, nil
}

// Run implements op.SubExec.
func (s *subProgram) Run(c *op.Call, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	p := s.p
	outer, ok := c.Env.(*state)
	if !ok {
		return nil, fmt.Errorf("a subgraph was run outside of a session")
	}
	if len(in) != len(p.inputs) {
		return nil, fmt.Errorf("the subgraph has %d inputs, %d were given", len(p.inputs), len(in))
	}
	st := p.states.take(p)
	defer p.states.give(st)
	st.outer = outer
	for i, id := range p.inputs {
		st.vals[id] = in[i]
	}
	for _, k := range p.captures {
		st.vals[k.inner] = outer.vals[k.outer]
	}
	if err := p.prepare(st, false); err != nil {
		return nil, err
	}
	if err := st.run(c.Ctx, nil); err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, len(p.outputs))
	for i, id := range p.outputs {
		if st.vals[id] == nil {
			return nil, fmt.Errorf("output %q of the subgraph has no value", p.values[id].name)
		}
		out[i] = st.output(id)
	}
	return out, nil
}
