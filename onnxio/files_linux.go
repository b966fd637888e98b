package onnxio

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropCached makes the next read of a range that was synced come from the device.
func dropCached(f *os.File, offset, length int64) {
	_ = unix.Fadvise(int(f.Fd()), offset, length, unix.FADV_DONTNEED)
}

// startWriting lets the device begin with a range of a file that will be synced.
func startWriting(f *os.File, offset, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, length, unix.SYNC_FILE_RANGE_WRITE)
}

// wantPages reads the pages of b, which lies in a mapping of a file. Systems before Linux 5.14 do it page by page later.
func wantPages(b []byte) {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b))) % uintptr(os.Getpagesize())
	whole := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), -int(start))), len(b)+int(start))
	_ = unix.Madvise(whole, unix.MADV_POPULATE_READ)
}
