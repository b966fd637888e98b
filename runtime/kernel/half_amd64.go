//go:build amd64 && !noasm

package kernel

// halfWidth is the number of elements the vector forms convert at a time; the rest is left to the reference.
func halfWidth(level Level) int {
	if level >= AVX512 {
		return 16
	}
	return 8
}

func float16ToFloat32Asm(level Level, dst []float32, x []uint16) bool {
	n := len(x) &^ (halfWidth(level) - 1)
	switch {
	case n == 0:
	case level >= AVX512:
		float16ToFloat32AVX512(&dst[0], &x[0], n)
	default:
		float16ToFloat32AVX2(&dst[0], &x[0], n)
	}
	float16ToFloat32Ref(dst[n:], x[n:])
	return true
}

func float32ToFloat16Asm(level Level, dst []uint16, x []float32) bool {
	n := len(x) &^ (halfWidth(level) - 1)
	switch {
	case n == 0:
	case level >= AVX512:
		float32ToFloat16AVX512(&dst[0], &x[0], n)
	default:
		float32ToFloat16AVX2(&dst[0], &x[0], n)
	}
	float32ToFloat16Ref(dst[n:], x[n:])
	return true
}

func bfloat16ToFloat32Asm(level Level, dst []float32, x []uint16) bool {
	n := len(x) &^ (halfWidth(level) - 1)
	switch {
	case n == 0:
	case level >= AVX512:
		bfloat16ToFloat32AVX512(&dst[0], &x[0], n)
	default:
		bfloat16ToFloat32AVX2(&dst[0], &x[0], n)
	}
	bfloat16ToFloat32Ref(dst[n:], x[n:])
	return true
}

func float32ToBFloat16Asm(level Level, dst []uint16, x []float32) bool {
	n := len(x) &^ (halfWidth(level) - 1)
	switch {
	case n == 0:
	case level >= AVX512:
		float32ToBFloat16AVX512(&dst[0], &x[0], n)
	default:
		float32ToBFloat16AVX2(&dst[0], &x[0], n)
	}
	float32ToBFloat16Ref(dst[n:], x[n:])
	return true
}
