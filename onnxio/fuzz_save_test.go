package onnxio

import (
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// addModels gives a fuzz target small models to start from: two of our own, and n of the reference models where they are present.
func addModels(f *testing.F, n int, add func(data []byte)) {
	add(encodedSeed(f))
	m, err := graph.ParseModel(`<ir_version: 10, opset_import: ["" : 18, "l" : 1], metadata_props: ["k": "v"]>
g (bool c, float[N,2] x) => (float[N,2] y) <float[2] w = {1, 2}, int4[3] i = {-8, 7, 1}, string[1] s = {"a"}> {
  [if] t = If (c) <then_branch = a () => (p) { p = Add (x, w) }, else_branch = b () => (q) { q = l.f <alpha = 0.5> (x) }>
  y = Identity (t)
}
<domain: "l", opset_import: ["" : 18]> f <alpha> (u) => (v) { v = LeakyRelu <alpha: float = @alpha> (u) }`, graph.ParseOptions{})
	require.NoError(f, err)
	add(encoded(f, func(w io.Writer) error { return Encode(w, m) }))
	for _, data := range testmodels.SmallModels(n) {
		add(data)
	}
}

// decodeFuzzed reads a fuzzed model of bounded size, so that an input costs what it weighs.
func decodeFuzzed(data []byte) *graph.Model {
	if len(data) > 64<<10 {
		return nil
	}
	m, err := Decode(data, LoadOptions{Limits: Limits{Nodes: 2000, Tensors: 2000}})
	if err != nil {
		return nil
	}
	return m
}

// FuzzSave saves what can be read in a form that the bytes choose, and loads it again: the model says the same and holds the same values.
// Saved once more it has the same bytes, and so has its data file.
func FuzzSave(f *testing.F) {
	addModels(f, 20, func(data []byte) { f.Add(data, byte(len(data)), uint16(1)) })
	dirs := [2]string{f.TempDir(), f.TempDir()}
	f.Fuzz(func(t *testing.T, data []byte, form byte, threshold uint16) {
		m := decodeFuzzed(data)
		if m == nil {
			return
		}
		opt := SaveOptions{External: []ExternalForm{ExternalKeep, ExternalAuto, ExternalNever, ExternalAlways}[form&3], Threshold: int64(threshold), Align: 1 << (form >> 2 & 7)}
		if err := Save(m, filepath.Join(dirs[0], "m.onnx"), opt); err != nil {
			return
		}
		first, err := Load(filepath.Join(dirs[0], "m.onnx"), LoadOptions{})
		require.NoError(t, err)
		defer first.Close()
		require.Equal(t, hashes(m), hashes(first))
		opt.External = ExternalKeep
		require.NoError(t, Save(first, filepath.Join(dirs[1], "m.onnx"), opt))
		second, err := Load(filepath.Join(dirs[1], "m.onnx"), LoadOptions{})
		require.NoError(t, err)
		defer second.Close()
		for _, name := range append(Locations(first), "m.onnx") {
			a, err := os.ReadFile(filepath.Join(dirs[0], filepath.FromSlash(name)))
			require.NoError(t, err)
			b, err := os.ReadFile(filepath.Join(dirs[1], filepath.FromSlash(name)))
			require.NoError(t, err)
			require.Equal(t, a, b, name)
		}
		for _, dir := range dirs {
			require.LessOrEqual(t, len(names(t, dir)), 2, "no old data file stays")
		}
	})
}

func hashes(m *graph.Model) (list [][32]byte) {
	eachTensor(m, func(x *tensor.Tensor) { list = append(list, x.Hash()) })
	return list
}

// FuzzStrip leaves out the weights of what can be read and fills them in again, over a file: nothing is lost, and without the weights
// nothing of them is in the file.
func FuzzStrip(f *testing.F) {
	addModels(f, 20, func(data []byte) { f.Add(data, uint16(1)) })
	f.Fuzz(func(t *testing.T, data []byte, threshold uint16) {
		m := decodeFuzzed(data)
		if m == nil {
			return
		}
		before := encoded(t, func(w io.Writer) error { return Encode(w, m) })
		if len(StrippedOf(m)) > 0 {
			return // it says of itself that it is a stripped model
		}
		thin, list := Strip(m, int64(threshold))
		require.Equal(t, before, encoded(t, func(w io.Writer) error { return Encode(w, m) }), "the model itself is not changed")
		back, err := Decode(encoded(t, func(w io.Writer) error { return Encode(w, thin) }), LoadOptions{Lenient: true})
		require.NoError(t, err)
		require.Len(t, StrippedOf(back), len(list))
		known := map[string]*tensor.Tensor{}
		m.Walk(func(g *graph.Graph) {
			for _, v := range g.Inits {
				if v.Const != nil {
					h := v.Const.Hash()
					known[hex.EncodeToString(h[:])] = v.Const
				}
			}
		})
		require.Equal(t, len(list), Refill(back, func(s Stripped) *tensor.Tensor { return known[s.Hash] }))
		require.Empty(t, StrippedOf(back))
		require.Equal(t, hashes(m), hashes(back))
	})
}
