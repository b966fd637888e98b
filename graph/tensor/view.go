package tensor

import (
	"fmt"
	"math"
	"unsafe"
)

// Native are the Go types that have the memory layout of an ONNX element type.
type Native interface {
	~float32 | ~float64 | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~bool | ~complex64 | ~complex128
}

// Data is the tensor's bytes seen as a slice of T, without copying: the caller chooses T to fit Elem (uint16 for float16 and bfloat16).
// It panics when T's size is not the element's, which is a bug of the caller. The bytes may be unaligned, which the supported
// machines (amd64, arm64) read fine.
func Data[T Native](t *Tensor) []T {
	var z T
	size := int(unsafe.Sizeof(z))
	if t.Elem.Bits() != size*8 {
		panic(fmt.Sprintf("tensor.Data: %s seen as %T", t.Elem, z))
	}
	return Cast[T](t.Bytes())
}

// Cast is b seen as a slice of T; a rest shorter than T is left out.
func Cast[T Native](b []byte) []T {
	var z T
	n := len(b) / int(unsafe.Sizeof(z))
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// AsBytes is s seen as bytes, without copying.
func AsBytes[T Native](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	var z T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(z)))
}

// Of makes a tensor that owns data; the element type is the ONNX type of T. It panics when shape and data do not fit.
func Of[T Native](data []T, shape ...int64) *Tensor {
	n, err := NumElements(shape)
	if err != nil || n != int64(len(data)) {
		panic(fmt.Sprintf("tensor.Of: shape %v, %d elements", shape, len(data)))
	}
	return &Tensor{Elem: dtypeOf[T](), Shape: shape, storage: Heap(AsBytes(data))}
}

// Scalar is Of without dims.
func Scalar[T Native](v T) *Tensor { return Of([]T{v}) }

func dtypeOf[T Native]() DType {
	var z T
	switch any(z).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case bool:
		return Bool
	case complex64:
		return Complex64
	case complex128:
		return Complex128
	}
	panic(fmt.Sprintf("tensor: no ONNX type for %T", z))
}

// Float32s is the tensor as float32: a view for Float32, a converted copy for the other real types. Error: strings and complex.
func (t *Tensor) Float32s() ([]float32, error) {
	if t.Elem == Float32 {
		return Data[float32](t), nil
	}
	v, err := t.Float64s()
	if err != nil {
		return nil, err
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out, nil
}

// Int64s is the tensor as int64: a view for Int64, a converted copy for other integers and Bool. Error: any other type.
func (t *Tensor) Int64s() ([]int64, error) {
	switch t.Elem {
	case Int64:
		return Data[int64](t), nil
	case Bool, Int8, Uint8, Int16, Uint16, Int32, Uint32, Uint64, Int4, Uint4, Int2, Uint2:
		out := make([]int64, t.Len())
		b := t.Bytes()
		for i := range out {
			out[i] = intAt(t.Elem, b, i)
		}
		return out, nil
	}
	return nil, fmt.Errorf("a tensor of %s is not integer", t.Elem)
}

// Float64s is the tensor as a new slice of float64. Error: strings, complex and unknown types.
func (t *Tensor) Float64s() ([]float64, error) {
	if t.Elem == String || t.Elem == Complex64 || t.Elem == Complex128 || t.Elem.Bits() == 0 {
		return nil, fmt.Errorf("a tensor of %s has no real values", t.Elem)
	}
	out := make([]float64, t.Len())
	b := t.Bytes()
	switch t.Elem {
	case Float32:
		for i, x := range Cast[float32](b) {
			out[i] = float64(x)
		}
	case Float64:
		copy(out, Cast[float64](b))
	case Float16:
		for i, x := range Cast[uint16](b) {
			out[i] = float64(HalfToFloat32(x))
		}
	case BFloat16:
		for i, x := range Cast[uint16](b) {
			out[i] = float64(math.Float32frombits(uint32(x) << 16))
		}
	case Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Float8E8M0:
		for i := range out {
			out[i] = float8ToFloat64(t.Elem, b[i])
		}
	case Float4E2M1:
		for i := range out {
			out[i] = float4Values[b[i/2]>>(4*(i%2))&15]
		}
	case Float6E2M3, Float6E3M2:
		for i := range out {
			out[i] = float6ToFloat64(t.Elem, bits6(b, i))
		}
	default:
		for i := range out {
			if t.Elem == Uint64 {
				out[i] = float64(Cast[uint64](b)[i])
				continue
			}
			out[i] = float64(intAt(t.Elem, b, i))
		}
	}
	return out, nil
}

func intAt(d DType, b []byte, i int) int64 {
	switch d {
	case Bool, Uint8:
		return int64(b[i])
	case Int8:
		return int64(int8(b[i]))
	case Uint16:
		return int64(Cast[uint16](b)[i])
	case Int16:
		return int64(Cast[int16](b)[i])
	case Int32:
		return int64(Cast[int32](b)[i])
	case Uint32:
		return int64(Cast[uint32](b)[i])
	case Int64:
		return Cast[int64](b)[i]
	case Uint64:
		return int64(Cast[uint64](b)[i])
	case Uint4:
		return int64(b[i/2] >> (4 * (i % 2)) & 15)
	case Int4:
		return int64(int8(b[i/2]>>(4*(i%2))&15<<4) >> 4)
	case Uint2:
		return int64(b[i/4] >> (2 * (i % 4)) & 3)
	case Int2:
		return int64(int8(b[i/4]>>(2*(i%4))&3<<6) >> 6)
	}
	return 0
}
