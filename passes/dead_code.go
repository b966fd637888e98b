package passes

import "github.com/onnx-rewrite/onnx-rewrite/graph"

// deadCode drops nodes without a used output, initializers without use, and functions without a call. Inputs and outputs stay. Every
// operator of ONNX is free of side effects, so an unused result is no loss.
func deadCode(env *Env, m *graph.Model) (int, error) {
	changed := 0
	graphs := []*graph.Graph{m.Graph}
	for _, f := range m.Functions {
		if f.ID.Domain != sparseDomain { // an edited body would switch the kernel off
			graphs = append(graphs, f.Body)
		}
	}
	for _, g := range graphs {
		changed += deadIn(g)
	}
	called := map[graph.OpID]bool{}
	m.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			called[n.ID.Canonical()] = true
		}
	})
	kept := m.Functions[:0:0]
	for _, f := range m.Functions {
		if called[f.ID.Canonical()] {
			kept = append(kept, f)
		} else {
			changed++
		}
	}
	m.Functions = kept
	return changed, nil
}

func deadIn(g *graph.Graph) int {
	changed := 0
	for n := g.Last(); n != nil; {
		prev := n.Prev()
		if unused(n) {
			g.Remove(n)
			changed++
		} else {
			for _, sub := range n.Subgraphs() {
				changed += deadIn(sub)
			}
		}
		n = prev
	}
	for _, v := range append([]*graph.Value(nil), g.Inits...) {
		if v.NumUses() == 0 && !v.IsOutput() && !v.IsInput() {
			g.RemoveInit(v)
			changed++
		}
	}
	return changed
}

func unused(n *graph.Node) bool {
	for _, v := range n.Outputs() {
		if v != nil && (v.NumUses() > 0 || v.IsOutput()) {
			return false
		}
	}
	return true
}
