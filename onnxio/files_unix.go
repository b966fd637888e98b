//go:build unix

package onnxio

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// syncDir makes renames in a folder durable. Some file systems cannot, and say so.
func syncDir(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil // a folder that may be written to and not read
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// lockDir lets one save at a time commit in a folder. The lock ends with the process; a file system without locks gives none.
func lockDir(path string) (func(), error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	_ = flock(f, unix.LOCK_EX)
	return func() { f.Close() }, nil
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}

// markInUse locks a temporary file until the mark is closed or the process ends.
func markInUse(path string) io.Closer {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	_ = flock(f, unix.LOCK_EX|unix.LOCK_NB)
	return f
}

// inUse reports whether a process has marked the file. A file that cannot be asked counts as marked.
func inUse(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	return flock(f, unix.LOCK_EX|unix.LOCK_NB) != nil
}
