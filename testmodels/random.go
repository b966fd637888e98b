package testmodels

import "github.com/onnx-rewrite/onnx-rewrite/graph/tensor"

// Uniform is a small generator of numbers between -0.5 and 0.5, the same on every machine and Go version.
type Uniform uint32

// Next is the next number.
func (u *Uniform) Next() float32 {
	*u = *u*1664525 + 1013904223
	return float32(*u>>8)/(1<<24) - 0.5
}

// Slice is n numbers.
func (u *Uniform) Slice(n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = u.Next()
	}
	return s
}

// Tensor is a float tensor of that shape.
func (u *Uniform) Tensor(shape ...int64) *tensor.Tensor {
	n, err := tensor.NumElements(shape)
	if err != nil {
		panic(err)
	}
	return tensor.Of(u.Slice(int(n)), shape...)
}
