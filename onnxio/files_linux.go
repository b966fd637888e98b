package onnxio

import (
	"os"

	"golang.org/x/sys/unix"
)

// dropCached makes the next read of a range that was synced come from the device.
func dropCached(f *os.File, offset, length int64) {
	_ = unix.Fadvise(int(f.Fd()), offset, length, unix.FADV_DONTNEED)
}
