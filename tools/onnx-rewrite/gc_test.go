package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

func TestGCVerb(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	opt := onnxio.SaveOptions{External: onnxio.ExternalAlways, Threshold: 1}
	model := filepath.Join(dir, "m.onnx")
	require.NoError(t, onnxio.Save(smallMLP(1), model, opt))
	require.NoError(t, onnxio.Save(smallMLP(2), filepath.Join(other, "m.onnx"), opt))
	require.Contains(t, do(t, exitFine, "gc", dir).out, "nothing to remove")

	data, err := filepath.Glob(filepath.Join(other, "*.data"))
	require.NoError(t, err)
	require.Len(t, data, 1)
	b, err := os.ReadFile(data[0])
	require.NoError(t, err)
	orphan, temp := filepath.Join(dir, filepath.Base(data[0])), filepath.Join(dir, ".m.onnx.onnx-rewrite-0123456789ab")
	old := time.Now().Add(-48 * time.Hour)
	for path, content := range map[string][]byte{orphan: b, temp: []byte("half")} {
		require.NoError(t, os.WriteFile(path, content, 0o666))
		require.NoError(t, os.Chtimes(path, old, old))
	}
	before := listing(t, dir)
	var res gcResult
	doJSON(t, exitFine, &res, "gc", dir, other)
	require.False(t, res.Removed)
	require.Len(t, res.Files, 2)
	require.EqualValues(t, len(b)+4, res.Bytes)
	require.Contains(t, do(t, exitFine, "gc", dir).out, "2 files")
	require.Equal(t, before, listing(t, dir))
	require.Contains(t, do(t, exitFine, "set", model, "-o", model, "--doc", "x").err, "onnx-rewrite gc")

	require.Contains(t, do(t, exitFine, "gc", "--yes", dir).out, "removed 2 files")
	require.Len(t, listing(t, dir), 2)
	do(t, exitFine, "check", model)
	require.Empty(t, do(t, exitFine, "set", model, "-o", model, "--doc", "y").err)

	require.Contains(t, do(t, exitUsage, "gc", filepath.Join(dir, "none")).err, "give the folder")
	require.Contains(t, do(t, exitUsage, "gc", model).err, "is no folder")
}
