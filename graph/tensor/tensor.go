package tensor

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// Tensor is a dense tensor. The zero value is an undefined tensor without elements.
type Tensor struct {
	Elem    DType
	Shape   []int64  // row-major; empty for a scalar
	Strs    [][]byte // the elements of a String tensor; nil for all others
	storage Storage
	Meta    *Meta // what the file said beyond type, shape and values; nil when nothing
}

// Meta keeps what a TensorProto says beside its values, so that it is written as it was read.
type Meta struct {
	Name     string
	Doc      string
	Carrier  Carrier
	External []KeyValue // external_data entries in file order, when Carrier is CarrierExternal
	Segment  *Segment
	Props    []KeyValue
	Unknown  []byte // unknown fields in wire form
	Explicit uint64 // bit n: field number n was present although it held its default
}

// Carrier says which field of a TensorProto holds the values.
type Carrier uint8

// The carriers. CarrierAuto lets the writer choose (raw_data, strings in string_data).
const (
	CarrierAuto Carrier = iota
	CarrierRaw
	CarrierTyped
	CarrierExternal
	CarrierNone // a TensorProto without any data field
)

// KeyValue is a StringStringEntryProto.
type KeyValue struct {
	Key, Value string
	Unknown    []byte
	Explicit   uint64
}

// Segment is TensorProto.Segment, a field that no known writer uses.
type Segment struct {
	Begin, End int64
	Unknown    []byte
	Explicit   uint64
}

// New returns a tensor over storage, which must hold ByteSize(elem, shape) bytes. It is an error if it does not.
func New(elem DType, shape []int64, storage Storage) (*Tensor, error) {
	n, err := ByteSize(elem, shape)
	if err != nil {
		return nil, err
	}
	if storage.Len() != n {
		return nil, fmt.Errorf("tensor %s%v needs %d bytes, has %d", elem, shape, n, storage.Len())
	}
	return &Tensor{Elem: elem, Shape: shape, storage: storage}, nil
}

// FromBytes returns a tensor that owns b, which holds raw_data's layout.
func FromBytes(elem DType, shape []int64, b []byte) (*Tensor, error) {
	return New(elem, shape, Heap(b))
}

// FromStrings returns a String tensor that owns s.
func FromStrings(shape []int64, s [][]byte) (*Tensor, error) {
	if n, err := NumElements(shape); err != nil || n != int64(len(s)) {
		return nil, fmt.Errorf("string tensor of shape %v has %d elements", shape, len(s))
	}
	return &Tensor{Elem: String, Shape: shape, Strs: s}, nil
}

// Zeros returns a heap tensor of the given type and shape; it panics on a shape that has no size.
func Zeros(elem DType, shape ...int64) *Tensor {
	n, err := ByteSize(elem, shape)
	if err != nil {
		panic(err)
	}
	return &Tensor{Elem: elem, Shape: shape, storage: Heap(make([]byte, n))}
}

// NumElements is the product of shape. It is an error when a dim is negative or the product overflows.
func NumElements(shape []int64) (int64, error) {
	n := uint64(1)
	zero := false
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative dim", shape)
		}
		if d == 0 {
			zero = true
			continue
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > math.MaxInt64 {
			return 0, fmt.Errorf("shape %v has too many elements", shape)
		}
		n = lo
	}
	if zero {
		return 0, nil
	}
	return int64(n), nil
}

// ByteSize is the number of bytes of a tensor in raw_data's layout. It is an error for strings, unknown types and shapes without a
// size.
func ByteSize(elem DType, shape []int64) (int64, error) {
	n, err := NumElements(shape)
	if err != nil {
		return 0, err
	}
	b := int64(elem.Bits())
	if b == 0 {
		return 0, fmt.Errorf("%s has no fixed element size", elem)
	}
	if n > (math.MaxInt64-7)/b {
		return 0, fmt.Errorf("shape %v has too many bytes", shape)
	}
	return (n*b + 7) / 8, nil
}

// Len is the number of elements; 0 when the shape is broken.
func (t *Tensor) Len() int {
	n, err := NumElements(t.Shape)
	if err != nil {
		return 0
	}
	return int(n)
}

// Rank is the number of dims.
func (t *Tensor) Rank() int { return len(t.Shape) }

// Storage is where the bytes lie; nil for strings and for tensors without data.
func (t *Tensor) Storage() Storage { return t.storage }

// IsReference reports whether the values are, or would be, in a data file that external_data names: they are there, or not loaded.
func (t *Tensor) IsReference() bool {
	if t.Meta == nil || t.Meta.Carrier != CarrierExternal {
		return false
	}
	file, ok := t.storage.(interface{ External() bool })
	return t.storage == nil || ok && file.External()
}

// SetStorage replaces where the bytes lie. Only the owner of a tensor that no graph holds yet may call it.
func (t *Tensor) SetStorage(s Storage) { t.storage = s }

// Bytes is the tensor in raw_data's layout, a view where possible. It may fault pages of a mapped file in. Nil for strings.
func (t *Tensor) Bytes() []byte {
	if t.storage == nil {
		return nil
	}
	return t.storage.Bytes()
}

// WriteTo writes Bytes to w.
func (t *Tensor) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(t.Bytes())
	return int64(n), err
}

// Hash is SHA-256 over element type, shape and values. Equal tensors have equal hashes wherever their bytes lie.
func (t *Tensor) Hash() [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d %v\n", t.Elem, t.Shape)
	for _, s := range t.Strs {
		fmt.Fprintf(h, "%d ", len(s))
		h.Write(s)
	}
	h.Write(t.Bytes())
	return [32]byte(h.Sum(nil))
}

// WithShape is a tensor with the same storage and another shape of the same size.
func (t *Tensor) WithShape(shape ...int64) *Tensor {
	return &Tensor{Elem: t.Elem, Shape: shape, Strs: t.Strs, storage: t.storage}
}

// Clone copies the tensor with its bytes to the heap; Meta is not copied.
func (t *Tensor) Clone() *Tensor {
	c := &Tensor{Elem: t.Elem, Shape: append([]int64(nil), t.Shape...), Strs: t.Strs}
	if t.storage != nil {
		c.storage = Heap(append([]byte(nil), t.Bytes()...))
	}
	return c
}

// String is a short description: type, shape and up to eight values.
func (t *Tensor) String() string {
	if t == nil {
		return "<nil>"
	}
	s := fmt.Sprintf("%s%v", t.Elem, t.Shape)
	if v, err := t.Float64s(); err == nil && len(v) <= 8 {
		s += fmt.Sprintf("%v", v)
	}
	return s
}

// Sparse is a tensor in ONNX's coordinate form: Values has shape [nnz]; Indices has shape [nnz] (linear) or [nnz, rank], int64.
type Sparse struct {
	Values, Indices *Tensor
	Dims            []int64
	Unknown         []byte
	Explicit        uint64
}
