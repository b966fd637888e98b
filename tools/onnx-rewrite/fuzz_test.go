package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
)

// FuzzPassOptions reads what --pass takes and applies the pass to a small model: options out of range are errors, never panics, and cost no
// memory.
func FuzzPassOptions(f *testing.F) {
	for _, k := range rewriteKinds {
		f.Add(k.name)
		for _, name := range optionNames(k.blank()) {
			for _, value := range []string{"", "1", "0", "-1", "0.5", "true", "0,1", "NaN", "1e308", "9223372036854775807", "x"} {
				f.Add(k.name + ":" + name + "=" + value)
			}
		}
	}
	for _, text := range []string{"identity", "topk-ffn:k=3,rule=threshold,value=0.1", "split-experts:experts=4,active=2,body=dense", "apply-mask:pattern=2:4,store=sparse",
		"apply-mask:other=a.onnx,criterion=movement", "prune-neurons:layers=0,2,keep=0.5", "apply-mask:pattern=0:0", "split-experts:experts=16,shared=16"} {
		f.Add(text)
	}
	m := smallMLP(1)
	before := m.String()
	f.Fuzz(func(t *testing.T, text string) {
		p, _, err := parsePass(text, func(string) (*graph.Model, error) {
			if len(text)%2 == 0 {
				return smallMLP(2), nil
			}
			return nil, errors.New("no such model")
		})
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		out, _, err := passes.Apply(&passes.Env{Report: &passes.Report{}}, m, p)
		require.Equal(t, before, m.String())
		if err != nil {
			require.NotContains(t, err.Error(), "bug in the pass")
			return
		}
		require.NoError(t, graph.Err(out.Verify()))
	})
}

// FuzzSuiteArchive reads a .tar.gz of tests as conformance does: whatever the archive holds, its files stay in memory, and none is a link
// or a device.
func FuzzSuiteArchive(f *testing.F) {
	f.Add(tarOf(f, tar.Header{Name: "node/test_a/model.onnx", Typeflag: tar.TypeReg, Size: 1}), false)
	f.Add(tarOf(f, tar.Header{Name: "../../escape/model.onnx", Typeflag: tar.TypeReg, Size: 1}, tar.Header{Name: "/abs/test_data_set_0/input_0.pb", Typeflag: tar.TypeReg, Size: 1}), false)
	f.Add(tarOf(f, tar.Header{Name: "node/test_a/model.onnx", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, tar.Header{Name: "node/dev/model.onnx", Typeflag: tar.TypeChar}), false)
	f.Add([]byte("\x1f\x8b"), true)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, raw bool) {
		if !raw {
			data = gzipped(t, data)
		}
		path := filepath.Join(dir, "suite.tar.gz")
		require.NoError(t, os.WriteFile(path, data, 0o666))
		tests, err := readSuite(context.Background(), path)
		entries, e := os.ReadDir(dir)
		require.NoError(t, e)
		require.Len(t, entries, 1, "nothing is unpacked")
		if err != nil {
			return
		}
		a := &app{ctx: context.Background(), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
		for _, x := range tests {
			require.Empty(t, x.dir)
			m, err := x.model(a)
			if err == nil {
				require.NoError(t, m.Close())
			}
			for name := range x.files {
				_, _ = x.tensor(name, graph.Type{})
			}
		}
	})
}

func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		require.NoError(t, w.WriteHeader(&h))
		_, err := w.Write(make([]byte, h.Size))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(data)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}
