//go:build amd64 && !noasm

package kernel

// expSumAsm is expSumRef for x not empty.
func expSumAsm(level Level, dst, x []float32, m float32) (float32, bool) {
	switch wide := level >= AVX512; {
	case dst == nil && wide:
		return expSumOnlyAVX512(&x[0], len(x), m), true
	case dst == nil:
		return expSumOnlyAVX2(&x[0], len(x), m), true
	case wide:
		return expSumAVX512(&dst[0], &x[0], len(x), m), true
	}
	return expSumAVX2(&dst[0], &x[0], len(x), m), true
}

// scaleMaxAsm is scaleMaxRef for x not empty.
func scaleMaxAsm(level Level, dst, x, add []float32, scale float32) (float32, bool) {
	switch wide := level >= AVX512; {
	case add == nil && wide:
		return scaleMaxAVX512(&dst[0], &x[0], len(x), scale), true
	case add == nil:
		return scaleMaxAVX2(&dst[0], &x[0], len(x), scale), true
	case wide:
		return scaleAddMaxAVX512(&dst[0], &x[0], &add[0], len(x), scale), true
	}
	return scaleAddMaxAVX2(&dst[0], &x[0], &add[0], len(x), scale), true
}
