package onnxio

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Saving over the mapped file that the weights come from: the loaded model keeps its bytes, and the file gets them, not zeros.
func TestSaveOverSource(t *testing.T) {
	for _, form := range []ExternalForm{ExternalNever, ExternalAlways} {
		path := filepath.Join(t.TempDir(), "m.onnx")
		require.NoError(t, Save(small(1), path, SaveOptions{External: form}))
		m := load(t, path)
		for i := range 3 {
			m.Producer = fmt.Sprint("edit ", i)
			require.NoError(t, Save(m, path, SaveOptions{}))
			require.Equal(t, values(small(1)), values(m))
			again := load(t, path)
			require.Equal(t, values(small(1)), values(again))
			require.Equal(t, m.Producer, again.Producer)
		}
	}
}

// The data file that the weights are read from is not replaced by a model, under any of its names.
func TestSaveOverOwnData(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, Save(small(1), path, SaveOptions{External: ExternalAlways, DataName: "w.bin"}))
	m := load(t, path)
	before := readFile(t, filepath.Join(dir, "w.bin"))
	require.ErrorContains(t, Save(m, filepath.Join(dir, "w.bin"), SaveOptions{}), "is a data file that the model's weights are read from")
	hard := filepath.Join(dir, "hard.onnx")
	require.NoError(t, os.Link(filepath.Join(dir, "w.bin"), hard))
	require.ErrorContains(t, Save(m, hard, SaveOptions{External: ExternalNever}), "is a data file")
	require.NoError(t, os.Remove(hard))
	require.Equal(t, before, readFile(t, filepath.Join(dir, "w.bin")))

	link := filepath.Join(dir, "link.onnx")
	if err := os.Symlink("w.bin", link); err != nil {
		t.Skip(err)
	}
	require.NoError(t, Save(m, link, SaveOptions{External: ExternalNever}), "a link is replaced, not followed")
	require.Equal(t, before, readFile(t, filepath.Join(dir, "w.bin")))
	require.Equal(t, values(small(1)), values(load(t, path)))
	require.Equal(t, values(small(1)), values(load(t, link)))
}

// A model's own fixed data file, also where it is a link into a store, takes new content; the store stays as it is.
func TestSaveOverOwnFixedName(t *testing.T) {
	store, dir := t.TempDir(), t.TempDir()
	require.NoError(t, Save(small(1), filepath.Join(store, "m.onnx"), SaveOptions{External: ExternalAlways, DataName: "w.bin"}))
	for _, name := range []string{"m.onnx", "w.bin"} {
		if err := os.Symlink(filepath.Join(store, name), filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	path := filepath.Join(dir, "m.onnx")
	m := load(t, path)
	m.Graph.Find("w0").Const = tensor.Zeros(tensor.Float32, 32, 32)
	want := values(m)
	require.NoError(t, Save(m, path, SaveOptions{External: ExternalAlways, DataName: "w.bin"}))
	require.Equal(t, []string{"m.onnx", "w.bin"}, names(t, dir))
	require.Equal(t, want, values(load(t, path)))
	require.Equal(t, values(small(1)), values(load(t, filepath.Join(store, "m.onnx"))))
}

// Two contents whose hashes begin alike get two names, and a file that is not what its name says is left alone.
func TestSaveNameTaken(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, Save(small(1), path, SaveOptions{External: ExternalAlways}))
	data := filepath.Join(dir, Locations(load(t, path))[0])
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(data, []byte("another content"), 0o666))
	require.NoError(t, Save(small(1), path, SaveOptions{External: ExternalAlways}))
	got := load(t, path)
	require.Equal(t, values(small(1)), values(got))
	require.Regexp(t, `^m-[0-9a-f]{40}\.data$`, Locations(got)[0])
	require.Equal(t, "another content", string(readFile(t, data)))
	require.NoError(t, Save(small(1), path, SaveOptions{External: ExternalAlways}), "again, over itself")
	require.Len(t, names(t, dir), 3)

	require.NoError(t, os.WriteFile(filepath.Join(dir, Locations(got)[0]), []byte("and this one"), 0o666))
	require.ErrorContains(t, Save(small(1), path, SaveOptions{External: ExternalAlways}), "exists with other content")
}

type tight struct {
	osDisk
	left int64
}

func (d tight) free(string) (int64, bool) { return d.left, true }

// A save that the disk has no room for is refused with both numbers, before a file is made.
func TestSaveNoRoom(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	s := &saver{disk: tight{left: 8000}, opt: SaveOptions{External: ExternalAlways}}
	err := s.save(small(1), path)
	require.ErrorContains(t, err, fmt.Sprintf("8000 bytes free, the save needs %d", s.total+s.total/20))
	require.Empty(t, names(t, dir))
	need := s.total + s.total/20
	require.Error(t, (&saver{disk: tight{left: need - 1}, opt: SaveOptions{External: ExternalAlways}}).save(small(1), path))
	require.NoError(t, (&saver{disk: tight{left: need}, opt: SaveOptions{External: ExternalAlways}}).save(small(1), path))
	require.LessOrEqual(t, fileSize(t, path)+fileSize(t, filepath.Join(dir, Locations(load(t, path))[0])), s.total)
	if runtime.GOOS == "linux" {
		n, known := osDisk{}.free(dir)
		require.True(t, known)
		require.Positive(t, n)
	}
}

func fileSize(t *testing.T, path string) int64 {
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

// The first size that does not fit the model file goes to a data file, the last that fits does not.
func TestSaveAtTheLimit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, Save(small(1), path, SaveOptions{}))
	size := fileSize(t, path)
	for _, form := range []ExternalForm{ExternalKeep, ExternalAuto} {
		require.NoError(t, (&saver{disk: osDisk{}, opt: SaveOptions{External: form}, limit: size}).save(small(1), path))
		require.Equal(t, []string{"m.onnx"}, names(t, dir))
		require.NoError(t, (&saver{disk: osDisk{}, opt: SaveOptions{External: form}, limit: size - 1}).save(small(1), path))
		require.Len(t, names(t, dir), 2)
		require.Equal(t, values(small(1)), values(load(t, path)))
	}
	require.NoError(t, (&saver{disk: osDisk{}, opt: SaveOptions{External: ExternalNever}, limit: size}).save(small(1), path))
	require.Equal(t, []string{"m.onnx"}, names(t, dir), "the data file was not needed any more")
	require.Error(t, (&saver{disk: osDisk{}, opt: SaveOptions{External: ExternalNever}, limit: size - 1}).save(small(1), path))
}

// A tensor of exactly the threshold goes out, one of a byte less does not.
func TestSaveAtTheThreshold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	for threshold, out := range map[int64]bool{4096: true, 4097: false} {
		require.NoError(t, Save(small(1), path, SaveOptions{External: ExternalAlways, Threshold: threshold}))
		require.Equal(t, out, len(Locations(load(t, path))) == 1)
	}
}

func TestSaveNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"модель весов.onnx", "模型.onnx", "a b'\"c.onnx", strings.Repeat("n", 250) + ".onnx", strings.Repeat("é", 125) + ".onnx", "no-extension", "-.onnx", ".onnx"} {
		path := filepath.Join(dir, name)
		require.NoError(t, Save(small(1), path, SaveOptions{External: ExternalAlways}), name)
		m := load(t, path)
		require.Equal(t, values(small(1)), values(m))
		require.FileExists(t, filepath.Join(dir, Locations(m)[0]))
		require.NoError(t, Save(small(3), path, SaveOptions{External: ExternalAlways}), name)
		require.NoFileExists(t, filepath.Join(dir, Locations(m)[0]), "the old data file is known as ours")
	}
}

func TestSaveReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, Save(small(1), path, SaveOptions{External: ExternalAlways}))
	require.NoError(t, os.Chmod(dir, 0o555))
	defer os.Chmod(dir, 0o777)
	if f, err := os.Create(filepath.Join(dir, "probe")); err == nil { // root may
		f.Close()
		t.Skip("this user may write everywhere")
	}
	require.ErrorIs(t, Save(small(3), path, SaveOptions{External: ExternalAlways}), fs.ErrPermission)
	require.Equal(t, values(small(1)), values(load(t, path)))
}

// No byte of the files that a save leaves is without a use: every byte is the model's, a tensor's, or padding before one; and every
// external tensor gives the checksum of its file.
func TestSaveNoOrphanBytes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	for i, opt := range []SaveOptions{
		{External: ExternalAlways}, {External: ExternalAlways, Align: 1}, {External: ExternalAlways, Align: 64, Threshold: 1}, {External: ExternalNever},
		{External: ExternalAlways, DataName: "w.bin"}, {External: ExternalAlways, DataName: "w.bin", Align: 1 << 16}, {}, {External: ExternalAuto}, {External: ExternalAlways},
	} {
		for _, edit := range []bool{false, true} {
			m := small(1)
			if i > 0 {
				m = load(t, path)
			}
			if edit {
				m.Graph.Find("w1").Const = tensor.Of(slices.Repeat([]float32{float32(i)}, 32*31), 31, 32)
			}
			require.NoError(t, Save(m, path, opt))
			requireNoOrphans(t, path, max(1, opt.Align, map[bool]int64{true: 4096}[opt.Align == 0]))
			if opt.DataName == "" {
				_ = os.Remove(filepath.Join(dir, "w.bin")) // the caller's name, so the caller's business
			}
		}
	}
}

func requireNoOrphans(t *testing.T, path string, align int64) {
	t.Helper()
	m := load(t, path)
	used := map[string][][2]int64{}
	for _, v := range m.Graph.Inits {
		if !isReference(v.Const) {
			continue
		}
		ref, _, err := parseReference(v.Const.Meta.External, false)
		require.NoError(t, err)
		sum := sha1.Sum(readFile(t, filepath.Join(filepath.Dir(path), ref.location)))
		require.Equal(t, hex.EncodeToString(sum[:]), ref.checksum)
		used[ref.location] = append(used[ref.location], [2]int64{ref.offset, ref.offset + v.Const.Storage().Len()})
	}
	for _, name := range names(t, filepath.Dir(path)) {
		if name == filepath.Base(path) {
			n, err := EncodedSize(m)
			require.NoError(t, err)
			require.Equal(t, n, fileSize(t, path))
			continue
		}
		if name == "w.bin" && used[name] == nil {
			continue
		}
		require.NotEmpty(t, used[name], "%s is of no use", name)
		slices.SortFunc(used[name], func(a, b [2]int64) int { return int(a[0] - b[0]) })
		end := int64(0)
		for _, r := range slices.Compact(used[name]) {
			require.Less(t, r[0]-end, align, "a hole before %d", r[0])
			require.GreaterOrEqual(t, r[0], end)
			end = r[1]
		}
		require.Equal(t, end, fileSize(t, filepath.Join(filepath.Dir(path), name)))
	}
}
