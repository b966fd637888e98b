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

// passOn waits until a range of a file is on the device and takes it out of the cache, so that its memory serves for what comes.
func passOn(f *os.File, offset, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, length, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
	dropCached(f, offset, length)
}

// wantPages reads the pages of b, which lies in a mapping of a file. Systems before Linux 5.14 do it page by page later.
func wantPages(b []byte) {
	_ = unix.Madvise(wholePages(b), unix.MADV_POPULATE_READ)
}

// readSoon begins to read the pages of b, which lies in a mapping of a file.
func readSoon(b []byte) {
	_ = unix.Madvise(wholePages(b), unix.MADV_WILLNEED)
}

func wholePages(b []byte) []byte {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b))) % uintptr(os.Getpagesize())
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), -int(start))), len(b)+int(start))
}
