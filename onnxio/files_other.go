//go:build !unix

package onnxio

import (
	"io"
	"os"
	"time"
)

// syncDir does nothing: there is no such operation for folders here.
func syncDir(string) error { return nil }

func lockDir(string) (func(), error) { return func() {}, nil }

func markInUse(string) io.Closer { return nil }

// inUse takes a young file for one of a running save: nothing else tells.
func inUse(path string) bool {
	info, err := os.Stat(path)
	return err == nil && time.Since(info.ModTime()) < 24*time.Hour
}
