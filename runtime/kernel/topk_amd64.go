//go:build !noasm

package kernel

import "unsafe"

// The kernels take multiples of 16 elements; the rest is done here.

func compactGEFast(x []float32, t float32, idx []int32, mask uint32) (int, bool) {
	n := len(x) &^ 15
	var count int
	switch ActiveLevel() {
	case AVX512:
		count = compactGE512(unsafe.SliceData(x), n, t, mask, unsafe.SliceData(idx))
	case AVX2:
		count = compactGE256(unsafe.SliceData(x), n, t, mask, unsafe.SliceData(idx))
	default:
		return 0, false
	}
	for i := n; i < len(x); i++ {
		idx[count] = int32(i)
		if masked(x[i], mask) >= t {
			count++
		}
	}
	return count, true
}

func countGEFast(x []float32, t float32, mask uint32) (int, bool) {
	n := len(x) &^ 15
	var count int
	switch ActiveLevel() {
	case AVX512:
		count = countGE512(unsafe.SliceData(x), n, t, mask)
	case AVX2:
		count = countGE256(unsafe.SliceData(x), n, t, mask)
	default:
		return 0, false
	}
	return count + countGEGo(x[n:], t, mask), true
}

func compressRangeFast(x []float32, lo, hi float32, mask uint32, out []float32) (int, bool) {
	n := len(x) &^ 15
	var count int
	switch ActiveLevel() {
	case AVX512:
		count = compressRange512(unsafe.SliceData(x), n, lo, mask, hi, unsafe.SliceData(out))
	case AVX2:
		count = compressRange256(unsafe.SliceData(x), n, lo, mask, hi, unsafe.SliceData(out))
	default:
		return 0, false
	}
	return count + compressRangeGo(x[n:], lo, hi, mask, out[count:]), true
}

func maskGEFast(dst, x []float32, t float32, mask uint32) bool {
	n := len(x) &^ 15
	switch ActiveLevel() {
	case AVX512:
		maskGE512(unsafe.SliceData(x), n, t, mask, unsafe.SliceData(dst))
	case AVX2:
		maskGE256(unsafe.SliceData(x), n, t, mask, unsafe.SliceData(dst))
	default:
		return false
	}
	maskGEGo(dst[n:], x[n:], t, mask)
	return true
}

// topBitsFast returns the k largest of up to 16 numbers as bits; x can be read to 16.
func topBitsFast(x []float32, k int) (uint64, bool) {
	if len(x) == 0 {
		return 0, false
	}
	switch ActiveLevel() {
	case AVX512:
		return topBits512(&x[0], len(x), k), true
	case AVX2:
		return topBits256(&x[0], len(x), k), true
	}
	return 0, false
}

func sumF64Fast(x []float32, mask uint32) (float64, bool) {
	n := len(x) &^ 15
	var sum float64
	switch ActiveLevel() {
	case AVX512:
		sum = sumF64x512(unsafe.SliceData(x), n, mask)
	case AVX2:
		sum = sumF64x256(unsafe.SliceData(x), n, mask)
	default:
		return 0, false
	}
	return sum + sumF64Go(x[n:], mask), true
}

func sumSquaredDevFast(x []float32, mean float64, mask uint32) (float64, bool) {
	n := len(x) &^ 15
	var sum float64
	switch ActiveLevel() {
	case AVX512:
		sum = sumSquaredDevx512(unsafe.SliceData(x), n, mask, mean)
	case AVX2:
		sum = sumSquaredDevx256(unsafe.SliceData(x), n, mask, mean)
	default:
		return 0, false
	}
	return sum + sumSquaredDevGo(x[n:], mean, mask), true
}
