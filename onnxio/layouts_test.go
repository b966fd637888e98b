package onnxio

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Layouts of files that people have are read.
func TestLegalLayouts(t *testing.T) {
	base := t.TempDir()
	put := func(path string, data []byte) string {
		path = filepath.Join(base, filepath.FromSlash(path))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, data, 0o666))
		return path
	}
	values := []byte("0123456789abcdef")
	model := func(keys ...string) []byte { return carriers["initializer"](refer(keys...)) }
	empty := append(num(tensorDims, 0), append(str(tensorName, "w"), num(tensorType, 1)...)...)
	empty = append(append(empty, msg(tensorExternal, str(entryKey, "location"), str(entryValue, "w"))...), num(tensorLocation, 1)...)

	type layout struct {
		name, path string
		opt        LoadOptions
		want       string
	}
	var layouts []layout
	add := func(name, path string, opt LoadOptions) {
		layouts = append(layouts, layout{name, path, opt, string(values)})
	}
	add("beside the model, without offset and length", put("beside/m.onnx", model("location", "w")), LoadOptions{})
	put("beside/w", values)
	add("the same file in a longer way", put("beside/dots.onnx", model("location", "./w")), LoadOptions{})
	add("a data file that two models share", put("beside/second.onnx", model("location", "w", "offset", "0", "length", "16", "checksum", "0")), LoadOptions{})
	add("a place inside a larger file", put("larger/m.onnx", model("location", "w", "offset", "3", "length", "16")), LoadOptions{})
	put("larger/w", append([]byte("___"), append(values, '_')...))
	add("a folder below", put("below/m.onnx", model("location", "weights/deep//w.bin", "basepath", "")), LoadOptions{})
	put("below/weights/deep/w.bin", values)
	add("names in other scripts, with spaces", put("模型 é/модель.onnx", model("location", "веса 重み.bin")), LoadOptions{})
	put("模型 é/веса 重み.bin", values)
	add("names that look odd and are not", put("odd/m.onnx", model("location", "..w/.hidden/onnx__MatMul_1 (2)~#%20&=+,;@[]{}'!")), LoadOptions{})
	put("odd/..w/.hidden/onnx__MatMul_1 (2)~#%20&=+,;@[]{}'!", values)
	add("device names that only begin so", put("con/m.onnx", model("location", "console/com10.nul")), LoadOptions{})
	put("con/console/com10.nul", values)
	layouts = append(layouts, layout{"a tensor without values", put("zero/m.onnx", msg(modelGraph, msg(graphInit, empty))), LoadOptions{}, ""})
	put("zero/w", nil)
	add("any place outside that the caller allows", put("allowed/m.onnx", model("location", "../store/w")), LoadOptions{ExternalRoot: filepath.Join(base, "store")})
	store := put("store/w", values)
	add("an absolute place that the caller allows", put("allowed/abs.onnx", model("location", filepath.ToSlash(store))), LoadOptions{ExternalRoot: filepath.Join(base, "store")})

	readOnly := put("readonly/m.onnx", model("location", "w"))
	put("readonly/w", values)
	require.NoError(t, os.Chmod(filepath.Join(base, "readonly", "w"), 0o444))
	require.NoError(t, os.Chmod(filepath.Join(base, "readonly"), 0o555))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(base, "readonly"), 0o777) })
	add("a read-only folder", readOnly, LoadOptions{})

	if os.Link(filepath.Join(base, "store", "w"), filepath.Join(base, "allowed", "hard")) == nil {
		add("a hard link that the caller allows", put("allowed/hard.onnx", model("location", "hard")), LoadOptions{HardLinks: true})
		require.NoError(t, os.Remove(filepath.Join(base, "store", "w")))
		put("store/w", values)
	}
	link := func(target, path string) string {
		path = filepath.Join(base, filepath.FromSlash(path))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		if err := os.Symlink(filepath.FromSlash(target), path); err != nil {
			t.Logf("no links here: %v", err)
			return ""
		}
		return path
	}
	if link("sub/w", "linked/w") != "" {
		put("linked/sub/w", values)
		add("a link inside the folder", put("linked/m.onnx", model("location", "w")), LoadOptions{})
		link("sub", "linked/again")
		add("a folder that is a link inside the folder", put("linked/dir.onnx", model("location", "again/w")), LoadOptions{})
		add("the model's folder is a link", filepath.Join(link("linked", "alias"), "m.onnx"), LoadOptions{})
		add("the model is a link, its data lie beside the link", link("../linked/m.onnx", "data/m.onnx"), LoadOptions{})
		put("data/w", values)

		put("hub/blobs/aa", model("location", "m.onnx_data"))
		put("hub/blobs/bb", values)
		put("hub/blobs/cc", model("location", "model.onnx_data"))
		link("../../blobs/bb", "hub/snapshots/1/m.onnx_data")
		add("a cache of links into one store", link("../../blobs/aa", "hub/snapshots/1/m.onnx"), LoadOptions{})
		link("../../../blobs/bb", "hub/snapshots/2/onnx/model.onnx_data")
		add("a cache with a folder of models", link("../../../blobs/cc", "hub/snapshots/2/onnx/model.onnx"), LoadOptions{})

		link("../store/w", "allowed/link")
		add("a link to a place that the caller allows", put("allowed/link.onnx", model("location", "link")), LoadOptions{ExternalRoot: filepath.Join(base, "store")})
	}
	for _, l := range layouts {
		m, err := Load(l.path, l.opt)
		require.NoError(t, err, l.name)
		require.Equal(t, l.want, string(m.Graph.Inits[0].Const.Bytes()), l.name)
		require.NoError(t, m.Close())
	}
	t.Logf("%d legal layouts accepted", len(layouts)+2)
	require.GreaterOrEqual(t, len(layouts), 10)

	// Paths that are relative, with and without a folder.
	t.Chdir(filepath.Join(base, "below"))
	for _, path := range []string{"m.onnx", filepath.Join("..", "beside", "m.onnx")} {
		m, err := Load(path, LoadOptions{})
		require.NoError(t, err, path)
		require.Equal(t, values, m.Graph.Inits[0].Const.Bytes())
		require.NoError(t, m.Close())
	}
}

// The folder that is allowed besides is the only other one: nothing leads past it, and devices are devices there, too.
func TestExternalRoot(t *testing.T) {
	base := t.TempDir()
	for _, p := range []string{"model", "store", "else"} {
		require.NoError(t, os.MkdirAll(filepath.Join(base, p), 0o777))
		require.NoError(t, os.WriteFile(filepath.Join(base, p, "w"), make([]byte, 16), 0o666))
	}
	opt := LoadOptions{ExternalRoot: filepath.Join(base, "store")}
	load := func(loc string, opt LoadOptions) error {
		m, err := Load(writeModel(t, filepath.Join(base, "model"), carriers["initializer"](refer("location", loc))), opt)
		if err == nil {
			require.NoError(t, m.Close())
		}
		return err
	}
	require.NoError(t, load("w", opt))
	require.NoError(t, load("../store/w", opt))
	require.NoError(t, load("../store/../store/w", opt))
	require.NoError(t, load("../model/w", LoadOptions{ExternalRoot: base}))
	for _, loc := range []string{"../else/w", filepath.ToSlash(filepath.Join(base, "else", "w")), "../store/../else/w", "../model/w"} {
		require.ErrorIs(t, load(loc, opt), ErrOutside, loc)
	}
	require.ErrorContains(t, load("../store", opt), "not a") // the folder itself
	require.ErrorContains(t, load("../store/none", opt), "no such file")
	require.ErrorContains(t, load("../store/NUL", opt), "device")
	require.ErrorContains(t, load(`..\store\w`, opt), "backslash")
	require.Error(t, load("../store/w", LoadOptions{ExternalRoot: filepath.Join(base, "none")}))
	if os.Symlink(filepath.Join("..", "else", "w"), filepath.Join(base, "store", "out")) == nil {
		require.ErrorIs(t, load("../store/out", opt), ErrOutside)
	}
	if os.Link(filepath.Join(base, "store", "w"), filepath.Join(base, "else", "hard")) == nil {
		require.ErrorIs(t, load("../store/w", opt), ErrHardLinks)
	}
}
