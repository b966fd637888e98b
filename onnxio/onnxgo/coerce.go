package onnxgo

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// coerce gives t the element type that the model declares, if every value stays what it is: a float32 3 will do where an int64 is asked for,
// 3.5 will not. onnx-go's own tests give single integers as float32.
func coerce(t *tensor.Tensor, want tensor.DType) (*tensor.Tensor, error) {
	if t.Elem == want || want == tensor.Undefined {
		return t, nil
	}
	mismatch := func(why string) error {
		return fmt.Errorf("the model declares %s, the tensor is %s%s", want, t.Elem, why)
	}
	convert := conversions[want]
	if convert == nil || conversions[t.Elem] == nil {
		return nil, mismatch("")
	}
	x, err := t.Float64s()
	if err != nil {
		return nil, mismatch("")
	}
	if t.Elem.IsInteger() || want.IsInteger() {
		for _, v := range x {
			if !(math.Abs(v) <= 1<<53) { // beyond, a float64 does not tell integers apart
				return nil, mismatch(" and holds values that are no integers of 53 bits")
			}
		}
	}
	if out := convert(x, t.Shape); out != nil {
		return out, nil
	}
	return nil, mismatch(" and holds values that the declared type has not")
}

// conversions are by the type that they lead to: nil when a value would change.
var conversions = map[tensor.DType]func(x []float64, shape []int64) *tensor.Tensor{
	tensor.Float32: exactly[float32], tensor.Float64: exactly[float64],
	tensor.Int8: exactly[int8], tensor.Int16: exactly[int16], tensor.Int32: exactly[int32], tensor.Int64: exactly[int64],
	tensor.Uint8: exactly[uint8], tensor.Uint16: exactly[uint16], tensor.Uint32: exactly[uint32], tensor.Uint64: exactly[uint64],
}

func exactly[T float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](x []float64, shape []int64) *tensor.Tensor {
	out := make([]T, len(x))
	for i, v := range x {
		if out[i] = T(v); float64(out[i]) != v && v == v {
			return nil
		}
	}
	return tensor.Of(out, shape...)
}
