package onnxio

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// FuzzExternal lets the bytes choose what external_data says and where in the model it stands. Beside the model's folder lies a secret, and
// links lead to it: whatever is asked for, no byte of it is read, and a save puts files nowhere but into the folder of its path.
func FuzzExternal(f *testing.F) {
	base := f.TempDir()
	dir := filepath.Join(base, "model")
	require.NoError(f, os.MkdirAll(filepath.Join(dir, "sub"), 0o777))
	require.NoError(f, os.MkdirAll(filepath.Join(base, "out"), 0o777))
	secret := bytes.Repeat([]byte{0xa5}, 64)
	require.NoError(f, os.WriteFile(filepath.Join(base, "secret"), secret, 0o666))
	for _, name := range []string{"w", "sub/w"} {
		require.NoError(f, os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), make([]byte, 64), 0o666))
	}
	for name, target := range map[string]string{"in": "sub/w", "out": "../secret", "up": "..", "loop": "loop", "abs": filepath.Join(base, "secret"), "sub/up": ".."} {
		_ = os.Symlink(filepath.FromSlash(target), filepath.Join(dir, filepath.FromSlash(name))) // not where links need a privilege
	}
	_ = os.Link(filepath.Join(base, "secret"), filepath.Join(dir, "hard"))
	outside := names(f, base)
	places := slices.Sorted(maps.Keys(carriers))
	for i, keys := range []string{
		"location=w", "location=w\noffset=16\nlength=16", "location=sub/../../secret", "location=../secret\nlength=16", "location=in", "location=out",
		"location=up/secret", "location=hard", "location=abs", "location=loop", "location=sub/up/w", "location=/etc/passwd", "location=..\\secret",
		"location=w\nlocation=../secret", "basepath=..\nlocation=secret", "location=w\noffset=9223372036854775807\nlength=16",
		"location=w\nlength=-1", "location=w\nchecksum=00", "location=C:secret", "location=%2e%2e/secret",
	} {
		f.Add(keys, byte(i))
	}
	f.Fuzz(func(t *testing.T, keys string, place byte) {
		var list []string
		for _, line := range strings.Split(keys, "\n") {
			key, value, _ := strings.Cut(line, "=")
			list = append(list, key, value)
		}
		data := carriers[places[int(place)%len(places)]](refer(list...))
		_, err := Decode(data, LoadOptions{})
		require.Error(t, err, "a model from memory has no folder")
		m, err := Load(writeModel(t, dir, data), LoadOptions{})
		if err != nil {
			return
		}
		defer func() { require.NoError(t, m.Close()) }()
		read := 0
		eachTensor(m, func(x *tensor.Tensor) {
			if x.Storage() != nil && len(x.Shape) == 1 && x.Shape[0] == 4 {
				require.Equal(t, make([]byte, 16), x.Bytes())
				read++
			}
		})
		require.Positive(t, read)
		if place < 200 {
			return
		}
		require.NoError(t, Save(m, filepath.Join(base, "out", "m.onnx"), SaveOptions{External: ExternalAlways, Threshold: 1}))
		require.Equal(t, outside, names(t, base))
		kept, err := os.ReadFile(filepath.Join(base, "secret"))
		require.NoError(t, err)
		require.Equal(t, secret, kept)
	})
}

// eachTensor visits every tensor of a model, those of functions and of training included.
func eachTensor(m *graph.Model, visit func(*tensor.Tensor)) {
	one := func(x *tensor.Tensor) {
		if x != nil {
			visit(x)
		}
	}
	sparse := func(s *tensor.Sparse) {
		if s != nil {
			one(s.Values)
			one(s.Indices)
		}
	}
	attr := func(a *graph.Attr) {
		if a == nil {
			return
		}
		one(a.T)
		sparse(a.Sparse)
		for _, x := range a.Tensors {
			one(x)
		}
		for _, s := range a.Sparses {
			sparse(s)
		}
	}
	all := func(g *graph.Graph) {
		for _, v := range g.Inits {
			one(v.Const)
			sparse(v.Sparse)
		}
		for n := range g.Nodes() {
			for _, a := range n.Attrs {
				attr(a)
			}
		}
	}
	m.Walk(all)
	for _, f := range m.Functions {
		for _, d := range f.Attrs {
			attr(d.Default)
		}
	}
	for _, tr := range m.Training {
		for _, g := range []*graph.Graph{tr.Initialization, tr.Algorithm} {
			if g != nil {
				g.Walk(all)
			}
		}
	}
}
