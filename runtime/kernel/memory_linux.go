package kernel

import "syscall"

const (
	hugePage     = 2 << 20
	madvHugepage = 14 // MADV_HUGEPAGE
)

// adviseHuge asks for large pages around a range that has not been written yet.
// The range is widened to whole large pages; its neighbours in the heap keep
// their contents, and a refusal changes nothing.
func adviseHuge(start, size uintptr) {
	lo := start &^ (hugePage - 1)
	hi := (start + size + hugePage - 1) &^ (hugePage - 1)
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, lo, hi-lo, madvHugepage)
}
