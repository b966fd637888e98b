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
		p, _ := v.Producer()
		if p == nil || p.In(0) == nil {
			break
		}
		v = p.In(0)
	}
	return otherUse(v)
}

// otherUse finds a use of v, directly or behind Transpose and Identity, that is not the matrix of a product.
func otherUse(v *graph.Value) string {
	if v.IsOutput() {
		return fmt.Sprintf("weight %q is an output of the graph", v.Name)
	}
	for u := range v.Uses() {
		switch n := u.Node; {
		case u.Index == 1 && (n.Is("MatMul") || n.Is("Gemm")):
		case n.Is("Transpose"), n.Is("Identity"):
			if reason := otherUse(n.Out(0)); reason != "" {
				return reason
			}
		default:
			return fmt.Sprintf("weight %q is tied: node %q (%s) uses it, too", v.Name, n.Label(), n.ID)
		}
	}
	return ""
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
