package tensor

import "strconv"

// DType is an element type with ONNX's numbers (TensorProto.DataType). Numbers this package does not know are kept as they are.
type DType int32

// The element types of ONNX IR version 14.
const (
	Undefined      DType = 0
	Float32        DType = 1
	Uint8          DType = 2
	Int8           DType = 3
	Uint16         DType = 4
	Int16          DType = 5
	Int32          DType = 6
	Int64          DType = 7
	String         DType = 8
	Bool           DType = 9
	Float16        DType = 10
	Float64        DType = 11
	Uint32         DType = 12
	Uint64         DType = 13
	Complex64      DType = 14
	Complex128     DType = 15
	BFloat16       DType = 16
	Float8E4M3FN   DType = 17
	Float8E4M3FNUZ DType = 18
	Float8E5M2     DType = 19
	Float8E5M2FNUZ DType = 20
	Uint4          DType = 21
	Int4           DType = 22
	Float4E2M1     DType = 23
	Float8E8M0     DType = 24
	Uint2          DType = 25
	Int2           DType = 26
	Float6E2M3     DType = 27
	Float6E3M2     DType = 28
)

type dtypeInfo struct {
	name string // ONNX's textual name
	bits int    // 0: no fixed size
}

var dtypes = [...]dtypeInfo{
	Undefined:      {"undefined", 0},
	Float32:        {"float", 32},
	Uint8:          {"uint8", 8},
	Int8:           {"int8", 8},
	Uint16:         {"uint16", 16},
	Int16:          {"int16", 16},
	Int32:          {"int32", 32},
	Int64:          {"int64", 64},
	String:         {"string", 0},
	Bool:           {"bool", 8},
	Float16:        {"float16", 16},
	Float64:        {"double", 64},
	Uint32:         {"uint32", 32},
	Uint64:         {"uint64", 64},
	Complex64:      {"complex64", 64},
	Complex128:     {"complex128", 128},
	BFloat16:       {"bfloat16", 16},
	Float8E4M3FN:   {"float8e4m3fn", 8},
	Float8E4M3FNUZ: {"float8e4m3fnuz", 8},
	Float8E5M2:     {"float8e5m2", 8},
	Float8E5M2FNUZ: {"float8e5m2fnuz", 8},
	Uint4:          {"uint4", 4},
	Int4:           {"int4", 4},
	Float4E2M1:     {"float4e2m1", 4},
	Float8E8M0:     {"float8e8m0", 8},
	Uint2:          {"uint2", 2},
	Int2:           {"int2", 2},
	Float6E2M3:     {"float6e2m3", 6},
	Float6E3M2:     {"float6e3m2", 6},
}

// Known reports whether d is one of the types above, Undefined included.
func (d DType) Known() bool { return d >= 0 && int(d) < len(dtypes) }

// String is ONNX's textual name ("float", "double", "int64"), or "dtype(n)" for an unknown number.
func (d DType) String() string {
	if d.Known() {
		return dtypes[d].name
	}
	return "dtype(" + strconv.Itoa(int(d)) + ")"
}

// Bits is the size of one element in bits; 0 for strings, Undefined and unknown numbers.
func (d DType) Bits() int {
	if d.Known() {
		return dtypes[d].bits
	}
	return 0
}

// ParseDType is the inverse of String for known types.
func ParseDType(name string) (DType, bool) {
	for d, info := range dtypes {
		if info.name == name {
			return DType(d), true
		}
	}
	return Undefined, false
}

// IsFloat reports whether d is a floating-point type of any width.
func (d DType) IsFloat() bool {
	switch d {
	case Float32, Float64, Float16, BFloat16, Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Float4E2M1, Float8E8M0,
		Float6E2M3, Float6E3M2:
		return true
	}
	return false
}

// IsInteger reports whether d is a signed or unsigned integer of any width; Bool is not.
func (d DType) IsInteger() bool {
	switch d {
	case Uint8, Int8, Uint16, Int16, Int32, Int64, Uint32, Uint64, Uint4, Int4, Uint2, Int2:
		return true
	}
	return false
}
