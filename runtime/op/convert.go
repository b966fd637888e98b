package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// convert fills y with x's values, converted to y's type.
func convert(y, x *tensor.Tensor, opt narrowing, p *kernel.Pool) error {
	switch {
	case x.Elem == y.Elem:
		copyAll(y, x)
		return nil
	case x.Elem == tensor.String:
		return parseStrings(y, x, opt)
	case y.Elem == tensor.String:
		return formatStrings(y, x)
	case direct(y, x, p):
		return nil
	}
	// Everything else goes through int64, or through float64, which holds all values of every other type but large 64-bit integers.
	if !x.Elem.IsFloat() && x.Elem != tensor.Uint64 {
		v, err := x.Int64s()
		if err != nil {
			return err
		}
		if y.Elem.IsFloat() {
			return storeWide(y, intsToFloats(v), opt)
		}
		return storeInts(y, v)
	}
	if x.Elem == tensor.Uint64 && !y.Elem.IsFloat() {
		return storeInts(y, tensor.Cast[int64](x.Bytes()))
	}
	v, err := x.Float64s()
	if err != nil {
		return err
	}
	return storeWide(y, v, opt)
}

func intsToFloats(v []int64) []float64 {
	out := make([]float64, len(v))
	for i, a := range v {
		out[i] = float64(a)
	}
	return out
}

// direct handles the conversions that matter for speed.
func direct(y, x *tensor.Tensor, p *kernel.Pool) bool {
	n := x.Len()
	type way struct{ from, to tensor.DType }
	switch (way{x.Elem, y.Elem}) {
	case way{tensor.Float16, tensor.Float32}:
		a, b := tensor.Data[uint16](x), tensor.Data[float32](y)
		p.For(n, zipGrain, func(lo, hi int) { kernel.Float16ToFloat32(b[lo:hi], a[lo:hi]) })
	case way{tensor.BFloat16, tensor.Float32}:
		a, b := tensor.Data[uint16](x), tensor.Data[float32](y)
		p.For(n, zipGrain, func(lo, hi int) { kernel.BFloat16ToFloat32(b[lo:hi], a[lo:hi]) })
	case way{tensor.Float32, tensor.Float16}:
		a, b := tensor.Data[float32](x), tensor.Data[uint16](y)
		p.For(n, zipGrain, func(lo, hi int) { kernel.Float32ToFloat16(b[lo:hi], a[lo:hi]) })
	case way{tensor.Float32, tensor.BFloat16}:
		a, b := tensor.Data[float32](x), tensor.Data[uint16](y)
		p.For(n, zipGrain, func(lo, hi int) { kernel.Float32ToBFloat16(b[lo:hi], a[lo:hi]) })
	case way{tensor.Int64, tensor.Float32}:
		castLoop[int64, float32](y, x)
	case way{tensor.Int32, tensor.Float32}:
		castLoop[int32, float32](y, x)
	case way{tensor.Int64, tensor.Int32}:
		castLoop[int64, int32](y, x)
	case way{tensor.Int32, tensor.Int64}:
		castLoop[int32, int64](y, x)
	case way{tensor.Bool, tensor.Int64}:
		castLoop[uint8, int64](y, x)
	case way{tensor.Bool, tensor.Int32}:
		castLoop[uint8, int32](y, x)
	case way{tensor.Bool, tensor.Float32}, way{tensor.Uint8, tensor.Float32}:
		castLoop[uint8, float32](y, x)
	case way{tensor.Float64, tensor.Float32}:
		castLoop[float64, float32](y, x)
	case way{tensor.Float32, tensor.Float64}:
		castLoop[float32, float64](y, x)
	case way{tensor.Uint64, tensor.Float32}:
		castLoop[uint64, float32](y, x)
	case way{tensor.Float32, tensor.Bool}:
		truth[float32](y, x)
	case way{tensor.Int64, tensor.Bool}:
		truth[int64](y, x)
	case way{tensor.Int32, tensor.Bool}:
		truth[int32](y, x)
	default:
		return false
	}
	return true
}

func castLoop[S, D number](y, x *tensor.Tensor) {
	out := tensor.Cast[D](y.Bytes())
	for i, v := range tensor.Cast[S](x.Bytes()) {
		out[i] = D(v)
	}
}

func truth[S number](y, x *tensor.Tensor) {
	out := tensor.Data[bool](y)
	for i, v := range tensor.Cast[S](x.Bytes()) {
		out[i] = v != 0
	}
}

// storeInts fills y, of an integer type or Bool, with v modulo the type's range.
func storeInts(y *tensor.Tensor, v []int64) error {
	switch y.Elem {
	case tensor.Bool:
		out := tensor.Data[bool](y)
		for i, a := range v {
			out[i] = a != 0
		}
	case tensor.Int8, tensor.Uint8:
		putInts[uint8](y, v)
	case tensor.Int16, tensor.Uint16:
		putInts[uint16](y, v)
	case tensor.Int32, tensor.Uint32:
		putInts[uint32](y, v)
	case tensor.Int64, tensor.Uint64:
		putInts[uint64](y, v)
	case tensor.Int4, tensor.Uint4, tensor.Int2, tensor.Uint2:
		packInts(y, v)
	default:
		return errElem(y.Elem)
	}
	return nil
}

func putInts[T bits](y *tensor.Tensor, v []int64) {
	out := tensor.Cast[T](y.Bytes())
	for i, a := range v {
		out[i] = T(a)
	}
}

// packInts stores v in elements of 2 or 4 bits, the first in the low bits.
func packInts(y *tensor.Tensor, v []int64) {
	b, w := y.Bytes(), y.Elem.Bits()
	clear(b)
	for i, a := range v {
		at := i * w
		b[at/8] |= byte(a) & (1<<w - 1) << (at % 8)
	}
}

// storeFloats fills y with v converted to its type.
func storeFloats(y *tensor.Tensor, v []float64) error {
	return storeWide(y, v, narrowing{saturate: true, mode: "up"})
}

func storeWide(y *tensor.Tensor, v []float64, opt narrowing) error {
	switch y.Elem {
	case tensor.Float32:
		out := tensor.Data[float32](y)
		for i, a := range v {
			out[i] = float32(a)
		}
	case tensor.Float64:
		copy(tensor.Data[float64](y), v)
	case tensor.Float16:
		out := tensor.Data[uint16](y)
		for i, a := range v {
			out[i] = tensor.Float32ToHalf(oddRound(a))
		}
	case tensor.BFloat16:
		out := tensor.Data[uint16](y)
		for i, a := range v {
			out[i] = tensor.Float32ToBFloat16(oddRound(a))
		}
	case tensor.Bool:
		out := tensor.Data[bool](y)
		for i, a := range v {
			out[i] = a != 0
		}
	case tensor.Uint64:
		out := tensor.Data[uint64](y)
		for i, a := range v {
			if a >= 1<<63 {
				out[i] = uint64(a)
				continue
			}
			out[i] = uint64(int64(a))
		}
	case tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ, tensor.Float8E5M2, tensor.Float8E5M2FNUZ, tensor.Float8E8M0:
		b := y.Bytes()
		for i, a := range v {
			b[i] = opt.float8(y.Elem, a)
		}
	case tensor.Float4E2M1:
		codes := make([]int64, len(v))
		for i, a := range v {
			codes[i] = int64(float4(a))
		}
		packInts(y, codes)
	default:
		ints := make([]int64, len(v))
		for i, a := range v {
			ints[i] = int64(a)
		}
		return storeInts(y, ints)
	}
	return nil
}

// oddRound is x as float32, rounded so that a second rounding to a shorter format gives what one rounding would: an inexact result gets
// its last bit set.
func oddRound(x float64) float32 {
	f := float32(x)
	if float64(f) == x || f != f || math.IsInf(float64(f), 0) {
		return f
	}
	b := math.Float32bits(f)
	if b&1 == 0 {
		if (float64(f) < x) == (x > 0) {
			b++
		} else {
			b--
		}
	}
	return math.Float32frombits(b)
}
