package graph

import "fmt"

// Sort brings the nodes of g, and of its subgraphs, into topological order. A graph that is in order already stays as it is. It is an
// error when there is a cycle.
func (g *Graph) Sort() error {
	const (
		visiting = 1
		done     = 2
	)
	state := make(map[*Node]int, g.count)
	order := make([]*Node, 0, g.count)
	var visit func(n *Node) error
	visit = func(n *Node) error {
		switch state[n] {
		case done:
			return nil
		case visiting:
			return AtNode(n, 0, fmt.Errorf("is part of a cycle"))
		}
		state[n] = visiting
		for _, v := range n.reads(nil) {
			if p := v.producer; p != nil && p.graph == g {
				if err := visit(p); err != nil {
					return err
				}
			}
		}
		state[n] = done
		order = append(order, n)
		return nil
	}
	for n := range g.Nodes() {
		if err := visit(n); err != nil {
			return err
		}
		for _, sub := range n.Subgraphs() {
			if err := sub.Sort(); err != nil {
				return err
			}
		}
	}
	g.first, g.last = nil, nil
	for _, n := range order {
		n.prev, n.next = g.last, nil
		if g.last != nil {
			g.last.next = n
		} else {
			g.first = n
		}
		g.last = n
	}
	return nil
}

// reads appends every value that n, or a node in its subgraphs, has as an input, and every value that a subgraph returns.
func (n *Node) reads(list []*Value) []*Value {
	for _, v := range n.in {
		if v != nil {
			list = append(list, v)
		}
	}
	for _, sub := range n.Subgraphs() {
		list = append(list, sub.Outputs...)
		for m := range sub.Nodes() {
			list = m.reads(list)
		}
	}
	return list
}

// Reads is every value that n, or a node in its subgraphs, has as an input, and every value that a subgraph returns: what must be there
// before n can run, the subgraphs' own values included.
func (n *Node) Reads() []*Value { return n.reads(nil) }

// Walk calls f for g and every graph below it, outermost first.
func (g *Graph) Walk(f func(*Graph)) {
	f(g)
	for n := range g.Nodes() {
		for _, sub := range n.Subgraphs() {
			sub.Walk(f)
		}
	}
}

// Walk calls f for every graph of the model: the main graph, the function bodies, and the graphs below them.
func (m *Model) Walk(f func(*Graph)) {
	m.Graph.Walk(f)
	for _, fn := range m.Functions {
		fn.Body.Walk(f)
	}
}
