package onnxio

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// killedBetween leaves a folder as a save does that is killed between its two renames: old model, old data and new data.
func killedBetween(t *testing.T) (dir, path, orphan string) {
	dir = t.TempDir()
	path = filepath.Join(dir, "m.onnx")
	other := filepath.Join(t.TempDir(), "m.onnx")
	require.NoError(t, Save(small(1), path, SaveOptions{External: ExternalAlways}))
	require.NoError(t, Save(small(5), other, SaveOptions{External: ExternalAlways}))
	name := names(t, filepath.Dir(other))[0]
	orphan = filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(orphan, readFile(t, filepath.Join(filepath.Dir(other), name)), 0o666))
	return dir, path, orphan
}

func TestGC(t *testing.T) {
	dir, path, orphan := killedBetween(t)
	temp := tempName(path)
	require.NoError(t, os.WriteFile(temp, []byte("half"), 0o666))
	old := time.Now().Add(-48 * time.Hour)
	require.NoError(t, os.Chtimes(temp, old, old))
	for _, name := range []string{"notes.txt", "weights.bin", ".hidden", "m-12345.data"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("not ours"), 0o666))
	}
	stranger := filepath.Join(dir, "set-0123456789ab.data")
	require.NoError(t, os.WriteFile(stranger, []byte("named as if it were"), 0o666))
	before := names(t, dir)

	want := []Garbage{
		{Path: temp, Bytes: 4, Why: "unfinished file of a save that was ended"},
		{Path: orphan, Bytes: 8192, Why: "data file that no model in the folder names"},
		{Path: stranger, Bytes: 19, Why: "data file that no model in the folder names", Kept: "its content is not what its name says, so it may be anybody's: look at it and remove it yourself"},
	}
	got, err := GC(dir, GCOptions{DryRun: true})
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, before, names(t, dir))

	got, err = GC(dir, GCOptions{})
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoFileExists(t, orphan)
	require.NoFileExists(t, temp)
	require.Len(t, names(t, dir), len(before)-2)
	require.Equal(t, values(small(1)), values(load(t, path)))

	got, err = GC(dir, GCOptions{})
	require.NoError(t, err)
	require.Equal(t, want[2:], got)
}

// While a model cannot be read, nobody knows which data files it needs.
func TestGCUnreadableModel(t *testing.T) {
	dir, path, orphan := killedBetween(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "damaged.ONNX"), []byte("damaged"), 0o666))
	got, err := GC(dir, GCOptions{})
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Contains(t, got[0].Kept, "damaged.ONNX cannot be read")
	require.FileExists(t, orphan)
	require.NoError(t, Save(small(7), path, SaveOptions{External: ExternalAlways}))
	require.Len(t, names(t, dir), 5, "nor does a save remove any")
	require.NoError(t, os.Remove(filepath.Join(dir, "damaged.ONNX")))
	got, err = GC(dir, GCOptions{})
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Len(t, names(t, dir), 2)
	require.Equal(t, values(small(7)), values(load(t, path)))
}

// The files of a running save stay, whatever it is at.
func TestGCWhileSaving(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, Save(small(1), path, SaveOptions{External: ExternalAlways}))
	seen := 0
	opt := SaveOptions{External: ExternalAlways, Progress: func(int64, int64) {
		got, err := GC(dir, GCOptions{})
		require.NoError(t, err)
		for _, g := range got {
			require.Equal(t, runningSave, g.Kept)
			seen++
		}
		left, err := Leftovers(dir)
		require.NoError(t, err)
		require.Empty(t, left)
	}}
	require.NoError(t, Save(small(3), path, opt))
	require.Positive(t, seen)
	require.Equal(t, values(small(3)), values(load(t, path)))
	require.Len(t, names(t, dir), 2)
}

func TestGCErrors(t *testing.T) {
	_, err := GC(filepath.Join(t.TempDir(), "none"), GCOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
	dir, _, orphan := killedBetween(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = GC(dir, GCOptions{Ctx: ctx})
	require.ErrorIs(t, err, context.Canceled)
	require.FileExists(t, orphan)
}

func TestOwnNames(t *testing.T) {
	const sum = "0123456789abcdef0123456789abcdef01234567"
	for _, path := range []string{"m.onnx", "модель.onnx", "a-b.data", string(make([]byte, 300)) + ".onnx"} {
		for _, hash := range []string{sum[:12], sum} {
			name := ownName(path, hash)
			require.Equal(t, hash, ownHash(name))
			require.True(t, isOwnData(name, path))
			require.False(t, isOwnData(name, "other.onnx"))
			require.LessOrEqual(t, len(name), 255)
		}
		require.True(t, isTempName(filepath.Base(tempName(path))))
		require.LessOrEqual(t, len(filepath.Base(tempName(path))), 255)
	}
	for _, name := range []string{"m.data", "m-0123456789a.data", "m-0123456789aB.data", "m-0123456789ab.bin", "0123456789ab.data", ""} {
		require.Empty(t, ownHash(name), name)
	}
	for _, name := range []string{".onnx-rewrite-0123456789ab", "m.onnx-rewrite-0123456789ab", ".m.onnx.onnx-rewrite-0123456789a", ".m.onnx-rewrite-0123456789aG"} {
		require.False(t, isTempName(name), name)
	}
}
