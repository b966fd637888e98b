package graph

import (
	"fmt"
	"slices"
	"strings"
)

// Sort brings the nodes of g, and of its subgraphs, into topological order. A graph that is in order already stays as it is. It is an
// error when there is a cycle, which names the nodes on it; the graph then stays as it is.
func (g *Graph) Sort() error {
	order, cycles := g.order()
	if len(cycles) > 0 {
		return AtNode(cycles[0][0], 0, fmt.Errorf("is part of a cycle: %s", cycleText(cycles[0])))
	}
	for n := range g.Nodes() {
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

// order is g's nodes with every node behind those it reads, otherwise as they are, and the sets of nodes that read each other. It keeps
// a stack of its own: a chain of millions of nodes in reverse is a legal input. (Tarjan, "Depth-first search and linear graph algorithms".)
func (g *Graph) order() (order []*Node, cycles [][]*Node) {
	type visit struct {
		n     *Node
		reads []*Value
		self  bool
	}
	type state struct {
		index, low int
		open       bool
	}
	states := make(map[*Node]*state, g.count)
	var path []*visit
	var open []*Node
	enter := func(n *Node) {
		states[n] = &state{index: len(states), low: len(states), open: true}
		path, open = append(path, &visit{n: n, reads: n.reads(nil)}), append(open, n)
	}
	for root := range g.Nodes() {
		if states[root] == nil {
			enter(root)
		}
		for len(path) > 0 {
			v := path[len(path)-1]
			if len(v.reads) > 0 {
				p := v.reads[0].producer
				v.reads = v.reads[1:]
				if p == nil || p.graph != g {
					continue
				}
				v.self = v.self || p == v.n
				if s := states[p]; s == nil {
					enter(p)
				} else if s.open {
					states[v.n].low = min(states[v.n].low, s.index)
				}
				continue
			}
			path = path[:len(path)-1]
			s := states[v.n]
			if len(path) > 0 {
				around := states[path[len(path)-1].n]
				around.low = min(around.low, s.low)
			}
			order = append(order, v.n)
			if s.low != s.index {
				continue
			}
			from := len(open) - 1 // the set is the end of open, so looking from there costs its size
			for open[from] != v.n {
				from--
			}
			if from < len(open)-1 || v.self {
				cycles = append(cycles, slices.Clone(open[from:]))
			}
			for _, n := range open[from:] {
				states[n].open = false
			}
			open = open[:from]
		}
	}
	return order, cycles
}

// cycleText names the nodes of a cycle, the first ten of them.
func cycleText(nodes []*Node) string {
	const most = 10
	var names []string
	for i, n := range nodes {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(nodes)-most))
			break
		}
		names = append(names, fmt.Sprintf("%q", n.Label()))
	}
	return strings.Join(names, ", ")
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
