//go:build !noasm

package kernel

func peakFMA(l Level, n int) int {
	switch l {
	case AVX512:
		peak512(n)
		return n * 12 * 32
	case AVX2:
		peak256(n)
		return n * 12 * 16
	}
	return 0
}

func readMemory(x []float32) {
	if len(x) >= 64 {
		readLoop(&x[0], len(x)/64)
	}
}
