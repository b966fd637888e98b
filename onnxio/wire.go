package onnxio

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// DecodeError says where in the input a decoder stopped and why. Offset counts bytes from the start of the input; Path names the
// fields from the outermost message down, such as "model.graph.node[3].attribute[0].t".
type DecodeError struct {
	Offset int64
	Path   string
	Err    error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("at byte %d, in %s: %v", e.Offset, e.Path, e.Err)
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

var (
	errTruncated = errors.New("the message ends inside a field")
	errVarint    = errors.New("varint longer than ten bytes")
	errTag       = errors.New("not a field tag")
	errEndGroup  = errors.New("end of a group that was not started")
	errDeep      = errors.New("messages nested too deeply")
)

// maxDepth bounds the nesting of messages, unless a caller asks for another limit, and that of unknown groups.
const maxDepth = 100

// view is the body of a length-delimited field and its place in the input.
type view struct {
	b   []byte
	off int64
}

// field is one field of a message as the wire has it.
type field struct {
	num  protowire.Number
	typ  protowire.Type
	u    uint64 // varint, fixed32 or fixed64
	body view   // length-delimited
	wire []byte // tag and value
	off  int64  // of the tag
}

// walker reads messages. It holds the path to the message being read, for errors, and so the depth.
type walker struct {
	path     []step
	maxDepth int
	over     error // a limit that a visitor went beyond
}

type step struct {
	name  string
	index int // -1: not repeated
}

func (w *walker) push(name string, index int) { w.path = append(w.path, step{name, index}) }
func (w *walker) pop()                        { w.path = w.path[:len(w.path)-1] }

// where is the path as text; a field number that the path does not name yet is appended when it is not 0.
func (w *walker) where(s *schema, num protowire.Number) string {
	var b strings.Builder
	for i, st := range w.path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(st.name)
		if st.index >= 0 {
			b.WriteString("[" + strconv.Itoa(st.index) + "]")
		}
	}
	if num != 0 {
		b.WriteByte('.')
		if f := s.field(num); f != nil {
			b.WriteString(f.name)
		} else {
			b.WriteString("field " + strconv.Itoa(int(num)))
		}
	}
	return b.String()
}

func (w *walker) fail(off int64, err error) error {
	return &DecodeError{Offset: off, Path: w.where(nil, 0), Err: err}
}

// exceeded is the error for a limit that was passed outside of each.
func (w *walker) exceeded(off int64) error {
	if w.over == nil {
		return nil
	}
	return w.fail(off, w.over)
}

// each calls visit for every field of m in wire order. Fields whose wire type is not the one s gives go to unknown, and so do numbers
// that s does not know; that is what protobuf readers do.
func (w *walker) each(s *schema, m view, visit func(f *field) error, unknown func(wire []byte)) error {
	if len(w.path) > w.maxDepth {
		return w.fail(m.off, &LimitError{Name: "depth", Limit: int64(w.maxDepth)})
	}
	var f field
	for pos := 0; pos < len(m.b); {
		n, err := readField(&f, m.b[pos:], m.off+int64(pos))
		if err != nil {
			return &DecodeError{Offset: m.off + int64(pos), Path: w.where(s, f.num), Err: err}
		}
		pos += n
		if spec := s.field(f.num); spec == nil || !spec.accepts(f.typ) {
			unknown(f.wire)
			continue
		}
		if err := visit(&f); err != nil {
			return err
		}
		if w.over != nil {
			return &DecodeError{Offset: f.off, Path: w.where(s, f.num), Err: w.over}
		}
	}
	return nil
}

// readField reads one field from the start of b into f and returns its length.
func readField(f *field, b []byte, off int64) (int, error) {
	*f = field{off: off}
	tag, n, err := readVarint(b)
	if err != nil {
		return 0, err
	}
	if tag>>3 == 0 || tag>>3 > uint64(protowire.MaxValidNumber) {
		return 0, errTag
	}
	f.num, f.typ = protowire.Number(tag>>3), protowire.Type(tag&7)
	switch f.typ {
	case protowire.VarintType:
		u, k, err := readVarint(b[n:])
		if err != nil {
			return 0, err
		}
		f.u = u
		n += k
	case protowire.Fixed32Type:
		u, k := protowire.ConsumeFixed32(b[n:])
		if k < 0 {
			return 0, errTruncated
		}
		f.u = uint64(u)
		n += k
	case protowire.Fixed64Type:
		u, k := protowire.ConsumeFixed64(b[n:])
		if k < 0 {
			return 0, errTruncated
		}
		f.u = u
		n += k
	case protowire.BytesType:
		size, k, err := readVarint(b[n:])
		if err != nil {
			return 0, err
		}
		n += k
		if size > uint64(len(b)-n) {
			return 0, fmt.Errorf("%w: %d bytes announced, %d left", errTruncated, size, len(b)-n)
		}
		end := n + int(size)
		f.body = view{b[n:end:end], off + int64(n)}
		n = end
	case protowire.StartGroupType:
		k, err := groupLen(f.num, b[n:])
		if err != nil {
			return 0, err
		}
		n += k
	case protowire.EndGroupType:
		return 0, errEndGroup
	default:
		return 0, errTag
	}
	f.wire = b[:n:n]
	return n, nil
}

func readVarint(b []byte) (uint64, int, error) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1, nil
	}
	u, n := protowire.ConsumeVarint(b)
	if n < 0 {
		if len(b) < 10 {
			return 0, 0, errTruncated
		}
		return 0, 0, errVarint
	}
	return u, n, nil
}

// groupLen is the length of a group's content and end tag. It keeps its own stack, so that nested groups cost no recursion.
func groupLen(num protowire.Number, b []byte) (int, error) {
	open := []protowire.Number{num}
	pos := 0
	for len(open) > 0 {
		if len(open) > maxDepth {
			return 0, errDeep
		}
		tag, n, err := readVarint(b[pos:])
		if err != nil {
			return 0, err
		}
		if tag>>3 == 0 || tag>>3 > uint64(protowire.MaxValidNumber) {
			return 0, errTag
		}
		num := protowire.Number(tag >> 3)
		switch protowire.Type(tag & 7) {
		case protowire.StartGroupType:
			open = append(open, num)
			pos += n
		case protowire.EndGroupType:
			if open[len(open)-1] != num {
				return 0, errEndGroup
			}
			open = open[:len(open)-1]
			pos += n
		default:
			var f field
			n, err := readField(&f, b[pos:], 0)
			if err != nil {
				return 0, err
			}
			pos += n
		}
	}
	return pos, nil
}

// varints calls visit for the elements of a repeated varint field, which may come one at a time or packed.
func (w *walker) varints(s *schema, f *field, visit func(u uint64)) error {
	if f.typ == protowire.VarintType {
		visit(f.u)
		return nil
	}
	for pos := 0; pos < len(f.body.b); {
		u, n, err := readVarint(f.body.b[pos:])
		if err != nil {
			return &DecodeError{Offset: f.body.off + int64(pos), Path: w.where(s, f.num), Err: err}
		}
		visit(u)
		pos += n
	}
	return nil
}

// float32s calls visit for the elements of a repeated float field, one at a time or packed.
func (w *walker) float32s(s *schema, f *field, visit func(x float32)) error {
	if f.typ == protowire.Fixed32Type {
		visit(math.Float32frombits(uint32(f.u)))
		return nil
	}
	if len(f.body.b)%4 != 0 {
		return &DecodeError{Offset: f.body.off, Path: w.where(s, f.num), Err: fmt.Errorf("%d bytes are not a list of 4-byte numbers", len(f.body.b))}
	}
	for b := f.body.b; len(b) > 0; b = b[4:] {
		u, _ := protowire.ConsumeFixed32(b)
		visit(math.Float32frombits(u))
	}
	return nil
}
