package onnxgo

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	gorgonia "gorgonia.org/tensor"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// format converts the elements of one type: in from what gorgonia's Data gives, out to what its WithBacking takes.
type format struct {
	elem tensor.DType
	in   func(data any, shape []int64, strides []int) (*tensor.Tensor, error)
	out  func(t *tensor.Tensor) any
}

// formats are the element types that gorgonia and ONNX share. Go's int and uint come in as 64 bits and go out as int64 and uint64.
var formats = map[reflect.Type]format{
	gorgonia.Float32.Type:    native[float32](),
	gorgonia.Float64.Type:    native[float64](),
	gorgonia.Int8.Type:       native[int8](),
	gorgonia.Int16.Type:      native[int16](),
	gorgonia.Int32.Type:      native[int32](),
	gorgonia.Int64.Type:      native[int64](),
	gorgonia.Uint8.Type:      native[uint8](),
	gorgonia.Uint16.Type:     native[uint16](),
	gorgonia.Uint32.Type:     native[uint32](),
	gorgonia.Uint64.Type:     native[uint64](),
	gorgonia.Bool.Type:       native[bool](),
	gorgonia.Complex64.Type:  native[complex64](),
	gorgonia.Complex128.Type: native[complex128](),
	gorgonia.Int.Type:        converted(func(x int) int64 { return int64(x) }),
	gorgonia.Uint.Type:       converted(func(x uint) uint64 { return uint64(x) }),
	gorgonia.String.Type: {elem: tensor.String, in: func(data any, shape []int64, strides []int) (*tensor.Tensor, error) {
		rows, err := rowMajor[string](data, shape, strides)
		if err != nil {
			return nil, err
		}
		list := make([][]byte, len(rows))
		for i, s := range rows {
			list[i] = []byte(s)
		}
		return tensor.FromStrings(shape, list)
	}, out: func(t *tensor.Tensor) any {
		list := make([]string, len(t.Strs), len(t.Strs)+1)
		for i, s := range t.Strs {
			list[i] = string(s)
		}
		return list
	}},
}

// byElem finds the format of an ONNX element type.
var byElem = func() map[tensor.DType]format {
	m := map[tensor.DType]format{}
	for _, f := range formats {
		if f.out != nil {
			m[f.elem] = f
		}
	}
	return m
}()

// native is the format of an element type that both sides store alike: nothing is copied that lies row by row.
func native[T tensor.Native]() format {
	return format{
		elem: tensor.Scalar(*new(T)).Elem,
		in: func(data any, shape []int64, strides []int) (*tensor.Tensor, error) {
			rows, err := rowMajor[T](data, shape, strides)
			if err != nil {
				return nil, err
			}
			return tensor.FromBytes(tensor.Scalar(*new(T)).Elem, shape, tensor.AsBytes(rows))
		},
		out: func(t *tensor.Tensor) any {
			if t.Len() == 0 {
				return make([]T, 0, 1) // gorgonia takes a nil slice for a missing one
			}
			return tensor.Data[T](t)
		},
	}
}

// converted is the format of a type that ONNX has under another size.
func converted[T any, U tensor.Native](f func(T) U) format {
	return format{elem: tensor.Scalar(*new(U)).Elem, in: func(data any, shape []int64, strides []int) (*tensor.Tensor, error) {
		rows, err := rowMajor[T](data, shape, strides)
		if err != nil {
			return nil, err
		}
		list := make([]U, len(rows))
		for i, x := range rows {
			list[i] = f(x)
		}
		return tensor.Of(list, shape...), nil
	}}
}

// rowMajor is the elements in row-major order: data itself when it lies so, else a copy. data is a slice, or one value for a single element.
func rowMajor[T any](data any, shape []int64, strides []int) ([]T, error) {
	n, err := tensor.NumElements(shape)
	if err != nil {
		return nil, err
	}
	size := int(n)
	var list []T
	switch x := data.(type) {
	case []T:
		list = x
	case T:
		list = []T{x}
	default:
		return nil, fmt.Errorf("its data is a %T, which is not what its type says", data)
	}
	if size <= 1 || dense(shape, strides) {
		if len(list) < size {
			return nil, fmt.Errorf("it has %d elements where shape %v has %d", len(list), shape, size)
		}
		return list[:size:size], nil
	}
	if len(strides) != len(shape) {
		return nil, fmt.Errorf("shape %v has strides %v", shape, strides)
	}
	out := make([]T, 0, size)
	at := make([]int64, len(shape))
	for offset := 0; ; {
		if offset < 0 || offset >= len(list) {
			return nil, fmt.Errorf("strides %v lead outside of its %d elements", strides, len(list))
		}
		out = append(out, list[offset])
		d := len(shape) - 1
		for ; d >= 0; d-- {
			offset += strides[d]
			if at[d]++; at[d] < shape[d] {
				break
			}
			offset -= strides[d] * int(shape[d])
			at[d] = 0
		}
		if d < 0 {
			return out, nil
		}
	}
}

// dense reports whether the strides are those of elements row by row without gaps.
func dense(shape []int64, strides []int) bool {
	if len(strides) != len(shape) {
		return false
	}
	want := int64(1)
	for d := len(shape) - 1; d >= 0; d-- {
		if shape[d] != 1 && int64(strides[d]) != want {
			return false
		}
		want *= shape[d]
	}
	return true
}

// fromGorgonia is the tensor as ours, over the same memory where it lies row by row. Views and transposed tensors are copied.
func fromGorgonia(x gorgonia.Tensor) (t *tensor.Tensor, err error) {
	defer recovered(&err)
	d, ok := x.(*gorgonia.Dense)
	if !ok {
		s, ok := x.(gorgonia.Densor)
		if !ok {
			return nil, fmt.Errorf("a %T is neither dense nor can be made so", x)
		}
		d = s.Dense()
	}
	if d == nil {
		return nil, errors.New("the tensor is nil")
	}
	if !d.IsNativelyAccessible() {
		return nil, errors.New("the tensor's memory is not Go's")
	}
	f, ok := formats[d.Dtype().Type]
	if !ok {
		return nil, fmt.Errorf("ONNX has no element type for Go's %v", d.Dtype())
	}
	shape := make([]int64, d.Dims())
	for i, n := range d.Shape() {
		shape[i] = int64(n)
	}
	if len(shape) > 0 && d.Size() > 1 && len(d.Mask()) == d.Size() {
		return nil, errors.New("a masked tensor has no counterpart in ONNX")
	}
	if slices.Contains(shape, 0) { // gorgonia's Data panics for some of these
		if f.elem == tensor.String {
			return tensor.FromStrings(shape, nil)
		}
		return tensor.FromBytes(f.elem, shape, nil)
	}
	return f.in(d.Data(), shape, d.Strides())
}

// toGorgonia is the tensor as gorgonia's, over the same memory.
func toGorgonia(t *tensor.Tensor) (d *gorgonia.Dense, err error) {
	defer recovered(&err)
	if t == nil {
		return nil, errors.New("it is not a tensor")
	}
	f, ok := byElem[t.Elem]
	if !ok {
		return nil, fmt.Errorf("gorgonia has no element type for %s", t.Elem)
	}
	shape := make([]int, len(t.Shape))
	for i, n := range t.Shape {
		shape[i] = int(n)
	}
	return gorgonia.New(gorgonia.WithShape(shape...), gorgonia.WithBacking(f.out(t))), nil
}

// recovered turns a panic of gorgonia's, which has no other errors, into one.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("gorgonia's tensor: %v", r)
	}
}

// zero reports whether all elements are zero.
func zero(x gorgonia.Tensor) bool {
	t, err := fromGorgonia(x)
	if err != nil || t.Elem == tensor.String {
		return err == nil
	}
	for _, b := range t.Bytes() {
		if b != 0 {
			return false
		}
	}
	return true
}
