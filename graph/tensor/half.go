package tensor

import (
	"math"

	"github.com/x448/float16"
)

// HalfToFloat32 widens an IEEE 754 binary16.
func HalfToFloat32(h uint16) float32 { return float16.Frombits(h).Float32() }

// Float32ToHalf rounds to the nearest IEEE 754 binary16, ties to even.
func Float32ToHalf(f float32) uint16 { return float16.Fromfloat32(f).Bits() }

// BFloat16ToFloat32 widens a bfloat16.
func BFloat16ToFloat32(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// Float32ToBFloat16 rounds to the nearest bfloat16, ties to even; a NaN stays a (quiet) NaN.
func Float32ToBFloat16(f float32) uint16 {
	b := math.Float32bits(f)
	if f != f {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

var float4Values = [16]float64{0, 0.5, 1, 1.5, 2, 3, 4, 6, math.Copysign(0, -1), -0.5, -1, -1.5, -2, -3, -4, -6}

// float8ToFloat64 decodes the 8-bit formats of the ONNX specification ("Float stored in 8 bits").
func float8ToFloat64(d DType, b byte) float64 {
	if d == Float8E8M0 {
		if b == 0xff {
			return math.NaN()
		}
		return math.Ldexp(1, int(b)-127)
	}
	mant, bias := 3, 7
	switch d {
	case Float8E4M3FNUZ:
		bias = 8
	case Float8E5M2:
		mant, bias = 2, 15
	case Float8E5M2FNUZ:
		mant, bias = 2, 16
	}
	sign := 1.0
	if b&0x80 != 0 {
		sign = -1
	}
	m := int(b) & (1<<mant - 1)
	e := int(b) & 0x7f >> mant
	switch d {
	case Float8E4M3FN:
		if b&0x7f == 0x7f {
			return math.NaN()
		}
	case Float8E5M2:
		if e == 31 && m == 0 {
			return math.Inf(int(sign))
		}
		if e == 31 {
			return math.NaN()
		}
	default: // the FNUZ formats have one NaN and no negative zero
		if b == 0x80 {
			return math.NaN()
		}
	}
	if e == 0 {
		return sign * math.Ldexp(float64(m), 1-bias-mant)
	}
	return sign * math.Ldexp(float64(m)+float64(int(1)<<mant), e-bias-mant)
}

// float6ToFloat64 decodes the low 6 bits of b as one of the 6-bit formats ("Float stored in 6 bits"), which have neither infinities nor NaN.
func float6ToFloat64(d DType, b byte) float64 {
	mant, bias := 3, 1
	if d == Float6E3M2 {
		mant, bias = 2, 3
	}
	m, e := int(b)&(1<<mant-1), int(b)&0x1f>>mant
	x := math.Ldexp(float64(m|1<<mant), e-bias-mant)
	if e == 0 {
		x = math.Ldexp(float64(m), 1-bias-mant)
	}
	if b&0x20 != 0 {
		x = -x
	}
	return x
}

// bits6 is element i of packed 6-bit elements: a stream of bits, the first element in the lowest bits of the first byte.
func bits6(b []byte, i int) byte {
	at := 6 * i
	x := uint16(b[at/8])
	if at%8 > 2 {
		x |= uint16(b[at/8+1]) << 8
	}
	return byte(x>>(at%8)) & 0x3f
}

// Pack6 packs codes of 6 bits, one a byte, as raw_data has them: a stream of bits, the first code in the lowest bits of the first byte.
func Pack6(codes []byte) []byte {
	out := make([]byte, (6*len(codes)+7)/8)
	for i, c := range codes {
		at := 6 * i
		x := uint16(c&0x3f) << (at % 8)
		out[at/8] |= byte(x)
		if x > 0xff {
			out[at/8+1] |= byte(x >> 8)
		}
	}
	return out
}

// EncodeSmallFloat is the code of f in an 8-bit, 6-bit or 4-bit float format, if the format has exactly that value (any NaN for NaN).
func EncodeSmallFloat(d DType, f float64) (byte, bool) {
	for c := range 1 << d.Bits() {
		v := smallFloat(d, byte(c))
		if v == f && math.Signbit(v) == math.Signbit(f) || v != v && f != f {
			return byte(c), true
		}
	}
	return 0, false
}

// smallFloat decodes a code of a float format of 8 bits or less.
func smallFloat(d DType, code byte) float64 {
	switch d {
	case Float4E2M1:
		return float4Values[code]
	case Float6E2M3, Float6E3M2:
		return float6ToFloat64(d, code)
	}
	return float8ToFloat64(d, code)
}
