package onnxio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// typedData is tensor storage in one of the typed fields (float_data and so on). The fields stay as the wire has them and are turned
// into raw_data's layout at the first use; writing the tensor back copies them as they are.
type typedData struct {
	elem tensor.DType
	num  protowire.Number
	wire []byte // the fields with their tags
	size int64  // of Bytes
	view []byte // Bytes, when the wire has that layout already

	once    sync.Once
	decoded []byte
}

// typedFieldOf is the typed field that may hold the values of a type; 0 when there is none.
func typedFieldOf(elem tensor.DType) protowire.Number {
	switch elem {
	case tensor.Float32, tensor.Complex64:
		return tensorFloats
	case tensor.Float64, tensor.Complex128:
		return tensorDoubles
	case tensor.Int64:
		return tensorInt64s
	case tensor.Uint32, tensor.Uint64:
		return tensorUint64s
	case tensor.Undefined, tensor.String:
		return 0
	}
	if elem.Bits() > 0 {
		return tensorInt32s
	}
	return 0
}

// newTypedData checks that the values fit the type and the shape. The numbers of int32_data are elements, or whole bytes of packed ones;
// those of the 6-bit types are elements too, which raw_data packs.
func newTypedData(elem tensor.DType, shape []int64, f typedField) (*typedData, error) {
	size, err := tensor.ByteSize(elem, shape)
	if err != nil {
		return nil, err
	}
	s := &typedData{elem: elem, num: f.num, wire: f.wire.b, size: size}
	have, chunks := int64(0), 0
	var fixed []byte
	err = s.each(func(u uint64) error {
		have += int64(s.width())
		return s.fits(u)
	}, func(b []byte) error {
		have += int64(len(b))
		chunks++
		fixed = b
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.sixBits() {
		if n, _ := tensor.NumElements(shape); have != n { // ByteSize has seen the shape
			return nil, fmt.Errorf("%s%v needs %d numbers, %s has %d", elem, shape, n, tensorSchema.fields[f.num].name, have)
		}
	} else if have != size {
		return nil, fmt.Errorf("%s%v needs %d bytes, %s has %d", elem, shape, size, tensorSchema.fields[f.num].name, have)
	}
	if chunks == 1 {
		s.view = fixed
	}
	return s, nil
}

// sixBits reports whether the wire has a number for each element where Bytes packs four into three bytes.
func (s *typedData) sixBits() bool { return s.elem.Bits() == 6 }

// width is the bytes of Bytes that one number of the wire stands for; 1 for the 6-bit types, before they are packed.
func (s *typedData) width() int {
	switch s.num {
	case tensorFloats:
		return 4
	case tensorDoubles:
		return 8
	}
	return max(1, s.elem.Bits()/8)
}

// each walks the numbers: varints one by one, fixed-size numbers in runs of little-endian bytes.
func (s *typedData) each(varint func(uint64) error, fixed func([]byte) error) error {
	isFixed := s.num == tensorFloats || s.num == tensorDoubles
	for wire := s.wire; len(wire) > 0; {
		var f field
		n, err := readField(&f, wire, 0)
		if err != nil {
			return err
		}
		_, tag, _ := readVarint(wire)
		switch {
		case f.typ == protowire.VarintType:
			err = varint(f.u)
		case f.typ != protowire.BytesType:
			err = fixed(wire[tag:n])
		case isFixed:
			if len(f.body.b)%s.width() != 0 {
				return fmt.Errorf("%d bytes are not a list of %d-byte numbers", len(f.body.b), s.width())
			}
			err = fixed(f.body.b)
		default:
			for b := f.body.b; len(b) > 0 && err == nil; {
				u, k, e := readVarint(b)
				if e != nil {
					return e
				}
				err = varint(u)
				b = b[k:]
			}
		}
		if err != nil {
			return err
		}
		wire = wire[n:]
	}
	return nil
}

var errRange = errors.New("a number is out of the element type's range")

// fits reports whether a number of the wire can be an element, signed or unsigned.
func (s *typedData) fits(u uint64) error {
	bits := s.width() * 8
	if bits == 64 {
		return nil
	}
	if s.sixBits() && u >= 1<<6 {
		return fmt.Errorf("%w: %d for %s", errRange, int64(u), s.elem)
	}
	if i := int64(u); i < -1<<(bits-1) || i >= 1<<bits {
		return fmt.Errorf("%w: %d for %s", errRange, i, s.elem)
	}
	return nil
}

// Bytes implements tensor.Storage.
func (s *typedData) Bytes() []byte {
	if s.view != nil {
		return s.view
	}
	s.once.Do(func() {
		out := make([]byte, 0, s.size)
		width := s.width()
		_ = s.each(func(u uint64) error { // newTypedData walked the same bytes
			switch width {
			case 1:
				out = append(out, byte(u))
			case 2:
				out = binary.LittleEndian.AppendUint16(out, uint16(u))
			case 4:
				out = binary.LittleEndian.AppendUint32(out, uint32(u))
			default:
				out = binary.LittleEndian.AppendUint64(out, u)
			}
			return nil
		}, func(b []byte) error {
			out = append(out, b...)
			return nil
		})
		if s.sixBits() {
			out = tensor.Pack6(out)
		}
		s.decoded = out
	})
	return s.decoded
}

// typedOf is the tensor's bytes as the typed field of its element type, written packed; nil when there is none for it.
func typedOf(t *tensor.Tensor) *typedData {
	num := typedFieldOf(t.Elem)
	if num == 0 {
		return nil
	}
	b := t.Bytes()
	s := &typedData{elem: t.Elem, num: num, size: int64(len(b)), view: b}
	wire := protowire.AppendTag(nil, num, protowire.BytesType)
	if num == tensorFloats || num == tensorDoubles {
		s.wire = protowire.AppendBytes(wire, b)
		return s
	}
	var body []byte
	add := func(u uint64) { body = protowire.AppendVarint(body, u) }
	switch t.Elem {
	case tensor.Int8:
		for _, x := range tensor.Cast[int8](b) {
			add(uint64(x))
		}
	case tensor.Int16:
		for _, x := range tensor.Cast[int16](b) {
			add(uint64(x))
		}
	case tensor.Int32:
		for _, x := range tensor.Cast[int32](b) {
			add(uint64(x))
		}
	case tensor.Uint32:
		for _, x := range tensor.Cast[uint32](b) {
			add(uint64(x))
		}
	case tensor.Int64, tensor.Uint64:
		for _, x := range tensor.Cast[uint64](b) {
			add(x)
		}
	case tensor.Uint16, tensor.Float16, tensor.BFloat16:
		for _, x := range tensor.Cast[uint16](b) {
			add(uint64(x))
		}
	default: // whole bytes, of packed elements too
		for _, x := range b {
			add(uint64(x))
		}
	}
	s.wire = protowire.AppendBytes(wire, body)
	return s
}

// Len implements tensor.Storage.
func (s *typedData) Len() int64 { return s.size }
