package passes

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
)

// sparseAlready is the declined row for a node that stands for a sparse block or linear.
func sparseAlready(n *graph.Node) (FFN, bool) {
	f := FFN{Name: n.Label(), at: n}
	if n.Out(0) == nil {
		return f, false
	}
	if n.ID.Domain == block.Domain {
		if v, ok := block.ParseName(n.ID.Op); ok {
			f.Reason = fmt.Sprintf("already a %s", v.Family)
			return f, true
		}
	}
	if n.ID.Domain == microsoft && (n.ID.Op == "MoE" || n.ID.Op == "QMoE") {
		f.Reason = fmt.Sprintf("already made of experts: node %q is a %s", n.Label(), n.ID)
		return f, true
	}
	return f, false
}

func isSparseLinear(n *graph.Node) bool {
	v, ok := block.ParseName(n.ID.Op)
	return ok && n.ID.Domain == block.Domain && v.Family == block.SparseLinear
}

// hidden lists the candidates in the function that n calls, or in n's subgraphs: none of them can be rewritten where it is.
func (s *finder) hidden(n *graph.Node) []FFN {
	var list []FFN
	if n.ID.Domain != block.Domain {
		if f := s.m.Function(n.ID); f != nil {
			for _, c := range s.inBody(f) {
				list = append(list, FFN{Name: n.Label() + "/" + c.Name, at: n, Reason: fmt.Sprintf("inside function %s: inline first", f.ID)})
			}
		}
	}
	for _, sub := range n.Subgraphs() {
		for _, c := range candidates(sub) {
			list = append(list, FFN{Name: n.Label() + "/" + c.Name, at: n, Reason: fmt.Sprintf("inside a subgraph of node %q (%s)", n.Label(), n.ID)})
		}
	}
	return list
}

// inBody lists the candidates in a function, once the functions that it calls itself are inlined.
func (s *finder) inBody(f *graph.Function) []FFN {
	flat := s.m.Clone()
	keep := func(id graph.OpID) bool { return id.Canonical() == f.ID.Canonical() || id.Domain == block.Domain }
	if err := graph.Inline(flat, keep); err != nil {
		return candidates(f.Body)
	}
	return candidates(flat.Function(f.ID).Body)
}

// candidates lists what looks like a block in a graph whose weights may be anything.
func candidates(g *graph.Graph) []FFN {
	s := &finder{}
	var list []FFN
	for n := range g.Nodes() {
		if isProduct(n) {
			if f, candidate := s.ffnAt(n); candidate {
				list = append(list, f)
			}
		}
		for _, sub := range n.Subgraphs() {
			list = append(list, candidates(sub)...)
		}
	}
	return list
}

// isPointwise reports whether n is a convolution that looks at one position at a time: a linear, but on the channel axis.
func isPointwise(n *graph.Node) bool {
	shape := kernelShape(n)
	for i := 2; i < shape.Rank(); i++ {
		if d, ok := shape.Dim(i).Value(); !ok || d != 1 {
			return false
		}
	}
	return shape.Rank() > 2
}

// kernelShape is the shape of a Conv's weight; unknown for other nodes.
func kernelShape(n *graph.Node) graph.Shape {
	if !n.Is("Conv") || n.In(1) == nil {
		return graph.Shape{}
	}
	if w := constOf(n.In(1)); w != nil {
		return graph.ConstShape(w.Shape)
	}
	return n.In(1).Type.Shape
}

// convName is what a reason calls a Conv.
func convName(n *graph.Node) string {
	group := n.Attrs.Int("group", 1)
	switch out, ok := kernelShape(n).Dim(0).Value(); {
	case isPointwise(n):
		return "1x1 Conv"
	case ok && group > 1 && group == out:
		return "depthwise Conv"
	}
	return "Conv"
}

// unquantised follows v back through the nodes that quantise it; first is the one nearest to the value as it was, nil when there is none.
func unquantised(v *graph.Value) (back *graph.Value, first *graph.Node) {
	for {
		p, _ := v.Producer()
		if p == nil || p.In(0) == nil || !(p.Is("QuantizeLinear") || p.Is("DequantizeLinear") || p.Is("DynamicQuantizeLinear")) || constOf(p.In(0)) != nil {
			return v, first
		}
		v, first = p.In(0), p
	}
}

// productBehind is the product or convolution that v comes from through shape changes, casts, scales and a bias; nil when there is none.
// It decides whether a candidate is worth a reason.
func productBehind(v *graph.Value) *graph.Node {
	for range 12 {
		p, _ := v.Producer()
		if p == nil {
			return nil
		}
		if isProduct(p) || p.Is("Conv") {
			return p
		}
		next := p.In(0)
		switch {
		case p.Is("Add"), p.Is("Mul"):
			if constOf(next) != nil || isScale(next) {
				next = p.In(1)
			} else if constOf(p.In(1)) == nil && !isScale(p.In(1)) && !isDequantised(p.In(1)) {
				if !p.Is("Add") || !isGiven(next) && !isGiven(p.In(1)) {
					return nil
				}
				if isGiven(next) {
					next = p.In(1)
				}
			}
		case p.Is("Identity"), p.Is("Dropout"), p.Is("Cast"), p.Is("Reshape"), p.Is("Transpose"), p.Is("Flatten"), p.Is("Squeeze"), p.Is("Unsqueeze"),
			p.Is("Slice"), p.Is("Split"), p.Is("QuantizeLinear"), p.Is("DequantizeLinear"), p.Is("DynamicQuantizeLinear"):
		default:
			return nil
		}
		if next == nil {
			return nil
		}
		v = next
	}
	return nil
}

// isScale reports whether v is a scale that dynamic quantisation computes.
func isScale(v *graph.Value) bool {
	if v == nil {
		return false
	}
	p, i := v.Producer()
	switch {
	case p == nil:
		return false
	case p.Is("DynamicQuantizeLinear"):
		return i > 0
	case p.Is("Mul"):
		return isScale(p.In(0)) && constOf(p.In(1)) != nil || isScale(p.In(1)) && constOf(p.In(0)) != nil
	}
	return false
}

// isDequantised reports whether v is a constant that is stored quantised.
func isDequantised(v *graph.Value) bool {
	p, _ := v.Producer()
	return p != nil && p.Is("DequantizeLinear") && constOf(p.In(0)) != nil
}

// isGiven reports whether v is computed by no node: in a function's body it may be a bias.
func isGiven(v *graph.Value) bool {
	if v == nil {
		return false
	}
	p, _ := v.Producer()
	return p == nil
}
