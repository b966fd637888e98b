package main

import (
	"archive/tar"
	"archive/zip"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// listed is every file below dir, by its path.
func listed(t *testing.T, dir string) (list []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		list = append(list, path)
		return err
	}))
	return list
}

// importers is the packages of the tree whose code, tests apart, imports one of the paths.
func importers(t *testing.T, paths ...string) (list []string) {
	t.Helper()
	root := filepath.Join("..", "..")
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			rel, _ := filepath.Rel(root, filepath.Dir(path))
			if pkg := filepath.ToSlash(rel); slices.Contains(paths, name) && !slices.Contains(list, pkg) {
				list = append(list, pkg)
			}
		}
		return nil
	}))
	return list
}

// knownWrites are ways to have a tool write, fetch or start what its user did not name.
var knownWrites = []knownCase{
	{"CVE-2024-5187", "an archive of test data that unpacks over other files (GHSA-6rq9-53c3-f7vj, onnx#6164)", func(t *testing.T) {
		base, dir := knownFolder(t)
		t.Chdir(dir)
		archive := gzipped(t, tarOf(t,
			tar.Header{Name: "../../escape/model.onnx", Typeflag: tar.TypeReg, Size: 4, Mode: 0o777},
			tar.Header{Name: filepath.ToSlash(filepath.Join(base, "escape", "model.onnx")), Typeflag: tar.TypeReg, Size: 4},
			tar.Header{Name: "node/link/model.onnx", Typeflag: tar.TypeSymlink, Linkname: "../../../secret"},
			tar.Header{Name: "node/hard/model.onnx", Typeflag: tar.TypeLink, Linkname: "../secret"},
			tar.Header{Name: "node/device/model.onnx", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 5},
			tar.Header{Name: "node/fifo/model.onnx", Typeflag: tar.TypeFifo}))
		path := filepath.Join(base, "suite.tar.gz")
		require.NoError(t, os.WriteFile(path, archive, 0o666))
		before := listed(t, base)
		r := do(t, exitFailed, "conformance", path)
		require.Contains(t, r.out, "0 passed, 2 failed", "links, devices and pipes are no tests")
		require.Equal(t, before, listed(t, base))

		defer func(n int64) { maxSuite = n }(maxSuite)
		maxSuite = 1 << 20
		bomb := gzipped(t, tarOf(t, tar.Header{Name: "node/a/model.onnx", Typeflag: tar.TypeReg, Size: 1 << 19}, tar.Header{Name: "node/b/model.onnx", Typeflag: tar.TypeReg, Size: 1<<19 + 1}))
		require.Less(t, len(bomb), 10_000)
		require.NoError(t, os.WriteFile(path, bomb, 0o666))
		require.Contains(t, do(t, exitUsage, "conformance", path).err, "unpacks to more than")
	}},
	{"CVE-2024-7776", "the same flaw in the sibling (onnx#6215, onnx#6222): all readers of archives stay in memory", func(t *testing.T) {
		require.Equal(t, []string{"testmodels", "tools/onnx-rewrite"}, importers(t, "archive/tar"))
		require.Equal(t, []string{"onnxio"}, importers(t, "archive/zip"))
		base, dir := knownFolder(t)
		t.Chdir(dir)
		path := filepath.Join(base, "x.npz")
		f, err := os.Create(path)
		require.NoError(t, err)
		z := zip.NewWriter(f)
		w, err := z.Create("../../escape.npy")
		require.NoError(t, err)
		_, err = w.Write([]byte("\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }            \n\x00\x00\x00\x00"))
		require.NoError(t, err)
		require.NoError(t, z.Close())
		require.NoError(t, f.Close())
		before := listed(t, base)
		_, _ = onnxio.ReadNPZ(path)
		require.Equal(t, before, listed(t, base))
	}},
	{"CVE-2025-51480", "saving wrote to the location that the model names (onnx#6959, onnx#7040, onnx#7627)", func(t *testing.T) {
		base, dir := knownFolder(t)
		victim := filepath.Join(base, "secret")
		want, err := os.ReadFile(victim)
		require.NoError(t, err)
		for _, loc := range []string{"../secret", filepath.ToSlash(victim), "sub/../../secret"} {
			path := knownFile(t, dir, pbPlaces["initializer"](pbRefer("location", loc)))
			for _, opt := range []onnxio.LoadOptions{{External: onnxio.ExternalSkip}, {Lenient: true}} {
				m, err := onnxio.Load(path, opt)
				if err != nil {
					require.ErrorContains(t, err, "outside of the model's folder")
					continue
				}
				for _, form := range []onnxio.ExternalForm{onnxio.ExternalKeep, onnxio.ExternalAlways, onnxio.ExternalAuto, onnxio.ExternalNever} {
					_ = onnxio.Save(m, filepath.Join(dir, "out.onnx"), onnxio.SaveOptions{External: form, Threshold: 1})
					got, err := os.ReadFile(victim)
					require.NoError(t, err)
					require.Equal(t, want, got)
				}
				require.NoError(t, m.Close())
			}
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "sub", "theirs"), make([]byte, 16), 0o666))
		m, err := onnxio.Load(knownFile(t, dir, pbPlaces["initializer"](pbRefer("location", "sub/theirs"))), onnxio.LoadOptions{})
		require.NoError(t, err)
		defer m.Close()
		out := filepath.Join(base, "out")
		require.NoError(t, os.Mkdir(out, 0o777))
		require.NoError(t, onnxio.Save(m, filepath.Join(out, "m.onnx"), onnxio.SaveOptions{External: onnxio.ExternalKeep, Threshold: 1}))
		require.NoDirExists(t, filepath.Join(out, "sub"), "the names of data files are ours")
		for _, name := range []string{"../secret", victim, "sub/x", ".."} {
			require.Error(t, onnxio.Save(m, filepath.Join(out, "m.onnx"), onnxio.SaveOptions{External: onnxio.ExternalAlways, Threshold: 1, DataName: name}), name)
		}
		got, err := os.ReadFile(victim)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}},
	{"CVE-2026-28500", "a quiet flag skipped the question before a download (GHSA-hqmj-h5c6-369m): nothing downloads or starts anything", func(t *testing.T) {
		network := importers(t, "net", "net/http", "net/rpc", "net/url", "plugin", "os/exec")
		require.Equal(t, []string{"tools/bench", "tools/quality"}, network, "the tools of the developers start other programs; the command and the libraries do not")
		do(t, exitUsage, "inspect", "https://example.com/model.onnx") // a path like any other, where no file is
	}},
	{"safetensors#762", "saving over a file that is still mapped wrote zeros (safetensors#764)", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "m.onnx")
		require.NoError(t, onnxio.Save(smallMLP(1), path, onnxio.SaveOptions{External: onnxio.ExternalAlways, Threshold: 1}))
		m, err := onnxio.Load(path, onnxio.LoadOptions{})
		require.NoError(t, err)
		defer m.Close()
		want := m.Graph.Inits[0].Const.Hash()
		for _, form := range []onnxio.ExternalForm{onnxio.ExternalKeep, onnxio.ExternalNever, onnxio.ExternalAlways} {
			require.NoError(t, onnxio.Save(m, path, onnxio.SaveOptions{External: form, Threshold: 1}))
			again, err := onnxio.Load(path, onnxio.LoadOptions{})
			require.NoError(t, err)
			require.Equal(t, want, again.Graph.Inits[0].Const.Hash())
			require.NoError(t, again.Close())
			require.Equal(t, want, m.Graph.Inits[0].Const.Hash())
		}
	}},
}
