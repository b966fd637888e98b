package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// narrowing says how Cast and QuantizeLinear treat values beyond a narrow float format.
type narrowing struct {
	saturate bool   // clamp to the largest value instead of Inf or NaN
	mode     string // rounding to float8e8m0: "up", "down" or "nearest"
}

// float8Format describes an 8-bit format: sign, exponent, mant bits; the value of code c is by the tensor package.
type float8Format struct {
	mant, bias int
	maxCode    byte // of the largest finite value
	inf, nan   byte // without sign; inf == nan where the format has no infinity
	unsigned0  bool // no negative zero
}

var float8Formats = map[tensor.DType]float8Format{
	tensor.Float8E4M3FN:   {3, 7, 0x7e, 0x7f, 0x7f, false},
	tensor.Float8E4M3FNUZ: {3, 8, 0x7f, 0x80, 0x80, true},
	tensor.Float8E5M2:     {2, 15, 0x7b, 0x7c, 0x7f, false},
	tensor.Float8E5M2FNUZ: {2, 16, 0x7f, 0x80, 0x80, true},
}

// float8 is v rounded to the nearest value of an 8-bit format, ties to even.
func (o narrowing) float8(e tensor.DType, v float64) byte {
	if e == tensor.Float8E8M0 {
		return o.float8e8m0(v)
	}
	f := float8Formats[e]
	sign := byte(0)
	if math.Signbit(v) {
		sign = 0x80
	}
	a := math.Abs(v)
	if f.unsigned0 {
		switch {
		case v != v:
			return 0x80
		case math.IsInf(v, 0) && !o.saturate:
			return 0x80
		}
	}
	switch {
	case v != v:
		return sign | f.nan
	case math.IsInf(v, 0):
		if o.saturate {
			return sign | f.maxCode
		}
		return sign | f.inf
	}
	code := f.nearest(a)
	if code > int(f.maxCode) {
		switch {
		case o.saturate:
			return sign | f.maxCode
		case f.unsigned0:
			return 0x80
		}
		return sign | f.inf
	}
	if code == 0 && f.unsigned0 {
		return 0
	}
	return sign | byte(code)
}

// nearest is the code of a >= 0, counted on beyond the largest finite one.
func (f float8Format) nearest(a float64) int {
	if a == 0 {
		return 0
	}
	_, exp := math.Frexp(a) // a = frac * 2^exp, frac in [0.5, 1)
	e := max(exp-1, 1-f.bias)
	steps := math.RoundToEven(math.Ldexp(a, f.mant-e)) // in units of the last place at exponent e
	return int(steps) + (e+f.bias-1)<<f.mant
}

// float8e8m0 rounds to a power of two; there is neither sign nor zero.
func (o narrowing) float8e8m0(v float64) byte {
	a := math.Abs(v)
	switch {
	case v != v:
		return 0xff
	case math.IsInf(v, 0):
		if o.saturate {
			return 0xfe
		}
		return 0xff
	case a == 0:
		return 0
	}
	frac, exp := math.Frexp(a)
	e := exp - 1 // a = (2 frac) * 2^e
	switch {
	case frac == 0.5:
	case o.mode == "up":
		e++
	case o.mode == "nearest" && frac >= 0.75:
		e++
	}
	switch {
	case e < -127:
		return 0
	case e > 127:
		if o.saturate {
			return 0xfe
		}
		return 0xff
	}
	return byte(e + 127)
}

// float4 is the 4-bit code of v in float4e2m1, ties to even, clamped to ±6.
func float4(v float64) byte {
	sign := byte(0)
	if math.Signbit(v) {
		sign = 8
	}
	a := math.Abs(v)
	if v != v {
		return 8
	}
	if a >= 6 {
		return sign | 7
	}
	f := float8Format{mant: 1, bias: 1}
	return sign | byte(min(f.nearest(a), 7))
}
