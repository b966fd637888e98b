package runtime

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// mergeDuplicates lets nodes that compute the same of the same inputs share one result, in each graph on its own. Exporters spell shapes
// and masks out anew for every layer. It returns how many nodes it took out.
func (c *compiler) mergeDuplicates() int {
	count := 0
	c.model.Graph.Walk(func(g *graph.Graph) {
		first := map[string]*graph.Node{}
		ids := map[*graph.Value]int{}
		for n := range g.Nodes() {
			key, ok := c.identity(n, ids)
			if !ok {
				continue
			}
			same := first[key]
			if same == nil {
				first[key] = n
				continue
			}
			n.Out(0).ReplaceUses(same.Out(0))
			g.Remove(n)
			count++
		}
	})
	return count
}

// identity is a text that two nodes have in common only if they compute the same. Small integer constants are compared by value.
func (c *compiler) identity(n *graph.Node, ids map[*graph.Value]int) (string, bool) {
	if n.NumOut() != 1 || n.Out(0) == nil || c.returned[n.Out(0)] || impure[n.ID.Op] || c.execs[n] != nil {
		return "", false
	}
	var b strings.Builder
	b.WriteString(n.ID.String())
	for _, a := range n.Attrs {
		switch a.Kind {
		case graph.AttrInt, graph.AttrInts, graph.AttrFloat, graph.AttrFloats, graph.AttrString:
			fmt.Fprintf(&b, " %s=%d,%v,%x,%q,%x", a.Name, a.I, a.Ints, a.F, a.S, a.Floats)
		default:
			return "", false
		}
	}
	for i := range n.NumIn() {
		v := n.In(i)
		switch {
		case v == nil:
			b.WriteString(" _")
			continue
		case v.IsConst() && v.Const.Elem.IsInteger() && v.Const.Len() <= 16:
			fmt.Fprintf(&b, " %s%v:%x", v.Const.Elem, v.Const.Shape, v.Const.Bytes())
			continue
		}
		id, ok := ids[v]
		if !ok {
			id = len(ids)
			ids[v] = id
		}
		fmt.Fprintf(&b, " #%d", id)
	}
	return b.String(), true
}
