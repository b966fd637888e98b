package graph

// Clone copies the model's structure. Tensors are shared: they are immutable. The clone does not own the mapped files: it is valid until
// the original is closed.
func (m *Model) Clone() *Model {
	c := *m
	c.source = nil
	c.Opsets = append([]OpsetID(nil), m.Opsets...)
	c.Props = append([]Prop(nil), m.Props...)
	c.Graph = m.Graph.cloneAll()
	c.Functions = nil
	for _, f := range m.Functions {
		c.Functions = append(c.Functions, f.Clone())
	}
	return &c
}

// Clone copies the function's structure; tensors are shared.
func (f *Function) Clone() *Function {
	c := *f
	c.Attrs = append([]AttrDecl(nil), f.Attrs...)
	c.Opsets = append([]OpsetID(nil), f.Opsets...)
	c.Props = append([]Prop(nil), f.Props...)
	c.Body = f.Body.cloneAll()
	return &c
}

func (g *Graph) cloneAll() *Graph {
	if g == nil {
		return nil
	}
	c := cloner{vals: map[*Value]*Value{}, all: true}
	return c.graph(g)
}

// CloneWith copies g. Values of g found in vals are replaced by what vals gives for them (nil: omitted), all others of g and its
// subgraphs are copied and entered into vals; values of the graphs around g stay the same. Names are copied as they are.
func (g *Graph) CloneWith(vals map[*Value]*Value) *Graph {
	c := cloner{vals: vals}
	return c.graph(g)
}

type cloner struct {
	vals map[*Value]*Value
	all  bool // copy undefined names as well, instead of sharing them
}

func (c *cloner) graph(g *Graph) *Graph {
	n := &Graph{Name: g.Name, Doc: g.Doc, Props: append([]Prop(nil), g.Props...), Extra: g.Extra}
	n.Inputs = c.define(n, g.Inputs)
	n.Inits = c.define(n, g.Inits)
	for node := range g.Nodes() {
		c.define(n, node.out)
	}
	n.ValueInfo = c.define(n, g.ValueInfo)
	for node := range g.Nodes() {
		n.Append(c.node(node))
	}
	for _, v := range g.Outputs {
		n.Outputs = append(n.Outputs, c.use(v))
	}
	return n
}

func (c *cloner) define(g *Graph, list []*Value) []*Value {
	var out []*Value
	for _, v := range list {
		if v == nil {
			continue
		}
		w, ok := c.vals[v]
		if !ok {
			w = &Value{Name: v.Name, Type: v.Type, Const: v.Const, Sparse: v.Sparse, Doc: v.Doc, Props: v.Props, Extra: v.Extra, graph: g}
			c.vals[v] = w
		}
		out = append(out, w)
	}
	return out
}

func (c *cloner) use(v *Value) *Value {
	if v == nil {
		return nil
	}
	if w, ok := c.vals[v]; ok {
		return w
	}
	if !c.all {
		return v
	}
	return c.define(nil, []*Value{v})[0]
}

func (c *cloner) node(n *Node) *Node {
	k := &Node{Name: n.Name, ID: n.ID, Doc: n.Doc, Props: append([]Prop(nil), n.Props...), Extra: n.Extra}
	for _, v := range n.in {
		k.AddInput(c.use(v))
	}
	for _, v := range n.out {
		k.AddOutput(c.use(v))
	}
	for _, a := range n.Attrs {
		k.Attrs = append(k.Attrs, c.attr(a))
	}
	return k
}

func (c *cloner) attr(a *Attr) *Attr {
	k := *a
	if a.G != nil {
		k.G = c.graph(a.G)
	}
	k.Graphs = nil
	for _, g := range a.Graphs {
		k.Graphs = append(k.Graphs, c.graph(g))
	}
	return &k
}
