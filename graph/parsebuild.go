package graph

import "reflect"

// scope is the values that a name can mean inside a graph: its own, then those of the graphs around it.
type textScope struct {
	parent *textScope
	m      map[string]*Value
}

func (s *textScope) find(name string) *Value {
	for ; s != nil; s = s.parent {
		if v := s.m[name]; v != nil {
			return v
		}
	}
	return nil
}

// resolve is the value that an operand names; nil for the empty name. A name that nothing defines gets a value without producer.
func (s *textScope) resolve(name string) *Value {
	if name == "" {
		return nil
	}
	if v := s.find(name); v != nil {
		return v
	}
	v := &Value{Name: name}
	s.m[name] = v
	return v
}

// builder makes one graph of its text, as a reader of the binary format would make it of the same lists: values first, the first
// definition of a name being the one that references mean; then nodes.
type builder struct {
	p        *parser
	g        *Graph
	s        *textScope
	stated   map[*Value]*Value // the statement that a value's type comes from
	returned map[*Value]bool
}

func (p *parser) newBuilder(g *Graph, outer *textScope) *builder {
	return &builder{p: p, g: g, s: &textScope{outer, map[string]*Value{}}, stated: map[*Value]*Value{}, returned: map[*Value]bool{}}
}

// build fills g, which graph made, and its subgraphs.
func (p *parser) build(g *Graph, outer *textScope) {
	if g == nil {
		return
	}
	t := p.graphs[g]
	b := p.newBuilder(g, outer)
	for _, info := range t.inputs {
		v := b.define(info.Name)
		g.Inputs = append(g.Inputs, v)
		b.state(v, info)
	}
	b.inits(t)
	outs := b.nodeOutputs(t)
	for _, info := range t.outputs {
		b.output(info)
	}
	for _, info := range t.infos {
		b.valueInfo(info)
	}
	b.nodes(t, outs)
}

// buildFunction fills the body of f.
func (p *parser) buildFunction(f *Function) {
	t := p.graphs[f.Body]
	b := p.newBuilder(f.Body, nil)
	for _, v := range t.inputs {
		f.Body.Inputs = append(f.Body.Inputs, b.define(v.Name))
	}
	b.inits(t)
	outs := b.nodeOutputs(t)
	for _, info := range t.infos {
		b.valueInfo(info)
	}
	for _, name := range t.names {
		v := b.s.resolve(name)
		if v == nil {
			v = &Value{}
		}
		f.Body.Outputs = append(f.Body.Outputs, v)
	}
	for _, a := range f.Attrs {
		if a.Default != nil {
			b.subgraphs(a.Default, nil)
		}
	}
	b.nodes(t, outs)
}

// define makes a value of this graph, and enters its name unless it is taken.
func (b *builder) define(name string) *Value {
	v := &Value{Name: name, graph: b.g}
	if b.s.m[name] == nil {
		b.s.m[name] = v
	}
	return v
}

// state makes v what info says of it.
func (b *builder) state(v, info *Value) {
	b.stated[v] = info
	v.Doc, v.Props, v.Extra = info.Doc, info.Props, info.Extra
	switch {
	case info.typed():
		v.Type = info.Type
	case v.Type.Kind != KindUnknown: // an initializer, whose type is known anyway
		x := Extra{}
		if v.Extra != nil {
			x = *v.Extra
		}
		x.Absent |= 1 << fieldNames["value"]["type"]
		v.Extra = &x
	}
}

// typed reports whether a statement has a type, if one that says nothing.
func (v *Value) typed() bool {
	return v.Type.Kind != KindUnknown || v.Type.Denotation != "" || v.Type.Extra != nil || v.Extra.isExplicit("value", "type")
}

func sameStatement(a, b *Value) bool {
	return a == b || a != nil && a.Name == b.Name && a.Doc == b.Doc && reflect.DeepEqual(a.Type, b.Type) &&
		reflect.DeepEqual(a.Props, b.Props) && reflect.DeepEqual(a.Extra, b.Extra)
}

func (b *builder) inits(t *graphText) {
	for _, sparse := range []bool{false, true} {
		for _, init := range t.inits {
			if (init.Sparse != nil) != sparse {
				continue
			}
			v := b.s.m[init.Name]
			if v == nil || v.Const != nil || v.Sparse != nil {
				v = b.define(init.Name)
			}
			b.g.Inits = append(b.g.Inits, v)
			v.Const, v.Sparse = init.Const, init.Sparse
			switch {
			case b.stated[v] != nil:
			case v.Const != nil:
				v.Type = TypeOf(v.Const)
			case v.Sparse != nil && v.Sparse.Values != nil:
				v.Type = Type{Kind: KindSparseTensor, Elem: v.Sparse.Values.Elem, Shape: ConstShape(v.Sparse.Dims)}
			}
		}
	}
}

func (b *builder) nodeOutputs(t *graphText) []*Value {
	var outs []*Value
	for _, n := range t.nodes {
		for _, name := range n.out {
			if name == "" {
				outs = append(outs, nil)
				continue
			}
			outs = append(outs, b.define(name))
		}
	}
	return outs
}

// output makes what info names an output; what it says beyond the value itself goes to OutputInfo.
func (b *builder) output(info *Value) {
	v := b.s.find(info.Name)
	own := v != nil && b.s.m[info.Name] == v
	if v == nil || !own && v.graph == nil { // defined nowhere
		v, own = &Value{Name: info.Name}, true
		b.s.m[info.Name] = v
	}
	switch said := b.stated[v]; {
	case own && said == nil:
		b.state(v, info)
	case own && sameStatement(said, info):
	case b.returned[v]:
		v = info // a name that is returned twice, in two ways
	default:
		if b.g.Extra == nil {
			b.g.Extra = &Extra{}
		}
		if b.g.Extra.OutputInfo == nil {
			b.g.Extra.OutputInfo = map[string]OutputInfo{}
		}
		b.g.Extra.OutputInfo[v.Name] = OutputInfo{Info: info, Elem: v.Type.Elem}
	}
	b.g.Outputs = append(b.g.Outputs, v)
	b.returned[v] = true
}

func (b *builder) valueInfo(info *Value) {
	v := b.s.m[info.Name]
	switch {
	case v != nil && b.stated[v] == nil:
		b.state(v, info)
	case v != nil && sameStatement(b.stated[v], info):
	default:
		v = info
	}
	b.g.ValueInfo = append(b.g.ValueInfo, v)
}

func (b *builder) nodes(t *graphText, outs []*Value) {
	for _, n := range t.nodes {
		for _, name := range n.in {
			n.node.AddInput(b.s.resolve(name))
		}
		for range n.out {
			n.node.AddOutput(outs[0])
			outs = outs[1:]
		}
		for _, a := range n.node.Attrs {
			b.subgraphs(a, b.s)
		}
		b.g.Append(n.node)
	}
}

func (b *builder) subgraphs(a *Attr, s *textScope) {
	b.p.build(a.G, s)
	for _, g := range a.Graphs {
		b.p.build(g, s)
	}
}
