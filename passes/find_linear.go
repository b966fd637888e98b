package passes

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// FindLinears lists the linears of the model's main graph with a constant matrix, in graph order.
func FindLinears(m *graph.Model) []*Linear {
	var list []*Linear
	for n := range m.Graph.Nodes() {
		if !n.Is("MatMul") && !n.Is("Gemm") {
			continue
		}
		if l, why := productAt(n); why == "" {
			l.addBias()
			list = append(list, l)
		}
	}
	return list
}

// weightUse says why the stored matrix of l must not be changed: another operator reads it, too. Linears that share one matrix are
// fine: they see the same change.
func (l *Linear) weightUse() string {
	v := l.Weight
	for {
		for u := range v.Uses() {
			n := u.Node
			switch {
			case n == l.Nodes[0], n.Is("MatMul") && u.Index == 1, n.Is("Gemm") && u.Index == 1:
			case n.Is("Transpose"), n.Is("Identity"):
				for w := range n.Out(0).Uses() {
					if !w.Node.Is("MatMul") && !w.Node.Is("Gemm") {
						return fmt.Sprintf("weight %q is tied: node %q (%s) uses it, too", v.Name, w.Node.Label(), w.Node.ID)
					}
				}
			default:
				return fmt.Sprintf("weight %q is tied: node %q (%s) uses it, too", v.Name, n.Label(), n.ID)
			}
		}
		if v.IsOutput() {
			return fmt.Sprintf("weight %q is an output of the graph", v.Name)
		}
		p, _ := v.Producer()
		if p == nil || p.In(0) == nil {
			return ""
		}
		v = p.In(0)
	}
}

// isHead reports whether l computes an output of the graph directly: the classifier or language-model head.
func (l *Linear) isHead() bool {
	v := l.Out
	for {
		if v.IsOutput() {
			return true
		}
		u, sole := v.SoleUse()
		if !sole || !(passesThrough(u.Node) || u.Node.Is("Reshape") || u.Node.Is("Cast") || u.Node.Is("Softmax") || u.Node.Is("LogSoftmax")) {
			return false
		}
		v = u.Node.Out(0)
	}
}
