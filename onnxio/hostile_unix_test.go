//go:build unix

package onnxio

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostileFiles puts files into dir that are none.
func hostileFiles(t *testing.T, dir string) []hostile {
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666))
	require.NoError(t, os.Symlink("pipe", filepath.Join(dir, "toPipe")))
	at := func(why, loc string) hostile { return hostile{why, []string{"location", loc}} }
	list := []hostile{at("not a regular file", "pipe"), at("not a regular file", "toPipe")}
	t.Chdir(dir) // the path of a socket may have some hundred bytes only
	s, err := net.Listen("unix", "socket")
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return append(list, at("no such device or address", "socket"))
}

// Device files lie inside their folder and are no data files.
func TestDeviceFiles(t *testing.T) {
	for _, name := range []string{"zero", "null", "tty"} {
		_, _, err := openInside("/dev", name, true)
		require.Error(t, err)
	}
	_, _, err := openInside("/dev", "zero", true)
	require.ErrorIs(t, err, errNotRegular)
	_, err = Load("/dev/zero", LoadOptions{})
	require.ErrorIs(t, err, errNotRegular)
}
