package passes

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

const sparseDomain = block.Domain

// removeIdentities drops nodes that give their first input back:
//
//  1. Identity
//  2. Dropout outside training, when nobody reads the mask
//  3. Cast to the type that the value has already
//
// A node between an input (or initializer) and an output stays, because both names must stay.
func removeIdentities(env *Env, m *graph.Model) (int, error) {
	changed := 0
	var err error
	m.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			if !isIdentity(n) || err != nil {
				continue
			}
			x, y := n.In(0), n.Out(0)
			if y.IsOutput() && (x.IsInput() || x.IsOutput() || x.Const != nil || x.Sparse != nil || x.Graph() != g) {
				continue
			}
			if !env.mayRewrite() {
				return
			}
			if err = g.ReplaceValue(y, x); err != nil {
				return
			}
			g.Remove(n)
			changed++
		}
	})
	return changed, err
}

func isIdentity(n *graph.Node) bool {
	if n.In(0) == nil || n.Out(0) == nil {
		return false
	}
	if n.Is("Cast") {
		to := tensor.DType(n.Attrs.Int("to", 0))
		return to != tensor.Undefined && n.In(0).Type.Kind == graph.KindTensor && n.In(0).Type.Elem == to
	}
	if mask := n.Out(1); mask != nil && (mask.NumUses() > 0 || mask.IsOutput()) {
		return false
	}
	return passesThrough(n)
}
