package graph

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// PrintOptions says how a model is written as text.
type PrintOptions struct {
	// MaxInline is the largest number of elements that a tensor is written with; a larger one is written as its hash, which
	// ParseOptions.Resolve must find again. 0 is 16; negative writes every tensor in full. A tensor whose values are in a data file is
	// written as the reference to it in either case.
	MaxInline int

	// Notes adds what the syntax has no place for, as comments that ParseModel reads: documentation and metadata of graphs, nodes and
	// values, denotations, the field that holds a tensor's values, unknown fields. With them the parsed model is the printed one.
	Notes bool
}

const hashKey = "sha256"

// String is the model in ONNX's textual syntax, large tensors by hash, without notes.
func (m *Model) String() string { return printed(func(p *printer) { p.model(m) }) }

// Print writes the model in ONNX's textual syntax (onnx/docs/Syntax.md). docs/text.md lists what is written beyond that syntax.
func (m *Model) Print(w io.Writer, opt PrintOptions) error {
	p := newPrinter(w, opt)
	p.usual.count(m)
	p.model(m)
	return p.w.Flush()
}

// String is the graph in ONNX's textual syntax, large tensors by hash, without notes.
func (g *Graph) String() string { return printed(func(p *printer) { p.graph(g) }) }

// String is the function in ONNX's textual syntax, without notes.
func (f *Function) String() string { return printed(func(p *printer) { p.function(f) }) }

// String is the node in ONNX's textual syntax, without notes.
func (n *Node) String() string { return printed(func(p *printer) { p.node(n) }) }

func printed(print func(p *printer)) string {
	var b strings.Builder
	p := newPrinter(&b, PrintOptions{})
	print(p)
	_ = p.w.Flush() // a Builder does not fail
	return b.String()
}

type printer struct {
	w      *bufio.Writer
	max    int
	notes  bool
	usual  usual
	indent int
	fresh  bool // at the start of a line
	gap    bool // a blank comes next, unless a line ends
	pad    string
	bare   bool // expressions of dimensions without quotes
}

func newPrinter(w io.Writer, opt PrintOptions) *printer {
	p := &printer{w: bufio.NewWriterSize(w, 1<<16), max: opt.MaxInline, notes: opt.Notes, fresh: true}
	if p.max == 0 {
		p.max = 16
	}
	return p
}

func (p *printer) s(text string) {
	if p.gap {
		_ = p.w.WriteByte(' ') // Flush tells, here and below
	}
	_, _ = p.w.WriteString(text)
	p.fresh, p.gap = false, false
}

func (p *printer) f(format string, args ...any) {
	p.s("")
	_, _ = fmt.Fprintf(p.w, format, args...)
}

func (p *printer) line() {
	p.gap = false
	p.s("\n")
	for range p.indent {
		p.s("  ")
	}
	p.s(p.pad)
	p.fresh = true
}

func (p *printer) comma(i int) {
	if i > 0 {
		p.s(",")
		p.gap = true
	}
}

// fields writes a header "<…>" and a line end; nothing when it has no fields.
func (p *printer) fields(list []func()) {
	for i, field := range list {
		if i == 0 {
			p.s("<\n  ")
		} else {
			p.s(",\n  ")
		}
		field()
	}
	if len(list) > 0 {
		p.s("\n>\n")
		p.fresh = true
	}
}

func (p *printer) model(m *Model) {
	var list []func()
	x := m.Extra
	number := func(key string, n int64) {
		if n != 0 || x.isExplicit("model", key) {
			list = append(list, func() { p.f("%s: %d", key, n) })
		}
	}
	text := func(key, s string) {
		if s != "" || x.isExplicit("model", key) {
			list = append(list, func() { p.f("%s: %s", key, quote(s)) })
		}
	}
	number("ir_version", m.IRVersion)
	if len(m.Opsets) > 0 {
		list = append(list, func() { p.opsets(m.Opsets) })
	}
	text("producer_name", m.Producer)
	text("producer_version", m.ProducerVersion)
	text("domain", m.Domain)
	text("doc_string", m.Doc)
	number("model_version", m.ModelVersion)
	if len(m.Props) > 0 {
		list = append(list, func() { p.f("metadata_props: [%s]", propText(m.Props, quote)) })
	}
	n := &noteText{kind: "model"}
	if words := p.usual.words(); len(words) > 0 {
		n.add("usual: [%s]", strings.Join(words, ", "))
	}
	if x != nil {
		n.set("absent", x.Absent)
		n.kept(x, modelKept)
	}
	n.extra(x, 0)
	p.note(n)
	p.fields(list)
	p.graph(m.Graph)
	for _, f := range m.Functions {
		p.line()
		p.function(f)
	}
	for _, t := range m.Training {
		p.line()
		p.training(t)
	}
	p.s("\n")
}

func (x *Extra) isExplicit(kind, key string) bool {
	return x != nil && x.Explicit&(1<<fieldNames[kind][key]) != 0
}

func (p *printer) opsets(list []OpsetID) {
	p.s("opset_import: [")
	p.indent++
	for i, o := range list {
		p.comma(i)
		n := &noteText{kind: "opset"}
		if o.Domain == "" && o.Extra.isExplicit("opset", "domain") != p.usual.opsetDomain {
			n.set(map[bool]string{true: "absent", false: "explicit"}[p.usual.opsetDomain], 1<<1)
		}
		if o.Extra != nil && o.Version == 0 {
			n.set("explicit", o.Extra.Explicit&(1<<2))
		}
		n.extra(o.Extra, 0)
		p.note(n)
		p.f("%s : %d", quote(o.Domain), o.Version)
	}
	p.indent--
	p.s("]")
}

// propText writes entries; '?' stands for a key or value that is absent, rather than empty.
func propText(list []Prop, quote func(string) string) string {
	var parts []string
	for _, x := range list {
		side := func(num int, s string) string {
			if s == "" && x.Explicit&(1<<num) == 0 {
				return "?"
			}
			return quote(s)
		}
		text := side(1, x.Key) + ": " + side(2, x.Value)
		if len(x.Unknown) > 0 {
			text += fmt.Sprintf(` & x"%x"`, x.Unknown)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func (p *printer) graph(g *Graph) {
	n := &noteText{kind: "graph"}
	n.text("doc_string", g.Doc)
	n.props("metadata_props", g.Props)
	if g.Extra != nil {
		n.kept(g.Extra, graphKept)
	}
	n.extra(g.Extra, empties("graph", "name", g.Name, "doc_string", g.Doc))
	p.note(n)
	p.s(ident(g.Name))
	p.s(" (")
	p.infos(g.Inputs)
	p.s(") => (")
	outputs := make([]*Value, len(g.Outputs))
	for i, v := range g.Outputs {
		outputs[i] = g.Declared(v)
	}
	p.infos(outputs)
	p.s(")")
	p.locals(g)
	p.body(g)
}

// Declared is what the output list says of v, an output of g: v itself, unless Extra.OutputInfo has another statement that still stands.
func (g *Graph) Declared(v *Value) *Value {
	if g.Extra == nil || v.graph == nil {
		return v
	}
	other, ok := g.Extra.OutputInfo[v.Name]
	if !ok || other.Elem != v.Type.Elem {
		return v
	}
	return other.Info
}

func (p *printer) function(f *Function) {
	var list []func()
	text := func(key, s string) {
		if s != "" || f.Extra.isExplicit("function", key) {
			list = append(list, func() { p.f("%s: %s", key, quote(s)) })
		}
	}
	text("domain", f.ID.Domain)
	text("overload", f.ID.Overload)
	text("doc_string", f.Doc)
	if len(f.Opsets) > 0 {
		list = append(list, func() { p.opsets(f.Opsets) })
	}
	n := &noteText{kind: "function"}
	n.props("metadata_props", f.Props)
	n.extra(f.Extra, empties("function", "name", f.ID.Op))
	p.note(n)
	p.fields(list)
	p.s(ident(f.ID.Op) + " ")
	if len(f.Attrs) > 0 {
		p.s("<")
		for i, a := range f.Attrs {
			p.comma(i)
			if a.Default == nil {
				p.s(plainIdent(a.Name))
				continue
			}
			p.attr(a.Default)
		}
		p.s("> ")
	}
	p.nameList(f.Body.Inputs)
	p.s(" => ")
	p.nameList(f.Body.Outputs)
	p.locals(f.Body)
	p.body(f.Body)
}

func (p *printer) nameList(list []*Value) {
	p.s("(")
	for i, v := range list {
		p.comma(i)
		p.s(ident(v.Name))
	}
	p.s(")")
}

func (p *printer) infos(list []*Value) {
	p.indent++
	for i, v := range list {
		p.comma(i)
		p.info(v)
	}
	p.indent--
}

// info writes what a ValueInfoProto says: type and name.
func (p *printer) info(v *Value) {
	n := &noteText{kind: "value"}
	n.text("doc_string", v.Doc)
	n.props("metadata_props", v.Props)
	mask := empties("value", "name", v.Name, "doc_string", v.Doc)
	stated := v.Type.Kind != KindUnknown && (v.Extra == nil || v.Extra.Absent&(1<<fieldNames["value"]["type"]) == 0)
	if v.Type.Kind == KindUnknown {
		mask |= 1 << fieldNames["value"]["type"]
	}
	n.extra(v.Extra, mask)
	p.note(n)
	if stated || v.Type.Kind == KindUnknown {
		p.typeNote(&v.Type)
	}
	if stated {
		p.typ(&v.Type)
		p.s(" ")
	}
	p.s(ident(v.Name))
}

// locals writes initializers and value_info.
func (p *printer) locals(g *Graph) {
	first := true
	next := func() {
		if first {
			p.line()
			p.s("<")
			p.pad = " "
		} else {
			p.s(",")
			p.line()
		}
		first = false
	}
	for _, v := range g.Inits {
		if v.Const != nil || v.Sparse == nil {
			next()
			p.init(v)
		}
	}
	for _, v := range g.Inits {
		if v.Sparse != nil {
			next()
			p.sparse(v.Sparse, &v.Name)
		}
	}
	for _, v := range g.ValueInfo {
		if p.notes || v.Type.Kind != KindUnknown {
			next()
			p.info(v)
		}
	}
	p.pad = ""
	if !first {
		p.s(">")
	}
}

func (p *printer) init(v *Value) {
	if v.Const == nil {
		p.s(ident(v.Name) + " = ?")
		return
	}
	p.tensorNote(v.Const, &v.Name)
	p.tensorType(v.Const)
	p.s(" " + ident(v.Name) + " = ")
	p.data(v.Const)
}

func (p *printer) body(g *Graph) {
	p.s(" {")
	p.indent++
	for n := range g.Nodes() {
		p.line()
		p.node(n)
	}
	p.indent--
	p.line()
	p.s("}")
}

func (p *printer) node(n *Node) {
	p.nodeNote(n)
	if n.Name != "" || n.Extra.isExplicit("node", "name") {
		p.f("[%s] ", quote(n.Name))
	}
	for i := range n.NumOut() {
		p.comma(i)
		p.operand(n.Out(i))
	}
	p.s(" = ")
	if n.ID.Domain != "" {
		p.s(dotted(n.ID.Domain) + ".")
	}
	p.s(plainIdent(n.ID.Op))
	if n.ID.Overload != "" {
		p.s(":" + plainIdent(n.ID.Overload))
	}
	if len(n.Attrs) > 0 {
		p.s(" <")
		for i, a := range n.Attrs {
			p.comma(i)
			p.attr(a)
		}
		p.s(">")
	}
	p.s(" (")
	for i := range n.NumIn() {
		p.comma(i)
		p.operand(n.In(i))
	}
	p.s(")")
}

func (p *printer) operand(v *Value) {
	if v == nil {
		p.s(`""`)
		return
	}
	p.s(ident(v.Name))
}

func (p *printer) nodeNote(n *Node) {
	t := &noteText{kind: "node"}
	t.text("doc_string", n.Doc)
	t.props("metadata_props", n.Props)
	if n.ID.Domain == "" && p.usual.nodeDomain && !n.Extra.isExplicit("node", "domain") {
		t.set("absent", 1<<fieldNames["node"]["domain"])
	}
	mask := empties("node", "op_type", n.ID.Op, "doc_string", n.Doc, "overload", n.ID.Overload)
	if !p.usual.nodeDomain {
		mask |= empties("node", "domain", n.ID.Domain)
	}
	if n.Extra != nil {
		t.kept(n.Extra, nodeKept)
	}
	t.extra(n.Extra, mask)
	p.note(t)
}

func (p *printer) training(t *Training) {
	n := &noteText{kind: "training_info"}
	n.extra(t.Extra, 0)
	p.note(n)
	p.s("training_info {")
	p.indent++
	first := true
	field := func(name string) {
		if !first {
			p.s(",")
		}
		first = false
		p.line()
		p.s(name + ": ")
	}
	if t.Initialization != nil {
		field("initialization")
		p.graph(t.Initialization)
	}
	if t.Algorithm != nil {
		field("algorithm")
		p.graph(t.Algorithm)
	}
	if len(t.InitBinding) > 0 {
		field("initialization_binding")
		p.f("[%s]", propText(t.InitBinding, quote))
	}
	if len(t.UpdateBinding) > 0 {
		field("update_binding")
		p.f("[%s]", propText(t.UpdateBinding, quote))
	}
	p.indent--
	p.line()
	p.s("}")
}

// quote is a string in quotes, or as x"…" when it is not UTF-8 or has control characters beside tabs and ends of lines.
func quote(s string) string {
	if !isText(s) {
		return fmt.Sprintf(`x"%x"`, s)
	}
	if !strings.ContainsAny(s, `"\`) {
		return `"` + s + `"`
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(s) + `"`
}

// quoteLine is quote for a note, which is one line.
func quoteLine(s string) string {
	if !isText(s) || !strings.ContainsAny(s, "\n\r") {
		return quote(s)
	}
	return strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(quote(s))
}

func isText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// ident is the name of a value, graph or function: as an identifier where it is one and no keyword, else quoted.
func ident(s string) string {
	if isIdent(s) && !isKeyword(s) {
		return s
	}
	return quote(s)
}

// plainIdent is ident in places where keywords mean nothing.
func plainIdent(s string) string {
	if isIdent(s) {
		return s
	}
	return quote(s)
}

// isKeyword tells the words that begin a type, or that are numbers.
func isKeyword(s string) bool {
	if _, ok := tensor.ParseDType(s); ok {
		return true
	}
	switch strings.ToLower(s) {
	case "seq", "optional", "map", "sparse_tensor", "opaque", "dtype", "inf", "infinity", "nan":
		return true
	}
	return false
}

// dotted is a domain: identifiers joined by dots, else quoted.
func dotted(s string) string {
	for _, part := range strings.Split(s, ".") {
		if !isIdent(part) {
			return quote(s)
		}
	}
	return s
}

func isIdent(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && (i == 0 || !isDigit(s[i])) {
			return false
		}
	}
	return s != ""
}

// usual says which fields, in this text, are present and empty unless a note says otherwise: readers of the format take them for absent,
// but many writers set them on every object.
type usual struct{ opsetDomain, nodeDomain, tensorName, typed bool }

var usualWords = [...]string{"opset_domain", "node_domain", "tensor_name", "typed"}

func (u *usual) flags() [4]*bool {
	return [4]*bool{&u.opsetDomain, &u.nodeDomain, &u.tensorName, &u.typed}
}

func (u *usual) words() []string {
	var list []string
	for i, flag := range u.flags() {
		if *flag {
			list = append(list, usualWords[i])
		}
	}
	return list
}

func (u *usual) set(word string) bool {
	for i, flag := range u.flags() {
		if usualWords[i] == word {
			*flag = true
			return true
		}
	}
	return false
}

// count finds what most objects of a model do.
func (u *usual) count(m *Model) {
	var votes [4]int
	vote := func(i int, yes bool) {
		if yes {
			votes[i]++
		} else {
			votes[i]--
		}
	}
	opsets := func(list []OpsetID) {
		for _, o := range list {
			if o.Domain == "" {
				vote(0, o.Extra.isExplicit("opset", "domain"))
			}
		}
	}
	opsets(m.Opsets)
	visit := func(t *tensor.Tensor, named bool) {
		if t == nil {
			return
		}
		if named && (t.Meta == nil || t.Meta.Name == "") {
			vote(2, t.Meta != nil && t.Meta.Explicit&(1<<fieldNames["tensor"]["name"]) != 0)
		}
		if hasElements(t) && !holdsNone(t) && !t.IsReference() && t.Elem != tensor.String {
			vote(3, t.Meta != nil && t.Meta.Carrier == tensor.CarrierTyped)
		}
	}
	walk := func(g *Graph) {
		for _, v := range g.Inits {
			visit(v.Const, false)
		}
		for n := range g.Nodes() {
			if n.ID.Domain == "" {
				vote(1, n.Extra.isExplicit("node", "domain"))
			}
			for _, a := range n.Attrs {
				visit(a.T, true)
				for _, t := range a.Tensors {
					visit(t, true)
				}
			}
		}
	}
	m.Walk(walk)
	for _, f := range m.Functions {
		opsets(f.Opsets)
	}
	for i, flag := range u.flags() {
		*flag = votes[i] > 0
	}
}

func joinInts(list []int64) string {
	var b []byte
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(b)
}
