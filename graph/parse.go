package graph

import (
	"strconv"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// ParseOptions says how text is read.
type ParseOptions struct {
	// Resolve finds the tensor that the text names by its hash (hex SHA-256, tensor.Tensor.Hash). Without it such a text is refused.
	Resolve func(hash string) (*tensor.Tensor, error)
}

// ParseModel reads a model in ONNX's textual syntax (onnx/docs/Syntax.md) and what Print adds to it (docs/text.md). Errors name line and
// column, and what was expected there.
func ParseModel(text string, opt ParseOptions) (*Model, error) {
	p := newParser(text, opt)
	m := p.model()
	if p.err != nil {
		return nil, p.err
	}
	return m, nil
}

// ParseGraph reads a graph alone.
func ParseGraph(text string, opt ParseOptions) (*Graph, error) {
	p := newParser(text, opt)
	g := p.graph()
	p.end()
	if p.err != nil {
		return nil, p.err
	}
	p.build(g, nil)
	return g, nil
}

// ParseFunction reads one function.
func ParseFunction(text string, opt ParseOptions) (*Function, error) {
	p := newParser(text, opt)
	f := p.function()
	p.end()
	if p.err != nil {
		return nil, p.err
	}
	p.buildFunction(f)
	return f, nil
}

// maxTextDepth bounds the nesting of subgraphs and types.
const maxTextDepth = 128

// parser reads the text into graphs whose values are only names (graphText), then builds them from the outside in: a subgraph may use a
// value whose definition comes later.
type parser struct {
	*lexer
	opt    ParseOptions
	depth  int
	usual  usual
	graphs map[*Graph]*graphText
}

func newParser(text string, opt ParseOptions) *parser {
	return &parser{lexer: newLexer(text), opt: opt, graphs: map[*Graph]*graphText{}}
}

// graphText is a graph before names are looked up.
type graphText struct {
	inputs, outputs, infos []*Value
	inits                  []*Value // name, and Const or Sparse
	nodes                  []nodeText
	names                  []string // outputs of a function
}

type nodeText struct {
	node    *Node
	in, out []string
}

func (p *parser) end() {
	if p.err == nil && p.tok.kind != tokEOF {
		p.fail("want the end, have %s", p.tok)
	}
}

// deeper counts a level of nesting until the function that it returns is called.
func (p *parser) deeper(what string) func() {
	if p.depth++; p.depth > maxTextDepth {
		p.fail("%s are nested deeper than %d", what, maxTextDepth)
	}
	return func() { p.depth-- }
}

func (p *parser) model() *Model {
	m := &Model{}
	p.noted("model", func(f *noteField) bool {
		if f.key != "usual" {
			return p.keep(modelKept, f, &m.Extra) || p.extra("model", f, &m.Extra)
		}
		for _, word := range p.words(f) {
			if !p.usual.set(word) {
				p.failAt(f.pos, "usual does not know %q", word)
			}
		}
		return true
	})
	text := func(key string, dst *string) {
		if *dst = p.name(); *dst == "" {
			m.Extra = m.Extra.withExplicit("model", key)
		}
	}
	number := func(key string, dst *int64) {
		if *dst = p.int(); *dst == 0 {
			m.Extra = m.Extra.withExplicit("model", key)
		}
	}
	p.header(func(key string) bool {
		switch key {
		case "ir_version":
			number(key, &m.IRVersion)
		case "opset_import":
			m.Opsets = append(m.Opsets, p.opsets()...)
		case "producer_name":
			text(key, &m.Producer)
		case "producer_version":
			text(key, &m.ProducerVersion)
		case "domain":
			text(key, &m.Domain)
		case "model_version":
			number(key, &m.ModelVersion)
		case "doc_string":
			text(key, &m.Doc)
		case "metadata_props":
			m.Props = append(m.Props, p.props()...)
		default:
			p.fail("unknown model field %q", key)
		}
		return true
	})
	m.Graph = p.graph()
	for p.err == nil && p.tok.kind != tokEOF {
		if next := p.peek(); p.tok.text == "training_info" && next.text == "{" && next.kind == tokPunct {
			m.Training = append(m.Training, p.training())
			continue
		}
		m.Functions = append(m.Functions, p.function())
	}
	if p.err != nil {
		return m
	}
	p.build(m.Graph, nil)
	for _, f := range m.Functions {
		p.buildFunction(f)
	}
	for _, t := range m.Training {
		p.build(t.Initialization, nil)
		p.build(t.Algorithm, nil)
	}
	return m
}

func (x *Extra) withExplicit(kind, key string) *Extra {
	if x == nil {
		x = &Extra{}
	}
	x.Explicit |= 1 << fieldNames[kind][key]
	return x
}

// header reads "<key: value, …>" if it is there.
func (p *parser) header(field func(key string) bool) {
	if !p.accept("<") {
		return
	}
	p.list(">", func() {
		at := p.tok
		key := p.name()
		p.expect(":")
		if p.err == nil && !field(key) {
			p.failAt(at.pos, "unknown field %q", key)
		}
	})
}

func (p *parser) int() int64 {
	n, err := strconv.ParseInt(p.tok.text, 10, 64)
	if p.tok.kind != tokNumber || err != nil {
		p.fail("want an integer, have %s", p.tok)
		return 0
	}
	p.next()
	return n
}

func (p *parser) opsets() []OpsetID {
	var list []OpsetID
	p.expect("[")
	p.list("]", func() {
		var o OpsetID
		absent := false
		p.noted("opset", func(f *noteField) bool {
			if f.key == "absent" {
				absent = true
				return true
			}
			return p.extra("opset", f, &o.Extra)
		})
		o.Domain = p.name()
		if o.Domain == "" && p.usual.opsetDomain && !absent {
			o.Extra = o.Extra.withExplicit("opset", "domain")
		}
		p.expect(":")
		o.Version = p.int()
		list = append(list, o)
	})
	return list
}

// pairText is "key": "value" as it is written.
type pairText struct {
	key, value     string
	noKey, noValue bool
	unknown        []byte
}

func (t *pairText) prop() Prop {
	x := Prop{Key: t.key, Value: t.value, Unknown: t.unknown}
	if t.key == "" && !t.noKey {
		x.Explicit |= 1 << 1
	}
	if t.value == "" && !t.noValue {
		x.Explicit |= 1 << 2
	}
	return x
}

// pair reads "key": "value", where '?' stands for one that is absent, and & x"…" for unknown fields.
func (l *lexer) pair() *pairText {
	t := &pairText{}
	side := func(s *string, absent *bool) {
		if *absent = l.accept("?"); !*absent {
			*s = l.name()
		}
	}
	side(&t.key, &t.noKey)
	l.expect(":")
	side(&t.value, &t.noValue)
	if l.accept("&") {
		t.unknown = []byte(l.name())
	}
	return t
}

func (p *parser) props() []Prop {
	var list []Prop
	p.expect("[")
	p.list("]", func() { list = append(list, p.pair().prop()) })
	return list
}

func (p *parser) function() *Function {
	f := &Function{}
	p.noted("function", func(n *noteField) bool {
		if n.key == "metadata_props" {
			f.Props = p.pairs(n)
			return true
		}
		return p.extra("function", n, &f.Extra)
	})
	text := func(key string, dst *string) {
		if *dst = p.name(); *dst == "" {
			f.Extra = f.Extra.withExplicit("function", key)
		}
	}
	p.header(func(key string) bool {
		switch key {
		case "domain":
			text(key, &f.ID.Domain)
		case "overload":
			text(key, &f.ID.Overload)
		case "opset_import":
			f.Opsets = append(f.Opsets, p.opsets()...)
		case "doc_string":
			text(key, &f.Doc)
		default:
			p.fail("unknown function field %q", key)
		}
		return true
	})
	f.ID.Op = p.name()
	if p.accept("<") {
		p.list(">", func() {
			a := p.attr(true)
			if a.Kind == attrRequired {
				f.Attrs = append(f.Attrs, AttrDecl{Name: a.Name})
				return
			}
			f.Attrs = append(f.Attrs, AttrDecl{a.Name, a})
		})
	}
	f.Body = NewGraph("")
	t := &graphText{}
	p.graphs[f.Body] = t
	// A type in the lists of names is a statement about the value, as in the list behind them.
	read := func() {
		if v := p.info(); v.typed() {
			t.names, t.infos = append(t.names, v.Name), append(t.infos, v)
		} else {
			t.names = append(t.names, v.Name)
		}
	}
	p.expect("(")
	p.list(")", read)
	for _, name := range t.names {
		t.inputs = append(t.inputs, &Value{Name: name})
	}
	t.names = nil
	p.expect("=>")
	p.expect("(")
	p.list(")", read)
	p.rest(t)
	return f
}

func (p *parser) training() *Training {
	t := &Training{}
	p.noted("training_info", func(f *noteField) bool { return p.extra("training_info", f, &t.Extra) })
	p.next()
	p.expect("{")
	p.list("}", func() {
		at := p.tok
		key := p.name()
		p.expect(":")
		switch key {
		case "initialization":
			t.Initialization = p.graph()
		case "algorithm":
			t.Algorithm = p.graph()
		case "initialization_binding":
			t.InitBinding = p.props()
		case "update_binding":
			t.UpdateBinding = p.props()
		default:
			p.failAt(at.pos, "unknown field %q of training_info", key)
		}
	})
	return t
}

func (p *parser) graph() *Graph {
	defer p.deeper("subgraphs")()
	g, t := NewGraph(""), &graphText{}
	p.graphs[g] = t
	p.noted("graph", func(f *noteField) bool {
		switch f.key {
		case "doc_string":
			g.Doc = p.text(f)
		case "metadata_props":
			g.Props = p.pairs(f)
		default:
			return p.keep(graphKept, f, &g.Extra) || p.extra("graph", f, &g.Extra)
		}
		return true
	})
	g.Name = p.name()
	p.expect("(")
	p.list(")", func() {
		v := p.info()
		t.inputs = append(t.inputs, v)
		if p.accept("=") {
			t.inits = append(t.inits, &Value{Name: v.Name, Const: p.tensorData(v.Type, nil)})
		}
	})
	p.expect("=>")
	p.expect("(")
	p.list(")", func() { t.outputs = append(t.outputs, p.info()) })
	p.rest(t)
	return g
}

// rest reads "<locals> { nodes }".
func (p *parser) rest(t *graphText) {
	if p.accept("<") {
		p.list(">", func() { p.local(t) })
	}
	p.expect("{")
	for p.err == nil && !p.accept("}") {
		t.nodes = append(t.nodes, p.node())
	}
}

// local reads an initializer or an entry of value_info.
func (p *parser) local(t *graphText) {
	note := p.tensorNote()
	sparse := p.sparseNote()
	v := p.info()
	if !p.accept("=") {
		if note != nil || sparse != nil {
			p.fail("want \"=\" and the values of %q, which a note says is a tensor; have %s", v.Name, p.tok)
		}
		t.infos = append(t.infos, v)
		return
	}
	init := &Value{Name: v.Name}
	switch {
	case p.accept("?"):
	case v.Type.Kind == KindSparseTensor:
		init.Sparse = p.sparse(v.Type, sparse, true)
	default:
		init.Const = p.tensorData(v.Type, note)
	}
	t.inits = append(t.inits, init)
}

func (p *parser) node() nodeText {
	n := &Node{}
	t := nodeText{node: n}
	absent := false
	p.noted("node", func(f *noteField) bool {
		switch f.key {
		case "doc_string":
			n.Doc = p.text(f)
		case "metadata_props":
			n.Props = p.pairs(f)
		case "absent":
			absent = p.bits("node", f) == 1<<fieldNames["node"]["domain"]
		default:
			return p.keep(nodeKept, f, &n.Extra) || p.extra("node", f, &n.Extra)
		}
		return true
	})
	if p.accept("[") {
		if n.Name = p.name(); n.Name == "" {
			n.Extra = n.Extra.withExplicit("node", "name")
		}
		p.expect("]")
	}
	for !p.is("=") && p.err == nil {
		if len(t.out) > 0 {
			p.expect(",")
		}
		t.out = append(t.out, p.name())
	}
	p.expect("=")
	n.ID = p.opID()
	if n.ID.Domain == "" && p.usual.nodeDomain && !absent {
		n.Extra = n.Extra.withExplicit("node", "domain")
	}
	p.attrs(n)
	p.expect("(")
	p.list(")", func() {
		if p.is(",") { // an omitted input without quotes
			t.in = append(t.in, "")
			return
		}
		t.in = append(t.in, p.name())
	})
	if len(n.Attrs) == 0 { // attributes may stand behind the inputs as well
		p.attrs(n)
	}
	return t
}

func (p *parser) opID() OpID {
	parts := []string{p.name()}
	for p.accept(".") {
		parts = append(parts, p.name())
	}
	var id OpID
	id.Op = parts[len(parts)-1]
	for i, s := range parts[:len(parts)-1] {
		if i > 0 {
			id.Domain += "."
		}
		id.Domain += s
	}
	if p.accept(":") {
		id.Overload = p.name()
	}
	return id
}

func (p *parser) attrs(n *Node) {
	if p.accept("<") {
		p.list(">", func() { n.Attrs = append(n.Attrs, p.attr(false)) })
	}
}
