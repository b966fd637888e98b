package kernel

// Float16ToFloat32 sets dst[i] to the value of the IEEE binary16 number x[i]; exact. dst holds at least len(x) elements.
func Float16ToFloat32(dst []float32, x []uint16) {
	dst = dst[:len(x)]
	if level := ActiveLevel(); len(x) > 0 && (level == Portable || !float16ToFloat32Asm(level, dst, x)) {
		float16ToFloat32Ref(dst, x)
	}
}

// Float32ToFloat16 sets dst[i] to x[i] rounded to IEEE binary16, ties to even; overflow gives ±Inf, NaN stays a (quiet) NaN with the
// upper bits of its payload.
func Float32ToFloat16(dst []uint16, x []float32) {
	dst = dst[:len(x)]
	if level := ActiveLevel(); len(x) > 0 && (level == Portable || !float32ToFloat16Asm(level, dst, x)) {
		float32ToFloat16Ref(dst, x)
	}
}

// BFloat16ToFloat32 sets dst[i] to the value of the bfloat16 number x[i]; exact.
func BFloat16ToFloat32(dst []float32, x []uint16) {
	dst = dst[:len(x)]
	if level := ActiveLevel(); len(x) > 0 && (level == Portable || !bfloat16ToFloat32Asm(level, dst, x)) {
		bfloat16ToFloat32Ref(dst, x)
	}
}

// Float32ToBFloat16 sets dst[i] to x[i] rounded to bfloat16, ties to even, subnormals kept; NaN stays a (quiet) NaN.
func Float32ToBFloat16(dst []uint16, x []float32) {
	dst = dst[:len(x)]
	if level := ActiveLevel(); len(x) > 0 && (level == Portable || !float32ToBFloat16Asm(level, dst, x)) {
		float32ToBFloat16Ref(dst, x)
	}
}
