package graph

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Kind says what a value is.
type Kind uint8

// The kinds of TypeProto. KindUnknown is a value whose type nobody stated.
const (
	KindUnknown Kind = iota
	KindTensor
	KindSparseTensor
	KindSequence
	KindMap
	KindOptional
	KindOpaque
)

// Type is the type of a value (TypeProto). The zero value is unknown.
type Type struct {
	Kind       Kind
	Elem       tensor.DType // tensors
	Shape      Shape        // tensors
	Of         *Type        // element of a sequence or optional, value of a map; nil when not stated
	Key        tensor.DType // key of a map
	Denotation string
	Extra      *TypeExtra
}

// TypeExtra keeps what a TypeProto says beyond Type.
type TypeExtra struct {
	Extra
	OpaqueDomain, OpaqueName string
	Inner                    *Extra     // of the tensor, sequence, map … message inside
	ShapeExtra               *Extra     // of the TensorShapeProto
	Dims                     []DimExtra // by dim; shorter than the shape when the rest has none
}

// DimExtra keeps what a TensorShapeProto.Dimension says beyond Dim.
type DimExtra struct {
	Extra
	Denotation string
	Param      string // dim_param where the dimension alone would be written as a number
}

// Shape is a list of dimensions, or unknown rank (the zero value).
type Shape struct {
	Known bool
	Dims  []Dim
}

// ShapeOf is a known shape.
func ShapeOf(dims ...Dim) Shape { return Shape{Known: true, Dims: dims} }

// ConstShape is a known shape of constants.
func ConstShape(dims []int64) Shape {
	s := Shape{Known: true, Dims: make([]Dim, len(dims))}
	for i, d := range dims {
		s.Dims[i] = Const(d)
	}
	return s
}

// TensorType is the type of a dense tensor.
func TensorType(elem tensor.DType, shape Shape) Type {
	return Type{Kind: KindTensor, Elem: elem, Shape: shape}
}

// TypeOf is the type of a constant.
func TypeOf(t *tensor.Tensor) Type { return TensorType(t.Elem, ConstShape(t.Shape)) }

// Rank is the number of dims; -1 when unknown.
func (s Shape) Rank() int {
	if !s.Known {
		return -1
	}
	return len(s.Dims)
}

// Dim is dimension i, counted from the end when negative; Unknown when there is none.
func (s Shape) Dim(i int) Dim {
	if i < 0 {
		i += len(s.Dims)
	}
	if !s.Known || i < 0 || i >= len(s.Dims) {
		return Dim{}
	}
	return s.Dims[i]
}

// Ints is the shape as constants, if all dims are.
func (s Shape) Ints() ([]int64, bool) {
	if !s.Known {
		return nil, false
	}
	out := make([]int64, len(s.Dims))
	for i, d := range s.Dims {
		v, ok := d.Value()
		if !ok {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

// Equal reports whether both shapes are known and equal dim by dim.
func (s Shape) Equal(o Shape) bool {
	if !s.Known || !o.Known || len(s.Dims) != len(o.Dims) {
		return false
	}
	for i, d := range s.Dims {
		if !d.Equal(o.Dims[i]) {
			return false
		}
	}
	return true
}

// IsTensor reports whether t is a dense tensor of known element type.
func (t Type) IsTensor() bool { return t.Kind == KindTensor && t.Elem != tensor.Undefined }
