//go:build unix

package onnxio

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A model beyond 2 GiB, whose weights are made as they are written: they go to a data file by themselves, and come back. ONNXIO_LARGE_DIR
// names the folder; it needs 3 GB. In the test's default the same is done with a smaller limit (TestSaveTooLarge).
func TestSaveBeyondTwoGiB(t *testing.T) {
	dir := os.Getenv("ONNXIO_LARGE_DIR")
	if dir == "" {
		t.Skip("ONNXIO_LARGE_DIR names no folder")
	}
	dir, err := os.MkdirTemp(dir, "large")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	const size = 64 << 20
	path := filepath.Join(dir, "m.onnx")
	require.ErrorContains(t, Save(noisy(33, size), path, SaveOptions{External: ExternalNever}), "let tensors go to a data file")
	require.Empty(t, names(t, dir))
	for _, form := range []ExternalForm{ExternalAuto, ExternalKeep} {
		require.NoError(t, Save(noisy(33, size), path, SaveOptions{External: form}))
		require.Less(t, fileSize(t, path), int64(1<<20))
		m := load(t, path)
		require.Len(t, Locations(m), 1)
		require.EqualValues(t, 33*size, fileSize(t, filepath.Join(dir, Locations(m)[0])))
		var head [8]byte
		for i, v := range m.Graph.Inits {
			_, _ = noise{8, uint64(i)}.WriteTo(sliceWriter(head[:]))
			require.Equal(t, head[:], v.Const.Bytes()[:8])
			v.Const.Storage().(*region).Release()
		}
		require.NoError(t, m.Close())
		require.Len(t, names(t, dir), 2)
	}
	// 31 of them fit into the model file.
	require.NoError(t, Save(noisy(31, size), path, SaveOptions{External: ExternalAuto}))
	require.Equal(t, []string{"m.onnx"}, names(t, dir))
	m := load(t, path)
	require.False(t, isReference(m.Graph.Inits[30].Const))
	require.EqualValues(t, size, m.Graph.Inits[30].Const.Storage().Len())
}

type sliceWriter []byte

func (s sliceWriter) Write(b []byte) (int, error) { return copy(s, b), nil }
