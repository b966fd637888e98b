package runtime

import (
	"context"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

// foldLimit bounds what folding may make of small inputs, in bytes; a result may always be as large as its inputs.
const foldLimit = 16 << 20

// denseInits turns sparse initializers into dense ones.
func (c *compiler) denseInits() error {
	var err error
	c.model.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			if v.Sparse == nil || err != nil {
				continue
			}
			if v.Const, err = v.Sparse.Dense(); err != nil {
				err = fmt.Errorf("sparse initializer %q: %w", v.Name, err)
				return
			}
			v.Sparse, v.Type = nil, graph.TypeOf(v.Const)
		}
	})
	return err
}

// dropDead removes the nodes whose outputs nothing reads, of g and its subgraphs, and the names of outputs that nothing reads.
func (c *compiler) dropDead(g *graph.Graph) {
	outputs := map[*graph.Value]bool{}
	for _, v := range g.Outputs {
		outputs[v] = true
	}
	for n := g.Last(); n != nil; {
		prev := n.Prev()
		alive := false
		for _, v := range n.Outputs() {
			alive = alive || v != nil && (v.NumUses() > 0 || outputs[v] || returned(g, v))
		}
		if alive {
			for _, sub := range n.Subgraphs() {
				c.dropDead(sub)
			}
		} else {
			g.Remove(n)
		}
		n = prev
	}
}

// returned reports whether a subgraph below g has v, a value of g, as an output.
func returned(g *graph.Graph, v *graph.Value) bool {
	found := false
	for n := range g.Nodes() {
		for _, sub := range n.Subgraphs() {
			sub.Walk(func(s *graph.Graph) {
				for _, o := range s.Outputs {
					found = found || o == v
				}
			})
		}
	}
	return found
}

// liftConstants turns the Constant nodes of the main graph and its subgraphs into initializers. Function bodies stay as the file has them:
// they are compared with what their kernels were made for.
func (c *compiler) liftConstants() {
	c.model.Graph.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			if !n.Is("Constant") || n.NumOut() != 1 || n.Out(0) == nil {
				continue
			}
			if t := constantOf(n); t != nil {
				c.replaceByConst(g, n, []*tensor.Tensor{t})
			}
		}
	})
}

// constantOf is the value of a Constant node; nil when an attribute reference gives it, or something that is no dense tensor.
func constantOf(n *graph.Node) *tensor.Tensor {
	for _, a := range n.Attrs {
		if a.Ref != "" {
			return nil
		}
		switch a.Name {
		case "value":
			return a.T
		case "sparse_value":
			if a.Sparse != nil {
				if t, err := a.Sparse.Dense(); err == nil {
					return t
				}
			}
			return nil
		case "value_float":
			return tensor.Scalar(a.F)
		case "value_floats":
			return tensor.Of(a.Floats, int64(len(a.Floats)))
		case "value_int":
			return tensor.Scalar(a.I)
		case "value_ints":
			return tensor.Of(a.Ints, int64(len(a.Ints)))
		case "value_string":
			return &tensor.Tensor{Elem: tensor.String, Strs: [][]byte{a.S}}
		case "value_strings":
			return &tensor.Tensor{Elem: tensor.String, Shape: []int64{int64(len(a.Strings))}, Strs: a.Strings}
		}
	}
	return nil
}

// replaceByConst makes initializers of n's outputs and removes n.
func (c *compiler) replaceByConst(g *graph.Graph, n *graph.Node, results []*tensor.Tensor) {
	outs := n.Outputs()
	for i, v := range outs {
		if v == nil || results[i] == nil {
			continue
		}
		w := &graph.Value{Name: v.Name, Type: graph.TypeOf(results[i]), Const: results[i]}
		g.Adopt(w)
		g.Inits = append(g.Inits, w)
		v.ReplaceUses(w)
		g.Walk(func(s *graph.Graph) {
			for k, o := range s.Outputs {
				if o == v {
					s.Outputs[k] = w
				}
			}
		})
	}
	g.Remove(n)
}

// fold evaluates the nodes whose inputs are all constant, once, in the graph and its subgraphs.
func (c *compiler) fold() {
	c.model.Graph.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			if c.foldable(n) {
				if results := c.evaluate(n); results != nil {
					c.replaceByConst(g, n, results)
				}
			}
		}
	})
}

// impure are the operators whose result differs from run to run.
var impure = map[string]bool{"RandomNormal": true, "RandomUniform": true, "RandomNormalLike": true, "RandomUniformLike": true, "Multinomial": true,
	"Bernoulli": true}

func (c *compiler) foldable(n *graph.Node) bool {
	if graph.CanonicalDomain(n.ID.Domain) == "" && impure[n.ID.Op] || len(n.Subgraphs()) > 0 || c.execs[n] != nil {
		return false
	}
	for _, v := range n.Inputs() {
		if v != nil && !v.IsConst() {
			return false
		}
	}
	return n.NumOut() > 0
}

// evaluate computes a node with constant inputs; nil when that does not work out, and is left to the run to report.
func (c *compiler) evaluate(n *graph.Node) []*tensor.Tensor {
	exec, _, _, err := c.prepare(n, c.opset(n.ID.Domain), nil)
	if err != nil {
		return nil
	}
	in := make([]*tensor.Tensor, n.NumIn())
	limit := int64(foldLimit)
	for i := range in {
		if v := n.In(i); v != nil {
			in[i] = v.Const
			limit = max(limit, v.ConstBytes())
		}
	}
	out, err := runOnce(exec, n, in, c.env, int(limit))
	if err != nil {
		return nil
	}
	for i, t := range out {
		if t == nil && n.Out(i) != nil && n.Out(i).Name != "" {
			return nil
		}
	}
	return out
}

// runOnce executes one node outside of a session. limit bounds each output, in bytes; 0 is no limit.
func runOnce(exec op.Exec, n *graph.Node, in []*tensor.Tensor, env *environment, limit int) (out []*tensor.Tensor, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, (&program{steps: []step{{node: n.Label(), id: n.ID}}}).failure(0, r)
		}
	}()
	call := op.Call{Ctx: context.Background(), In: in, Pool: env.pool, Mem: heap{limit}, Outs: make([]op.Slot, n.NumOut())}
	for i := range call.Outs {
		v := n.Out(i)
		call.Outs[i] = op.Slot{Wanted: v != nil && v.Name != "", Escapes: true, InPlace: -1}
	}
	if err := exec.Run(&call); err != nil {
		return nil, err
	}
	out = make([]*tensor.Tensor, len(call.Outs))
	for i := range call.Outs {
		out[i] = call.Outs[i].Value()
	}
	return out, nil
}

// heap is op.Memory that keeps nothing.
type heap struct{ limit int }

// Dynamic implements op.Memory.
func (h heap) Dynamic(n int) []byte { return h.Fresh(n) }

// Fresh implements op.Memory.
func (h heap) Fresh(n int) []byte {
	if h.limit > 0 && n > h.limit {
		panic(&op.Failure{Err: fmt.Errorf("a constant of %d bytes is left to the run", n)})
	}
	return make([]byte, n)
}
