package graph

import (
	"fmt"
	"iter"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Graph is a list of nodes with its inputs, outputs and initializers (GraphProto), or the body of a function. A subgraph knows the node
// that holds it, and may use the values of the graphs around it.
type Graph struct {
	Name      string
	Inputs    []*Value
	Outputs   []*Value
	Inits     []*Value // initializers, dense and sparse, in file order (dense ones are written first); one may be an input as well
	ValueInfo []*Value // the values that have an entry in value_info, in file order; entries that fit no value are kept here
	Doc       string
	Props     []Prop
	Extra     *Extra

	owner       *Node
	first, last *Node
	count       int
	names       *nameSet // of the whole model or function; made on first need, shared by subgraphs
}

// NewGraph is an empty graph.
func NewGraph(name string) *Graph { return &Graph{Name: name} }

// Owner is the node that holds this subgraph; nil for a model's graph and for function bodies.
func (g *Graph) Owner() *Node { return g.owner }

// SetOwner states which node holds g. It is called by whoever puts g into an attribute.
func (g *Graph) SetOwner(n *Node) { g.owner = n }

// Parent is the graph around this subgraph; nil at the top.
func (g *Graph) Parent() *Graph {
	if g.owner == nil {
		return nil
	}
	return g.owner.graph
}

// NumNodes is the number of nodes, without those of subgraphs.
func (g *Graph) NumNodes() int { return g.count }

// First is the first node; nil when there is none.
func (g *Graph) First() *Node { return g.first }

// Last is the last node; nil when there is none.
func (g *Graph) Last() *Node { return g.last }

// Nodes yields the nodes in order. Nodes may be inserted and removed while it runs: a node inserted behind the current one is visited,
// a removed one is not.
func (g *Graph) Nodes() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for n := g.first; n != nil; {
			if !n.removed && !yield(n) {
				return
			}
			n = n.next
			for n != nil && n.removed { // n was removed while its predecessor was visited: follow its own link
				n = n.next
			}
		}
	}
}

// Append inserts n as the last node.
func (g *Graph) Append(n *Node) {
	g.adopt(n)
	n.prev, n.next = g.last, nil
	if g.last != nil {
		g.last.next = n
	} else {
		g.first = n
	}
	g.last = n
}

// InsertBefore inserts n before at, a node of g.
func (g *Graph) InsertBefore(n, at *Node) {
	if at.graph != g {
		panic("graph: InsertBefore a node of another graph")
	}
	g.adopt(n)
	n.prev, n.next = at.prev, at
	if at.prev != nil {
		at.prev.next = n
	} else {
		g.first = n
	}
	at.prev = n
}

// InsertAfter inserts n after at, a node of g.
func (g *Graph) InsertAfter(n, at *Node) {
	if at.next != nil {
		g.InsertBefore(n, at.next)
		return
	}
	if at.graph != g {
		panic("graph: InsertAfter a node of another graph")
	}
	g.Append(n)
}

func (g *Graph) adopt(n *Node) {
	if n.graph != nil {
		panic(fmt.Sprintf("graph: node %q is in a graph already", n.Name))
	}
	n.graph, n.removed = g, false
	g.count++
	for _, v := range n.out {
		if v != nil {
			v.graph = g
		}
	}
	for _, sub := range n.Subgraphs() {
		sub.owner = n
	}
}

// Remove takes n out of g: its inputs lose a use, its outputs lose their producer and their value_info entry. Outputs that are still
// used are left undefined, for the caller to replace. The node keeps its link to the next one, so that an iteration goes on.
func (g *Graph) Remove(n *Node) {
	g.unlink(n)
	for i := range n.in {
		n.SetIn(i, nil)
	}
	n.in = nil
	for _, v := range n.out {
		if v != nil && v.producer == n {
			v.producer, v.graph = nil, nil
			g.ValueInfo = drop(g.ValueInfo, v)
		}
	}
	for _, sub := range n.Subgraphs() {
		sub.releaseUses()
	}
}

// releaseUses drops the uses that the nodes of g and its subgraphs make of values, before g is thrown away.
func (g *Graph) releaseUses() {
	for n := range g.Nodes() {
		for i := range n.in {
			n.SetIn(i, nil)
		}
		for _, sub := range n.Subgraphs() {
			sub.releaseUses()
		}
	}
}

func (g *Graph) unlink(n *Node) {
	if n.graph != g {
		panic("graph: node is not of this graph")
	}
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		g.first = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		g.last = n.prev
	}
	n.graph, n.removed = nil, true
	g.count--
}

// MoveBefore moves n, a node of g, before at, another node of g.
func (g *Graph) MoveBefore(n, at *Node) {
	if n == at {
		return
	}
	g.unlink(n)
	g.InsertBefore(n, at)
}

// NewValue makes a value that a node of g will produce. The name is made unique.
func (g *Graph) NewValue(hint string, t Type) *Value {
	return &Value{Name: g.NewName(hint), Type: t, graph: g}
}

// AddInput appends a formal input.
func (g *Graph) AddInput(name string, t Type) *Value {
	v := &Value{Name: g.claim(name), Type: t, graph: g}
	g.Inputs = append(g.Inputs, v)
	return v
}

// AddOutput makes v a formal output.
func (g *Graph) AddOutput(v *Value) { g.Outputs = append(g.Outputs, v) }

// AddInit appends a dense initializer under a name made unique from hint.
func (g *Graph) AddInit(hint string, t *tensor.Tensor) *Value {
	v := &Value{Name: g.NewName(hint), Type: TypeOf(t), Const: t, graph: g}
	g.Inits = append(g.Inits, v)
	return v
}

// RemoveInit takes initializer v out of g. It must have no use left.
func (g *Graph) RemoveInit(v *Value) {
	g.Inits = drop(g.Inits, v)
	g.ValueInfo = drop(g.ValueInfo, v)
	if !v.IsInput() {
		v.graph = nil
	}
	v.Const, v.Sparse = nil, nil
}

// Adopt makes g the owner of a value that a reader or builder made.
func (g *Graph) Adopt(v *Value) { v.graph = g }

// ReplaceValue makes with take old's place in every node and in g's outputs. A formal output keeps its name: with then takes old's name,
// and old gets a new one. with must not be a formal input, an initializer or an output already when old is an output.
func (g *Graph) ReplaceValue(old, with *Value) error {
	if old == with {
		return nil
	}
	if old.IsOutput() {
		if with.IsInput() || with.Const != nil || with.Sparse != nil || with.IsOutput() || with.graph != old.graph {
			return fmt.Errorf("output %q cannot be replaced by %q, which is an input, an initializer, an output or of another graph", old.Name, with.Name)
		}
		old.Name, with.Name = g.NewName(old.Name), old.Name
		if with.Type.Kind == KindUnknown || old.Type.Kind != KindUnknown {
			with.Type = old.Type
		}
		with.Doc, with.Props, with.Extra = old.Doc, old.Props, old.Extra
		for i, v := range g.Outputs {
			if v == old {
				g.Outputs[i] = with
			}
		}
		g.ValueInfo = drop(g.ValueInfo, with)
	}
	old.ReplaceUses(with)
	return nil
}

// Find is the value of that name in g itself: an input, an initializer or a node's output. It is a search through all of them.
func (g *Graph) Find(name string) *Value {
	for _, list := range [][]*Value{g.Inputs, g.Inits} {
		for _, v := range list {
			if v.Name == name {
				return v
			}
		}
	}
	for n := range g.Nodes() {
		for _, v := range n.out {
			if v != nil && v.Name == name {
				return v
			}
		}
	}
	return nil
}

// FindNode is the first node of that name in g itself; nil when there is none.
func (g *Graph) FindNode(name string) *Node {
	for n := range g.Nodes() {
		if n.Name == name {
			return n
		}
	}
	return nil
}

func drop(list []*Value, v *Value) []*Value {
	for i, w := range list {
		if w == v {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}
