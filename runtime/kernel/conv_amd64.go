//go:build !noasm

package kernel

import "unsafe"

// The layouts the assembly relies on; a constant that is not zero does not compile.
const (
	_ = -(unsafe.Offsetof(convRun{}.dst) ^ 8)
	_ = -(unsafe.Offsetof(convRun{}.mask) ^ 16)
	_ = -(unsafe.Offsetof(convRun{}.masks) ^ 24)
	_ = -(unsafe.Offsetof(convRun{}.mask2) ^ 32)
	_ = -(unsafe.Offsetof(convRun{}.masks2) ^ 40)
	_ = -(unsafe.Sizeof(convRun{}) ^ 48)

	_ = -(unsafe.Offsetof(tapRows{}.dstStride) ^ 8)
	_ = -(unsafe.Offsetof(tapRows{}.src) ^ 16)
	_ = -(unsafe.Offsetof(tapRows{}.srcStride) ^ 24)
	_ = -(unsafe.Offsetof(tapRows{}.offs) ^ 32)
	_ = -(unsafe.Offsetof(tapRows{}.w) ^ 40)
	_ = -(unsafe.Offsetof(tapRows{}.taps) ^ 48)
	_ = -(unsafe.Offsetof(tapRows{}.rows) ^ 56)
	_ = -(unsafe.Offsetof(tapRows{}.n) ^ 64)
	_ = -(unsafe.Offsetof(tapRows{}.mask) ^ 72)
	_ = -(unsafe.Offsetof(tapRows{}.masks) ^ 80)
	_ = -(unsafe.Offsetof(tapRows{}.relu) ^ 88)
	_ = -(unsafe.Offsetof(tapRows{}.bias) ^ 96)
)

// packRuns fills a panel from the runs; dst has room for one
// vector more than the panel.
func packRuns(l Level, dst, src []float32, offs []int, runs []convRun) {
	r := (*byte)(unsafe.Pointer(&runs[0]))
	switch l {
	case AVX512:
		packRuns512(&dst[0], &src[0], &offs[0], len(offs), r, len(runs), 4*panelWidth)
	case AVX2:
		packRuns256(&dst[0], &src[0], &offs[0], len(offs), r, len(runs), 4*panelWidth)
	default:
		packRunsRef(dst, src, offs, runs)
	}
}

// spreadAsm copies the runs of each row, every value or every second one;
// strides of rows in elements.
func spreadAsm(l Level, stride int, dst []float32, dstStride int, src []float32, srcStride, rows int, runs []convRun) {
	r, n := (*byte)(unsafe.Pointer(&runs[0])), len(runs)
	d, s := &dst[0], &src[0]
	switch {
	case l == AVX512 && stride == 1:
		spreadRows512(d, 4*dstStride, s, 4*srcStride, rows, r, n)
	case l == AVX512:
		spreadEven512(d, 4*dstStride, s, 4*srcStride, rows, r, n)
	case stride == 1:
		spreadRows256(d, 4*dstStride, s, 4*srcStride, rows, r, n)
	default:
		spreadEven256(d, 4*dstStride, s, 4*srcStride, rows, r, n)
	}
}

func tapsAsm(l Level, t *tapRows) {
	p := (*byte)(unsafe.Pointer(t))
	if l == AVX512 {
		taps512(p)
		return
	}
	taps256(p)
}
