//go:build !noasm

package kernel

import "unsafe"

// csrArgs is the argument of the CSR kernels; ldx is in bytes.
type csrArgs struct {
	n    int
	col  *int32
	val  *float32
	x    *float32
	dst  *float32
	ldx  int
	ptr  *int32
	mask *int32
}

const _ = -uint(unsafe.Offsetof(csrArgs{}.ldx) ^ 40 | unsafe.Offsetof(csrArgs{}.mask) ^ 56) // The generator knows these offsets.

func csrGemvFast(dst []float32, a *CSR, x []float32, lo, hi int) bool {
	t := csrArgs{n: hi - lo, col: unsafe.SliceData(a.Col), val: unsafe.SliceData(a.Val), x: unsafe.SliceData(x),
		dst: &dst[lo], ptr: &a.RowPtr[lo], mask: &prefixMasks[0]}
	switch ActiveLevel() {
	case AVX512:
		csrGemv512((*byte)(unsafe.Pointer(&t)))
	case AVX2:
		csrGemv256((*byte)(unsafe.Pointer(&t)))
	default:
		return false
	}
	return true
}

// csrRowFast serves len(acc) tokens, a multiple of 16.
func csrRowFast(acc []float32, col []int32, val []float32, xt []float32) bool {
	level := ActiveLevel()
	if level == Portable {
		return false
	}
	t := csrArgs{n: len(col), col: &col[0], val: &val[0], ldx: 4 * len(acc)}
	for j := 0; j < len(acc); {
		t.x, t.dst = &xt[j], &acc[j]
		j += t.row(level, len(acc)-j)
	}
	return true
}

// row serves up to left tokens and returns how many.
func (tile *csrArgs) row(level Level, left int) int {
	t := (*byte)(unsafe.Pointer(tile))
	switch {
	case level == AVX512 && left >= 64:
		csrRow512x4(t)
		return 64
	case level == AVX512 && left >= 32:
		csrRow512x2(t)
		return 32
	case level == AVX512:
		csrRow512x1(t)
		return 16
	case left >= 32:
		csrRow256x4(t)
		return 32
	}
	csrRow256x2(t)
	return 16
}
