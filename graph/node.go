package graph

// OpID names an operator or function. The default domain is "" ("ai.onnx" is the same and is kept as the file wrote it).
type OpID struct{ Domain, Op, Overload string }

// Canonical maps the domain "ai.onnx" to "".
func (id OpID) Canonical() OpID {
	id.Domain = CanonicalDomain(id.Domain)
	return id
}

// CanonicalDomain maps "ai.onnx" to "", its other name.
func CanonicalDomain(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}

// String is "domain.Op" or "domain.Op:overload"; without the domain for the default one.
func (id OpID) String() string {
	s := id.Op
	if id.Domain != "" {
		s = id.Domain + "." + s
	}
	if id.Overload != "" {
		s += ":" + id.Overload
	}
	return s
}

// Node is one operation. Inputs and outputs are reached by index; an omitted optional one is nil.
type Node struct {
	Name  string
	ID    OpID
	Attrs Attrs
	Doc   string
	Props []Prop
	Extra *Extra

	graph      *Graph
	prev, next *Node
	removed    bool
	in, out    []*Value
}

// NewNode makes a node that belongs to no graph yet. Its inputs count as uses from now on; nil is an omitted input.
func NewNode(id OpID, in []*Value, out []*Value, attrs ...*Attr) *Node {
	n := &Node{ID: id, Attrs: attrs}
	for _, v := range in {
		n.AddInput(v)
	}
	for _, v := range out {
		n.AddOutput(v)
	}
	return n
}

// Graph is the graph that holds the node; nil before it is inserted and after it is removed.
func (n *Node) Graph() *Graph { return n.graph }

// Is reports whether the node is operator op of the default domain.
func (n *Node) Is(op string) bool {
	return n.ID.Op == op && CanonicalDomain(n.ID.Domain) == ""
}

// NumIn is the number of inputs, trailing omitted ones included where the file has them.
func (n *Node) NumIn() int { return len(n.in) }

// NumOut is the number of outputs.
func (n *Node) NumOut() int { return len(n.out) }

// In is input i; nil when it is omitted or beyond the last.
func (n *Node) In(i int) *Value {
	if i < 0 || i >= len(n.in) {
		return nil
	}
	return n.in[i]
}

// Out is output i; nil when it is omitted or beyond the last.
func (n *Node) Out(i int) *Value {
	if i < 0 || i >= len(n.out) {
		return nil
	}
	return n.out[i]
}

// Inputs is a copy of the list of inputs.
func (n *Node) Inputs() []*Value { return append([]*Value(nil), n.in...) }

// Outputs is a copy of the list of outputs.
func (n *Node) Outputs() []*Value { return append([]*Value(nil), n.out...) }

// SetIn makes v (nil: omitted) input i, which must exist.
func (n *Node) SetIn(i int, v *Value) {
	if old := n.in[i]; old != nil {
		old.dropUse(n, i)
	}
	n.in[i] = v
	if v != nil {
		v.uses = append(v.uses, Use{n, i})
	}
}

// AddInput appends an input; nil is an omitted one.
func (n *Node) AddInput(v *Value) {
	n.in = append(n.in, nil)
	n.SetIn(len(n.in)-1, v)
}

// DropInput removes the last input.
func (n *Node) DropInput() {
	n.SetIn(len(n.in)-1, nil)
	n.in = n.in[:len(n.in)-1]
}

// AddOutput appends an output; nil is an omitted one. v must have no producer and be no initializer.
func (n *Node) AddOutput(v *Value) {
	n.out = append(n.out, v)
	if v != nil {
		v.producer, v.index = n, len(n.out)-1
		if v.graph == nil {
			v.graph = n.graph
		}
	}
}

// Subgraphs are the graphs in the node's attributes, in order.
func (n *Node) Subgraphs() []*Graph {
	var list []*Graph
	for _, a := range n.Attrs {
		if a.G != nil {
			list = append(list, a.G)
		}
		list = append(list, a.Graphs...)
	}
	return list
}

// SetAttr replaces the attribute of that name, or appends it.
func (n *Node) SetAttr(a *Attr) {
	for i, x := range n.Attrs {
		if x.Name == a.Name {
			n.Attrs[i] = a
			return
		}
	}
	n.Attrs = append(n.Attrs, a)
}

// Next is the node after n in its graph's order; nil at the end.
func (n *Node) Next() *Node { return n.next }

// Prev is the node before n in its graph's order; nil at the start.
func (n *Node) Prev() *Node { return n.prev }

// MoveOutput makes v the node's output i in the place of the value there, which is left without a producer for another node to give.
func (n *Node) MoveOutput(i int, v *Value) {
	if old := n.out[i]; old != nil {
		old.producer = nil
	}
	n.out[i] = v
	v.producer, v.index, v.graph = n, i, n.graph
}
