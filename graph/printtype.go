package graph

import (
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// String is the type in ONNX's textual syntax, but for dimensions that are expressions, which are written without quotes; "?" when unknown.
func (t Type) String() string {
	return printed(func(p *printer) {
		p.bare = true
		p.typ(&t)
	})
}

// typ writes a type, without its note.
func (p *printer) typ(t *Type) {
	switch t.Kind {
	case KindTensor:
		p.tensorTypeText(t)
	case KindSparseTensor:
		p.s("sparse_tensor(")
		p.tensorTypeText(t)
		p.s(")")
	case KindSequence:
		p.s("seq(")
		p.innerType(t.Of)
		p.s(")")
	case KindMap:
		p.s("map(" + t.Key.String())
		if t.Of != nil {
			p.comma(1)
			p.innerType(t.Of)
		}
		p.s(")")
	case KindOptional:
		p.s("optional(")
		p.innerType(t.Of)
		p.s(")")
	case KindOpaque:
		p.s("opaque(")
		if x := t.Extra; x != nil {
			if x.OpaqueDomain != "" {
				p.s(dotted(x.OpaqueDomain) + ", ")
			}
			if x.OpaqueName != "" || x.OpaqueDomain != "" {
				p.s(map[bool]func(string) string{true: plainIdent, false: dotted}[x.OpaqueDomain != ""](x.OpaqueName))
			}
		}
		p.s(")")
	default:
		p.s("?")
	}
}

func (p *printer) innerType(t *Type) {
	if t == nil {
		return
	}
	p.typeNote(t)
	p.typ(t)
}

func (p *printer) tensorTypeText(t *Type) {
	p.s(t.Elem.String())
	if !t.Shape.Known {
		p.s("[]")
		return
	}
	if len(t.Shape.Dims) == 0 {
		return
	}
	p.s("[")
	for i, d := range t.Shape.Dims {
		if i > 0 {
			p.s(",")
		}
		p.dim(d, t.dimExtra(i))
	}
	p.s("]")
}

func (t *Type) dimExtra(i int) *DimExtra {
	if t.Extra == nil || i >= len(t.Extra.Dims) {
		return &DimExtra{}
	}
	return &t.Extra.Dims[i]
}

// dim writes a number, a name, a quoted name, or "?".
func (p *printer) dim(d Dim, x *DimExtra) {
	n := &noteText{kind: "dim"}
	n.text("denotation", x.Denotation)
	n.extra(&x.Extra, empties("dim", "denotation", x.Denotation))
	p.note(n)
	_, number := d.Value()
	switch {
	case x.Param != "" && Sym(x.Param).Equal(d):
		p.s(p.dimName(x.Param))
	case number:
		p.s(d.String())
	case d.IsKnown():
		p.s(p.dimName(d.String()))
	case x.isExplicit("dim", "dim_param"):
		p.s(`""`)
	default:
		p.s("?")
	}
}

func (p *printer) dimName(s string) string {
	if p.bare {
		return s
	}
	return plainIdent(s)
}

// typeNote writes the note of a type that is printed next, or, of a type without a kind, would be.
func (p *printer) typeNote(t *Type) {
	n := &noteText{kind: "type"}
	n.text("denotation", t.Denotation)
	if x := t.Extra; x != nil {
		n.extra(&x.Extra, empties("type", "denotation", t.Denotation))
		if x.Inner != nil {
			mask, kind := uint64(0), ""
			switch t.Kind {
			case KindTensor, KindSparseTensor:
				kind = "tensor_type"
				if t.Elem == tensor.Undefined {
					mask = 1 << 1
				}
			case KindMap:
				kind = "map_type"
				if t.Key == tensor.Undefined {
					mask = 1 << 1
				}
			case KindOpaque:
				kind = "opaque_type"
				mask = empties(kind, "domain", x.OpaqueDomain, "name", x.OpaqueName)
			}
			if bits := x.Inner.Explicit & mask; bits != 0 {
				n.add("inner_explicit: %s", bitNames(kind, bits))
			}
			n.hex("inner_unknown", x.Inner.Unknown)
		}
		if x.ShapeExtra != nil {
			n.hex("shape_unknown", x.ShapeExtra.Unknown)
		}
	}
	p.note(n)
}

// String is "[2,N,?]", or "[...]" for unknown rank.
func (s Shape) String() string {
	if !s.Known {
		return "[...]"
	}
	parts := make([]string, len(s.Dims))
	for i, d := range s.Dims {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ",") + "]"
}
