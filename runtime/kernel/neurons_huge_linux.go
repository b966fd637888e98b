package kernel

import (
	"syscall"
	"unsafe"
)

// hugeFloats is make([]float32, n), with large buffers offered to the kernel for huge pages: a stream of weights then takes one
// page-table walk each 2 MiB and the hardware prefetchers run on across 4 KiB borders.
func hugeFloats(n int) []float32 {
	const page = 2 << 20
	s := make([]float32, n)
	if 4*n < 2*page {
		return s
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*n)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (page - 1))
	// Only advice: a refusal changes nothing.
	_ = syscall.Madvise(b[skip:skip+(4*n-skip)/page*page], 14 /* MADV_HUGEPAGE */)
	return s
}
