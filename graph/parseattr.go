package graph

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// attrValue reads ": kind = value", "= value" or ": kind = @ref".
func (p *parser) attrValue(name string, s *names) *Attr {
	a := &Attr{Name: name}
	stated := false
	if p.accept(":") {
		kind := p.name()
		for k, n := range attrKindNames {
			if n == kind {
				a.Kind, stated = AttrKind(k), true
			}
		}
		if !stated {
			p.fail("unknown attribute kind %q", kind)
		}
	}
	p.expect("=")
	if p.accept("@") {
		a.Ref = p.name()
		return a
	}
	if p.err != nil {
		return a
	}
	if p.accept("[") {
		p.attrList(a, stated, s)
		return a
	}
	item := p.attrItem(s)
	item.Name = name
	if stated && item.Kind != a.Kind {
		if a.Kind == AttrFloat && item.Kind == AttrInt {
			return &Attr{Name: name, Kind: AttrFloat, F: float32(item.I)}
		}
		p.fail("attribute %q is a %s, stated as %s", name, item.Kind, a.Kind)
	}
	return item
}

var listKinds = map[AttrKind]AttrKind{AttrFloat: AttrFloats, AttrInt: AttrInts, AttrString: AttrStrings, AttrTensor: AttrTensors, AttrGraph: AttrGraphs, AttrTypeProto: AttrTypeProtos}

func (p *parser) attrList(a *Attr, stated bool, s *names) {
	p.list("]", func() {
		x := p.attrItem(s)
		kind := listKinds[x.Kind]
		if a.Kind == AttrFloats && kind == AttrInts {
			x.F, kind = float32(x.I), AttrFloats
		}
		if a.Kind == AttrUndefined {
			a.Kind = kind
		}
		if kind != a.Kind {
			p.fail("attribute %q: a %s in a list of %s", a.Name, x.Kind, a.Kind)
			return
		}
		switch kind {
		case AttrFloats:
			a.Floats = append(a.Floats, x.F)
		case AttrInts:
			a.Ints = append(a.Ints, x.I)
		case AttrStrings:
			a.Strings = append(a.Strings, x.S)
		case AttrTensors:
			a.Tensors = append(a.Tensors, x.T)
		case AttrGraphs:
			a.Graphs = append(a.Graphs, x.G)
		case AttrTypeProtos:
			a.Types = append(a.Types, x.TP)
		}
	})
	if a.Kind == AttrUndefined && !stated {
		p.fail("attribute %q: an empty list needs its kind", a.Name)
	}
}

// attrItem reads one value and finds out its kind.
func (p *parser) attrItem(s *names) *Attr {
	switch tok := p.tok; {
	case tok.kind == tokString:
		p.next()
		if p.is("(") { // a graph with a quoted name
			return p.graphItem(tok, s)
		}
		return &Attr{Kind: AttrString, S: []byte(tok.text)}
	case tok.kind == tokNumber:
		p.next()
		return numberAttr(p, tok.text)
	case tok.kind == tokIdent && (tok.text == "nan" || tok.text == "inf"):
		p.next()
		return numberAttr(p, tok.text)
	case tok.kind == tokIdent && p.isTypeName(tok.text):
		t := p.typ()
		return p.typedItem(t)
	case tok.kind == tokIdent:
		p.next()
		return p.graphItem(tok, s)
	}
	if t, ok := tensor.ParseDType(p.tok.text); ok {
		return &Attr{Kind: AttrTypeProto, TP: &Type{Kind: KindTensor, Elem: t}}
	}
	p.fail("want an attribute value, have %q", p.tok.text)
	return &Attr{}
}

func (p *parser) graphItem(nameTok token, s *names) *Attr {
	p.pos = nameTok.pos
	p.next()
	return &Attr{Kind: AttrGraph, G: p.graph(s)}
}

// typedItem is a tensor if elements follow, else the type itself.
func (p *parser) typedItem(t Type) *Attr {
	if p.is("{") || p.is("[") {
		return &Attr{Kind: AttrTensor, T: p.elements(t)}
	}
	if p.tok.kind == tokIdent || p.tok.kind == tokString {
		name := p.name()
		p.expect("=")
		x := p.elements(t)
		if x != nil {
			x = x.WithShape(x.Shape...)
			x.Meta = &tensor.Meta{Name: name}
		}
		return &Attr{Kind: AttrTensor, T: x}
	}
	return &Attr{Kind: AttrTypeProto, TP: &t}
}

func numberAttr(p *parser, text string) *Attr {
	if strings.ContainsAny(text, ".eEnN") {
		f, err := strconv.ParseFloat(text, 32)
		if err != nil {
			p.fail("bad number %q", text)
		}
		return &Attr{Kind: AttrFloat, F: float32(f)}
	}
	i, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		p.fail("bad number %q", text)
	}
	return &Attr{Kind: AttrInt, I: i}
}

// parseElements makes a tensor of its elements as text.
func parseElements(elem tensor.DType, shape []int64, words []token) (*tensor.Tensor, error) {
	if elem == tensor.String {
		var strs [][]byte
		for _, w := range words {
			if w.kind != tokString {
				return nil, fmt.Errorf("want a string, have %q", w.text)
			}
			strs = append(strs, []byte(w.text))
		}
		return tensor.FromStrings(shape, strs)
	}
	n, err := tensor.NumElements(shape)
	if err != nil {
		return nil, err
	}
	want := n
	if elem == tensor.Complex64 || elem == tensor.Complex128 {
		want *= 2
	}
	if int64(len(words)) != want {
		return nil, fmt.Errorf("a tensor %s%v of %d numbers, want %d", elem, shape, len(words), want)
	}
	size, err := tensor.ByteSize(elem, shape)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, size+8)
	for i, w := range words {
		if b, err = appendElement(b, elem, i, w.text); err != nil {
			return nil, err
		}
	}
	return tensor.FromBytes(elem, shape, b)
}

func appendElement(b []byte, elem tensor.DType, i int, text string) ([]byte, error) {
	le := binary.LittleEndian
	if elem.IsFloat() || elem == tensor.Complex64 || elem == tensor.Complex128 {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("bad number %q", text)
		}
		switch elem {
		case tensor.Float64, tensor.Complex128:
			return le.AppendUint64(b, math.Float64bits(f)), nil
		case tensor.Float16:
			return le.AppendUint16(b, tensor.Float32ToHalf(float32(f))), nil
		case tensor.BFloat16:
			return le.AppendUint16(b, tensor.Float32ToBFloat16(float32(f))), nil
		case tensor.Float32, tensor.Complex64:
			return le.AppendUint32(b, math.Float32bits(float32(f))), nil
		}
		code, ok := tensor.EncodeSmallFloat(elem, f)
		if !ok {
			return nil, fmt.Errorf("%s has no value %s", elem, text)
		}
		if elem.Bits() == 8 {
			return append(b, code), nil
		}
		return appendBits(b, elem.Bits(), i, uint64(code)), nil
	}
	var u uint64
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		u = uint64(v)
	} else if u, err = strconv.ParseUint(text, 10, 64); err != nil {
		return nil, fmt.Errorf("bad integer %q", text)
	}
	switch elem.Bits() {
	case 8:
		return append(b, byte(u)), nil
	case 16:
		return le.AppendUint16(b, uint16(u)), nil
	case 32:
		return le.AppendUint32(b, uint32(u)), nil
	case 64:
		return le.AppendUint64(b, u), nil
	}
	return appendBits(b, elem.Bits(), i, u), nil
}

// appendBits packs element i of a type below a byte, the first element in the low bits.
func appendBits(b []byte, bits, i int, u uint64) []byte {
	at := bits * i
	u = u & (1<<bits - 1) << (at % 8)
	if at%8 == 0 {
		b = append(b, 0)
	}
	b[len(b)-1] |= byte(u)
	if at%8+bits > 8 {
		b = append(b, byte(u>>8))
	}
	return b
}
