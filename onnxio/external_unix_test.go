//go:build unix

package onnxio

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Opening a FIFO must not wait for a writer.
func TestFIFO(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666))
	_, err := Load(writeModel(t, dir, carriers["initializer"](refer("location", "pipe"))), LoadOptions{})
	require.ErrorContains(t, err, "not a regular file")
	_, err = Load(filepath.Join(dir, "pipe"), LoadOptions{})
	require.ErrorContains(t, err, "not a regular file")
	require.Error(t, Save(small(1), filepath.Join(dir, "pipe"), SaveOptions{}))
}
