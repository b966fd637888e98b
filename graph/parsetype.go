package graph

import (
	"math"
	"strconv"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// info reads "type name", or a name alone, with its notes.
func (p *parser) info() *Value {
	v := &Value{}
	p.noted("value", func(f *noteField) bool {
		switch f.key {
		case "doc_string":
			v.Doc = p.text(f)
		case "metadata_props":
			v.Props = p.pairs(f)
		default:
			return p.extra("value", f, &v.Extra)
		}
		return true
	})
	p.typeNote(&v.Type)
	if p.startsTypedName() {
		p.typ(&v.Type)
	}
	v.Name = p.name()
	return v
}

// isTypeWord tells the words that begin a type.
func (p *parser) isTypeWord(s string) bool {
	_, ok := tensor.ParseDType(s)
	return ok || p.isTypeWithParens(token{kind: tokIdent, text: s}) && !isFloatWord(s)
}

// startsTypedName tells a type from a value of the same name by what follows it.
func (p *parser) startsTypedName() bool {
	if p.is("?") {
		return true
	}
	if p.tok.kind != tokIdent || !p.isTypeWord(p.tok.text) {
		return false
	}
	next := p.peek()
	if next.kind == tokIdent || next.kind == tokString {
		return true
	}
	return next.kind == tokPunct && (next.text == "[" || next.text == "(" && p.isTypeWithParens(p.tok))
}

// typeNote reads the note of a type, before it.
func (p *parser) typeNote(t *Type) {
	p.noted("type", func(f *noteField) bool {
		if f.key == "denotation" {
			t.Denotation = p.text(f)
			return true
		}
		if t.Extra == nil {
			t.Extra = &TypeExtra{}
		}
		inner := func() *Extra {
			if t.Extra.Inner == nil {
				t.Extra.Inner = &Extra{}
			}
			return t.Extra.Inner
		}
		switch f.key {
		case "inner_explicit":
			inner().Explicit |= p.bits("inner", f)
		case "inner_unknown":
			inner().Unknown = p.bytes(f)
		case "shape_unknown":
			t.Extra.ShapeExtra = &Extra{Unknown: p.bytes(f)}
		default:
			x := &t.Extra.Extra
			return p.extra("type", f, &x)
		}
		return true
	})
}

// typ reads a type into t, which has what its note says.
func (p *parser) typ(t *Type) {
	defer p.deeper("types")()
	if p.accept("?") {
		return
	}
	at := p.tok
	name := p.tok.text
	if _, ok := tensor.ParseDType(name); ok && at.kind == tokIdent || name == "dtype" {
		p.tensorType(t, KindTensor)
		return
	}
	name = p.name()
	if p.err != nil {
		return
	}
	switch name {
	case "seq", "optional":
		t.Kind = KindSequence
		if name == "optional" {
			t.Kind = KindOptional
		}
		p.expect("(")
		if !p.is(")") {
			t.Of = p.innerType()
		}
	case "map":
		t.Kind = KindMap
		p.expect("(")
		t.Key = p.dtype()
		if p.accept(",") {
			t.Of = p.innerType()
		}
	case "sparse_tensor":
		p.expect("(")
		p.tensorType(t, KindSparseTensor)
	case "opaque":
		t.Kind = KindOpaque
		p.expect("(")
		p.opaque(t)
	default:
		p.failAt(at.pos, "unknown type %q", name)
		return
	}
	p.expect(")")
}

func (p *parser) innerType() *Type {
	t := &Type{}
	p.typeNote(t)
	p.typ(t)
	return t
}

// opaque reads "domain, name", "name" or nothing.
func (p *parser) opaque(t *Type) {
	if p.is(")") {
		return
	}
	if t.Extra == nil {
		t.Extra = &TypeExtra{}
	}
	word := p.name()
	for p.accept(".") {
		word += "." + p.name()
	}
	if p.accept(",") {
		t.Extra.OpaqueDomain, word = word, p.name()
	}
	t.Extra.OpaqueName = word
}

// dtype reads the name of an element type, or "dtype(n)".
func (p *parser) dtype() tensor.DType {
	at := p.tok
	name := p.name()
	if name == "dtype" && p.accept("(") {
		n := p.int()
		p.expect(")")
		if n < math.MinInt32 || n > math.MaxInt32 {
			p.failAt(at.pos, "the number of an element type has 32 bits")
		}
		return tensor.DType(n)
	}
	d, ok := tensor.ParseDType(name)
	if !ok {
		p.failAt(at.pos, "unknown element type %q", name)
	}
	return d
}

func (p *parser) tensorType(t *Type, kind Kind) {
	t.Kind, t.Elem, t.Shape = kind, p.dtype(), Shape{Known: true}
	if !p.accept("[") {
		return
	}
	if p.accept("]") {
		t.Shape = Shape{}
		return
	}
	p.list("]", func() {
		d, x := p.dim()
		if x != nil {
			if t.Extra == nil {
				t.Extra = &TypeExtra{}
			}
			for len(t.Extra.Dims) < len(t.Shape.Dims) {
				t.Extra.Dims = append(t.Extra.Dims, DimExtra{})
			}
			t.Extra.Dims = append(t.Extra.Dims, *x)
		}
		t.Shape.Dims = append(t.Shape.Dims, d)
	})
}

// dim reads "?", a number, a name, quoted or not, or the text of an expression up to the comma or bracket that ends it. The extra is nil
// when the Dim says all.
func (p *parser) dim() (Dim, *DimExtra) {
	var x *DimExtra
	extra := func() *DimExtra {
		if x == nil {
			x = &DimExtra{}
		}
		return x
	}
	p.noted("dim", func(f *noteField) bool {
		if f.key == "denotation" {
			extra().Denotation = p.text(f)
			return true
		}
		e := &extra().Extra
		return p.extra("dim", f, &e)
	})
	if p.accept("?") {
		return Unknown(), x
	}
	name, number, isNumber := p.dimText()
	if isNumber {
		return Const(number), x
	}
	d := Sym(name)
	if name == "" {
		extra().Explicit |= 1 << fieldNames["dim"]["dim_param"]
	} else if _, isConst := d.Value(); isConst || d.String() != name {
		extra().Param = name
	}
	return d, x
}

func (p *parser) dimText() (name string, number int64, isNumber bool) {
	if p.tok.kind == tokString {
		name = p.tok.text
		p.next()
		return name, 0, false
	}
	start, level := p.tok.pos, 0
	end := start
	for p.err == nil && p.tok.kind != tokEOF && (level > 0 || !p.is(",") && !p.is("]")) {
		if p.is("(") {
			level++
		}
		if p.is(")") {
			level--
		}
		end = p.tok.pos + len(p.tok.text)
		p.next()
	}
	name = p.src[start:end]
	if name == "" {
		p.fail("want a dimension, have %s", p.tok)
	}
	number, err := strconv.ParseInt(name, 10, 64)
	return name, number, err == nil
}
