package graph

import (
	"fmt"
	"math"
	"strconv"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// hasElements reports whether the tensor's values are there and are all that its bytes say: they fit type and shape, and the bits behind
// the last packed element are zero.
func hasElements(t *tensor.Tensor) bool {
	if t.Elem == tensor.String {
		n, err := tensor.NumElements(t.Shape)
		return err == nil && t.Strs != nil && n == int64(len(t.Strs))
	}
	if t.Storage() == nil {
		return false
	}
	n, err := tensor.ByteSize(t.Elem, t.Shape)
	if err != nil || n != t.Storage().Len() {
		return false
	}
	if used := t.Len() * t.Elem.Bits() % 8; used != 0 {
		return t.Bytes()[n-1]>>used == 0
	}
	return true
}

// inBraces reports whether data writes {…}.
func (p *printer) inBraces(t *tensor.Tensor) bool {
	if t.IsReference() {
		return false
	}
	if hasElements(t) {
		return p.max < 0 || t.Len() <= p.max
	}
	return t.Strs != nil || p.notes && (holdsNone(t) || holdsEmpty(t))
}

// holdsEmpty reports whether the field that should hold the tensor's values is there and empty, as in a model without its weights.
func holdsEmpty(t *tensor.Tensor) bool {
	return t.Storage() != nil && t.Storage().Len() == 0 && !hasElements(t) && !holdsNone(t)
}

// holdsNone reports whether no field of the file holds values for the tensor, or a broken one does.
func holdsNone(t *tensor.Tensor) bool {
	return t.Storage() == nil || t.Storage().Len() == 0 && t.Meta != nil && t.Meta.Carrier == tensor.CarrierNone
}

// data writes a tensor's values: {…}, the reference to a data file ["location": …], their hash, or, when they do not fit the type and
// shape, their bytes as x"…".
func (p *printer) data(t *tensor.Tensor) {
	switch {
	case t.IsReference():
		p.s("[" + propText(t.Meta.External, quote) + "]")
	case hasElements(t) && p.max >= 0 && t.Len() > p.max:
		p.f("[%s: \"%x\"]", quote(hashKey), t.Hash())
	case hasElements(t):
		p.s("{")
		p.elements(t)
		p.s("}")
	case !p.inBraces(t):
		p.f(`x"%x"`, t.Bytes())
	default: // a note says why these are not as many as the shape needs
		p.s("{")
		for i, s := range t.Strs {
			p.comma(i)
			p.s(quote(string(s)))
		}
		p.s("}")
	}
}

func (p *printer) tensorType(t *tensor.Tensor) {
	p.s(t.Elem.String())
	if len(t.Shape) > 0 {
		p.s("[" + joinInts(t.Shape) + "]")
	}
}

const tensorNameField = 8 // of TensorProto

// tensorNote writes what a TensorProto says beside type, shape, name and values. The name of an initializer is the value's; nil: its own.
func (p *printer) tensorNote(t *tensor.Tensor, initializer *string) {
	if !p.notes {
		return
	}
	m := t.Meta
	if m == nil {
		m = &tensor.Meta{}
	}
	n := &noteText{kind: "tensor"}
	n.text("doc_string", m.Doc)
	n.props("metadata_props", m.Props)
	explicit := m.Explicit
	name, own := m.Name, initializer == nil
	if !own {
		name = *initializer
	}
	if own && name == "" && p.usual.tensorName {
		if explicit&(1<<tensorNameField) == 0 {
			n.set("absent", 1<<tensorNameField)
		}
		explicit &^= 1 << tensorNameField
	}
	if m.Doc != "" {
		explicit &^= 1 << fieldNames["tensor"]["doc_string"]
	}
	if t.Elem != tensor.Undefined {
		explicit &^= 1 << fieldNames["tensor"]["data_type"]
	}
	if name != "" {
		explicit &^= 1 << tensorNameField
	}
	n.set("explicit", explicit)
	p.carrierNote(n, t, m)
	if s := m.Segment; s != nil {
		n.add("segment: {%s}", segmentText(s))
	}
	n.hex("unknown", m.Unknown)
	p.note(n)
}

// carrierNote says which field holds the values, where that is not what a reader of the text takes for granted.
func (p *printer) carrierNote(n *noteText, t *tensor.Tensor, m *tensor.Meta) {
	reference := t.IsReference()
	if !reference {
		if m.Carrier != tensor.CarrierExternal {
			n.props("external_data", m.External)
		}
	} else if len(m.External) == 1 && m.External[0].Key == hashKey {
		n.add("reference")
	}
	switch {
	case reference:
	case t.Elem == tensor.String && t.Strs != nil:
		if !hasElements(t) {
			n.add("unchecked")
		}
	case holdsNone(t):
		n.add("none")
	case holdsEmpty(t) && m.Carrier == tensor.CarrierTyped:
		n.add("empty")
		n.add("typed")
	case holdsEmpty(t):
		n.add("empty")
	case m.Carrier == tensor.CarrierTyped && (!p.usual.typed || !hasElements(t)):
		n.add("typed")
	case m.Carrier != tensor.CarrierTyped && p.usual.typed && hasElements(t):
		n.add("raw")
	}
}

func segmentText(s *tensor.Segment) string {
	var text string
	add := func(format string, args ...any) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf(format, args...)
	}
	if s.Begin != 0 || s.Explicit&(1<<1) != 0 {
		add("begin: %d", s.Begin)
	}
	if s.End != 0 || s.Explicit&(1<<2) != 0 {
		add("end: %d", s.End)
	}
	if len(s.Unknown) > 0 {
		add(`unknown: x"%x"`, s.Unknown)
	}
	return text
}

// sparse writes "sparse_tensor(type) name = (values, indices)", or, of an attribute, without a name and '='. The values of an initializer
// carry its name.
func (p *printer) sparse(s *tensor.Sparse, initializer *string) {
	n := &noteText{kind: "sparse"}
	n.hex("unknown", s.Unknown)
	p.note(n)
	elem := tensor.Undefined
	if s.Values != nil {
		elem = s.Values.Elem
	}
	p.s("sparse_tensor(" + elem.String())
	if len(s.Dims) > 0 {
		p.s("[" + joinInts(s.Dims) + "]")
	}
	p.s(") ")
	if initializer != nil {
		p.s(ident(*initializer) + " = ")
	}
	p.s("(")
	p.part(s.Values, initializer)
	p.comma(1)
	p.part(s.Indices, nil)
	p.s(")")
}

// elements writes the numbers as the standard syntax has them: floats of 32 and 64 bits, and of 6, by value; those of 16, 8 and 4 bits by
// their bits; integers, one an element, by value.
func (p *printer) elements(t *tensor.Tensor) {
	b := make([]byte, 0, 1<<12)
	flush := func() {
		_, _ = p.w.Write(b) // Flush tells
		b = b[:0]
	}
	item := elementText(t)
	for i := range t.Len() {
		if i > 0 {
			b = append(b, ", "...)
		}
		if b = item(b, i); len(b) > 1<<11 {
			flush()
		}
	}
	flush()
}

func elementText(t *tensor.Tensor) func(b []byte, i int) []byte {
	raw := t.Bytes()
	switch t.Elem {
	case tensor.String:
		return func(b []byte, i int) []byte { return append(b, quote(string(t.Strs[i]))...) }
	case tensor.Float32:
		v := tensor.Cast[uint32](raw)
		return func(b []byte, i int) []byte { return appendFloat32(b, v[i]) }
	case tensor.Float64:
		v := tensor.Cast[uint64](raw)
		return func(b []byte, i int) []byte { return appendFloat64(b, v[i]) }
	case tensor.Complex64:
		v := tensor.Cast[uint32](raw)
		return func(b []byte, i int) []byte {
			return appendFloat32(append(appendFloat32(b, v[2*i]), ", "...), v[2*i+1])
		}
	case tensor.Complex128:
		v := tensor.Cast[uint64](raw)
		return func(b []byte, i int) []byte {
			return appendFloat64(append(appendFloat64(b, v[2*i]), ", "...), v[2*i+1])
		}
	case tensor.Uint64:
		v := tensor.Cast[uint64](raw)
		return func(b []byte, i int) []byte { return strconv.AppendUint(b, v[i], 10) }
	case tensor.Float16, tensor.BFloat16:
		v := tensor.Cast[uint16](raw)
		return func(b []byte, i int) []byte { return strconv.AppendUint(b, uint64(v[i]), 10) }
	case tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ, tensor.Float8E5M2, tensor.Float8E5M2FNUZ, tensor.Float8E8M0:
		return func(b []byte, i int) []byte { return strconv.AppendUint(b, uint64(raw[i]), 10) }
	case tensor.Float4E2M1:
		return func(b []byte, i int) []byte { return strconv.AppendUint(b, uint64(raw[i/2]>>(4*(i%2))&15), 10) }
	case tensor.Float6E2M3, tensor.Float6E3M2:
		v, _ := t.Float64s()
		return func(b []byte, i int) []byte { return appendFloat32(b, math.Float32bits(float32(v[i]))) }
	}
	v, _ := t.Int64s()
	return func(b []byte, i int) []byte { return strconv.AppendInt(b, v[i], 10) }
}

// The not-a-numbers that "nan" and "-nan" stand for.
const (
	nan32, nan64 = 0x7fc00000, 0x7ff8000000000000
	sign32       = 1 << 31
	sign64       = 1 << 63
)

func float32Text(f float32) string { return string(appendFloat32(nil, math.Float32bits(f))) }

// appendFloat32 writes a float that reads back to the same bits and is seen to be a float.
func appendFloat32(b []byte, bits uint32) []byte {
	f := math.Float32frombits(bits)
	switch {
	case f == f:
		return appendFinite(b, float64(f), 32)
	case bits == nan32:
		return append(b, "nan"...)
	case bits == nan32|sign32:
		return append(b, "-nan"...)
	}
	return fmt.Appendf(b, "nan(0x%08x)", bits)
}

func appendFloat64(b []byte, bits uint64) []byte {
	f := math.Float64frombits(bits)
	switch {
	case f == f:
		return appendFinite(b, f, 64)
	case bits == nan64:
		return append(b, "nan"...)
	case bits == nan64|sign64:
		return append(b, "-nan"...)
	}
	return fmt.Appendf(b, "nan(0x%016x)", bits)
}

func appendFinite(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'g', -1, bits)
	for _, c := range b[start:] {
		if c == '.' || c == 'e' {
			return b
		}
	}
	return append(b, ".0"...)
}
