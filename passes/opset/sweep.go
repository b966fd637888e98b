package opset

import "github.com/onnx-rewrite/onnx-rewrite/graph"

// idle are the nodes and initializers that nobody used before anything was converted: they stay.
type idle struct {
	nodes map[*graph.Node]bool
	inits map[*graph.Value]bool
}

func (c *converter) idle() idle {
	found := idle{map[*graph.Node]bool{}, map[*graph.Value]bool{}}
	c.walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			found.inits[v] = found.inits[v] || c.unread(v)
		}
		for n := range g.Nodes() {
			found.nodes[n] = c.dead(n)
		}
	})
	return found
}

// remember keeps the types that the model states. Inference fills in others while nodes are converted; what a value is does not change.
func (c *converter) remember() {
	c.stated = map[*graph.Value]graph.Type{}
	keep := func(list []*graph.Value) {
		for _, v := range list {
			if v != nil {
				c.stated[v] = v.Type
			}
		}
	}
	c.walk(func(g *graph.Graph) {
		keep(g.Inputs)
		keep(g.Outputs)
		keep(g.Inits)
		keep(g.ValueInfo)
		for n := range g.Nodes() {
			keep(n.Outputs())
		}
	})
}

// restore brings the types back that remember kept.
func (c *converter) restore() {
	for v, t := range c.stated {
		if v.Const == nil {
			v.Type = t
		}
	}
}

// walk calls f for every graph: the model's, those for training, the functions', and the graphs below them.
func (c *converter) walk(f func(*graph.Graph)) {
	c.m.Walk(f)
	for _, t := range c.m.Training {
		for _, g := range []*graph.Graph{t.Initialization, t.Algorithm} {
			if g != nil {
				g.Walk(f)
			}
		}
	}
}

// unread reports whether no node has v as an input and no graph returns it.
func (c *converter) unread(v *graph.Value) bool { return v.NumUses() == 0 && !c.returned[v] }

func (c *converter) dead(n *graph.Node) bool {
	for _, v := range n.Outputs() {
		if v != nil && !c.unread(v) {
			return false
		}
	}
	return true
}

// outputs collects what graphs return; a subgraph may return a value of the graphs around it.
func (c *converter) outputs() {
	c.returned = map[*graph.Value]bool{}
	c.walk(func(g *graph.Graph) {
		for _, v := range g.Outputs {
			c.returned[v] = true
		}
	})
}

// sweep removes what nobody uses any more: constants that became attributes, and what computed them.
func (c *converter) sweep(before idle) {
	for again := true; again; {
		again = false
		c.outputs()
		c.walk(func(g *graph.Graph) {
			for n := g.Last(); n != nil; {
				prev := n.Prev()
				if !before.nodes[n] && c.dead(n) {
					g.Remove(n)
					again = true
				}
				n = prev
			}
			for _, v := range append([]*graph.Value(nil), g.Inits...) {
				if !before.inits[v] && c.unread(v) && !v.IsInput() {
					g.RemoveInit(v)
					again = true
				}
			}
		})
	}
}
