package runtime

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// infer fills in the types of the clone's values from those of its inputs. Integers that follow from the shapes become constants, and those
// that are the same expression of the inputs' dims become one value. What cannot be inferred keeps the type that the file states, or stays
// unknown: it is planned and fused less, but runs. Contradictions are findings of the check, not of the run.
func (c *compiler) infer() {
	g := c.model.Graph
	stated := forgetTypes(g)
	opt := op.InferOptions{Policy: op.Refine, Outputs: true}
	_, contents := op.InferContents(c.model, opt)
	missing := false
	for v, t := range stated {
		if !v.Type.IsTensor() || !v.Type.Shape.Known {
			v.Type, missing = t, true
		}
	}
	if missing {
		_, contents = op.InferContents(c.model, opt)
	}
	c.mergeKnown(g, contents)
}

// forgetTypes takes away the types of what the nodes of g and its subgraphs compute, and returns them.
func forgetTypes(g *graph.Graph) map[*graph.Value]graph.Type {
	stated := map[*graph.Value]graph.Type{}
	g.Walk(func(s *graph.Graph) {
		for n := range s.Nodes() {
			for _, v := range n.Outputs() {
				if v != nil && v.Type.Kind != graph.KindUnknown {
					stated[v] = v.Type
					v.Type = graph.Type{}
				}
			}
		}
	})
	return stated
}

// mergeKnown replaces integers of g that are known: by a constant, or by the first value that holds the same expressions.
func (c *compiler) mergeKnown(g *graph.Graph, contents func(*graph.Value) *op.Data) {
	type fact struct {
		constant *tensor.Tensor
		key      string
	}
	facts := map[*graph.Node]fact{}
	for n := range g.Nodes() {
		if n.NumOut() == 1 && n.Out(0) != nil && len(n.Subgraphs()) == 0 {
			v := n.Out(0)
			d := contents(v)
			facts[n] = fact{knownTensor(v, d), knownKey(v, d)}
		}
	}
	first := map[string]*graph.Value{}
	for n := range g.Nodes() {
		switch f := facts[n]; {
		case f.constant != nil:
			c.replaceByConst(g, n, []*tensor.Tensor{f.constant})
		case f.key == "":
		case first[f.key] == nil:
			first[f.key] = n.Out(0)
		case !c.returned[n.Out(0)]:
			n.Out(0).ReplaceUses(first[f.key])
			g.Remove(n)
		}
	}
}

// knownKey names what v holds by its expressions of the inputs' dims; "" when some are unknown.
func knownKey(v *graph.Value, d *op.Data) string {
	if d == nil || v.Type.Kind != graph.KindTensor || !v.Type.Elem.IsInteger() {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%v", v.Type.Elem, d.Dims)
	for _, e := range d.Elems {
		if !e.IsKnown() {
			return ""
		}
		b.WriteString("|" + e.String())
	}
	return b.String()
}

// knownTensor is the constant that v holds if all its elements are known; nil otherwise.
func knownTensor(v *graph.Value, d *op.Data) *tensor.Tensor {
	if d == nil || v.Type.Kind != graph.KindTensor {
		return nil
	}
	list := make([]int64, len(d.Elems))
	for i, e := range d.Elems {
		x, ok := e.Value()
		if !ok {
			return nil
		}
		list[i] = x
	}
	if n, err := tensor.NumElements(d.Dims); err != nil || n != int64(len(list)) {
		return nil
	}
	switch v.Type.Elem {
	case tensor.Int64:
		return tensor.Of(list, d.Dims...)
	case tensor.Int32:
		short := make([]int32, len(list))
		for i, x := range list {
			if short[i] = int32(x); int64(short[i]) != x {
				return nil
			}
		}
		return tensor.Of(short, d.Dims...)
	}
	return nil
}
