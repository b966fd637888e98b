//go:build unix

package onnxio

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openNonblock keeps opening a FIFO from waiting for its other end. It means nothing for regular files.
const openNonblock = syscall.O_NONBLOCK

// dropPages gives back the whole pages inside b, which lies in a read-only mapping of a file.
func dropPages(b []byte) {
	page := uintptr(os.Getpagesize())
	if len(b) == 0 {
		return
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	skip := (page - start%page) % page
	if uintptr(len(b)) < skip+page {
		return
	}
	n := (uintptr(len(b)) - skip) / page * page
	_ = unix.Madvise(b[skip:skip+n], unix.MADV_DONTNEED) // advice: failing costs memory, not correctness
}

// linkCountOf is the number of names that a file had at the moment of info.
func linkCountOf(_ *os.File, info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}
