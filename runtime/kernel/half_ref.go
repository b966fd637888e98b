package kernel

import "math"

func float16ToFloat32Ref(dst []float32, x []uint16) {
	for i, v := range x {
		dst[i] = float16Value(v)
	}
}

func float32ToFloat16Ref(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = float16Bits(v)
	}
}

func bfloat16ToFloat32Ref(dst []float32, x []uint16) {
	for i, v := range x {
		dst[i] = math.Float32frombits(uint32(v) << 16)
	}
}

func float32ToBFloat16Ref(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = bfloat16Bits(v)
	}
}

func float16Value(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exp {
	case 0:
		v := float32(frac) * (1. / (1 << 24)) // subnormal: a multiple of 2^-24
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		if frac != 0 {
			frac |= 1 << 9 // quiet
		}
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
}

func float16Bits(v float32) uint16 {
	b := math.Float32bits(v)
	sign, mag := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case mag > 0x7f800000: // NaN
		return sign | 0x7e00 | uint16(mag>>13&0x3ff)
	case mag >= 0x477ff000: // rounds to 65536 or more
		return sign | 0x7c00
	case mag < 0x38800000: // below 2^-14: a multiple of 2^-24, whose addition rounds
		r := math.Float32frombits(mag) + 0.5
		return sign | uint16(math.Float32bits(r)-math.Float32bits(0.5))
	}
	mag += 0xfff + mag>>13&1
	return sign | uint16((mag-(127-15)<<23)>>13)
}

func bfloat16Bits(v float32) uint16 {
	b := math.Float32bits(v)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
