package passes

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// maxFolded is the largest tensor in bytes that folding may make beyond what it takes in: larger ones would grow the file.
const maxFolded = 64 << 10

// foldConstants evaluates nodes whose inputs are all constant, and makes Constant nodes initializers. Random operators, nodes with
// subgraphs and calls of functions stay, as do results that are much larger than what they come from.
func foldConstants(env *Env, m *graph.Model) (int, error) {
	changed := 0
	var err error
	m.Graph.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			if err = env.ctx().Err(); err != nil {
				return
			}
			if foldNode(env, m, g, n) {
				changed++
			}
		}
	})
	return changed, err
}

var neverFolded = map[string]bool{"RandomNormal": true, "RandomNormalLike": true, "RandomUniform": true, "RandomUniformLike": true,
	"Multinomial": true, "Bernoulli": true, "Dropout": true, "DequantizeLinear": true, "QuantizeLinear": true}

func foldNode(env *Env, m *graph.Model, g *graph.Graph, n *graph.Node) bool {
	if graph.CanonicalDomain(n.ID.Domain) != "" || neverFolded[n.ID.Op] || len(n.Subgraphs()) > 0 || m.Function(n.ID) != nil {
		return false
	}
	out := n.Out(0)
	if out == nil || n.NumOut() != 1 || out.IsOutput() {
		return false
	}
	if n.Is("Constant") {
		t := constantNode(n)
		if t == nil || !env.mayRewrite() {
			return false
		}
		replaceByConstant(g, n, t)
		return true
	}
	if env.Eval == nil || n.NumIn() == 0 && !n.Is("ConstantOfShape") {
		return false
	}
	in := make([]*tensor.Tensor, n.NumIn())
	size := int64(0)
	for i := range in {
		v := n.In(i)
		if v == nil {
			continue
		}
		if !v.IsConst() || v.Const.Elem == tensor.String {
			return false
		}
		in[i] = v.Const
		size += v.ConstBytes()
	}
	if shape, ok := out.Type.Shape.Ints(); ok { // known to be too large before the work
		if b, err := tensor.ByteSize(out.Type.Elem, shape); err == nil && b > size+maxFolded {
			return false
		}
	}
	res, err := env.Eval(n, in)
	if err != nil || len(res) != 1 || res[0] == nil || res[0].Elem == tensor.String {
		return false // it may fail at run time too, or never run: not this pass's business
	}
	if b, err := tensor.ByteSize(res[0].Elem, res[0].Shape); err != nil || b > size+maxFolded || !env.mayRewrite() {
		return false
	}
	replaceByConstant(g, n, res[0])
	return true
}

func replaceByConstant(g *graph.Graph, n *graph.Node, t *tensor.Tensor) {
	out := n.Out(0)
	name := out.Name
	out.Name = g.NewName(name + "_folded")
	v := g.AddInit(name, t)
	v.Name, v.Doc, v.Props = name, out.Doc, out.Props
	out.ReplaceUses(v)
	g.Remove(n)
}
