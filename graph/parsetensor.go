package graph

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// tensorNote is what a note says of a tensor.
type tensorNote struct {
	meta       tensor.Meta
	noName     bool // the name is absent, though names are usually present
	none       bool // no field holds values
	empty      bool // a field is there for them, and empty
	reference  bool // a list of one hash is a reference nevertheless
	unchecked  bool // the number of strings does not fit the shape
	typed, raw bool
}

// tensorNote takes the note of the tensor that comes next; nil when there is none.
func (p *parser) tensorNote() *tensorNote {
	var n *tensorNote
	p.noted("tensor", func(f *noteField) bool {
		if n == nil {
			n = &tensorNote{}
		}
		m := &n.meta
		switch f.key {
		case "doc_string":
			m.Doc = p.text(f)
		case "metadata_props":
			m.Props = p.pairs(f)
		case "external_data":
			m.External = p.pairs(f)
		case "unknown":
			m.Unknown = p.bytes(f)
		case "explicit":
			m.Explicit |= p.bits("tensor", f)
		case "absent":
			n.noName = p.bits("tensor", f) == 1<<tensorNameField
		case "segment":
			m.Segment = p.segment(f)
		case "none":
			n.none = true
		case "empty":
			n.empty = true
		case "reference":
			n.reference = true
		case "unchecked":
			n.unchecked = true
		case "typed":
			n.typed = true
		case "raw":
			n.raw = true
		default:
			return false
		}
		return true
	})
	return n
}

func (p *parser) segment(f *noteField) *tensor.Segment {
	s := &tensor.Segment{}
	for i := range f.val.msg {
		part := &f.val.msg[i]
		switch part.key {
		case "begin":
			if s.Begin = p.integer(part); s.Begin == 0 {
				s.Explicit |= 1 << 1
			}
		case "end":
			if s.End = p.integer(part); s.End == 0 {
				s.Explicit |= 1 << 2
			}
		case "unknown":
			s.Unknown = p.bytes(part)
		default:
			p.failAt(part.pos, "a segment has no field %q", part.key)
		}
	}
	return s
}

// tensorRest reads "name = values", "= values" or "{…}": a tensor behind its type. Of one that is not named, the name is said elsewhere.
func (p *parser) tensorRest(t Type, note *tensorNote, named bool) *tensor.Tensor {
	name := ""
	if p.tok.kind == tokIdent || p.tok.kind == tokString {
		name = p.name()
	}
	if !p.accept("=") && name != "" && !p.is("{") {
		p.fail("want \"=\" and the values of tensor %q, have %s", name, p.tok)
	}
	if note == nil {
		note = &tensorNote{}
	}
	note.meta.Name = name
	if name == "" && named && p.usual.tensorName && !note.noName {
		note.meta.Explicit |= 1 << tensorNameField
	}
	return p.tensorData(t, note)
}

// tensorData reads values: {…}, ["sha256": "…"], ["location": "…", …] or x"…".
func (p *parser) tensorData(t Type, note *tensorNote) *tensor.Tensor {
	if note == nil {
		note = &tensorNote{}
	}
	shape, ok := t.Shape.Ints()
	if p.err != nil {
		return nil
	}
	if t.Kind != KindTensor || !ok {
		p.fail("a constant needs a type with constant dims, has %s", t)
		return nil
	}
	if len(shape) == 0 {
		shape = nil
	}
	m := &note.meta
	var x *tensor.Tensor
	switch {
	case p.is("["):
		x = p.tensorNamed(t.Elem, shape, note)
	case p.tok.kind == tokString && p.tok.hex:
		x = &tensor.Tensor{Elem: t.Elem, Shape: shape}
		x.SetStorage(tensor.Heap(p.tok.text))
		p.next()
	case p.is("{"):
		x = p.tensorElements(t.Elem, shape, note)
	default:
		p.fail("want the values of a tensor, have %s", p.tok)
	}
	if p.err != nil || x == nil {
		return nil
	}
	if m.Carrier == tensor.CarrierAuto && t.Elem != tensor.String && (note.typed || p.usual.typed && !note.raw && hasElements(x)) {
		m.Carrier = tensor.CarrierTyped
	}
	if m.Name != "" || m.Doc != "" || m.Carrier != 0 || m.External != nil || m.Segment != nil || m.Props != nil || m.Unknown != nil || m.Explicit != 0 {
		x.Meta = m
	}
	return x
}

// tensorNamed reads a list of pairs: a hash, which Resolve knows, or a reference to a data file.
func (p *parser) tensorNamed(elem tensor.DType, shape []int64, note *tensorNote) *tensor.Tensor {
	at := p.tok.pos
	list := p.props()
	if p.err != nil {
		return nil
	}
	if len(list) != 1 || list[0].Key != hashKey || note.reference {
		note.meta.Carrier, note.meta.External = tensor.CarrierExternal, list
		return &tensor.Tensor{Elem: elem, Shape: shape}
	}
	hash := list[0].Value
	if p.opt.Resolve == nil {
		p.failAt(at, "the values of a tensor %s are not in the text (%s %s): print it with all weights, or give the weights beside it",
			TensorType(elem, ConstShape(shape)), hashKey, hash)
		return nil
	}
	x, err := p.opt.Resolve(hash)
	if err == nil && (x.Elem != elem || joinInts(x.Shape) != joinInts(shape)) {
		err = fmt.Errorf("it is a %s%v, want %s%v", x.Elem, x.Shape, elem, shape)
	}
	if err != nil {
		p.failAt(at, "tensor %s: %v", hash, err)
		return nil
	}
	return x.WithShape(x.Shape...)
}

// tensorElements reads {…}.
func (p *parser) tensorElements(elem tensor.DType, shape []int64, note *tensorNote) *tensor.Tensor {
	start := p.tok.pos
	if note.none || note.empty {
		p.next()
		p.expect("}")
		x := &tensor.Tensor{Elem: elem, Shape: shape}
		if note.empty {
			x.SetStorage(tensor.Heap(nil))
			return x
		}
		note.meta.Carrier = tensor.CarrierNone
		if n, err := tensor.NumElements(shape); err == nil && n == 0 {
			x.SetStorage(tensor.Heap(nil))
		}
		return x
	}
	if elem == tensor.String {
		strs := [][]byte{}
		p.next()
		p.list("}", func() {
			if p.tok.kind != tokString {
				p.fail("want a string, have %s", p.tok)
				return
			}
			strs = append(strs, []byte(p.tok.text))
			p.next()
		})
		x, err := tensor.FromStrings(shape, strs)
		if err != nil && !note.unchecked && p.err == nil {
			p.failAt(start, "%v", err)
		}
		if x == nil {
			x = &tensor.Tensor{Elem: elem, Shape: shape, Strs: strs}
		}
		return x
	}
	want, err := tensor.NumElements(shape)
	if err == nil {
		_, err = tensor.ByteSize(elem, shape)
	}
	if err != nil {
		p.failAt(start, "%v", err)
		return nil
	}
	if elem == tensor.Complex64 || elem == tensor.Complex128 {
		want *= 2
	}
	b, n := p.numbers(elem, want)
	if p.err != nil {
		return nil
	}
	if n != want {
		p.failAt(start, "a tensor %s%v of %d numbers, want %d", elem, shape, n, want)
		return nil
	}
	x, err := tensor.FromBytes(elem, shape, b)
	if err != nil {
		p.failAt(start, "%v", err)
	}
	return x
}

// numbers reads the numbers behind "{" and the "}", and is their bytes and how many there are. Numbers beyond want are only counted.
func (p *parser) numbers(elem tensor.DType, want int64) ([]byte, int64) {
	l := p.lexer
	room := min(want, int64(len(l.src)-l.pos)/2+1) // a number takes at least two characters
	b := make([]byte, 0, (room*int64(max(elem.Bits(), 8))+7)/8)
	n := int64(0)
	skip := func() byte {
		l.space()
		if l.pos == len(l.src) {
			return 0
		}
		return l.src[l.pos]
	}
	ended := false
	for c := skip(); ; c = skip() {
		if ended = c == '}'; ended {
			break
		}
		if n > 0 {
			if c != ',' {
				break
			}
			l.pos++
			skip()
		}
		start := l.pos
		l.tok.pos = start
		if start == len(l.src) || !isNumberStart(l.src[start]) {
			break
		}
		text := l.number()
		if l.pos < len(l.src) && l.src[l.pos] == '(' {
			end := strings.IndexByte(l.src[l.pos:], ')')
			l.pos += max(end, 0) + 1
			text = l.src[start:l.pos]
		}
		var err error
		if n < want {
			if b, err = appendElement(b, elem, int(n), text); err != nil {
				l.fail("%v", err)
				return nil, n
			}
		}
		n++
	}
	if !ended {
		l.tok.pos = l.pos
		l.tok.kind = tokEOF
		if l.pos < len(l.src) {
			l.scanToken()
		}
		l.fail("want a number, \",\" or \"}\", have %s", l.tok)
		return nil, n
	}
	l.pos++
	l.next()
	return b, n
}

func isNumberStart(c byte) bool { return isDigit(c) || c == '-' || c == '.' || isLetter(c) }

func isFloatWord(s string) bool {
	switch strings.ToLower(s) {
	case "nan", "inf", "infinity":
		return true
	}
	return false
}

// isFloatText tells a float from an integer by how it is written.
func isFloatText(s string) bool { return strings.ContainsAny(s, ".eEnN") }

// float32Bits reads a float in an attribute, where the token is behind it: "nan(0x…)" has the bits of a not-a-number behind it.
func (p *parser) float32Bits(text string) (uint32, error) {
	if p.pos < len(p.src) && p.src[p.pos] == '(' && isFloatWord(text) {
		end := strings.IndexByte(p.src[p.pos:], ')')
		if end < 0 {
			return 0, fmt.Errorf("nan( without an end")
		}
		text += p.src[p.pos : p.pos+end+1]
		p.pos += end + 1
	}
	return parseFloat32(text)
}

func parseFloat32(text string) (uint32, error) {
	switch text {
	case "nan":
		return nan32, nil
	case "-nan":
		return nan32 | sign32, nil
	}
	if strings.HasPrefix(text, "nan(") {
		u, err := nanBits(text, 32)
		if f := math.Float32frombits(uint32(u)); err == nil && f == f {
			err = fmt.Errorf("%s is a number", text)
		}
		return uint32(u), err
	}
	f, err := parseFinite(text, 32)
	return math.Float32bits(float32(f)), err
}

func parseFloat64(text string) (uint64, error) {
	switch text {
	case "nan":
		return nan64, nil
	case "-nan":
		return nan64 | sign64, nil
	}
	if strings.HasPrefix(text, "nan(") {
		u, err := nanBits(text, 64)
		if f := math.Float64frombits(u); err == nil && f == f {
			err = fmt.Errorf("%s is a number", text)
		}
		return u, err
	}
	f, err := parseFinite(text, 64)
	return math.Float64bits(f), err
}

func nanBits(text string, size int) (uint64, error) {
	digits, ok := strings.CutPrefix(text, "nan(0x")
	u, err := strconv.ParseUint(strings.TrimSuffix(digits, ")"), 16, size)
	if !ok || err != nil {
		return 0, fmt.Errorf("bad number %.40q: the bits of a not-a-number are written nan(0x…), in %d bits", text, size)
	}
	return u, nil
}

func parseFinite(text string, size int) (float64, error) {
	if strings.ContainsAny(text, "xX_pP") {
		return 0, fmt.Errorf("bad number %.40q", text)
	}
	f, err := strconv.ParseFloat(text, size)
	if err != nil {
		err = fmt.Errorf("bad number %.40q", text)
		if math.IsInf(f, 0) {
			err = fmt.Errorf("%.40q is too large for a float of %d bits", text, size)
		}
	}
	return f, err
}

// appendElement appends a number of a tensor. Floats of 16 bits and less are written by their bits when the text is an integer, else by
// value.
func appendElement(b []byte, elem tensor.DType, i int, text string) ([]byte, error) {
	le := binary.LittleEndian
	switch elem {
	case tensor.Float32, tensor.Complex64:
		u, err := parseFloat32(text)
		return le.AppendUint32(b, u), err
	case tensor.Float64, tensor.Complex128:
		u, err := parseFloat64(text)
		return le.AppendUint64(b, u), err
	}
	if elem.IsFloat() && isFloatText(text) {
		return appendSmallFloat(b, elem, i, text)
	}
	u, err := parseInteger(elem, text)
	if err != nil {
		return nil, err
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

func appendSmallFloat(b []byte, elem tensor.DType, i int, text string) ([]byte, error) {
	bits, err := parseFloat64(text)
	if err != nil {
		return nil, err
	}
	f := math.Float64frombits(bits)
	switch elem {
	case tensor.Float16:
		return binary.LittleEndian.AppendUint16(b, tensor.Float32ToHalf(float32(f))), nil
	case tensor.BFloat16:
		return binary.LittleEndian.AppendUint16(b, tensor.Float32ToBFloat16(float32(f))), nil
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

// parseInteger reads an integer that fits the type, signed or unsigned.
func parseInteger(elem tensor.DType, text string) (uint64, error) {
	bits := elem.Bits()
	var u uint64
	i, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		u = uint64(i)
	} else if u, err = strconv.ParseUint(text, 10, 64); err != nil {
		return 0, fmt.Errorf("bad integer %.40q", text)
	} else {
		i = math.MaxInt64
	}
	signed := false
	switch elem {
	case tensor.Int2, tensor.Int4, tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64:
		signed = true
	}
	fits := i >= 0 && (bits == 64 || u < 1<<bits)
	if signed {
		fits = text[0] == '-' || u>>63 == 0
		fits = fits && i >= -1<<(bits-1) && (i < 1<<(bits-1) || bits == 64)
	}
	if !fits {
		return 0, fmt.Errorf("%.40s is out of the range of %s", text, elem)
	}
	return u, nil
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

type sparseNote struct{ unknown []byte }

func (p *parser) sparseNote() *sparseNote {
	var n *sparseNote
	p.noted("sparse", func(f *noteField) bool {
		if f.key != "unknown" {
			return false
		}
		n = &sparseNote{p.bytes(f)}
		return true
	})
	return n
}

// sparse reads "(values, indices)" behind the type. The values of an initializer have its name.
func (p *parser) sparse(t Type, note *sparseNote, initializer bool) *tensor.Sparse {
	s := &tensor.Sparse{}
	if note != nil {
		s.Unknown = note.unknown
	}
	dims, ok := t.Shape.Ints()
	if !ok {
		p.fail("a sparse constant needs constant dims, has %s", t)
		return s
	}
	if len(dims) > 0 {
		s.Dims = dims
	}
	at := p.tok.pos
	p.expect("(")
	s.Values = p.part(!initializer)
	p.expect(",")
	s.Indices = p.part(true)
	p.expect(")")
	if p.err == nil && (s.Values != nil && s.Values.Elem != t.Elem || s.Values == nil && t.Elem != tensor.Undefined) {
		p.failAt(at, "the values of a %s are of another type", t)
	}
	return s
}

// part reads a tensor with its type, or '?' for none.
func (p *parser) part(named bool) *tensor.Tensor {
	if p.accept("?") {
		return nil
	}
	note := p.tensorNote()
	t := Type{}
	p.typ(&t)
	return p.tensorRest(t, note, named)
}
