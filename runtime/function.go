package runtime

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

// BlockUse says how a call of a model-local function is executed.
type BlockUse struct {
	Node     string `json:"node"`
	Function string `json:"function"`
	Fused    bool   `json:"fused"`
	Why      string `json:"why,omitempty"` // why the body is run
}

// String is "fused" or "body: why".
func (b BlockUse) String() string {
	if b.Fused {
		return "fused"
	}
	return "body: " + b.Why
}

// Blocks lists the calls of model-local functions, in the order of the graph.
func (s *Session) Blocks() []BlockUse { return append([]BlockUse(nil), s.blocks...) }

// inlineOverload marks the calls whose body is run, while the graph still has both kinds.
const inlineOverload = "\x00body"

// functions decides for each call of a model-local function whether a kernel takes it, and puts the body in place of all others.
func (c *compiler) functions() error {
	m := c.model
	if len(m.Functions) == 0 {
		return nil
	}
	bodies := map[graph.OpID]*graph.Function{}
	fused := map[graph.OpID]bool{}
	var err error
	m.Graph.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			f := m.Function(n.ID)
			if f == nil || err != nil {
				continue
			}
			use := BlockUse{Node: n.Label(), Function: f.ID.String()}
			var exec op.Exec
			if exec, use.Why, err = c.functionExec(n, f); err != nil {
				err = graph.AtNode(n, int64(m.Opset(n.ID.Domain)), err)
				continue
			}
			if exec != nil {
				use.Fused = true
				c.execs[n] = exec
				fused[f.ID.Canonical()] = true
			} else {
				body := bodies[f.ID.Canonical()]
				if body == nil {
					body = f.Clone()
					body.ID.Overload += inlineOverload
					bodies[f.ID.Canonical()] = body
				}
				n.ID = body.ID
			}
			c.blocks = append(c.blocks, use)
		}
	})
	if err != nil {
		return err
	}
	for _, f := range m.Functions[:len(m.Functions):len(m.Functions)] {
		if body := bodies[f.ID.Canonical()]; body != nil {
			m.Functions = append(m.Functions, body)
		}
	}
	if err := graph.Inline(m, func(id graph.OpID) bool { return fused[id.Canonical()] }); err != nil {
		return err
	}
	return m.Graph.Sort()
}

// functionExec is the kernel for a call, or why there is none.
func (c *compiler) functionExec(n *graph.Node, f *graph.Function) (op.Exec, string, error) {
	if c.env.opt.UseBodies {
		return nil, "bodies were asked for", nil
	}
	p := c.prep(n, int(c.model.Opset(n.ID.Domain)))
	exec, why, err := op.PrepareFunction(p, f)
	if exec != nil {
		c.preps[n] = p
		for _, i := range p.Dropped() { // at once, so that not all weights are resident twice
			if v := n.In(i); v.IsConst() && v.NumUses() == 1 {
				release(v.Const)
			}
		}
	}
	if exec == nil && why == "" {
		why = fmt.Sprintf("no kernel for %s", f.ID)
	}
	return exec, why, err
}
