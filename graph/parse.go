package graph

import (
	"fmt"
	"strconv"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// ParseOptions says how text is read.
type ParseOptions struct {
	// Resolve finds the tensor that the text names by its hash (hex SHA-256, tensor.Tensor.Hash). Without it such a text is refused.
	Resolve func(hash string) (*tensor.Tensor, error)
}

// ParseModel reads a model in ONNX's textual syntax (onnx/docs/Syntax.md). Errors name the line.
func ParseModel(text string, opt ParseOptions) (*Model, error) {
	p := &parser{lexer: newLexer(text), opt: opt}
	m := p.model()
	if p.err != nil {
		return nil, p.err
	}
	return m, nil
}

// ParseGraph reads a graph alone.
func ParseGraph(text string, opt ParseOptions) (*Graph, error) {
	p := &parser{lexer: newLexer(text), opt: opt}
	g := p.graph(nil)
	p.end()
	if p.err != nil {
		return nil, p.err
	}
	return g, nil
}

// ParseFunction reads one function.
func ParseFunction(text string, opt ParseOptions) (*Function, error) {
	p := &parser{lexer: newLexer(text), opt: opt}
	f := p.function()
	p.end()
	if p.err != nil {
		return nil, p.err
	}
	return f, nil
}

const maxTextDepth = 128

type parser struct {
	*lexer
	opt   ParseOptions
	depth int
}

// names are the values in sight.
type names struct {
	parent *names
	graph  *Graph
	m      map[string]*Value
}

func (s *names) find(name string) *Value {
	for ; s != nil; s = s.parent {
		if v := s.m[name]; v != nil {
			return v
		}
	}
	return nil
}

func (p *parser) end() {
	if p.err == nil && p.tok.kind != tokEOF {
		p.fail("want the end, have %q", p.tok.text)
	}
}

func (p *parser) model() *Model {
	m := &Model{}
	p.expect("<")
	p.list(">", func() {
		key := p.name()
		p.expect(":")
		switch key {
		case "ir_version":
			m.IRVersion = p.int()
		case "model_version":
			m.ModelVersion = p.int()
		case "opset_import":
			m.Opsets = p.opsets()
		case "producer_name":
			m.Producer = p.name()
		case "producer_version":
			m.ProducerVersion = p.name()
		case "domain":
			m.Domain = p.name()
		case "doc_string":
			m.Doc = p.name()
		case "metadata_props":
			m.Props = p.props()
		default:
			p.fail("unknown model field %q", key)
		}
	})
	m.Graph = p.graph(nil)
	for p.err == nil && p.tok.kind != tokEOF {
		m.Functions = append(m.Functions, p.function())
	}
	return m
}

func (p *parser) int() int64 {
	n, err := strconv.ParseInt(p.tok.text, 10, 64)
	if p.tok.kind != tokNumber || err != nil {
		p.fail("want an integer, have %q", p.tok.text)
		return 0
	}
	p.next()
	return n
}

func (p *parser) opsets() []OpsetID {
	var list []OpsetID
	p.expect("[")
	p.list("]", func() {
		o := OpsetID{Domain: p.name()}
		p.expect(":")
		o.Version = p.int()
		list = append(list, o)
	})
	return list
}

func (p *parser) props() []Prop {
	var list []Prop
	p.expect("[")
	p.list("]", func() {
		x := Prop{Key: p.name()}
		p.expect(":")
		x.Value = p.name()
		list = append(list, x)
	})
	return list
}

func (p *parser) function() *Function {
	f := &Function{}
	p.expect("<")
	p.list(">", func() {
		key := p.name()
		p.expect(":")
		switch key {
		case "domain":
			f.ID.Domain = p.name()
		case "overload":
			f.ID.Overload = p.name()
		case "opset_import":
			f.Opsets = p.opsets()
		case "doc_string":
			f.Doc = p.name()
		default:
			p.fail("unknown function field %q", key)
		}
	})
	f.ID.Op = p.name()
	if p.accept("<") {
		p.list(">", func() {
			name := p.name()
			if p.is(":") || p.is("=") {
				f.Attrs = append(f.Attrs, AttrDecl{name, p.attrValue(name, nil)})
				return
			}
			f.Attrs = append(f.Attrs, AttrDecl{Name: name})
		})
	}
	f.Body = NewGraph("")
	s := &names{graph: f.Body, m: map[string]*Value{}}
	p.expect("(")
	p.list(")", func() {
		v := s.define(p.name())
		f.Body.Inputs = append(f.Body.Inputs, v)
	})
	p.rest(f.Body, s, func() (string, Type) { return p.name(), Type{} })
	return f
}

func (s *names) define(name string) *Value {
	v := &Value{Name: name, graph: s.graph}
	s.m[name] = v
	return v
}

func (p *parser) graph(outer *names) *Graph {
	if p.depth++; p.depth > maxTextDepth {
		p.fail("subgraphs are nested deeper than %d", maxTextDepth)
	}
	defer func() { p.depth-- }()
	g := NewGraph("")
	if p.err != nil {
		return g
	}
	g.Name = p.name()
	s := &names{parent: outer, graph: g, m: map[string]*Value{}}
	p.expect("(")
	p.list(")", func() {
		t := p.optionalType()
		v := s.define(p.name())
		v.Type = t
		g.Inputs = append(g.Inputs, v)
		if p.accept("=") {
			v.Const = p.elements(t)
			g.Inits = append(g.Inits, v)
		}
	})
	p.rest(g, s, func() (string, Type) { t := p.optionalType(); return p.name(), t })
	return g
}

// rest reads "=> (outputs) <locals> { nodes }".
func (p *parser) rest(g *Graph, s *names, output func() (string, Type)) {
	type out struct {
		name string
		t    Type
	}
	var outs []out
	p.expect("=>")
	p.expect("(")
	p.list(")", func() { name, t := output(); outs = append(outs, out{name, t}) })
	if p.accept("<") {
		p.list(">", func() {
			t := p.optionalType()
			name := p.name()
			if p.accept("=") {
				v := s.m[name]
				if v == nil || !contains(g.ValueInfo, v) || v.Const != nil { // its type may have been stated before
					v = s.define(name)
				}
				v.Type, v.Const = t, p.elements(t)
				g.Inits = append(g.Inits, v)
				return
			}
			v := s.m[name]
			if v == nil {
				v = s.define(name)
			}
			v.Type = t
			g.ValueInfo = append(g.ValueInfo, v)
		})
	}
	p.expect("{")
	for p.err == nil && !p.accept("}") {
		p.node(g, s)
	}
	for _, o := range outs {
		v := s.find(o.name) // a subgraph may return a value of the graphs around it
		if v == nil {
			v = s.define(o.name)
		}
		if o.t.Kind != KindUnknown && v.graph == g {
			v.Type = o.t
		}
		g.Outputs = append(g.Outputs, v)
	}
}

func (p *parser) node(g *Graph, s *names) {
	n := &Node{}
	if p.accept("[") {
		n.Name = p.name()
		p.expect("]")
	}
	var outs []string
	for !p.is("=") && p.err == nil {
		if len(outs) > 0 {
			p.expect(",")
		}
		outs = append(outs, p.name())
	}
	p.expect("=")
	n.ID = p.opID()
	if p.is("<") {
		p.attrs(n, s)
	}
	p.expect("(")
	p.list(")", func() {
		if p.is(",") { // an omitted input without quotes
			n.AddInput(nil)
			return
		}
		name := p.name()
		if name == "" {
			n.AddInput(nil)
			return
		}
		v := s.find(name)
		if v == nil {
			v = s.define(name)
		}
		n.AddInput(v)
	})
	if p.is("<") { // attributes may stand behind the inputs as well
		p.attrs(n, s)
	}
	if p.err != nil {
		return
	}
	for _, name := range outs {
		if name == "" {
			n.AddOutput(nil)
			continue
		}
		v := s.m[name]
		if v == nil {
			v = s.define(name)
		}
		if v.producer != nil || v.Const != nil || contains(g.Inputs, v) {
			v = &Value{Name: name, graph: g} // a second definition: Verify reports it
		}
		n.AddOutput(v)
	}
	g.Append(n)
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

func (p *parser) attrs(n *Node, s *names) {
	p.expect("<")
	p.list(">", func() {
		name := p.name()
		n.Attrs = append(n.Attrs, p.attrValue(name, s))
	})
}

func (p *parser) optionalType() Type {
	if p.tok.kind != tokIdent || !p.isTypeName(p.tok.text) {
		return Type{}
	}
	return p.typ()
}

// isTypeName tells a type from a value of the same name by what follows it.
func (p *parser) isTypeName(s string) bool {
	if _, ok := tensor.ParseDType(s); !ok && s != "seq" && s != "optional" && s != "map" && s != "sparse_tensor" {
		return false
	}
	l := *p.lexer
	l.next()
	return l.tok.kind == tokIdent || l.tok.kind == tokString || l.is("[") || l.is("(") || l.is("{") || l.is("]") || l.is(">")
}

func (p *parser) typ() Type {
	if p.depth++; p.depth > maxTextDepth {
		p.fail("types are nested deeper than %d", maxTextDepth)
	}
	defer func() { p.depth-- }()
	name := p.name()
	inner := func() *Type { t := p.typ(); return &t }
	switch name {
	case "seq", "optional":
		t := Type{Kind: KindSequence}
		if name == "optional" {
			t.Kind = KindOptional
		}
		p.expect("(")
		t.Of = inner()
		p.expect(")")
		return t
	case "map":
		t := Type{Kind: KindMap}
		p.expect("(")
		t.Key, _ = tensor.ParseDType(p.name())
		p.expect(",")
		t.Of = inner()
		p.expect(")")
		return t
	case "sparse_tensor":
		p.expect("(")
		t := p.typ()
		t.Kind = KindSparseTensor
		p.expect(")")
		return t
	}
	elem, ok := tensor.ParseDType(name)
	if !ok {
		p.fail("unknown type %q", name)
		return Type{}
	}
	t := TensorType(elem, Shape{Known: true})
	if !p.accept("[") {
		return t
	}
	if p.accept("]") {
		t.Shape = Shape{}
		return t
	}
	p.list("]", func() { t.Shape.Dims = append(t.Shape.Dims, p.dim()) })
	return t
}

// dim reads "?", a number, a quoted symbol, or the text of an expression up to the comma or bracket that ends it.
func (p *parser) dim() Dim {
	if p.accept("?") {
		return Unknown()
	}
	start, level := p.tok.pos, 0
	end := start
	for p.err == nil && p.tok.kind != tokEOF {
		if level == 0 && (p.is(",") || p.is("]")) {
			break
		}
		if p.is("(") {
			level++
		}
		if p.is(")") {
			level--
		}
		if p.tok.kind == tokString && p.tok.pos == start {
			s := p.tok.text
			p.next()
			return Sym(s)
		}
		p.next()
		end = p.tok.pos
	}
	text := trimRight(p.src[start:end])
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Const(n)
	}
	return Sym(text)
}

func trimRight(s string) string {
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\n') {
		s = s[:len(s)-1]
	}
	return s
}

func (p *parser) elements(t Type) *tensor.Tensor {
	shape, ok := t.Shape.Ints()
	if !t.IsTensor() || !ok {
		p.fail("a constant needs a type with constant dims, has %s", t)
		return nil
	}
	if p.accept("[") {
		return p.resolved(t, shape)
	}
	var words []token
	p.expect("{")
	p.list("}", func() { words = append(words, p.tok); p.next() })
	if p.err != nil {
		return nil
	}
	x, err := parseElements(t.Elem, shape, words)
	if err != nil {
		p.fail("%v", err)
	}
	return x
}

func (p *parser) resolved(t Type, shape []int64) *tensor.Tensor {
	key := p.name()
	p.expect(":")
	hash := p.name()
	p.expect("]")
	if p.err != nil {
		return nil
	}
	if key != hashKey || p.opt.Resolve == nil {
		p.fail("the values of a tensor %s are not in the text (%s %s): print it with all weights, or give the weights beside it", t, key, hash)
		return nil
	}
	x, err := p.opt.Resolve(hash)
	if err == nil && (x.Elem != t.Elem || fmt.Sprint(x.Shape) != fmt.Sprint(shape)) {
		err = fmt.Errorf("it is a %s%v, want %s", x.Elem, x.Shape, t)
	}
	if err != nil {
		p.fail("tensor %s: %v", hash, err)
		return nil
	}
	return x
}
