package runtime

import "github.com/onnx-rewrite/onnx-rewrite/graph"

// forgetVagueDims makes dimensions unknown that some writers put down for "any": -1, and symbols such as "?", which would otherwise tie
// unrelated dimensions of that name together.
func forgetVagueDims(m *graph.Model) {
	m.Graph.Walk(func(g *graph.Graph) {
		for _, list := range [][]*graph.Value{g.Inputs, g.Outputs, g.ValueInfo} {
			for _, v := range list {
				forgetVague(v)
			}
		}
		for n := range g.Nodes() {
			for _, v := range n.Outputs() {
				if v != nil {
					forgetVague(v)
				}
			}
		}
	})
}

func forgetVague(v *graph.Value) {
	for i, d := range v.Type.Shape.Dims {
		if vague(d) {
			v.Type.Shape.Dims = append([]graph.Dim(nil), v.Type.Shape.Dims...)
			v.Type.Shape.Dims[i] = graph.Unknown()
		}
	}
}

func vague(d graph.Dim) bool {
	if n, ok := d.Value(); ok {
		return n < 0
	}
	name, ok := d.Symbol()
	if !ok {
		return false
	}
	switch name {
	case "", "?", "-1", "None", "none", "unk", "*":
		return true
	}
	return false
}
