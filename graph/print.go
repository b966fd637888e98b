package graph

import (
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// PrintOptions says how a model is written as text.
type PrintOptions struct {
	// MaxInline is the largest number of elements that a tensor is written with; a larger one is written as its hash, which
	// ParseOptions.Resolve must find again. 0 is 16; negative writes every tensor in full.
	MaxInline int
}

const hashKey = "sha256"

// String is the model in ONNX's textual syntax, large tensors by hash.
func (m *Model) String() string {
	var b strings.Builder
	_ = m.Print(&b, PrintOptions{}) // a Builder does not fail
	return b.String()
}

// Print writes the model in ONNX's textual syntax (onnx/docs/Syntax.md).
func (m *Model) Print(w io.Writer, opt PrintOptions) error {
	p := newPrinter(opt)
	p.model(m)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// String is the graph in ONNX's textual syntax, large tensors by hash.
func (g *Graph) String() string {
	p := newPrinter(PrintOptions{})
	p.graph(g)
	return p.b.String()
}

// String is the function in ONNX's textual syntax.
func (f *Function) String() string {
	p := newPrinter(PrintOptions{})
	p.function(f)
	return p.b.String()
}

// String is the node in ONNX's textual syntax.
func (n *Node) String() string {
	p := newPrinter(PrintOptions{})
	p.node(n)
	return p.b.String()
}

type printer struct {
	b      strings.Builder
	max    int
	indent int
}

func newPrinter(opt PrintOptions) *printer {
	p := &printer{max: opt.MaxInline}
	if p.max == 0 {
		p.max = 16
	}
	return p
}

func (p *printer) f(format string, args ...any) { fmt.Fprintf(&p.b, format, args...) }

func (p *printer) line() {
	p.b.WriteByte('\n')
	for range p.indent {
		p.b.WriteString("  ")
	}
}

func (p *printer) model(m *Model) {
	p.f("<\n  ir_version: %d,\n  opset_import: [%s]", m.IRVersion, opsetText(m.Opsets))
	for _, s := range []struct{ key, val string }{{"producer_name", m.Producer}, {"producer_version", m.ProducerVersion}, {"domain", m.Domain}, {"doc_string", m.Doc}} {
		if s.val != "" {
			p.f(",\n  %s: %s", s.key, quote(s.val))
		}
	}
	if m.ModelVersion != 0 {
		p.f(",\n  model_version: %d", m.ModelVersion)
	}
	if len(m.Props) > 0 {
		p.f(",\n  metadata_props: [%s]", propText(m.Props))
	}
	p.f("\n>\n")
	p.graph(m.Graph)
	for _, f := range m.Functions {
		p.f("\n")
		p.function(f)
	}
	p.f("\n")
}

func opsetText(list []OpsetID) string {
	var parts []string
	for _, o := range list {
		parts = append(parts, quote(o.Domain)+" : "+strconv.FormatInt(o.Version, 10))
	}
	return strings.Join(parts, ", ")
}

func propText(list []Prop) string {
	var parts []string
	for _, x := range list {
		parts = append(parts, quote(x.Key)+": "+quote(x.Value))
	}
	return strings.Join(parts, ", ")
}

func (p *printer) graph(g *Graph) {
	p.f("%s ", ident(g.Name))
	p.typedList(g.Inputs, true)
	p.f(" => ")
	p.typedList(g.Outputs, false)
	p.locals(g)
	p.body(g)
}

func (p *printer) function(f *Function) {
	p.f("<\n  domain: %s,\n", quote(f.ID.Domain))
	if f.ID.Overload != "" {
		p.f("  overload: %s,\n", quote(f.ID.Overload))
	}
	if f.Doc != "" {
		p.f("  doc_string: %s,\n", quote(f.Doc))
	}
	p.f("  opset_import: [%s]\n>\n%s ", opsetText(f.Opsets), ident(f.ID.Op))
	if len(f.Attrs) > 0 {
		p.f("<")
		for i, a := range f.Attrs {
			p.comma(i)
			if a.Default == nil {
				p.f("%s", ident(a.Name))
				continue
			}
			p.attr(a.Default)
		}
		p.f("> ")
	}
	p.nameList(f.Body.Inputs)
	p.f(" => ")
	p.nameList(f.Body.Outputs)
	p.locals(f.Body)
	p.body(f.Body)
}

func (p *printer) comma(i int) {
	if i > 0 {
		p.f(", ")
	}
}

func (p *printer) nameList(list []*Value) {
	p.f("(")
	for i, v := range list {
		p.comma(i)
		if v != nil {
			p.f("%s", ident(v.Name))
		}
	}
	p.f(")")
}

func (p *printer) typedList(list []*Value, withConst bool) {
	p.f("(")
	for i, v := range list {
		p.comma(i)
		p.typed(v, withConst)
	}
	p.f(")")
}

func (p *printer) typed(v *Value, withConst bool) {
	if v.Type.Kind != KindUnknown {
		p.f("%s ", v.Type)
	}
	p.f("%s", ident(v.Name))
	if withConst && v.Const != nil {
		p.f(" = ")
		p.elements(v.Const)
	}
}

// locals writes initializers and the typed values of value_info.
func (p *printer) locals(g *Graph) {
	var list []*Value
	for _, v := range g.Inits {
		if !contains(g.Inputs, v) {
			list = append(list, v)
		}
	}
	inits := len(list)
	for _, v := range g.ValueInfo {
		if v.Type.Kind != KindUnknown && v.Const == nil && !contains(g.Inputs, v) && !contains(g.Outputs, v) {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		return
	}
	p.line()
	p.f("<")
	for i, v := range list {
		if i > 0 {
			p.f(",")
			p.line()
			p.f(" ")
		}
		if i >= inits {
			p.typed(v, false)
			continue
		}
		if v.Const == nil { // a sparse initializer
			p.f("%s", ident(v.Name))
			continue
		}
		p.f("%s %s = ", TypeOf(v.Const), ident(v.Name))
		p.elements(v.Const)
	}
	p.f(">")
}

func (p *printer) body(g *Graph) {
	p.f(" {")
	p.indent++
	for n := range g.Nodes() {
		p.line()
		p.node(n)
	}
	p.indent--
	p.line()
	p.f("}")
}

func (p *printer) node(n *Node) {
	if n.Name != "" {
		p.f("[%s] ", quote(n.Name))
	}
	for i := range n.NumOut() {
		p.comma(i)
		if v := n.Out(i); v != nil {
			p.f("%s", ident(v.Name))
		} else {
			p.f(`""`)
		}
	}
	p.f(" = ")
	if n.ID.Domain != "" {
		p.f("%s.", dotted(n.ID.Domain))
	}
	p.f("%s", ident(n.ID.Op))
	if n.ID.Overload != "" {
		p.f(":%s", ident(n.ID.Overload))
	}
	if len(n.Attrs) > 0 {
		p.f(" <")
		for i, a := range n.Attrs {
			p.comma(i)
			p.attr(a)
		}
		p.f(">")
	}
	p.f(" (")
	for i := range n.NumIn() {
		p.comma(i)
		if v := n.In(i); v != nil {
			p.f("%s", ident(v.Name))
		} else {
			p.f(`""`)
		}
	}
	p.f(")")
}

// attr writes "name = value", with the kind where the value does not show it.
func (p *printer) attr(a *Attr) {
	p.f("%s", ident(a.Name))
	if a.Ref != "" {
		p.f(": %s = @%s", a.Kind, ident(a.Ref))
		return
	}
	switch a.Kind {
	case AttrInts, AttrFloats, AttrStrings, AttrTensors, AttrGraphs, AttrTypeProtos, AttrUndefined, AttrSparseTensors:
		p.f(": %s", a.Kind)
	case AttrFloat:
		if s := floatText(float64(a.F), 32); strings.ContainsAny(s, "Nn") {
			p.f(": float")
		}
	}
	p.f(" = ")
	switch a.Kind {
	case AttrFloat:
		p.f("%s", floatText(float64(a.F), 32))
	case AttrInt:
		p.f("%d", a.I)
	case AttrString:
		p.f("%s", quote(string(a.S)))
	case AttrTensor:
		p.tensor(a.T)
	case AttrGraph:
		p.graph(a.G)
	case AttrTypeProto:
		p.f("%s", a.TP)
	case AttrFloats:
		p.list(len(a.Floats), func(i int) { p.f("%s", floatText(float64(a.Floats[i]), 32)) })
	case AttrInts:
		p.list(len(a.Ints), func(i int) { p.f("%d", a.Ints[i]) })
	case AttrStrings:
		p.list(len(a.Strings), func(i int) { p.f("%s", quote(string(a.Strings[i]))) })
	case AttrTensors:
		p.list(len(a.Tensors), func(i int) { p.tensor(a.Tensors[i]) })
	case AttrGraphs:
		p.list(len(a.Graphs), func(i int) { p.graph(a.Graphs[i]) })
	case AttrTypeProtos:
		p.list(len(a.Types), func(i int) { p.f("%s", a.Types[i]) })
	default:
		p.f("[]")
	}
}

func (p *printer) list(n int, item func(i int)) {
	p.f("[")
	for i := range n {
		p.comma(i)
		item(i)
	}
	p.f("]")
}

func (p *printer) tensor(t *tensor.Tensor) {
	p.f("%s ", TypeOf(t))
	if t.Meta != nil && t.Meta.Name != "" {
		p.f("%s = ", ident(t.Meta.Name))
	}
	p.elements(t)
}

func (p *printer) elements(t *tensor.Tensor) {
	if p.max >= 0 && t.Len() > p.max {
		h := t.Hash()
		p.f("[%s: %s]", quote(hashKey), quote(hex.EncodeToString(h[:])))
		return
	}
	p.f("{")
	item := elementText(t)
	for i := range t.Len() {
		p.comma(i)
		p.f("%s", item(i))
	}
	p.f("}")
}

func elementText(t *tensor.Tensor) func(i int) string {
	switch {
	case t.Elem == tensor.String:
		return func(i int) string { return quote(string(t.Strs[i])) }
	case t.Elem == tensor.Complex64:
		v := tensor.Data[complex64](t)
		return func(i int) string {
			return floatText(float64(real(v[i])), 32) + ", " + floatText(float64(imag(v[i])), 32)
		}
	case t.Elem == tensor.Complex128:
		v := tensor.Data[complex128](t)
		return func(i int) string { return floatText(real(v[i]), 64) + ", " + floatText(imag(v[i]), 64) }
	case t.Elem == tensor.Uint64:
		v := tensor.Data[uint64](t)
		return func(i int) string { return strconv.FormatUint(v[i], 10) }
	case t.Elem.IsFloat():
		v, _ := t.Float64s()
		bits := 64
		if t.Elem != tensor.Float64 {
			bits = 32
		}
		return func(i int) string { return floatText(v[i], bits) }
	}
	v, _ := t.Int64s()
	return func(i int) string { return strconv.FormatInt(v[i], 10) }
}

// floatText is a float that reads back exactly and is seen to be a float.
func floatText(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'g', -1, bits)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		if c := s[i]; c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
	return b.String()
}

// ident is a name as an identifier where it is one, else quoted.
func ident(s string) string {
	if isIdent(s) {
		return s
	}
	return quote(s)
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
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}
