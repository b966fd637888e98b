package graph

import (
	"math"
	"strconv"
)

// attrRequired is the kind, while parsing, of an attribute that a function only names.
const attrRequired AttrKind = -1

// attr reads "name = value", "name: kind = value" or "name: kind = @ref", and "& kind = value" for values of other kinds beside it. With
// bare it may also be a name alone.
func (p *parser) attr(bare bool) *Attr {
	a := &Attr{}
	p.noted("attr", func(f *noteField) bool {
		if f.key == "doc_string" {
			a.Doc = p.text(f)
			return true
		}
		return p.extra("attr", f, &a.Extra)
	})
	a.Name = p.name()
	stated := p.is(":")
	if stated {
		a.Kind = p.attrKind()
	}
	switch {
	case p.accept("="):
		if p.accept("@") {
			a.Ref = p.name()
		} else {
			p.attrValue(a, a.Kind, stated, true)
		}
	case stated: // the attribute of that kind has no value
		if field := map[AttrKind]string{AttrFloat: "f", AttrInt: "i", AttrString: "s"}[a.Kind]; field != "" {
			if a.Extra == nil {
				a.Extra = &Extra{}
			}
			a.Extra.Absent |= 1 << fieldNames["attr"][field]
		}
	case bare && !p.is("&"):
		a.Kind = attrRequired
	default:
		p.fail("want \"=\" and the value of attribute %q, have %s", a.Name, p.tok)
	}
	for p.err == nil && p.is("&") {
		kind := p.attrKind()
		p.expect("=")
		p.attrValue(a, kind, true, false)
	}
	return a
}

// attrKind reads ": kind" or "& kind".
func (p *parser) attrKind() AttrKind {
	p.next()
	at := p.tok
	name := p.name()
	if name == "kind" && p.accept("(") {
		n := p.int()
		p.expect(")")
		if n < math.MinInt32 || n > math.MaxInt32 {
			p.failAt(at.pos, "the number of an attribute's kind has 32 bits")
		}
		return AttrKind(n)
	}
	for k, s := range attrKindNames {
		if s == name {
			return AttrKind(k)
		}
	}
	p.failAt(at.pos, "unknown attribute kind %q", name)
	return AttrUndefined
}

// attrValue reads a value of a kind, or, when none is stated, of the kind that it shows, which becomes the attribute's.
func (p *parser) attrValue(a *Attr, kind AttrKind, stated, main bool) {
	if p.err != nil {
		return
	}
	at := p.tok.pos
	if p.accept("[") {
		kind = p.attrList(a, kind, stated)
	} else {
		item := p.attrItem()
		if stated && kind == AttrFloat && item.Kind == AttrInt {
			item = &Attr{Kind: AttrFloat, F: item.intAsFloat()}
		}
		if stated && item.Kind != kind && p.err == nil {
			p.failAt(at, "attribute %q is a %s, stated as %s", a.Name, item.Kind, attrKindText(kind))
			return
		}
		kind = item.Kind
		a.take(item)
	}
	if main {
		a.Kind = kind
		return
	}
	switch { // present, if a default
	case kind == AttrFloat && math.Float32bits(a.F) == 0:
		a.Extra = a.Extra.withExplicit("attr", "f")
	case kind == AttrInt && a.I == 0:
		a.Extra = a.Extra.withExplicit("attr", "i")
	case kind == AttrString && len(a.S) == 0:
		a.Extra = a.Extra.withExplicit("attr", "s")
	}
}

// intAsFloat is an integer literal read as a float; "-0" keeps its sign.
func (a *Attr) intAsFloat() float32 {
	if a.I == 0 {
		return a.F
	}
	return float32(a.I)
}

// take takes the single value of item.
func (a *Attr) take(item *Attr) {
	switch item.Kind {
	case AttrFloat:
		a.F = item.F
	case AttrInt:
		a.I = item.I
	case AttrString:
		a.S = item.S
	case AttrTensor:
		a.T = item.T
	case AttrGraph:
		a.G = item.G
	case AttrTypeProto:
		a.TP = item.TP
	case AttrSparseTensor:
		a.Sparse = item.Sparse
	}
}

// attrList reads the items of a list, and finds out its kind.
func (p *parser) attrList(a *Attr, kind AttrKind, stated bool) AttrKind {
	if stated && singleKinds[kind] == AttrUndefined {
		p.fail("attribute %q is a %s, not a list", a.Name, attrKindText(kind))
	}
	p.list("]", func() {
		at := p.tok.pos
		x := p.attrItem()
		if kind == AttrFloats && x.Kind == AttrInt {
			x = &Attr{Kind: AttrFloat, F: x.intAsFloat()}
		}
		if kind == AttrUndefined {
			for list, single := range singleKinds {
				if single == x.Kind {
					kind = list
				}
			}
		}
		if singleKinds[kind] != x.Kind && p.err == nil {
			p.failAt(at, "attribute %q: a %s in a list of %s", a.Name, x.Kind, kind)
			return
		}
		a.append(x)
	})
	if kind == AttrUndefined {
		p.fail("attribute %q: an empty list needs its kind", a.Name)
	}
	return kind
}

func (a *Attr) append(x *Attr) {
	switch x.Kind {
	case AttrFloat:
		a.Floats = append(a.Floats, x.F)
	case AttrInt:
		a.Ints = append(a.Ints, x.I)
	case AttrString:
		a.Strings = append(a.Strings, x.S)
	case AttrTensor:
		a.Tensors = append(a.Tensors, x.T)
	case AttrGraph:
		a.Graphs = append(a.Graphs, x.G)
	case AttrTypeProto:
		a.Types = append(a.Types, x.TP)
	case AttrSparseTensor:
		a.Sparses = append(a.Sparses, x.Sparse)
	}
}

// attrItem reads one value and finds out its kind.
func (p *parser) attrItem() *Attr {
	tensorNote, sparseNote := p.tensorNote(), p.sparseNote()
	next := p.peek()
	opens := next.kind == tokPunct && next.text == "("
	switch tok := p.tok; {
	case (tok.kind == tokIdent || tok.kind == tokString) && opens && !p.isTypeWithParens(tok):
		return &Attr{Kind: AttrGraph, G: p.graph()}
	case tok.kind == tokString:
		p.next()
		return &Attr{Kind: AttrString, S: []byte(tok.text)}
	case tok.kind == tokNumber || tok.kind == tokIdent && isFloatWord(tok.text):
		return p.numberAttr()
	case tok.kind == tokIdent && p.isTypeWord(tok.text) || p.is("?"):
		t := Type{}
		p.typeNote(&t)
		p.typ(&t)
		return p.typedItem(t, tensorNote, sparseNote)
	}
	p.fail("want an attribute value, have %s", p.tok)
	return &Attr{}
}

// isTypeWithParens tells types that are written with parentheses from graphs.
func (p *parser) isTypeWithParens(tok token) bool {
	if tok.kind != tokIdent {
		return false
	}
	switch tok.text {
	case "seq", "optional", "map", "sparse_tensor", "opaque", "dtype":
		return true
	}
	return isFloatWord(tok.text)
}

// typedItem is a tensor if values follow, else the type itself.
func (p *parser) typedItem(t Type, note *tensorNote, sparse *sparseNote) *Attr {
	switch {
	case p.is("(") && t.Kind == KindSparseTensor:
		return &Attr{Kind: AttrSparseTensor, Sparse: p.sparse(t, sparse, false)}
	case p.is("{"), p.is("["), p.is("="), p.tok.kind == tokIdent, p.tok.kind == tokString:
		return &Attr{Kind: AttrTensor, T: p.tensorRest(t, note, true)}
	}
	return &Attr{Kind: AttrTypeProto, TP: &t}
}

// numberAttr reads an integer or a float.
func (p *parser) numberAttr() *Attr {
	text := p.tok.text
	if isFloatText(text) {
		bits, err := p.float32Bits(text)
		if err != nil {
			p.fail("%v", err)
			return &Attr{}
		}
		p.next()
		return &Attr{Kind: AttrFloat, F: math.Float32frombits(bits)}
	}
	i, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		p.fail("bad number %s", p.tok)
		return &Attr{}
	}
	a := &Attr{Kind: AttrInt, I: i}
	if text[0] == '-' && i == 0 {
		a.F = float32(math.Copysign(0, -1))
	}
	p.next()
	return a
}
