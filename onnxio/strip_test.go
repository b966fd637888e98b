package onnxio

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func weighty(t *testing.T) (*graph.Model, string) {
	t.Helper()
	m, err := graph.ParseModel(`<ir_version: 8, opset_import: ["" : 18]> g (float[N,64] x, bool c) => (float[N,64] y) <float[64] small = {`+
		zeros(64)+`}> { a = Add(x, small) y = If(c) <then_branch = yes () => (float[N,64] p) <float[64,64] inner = {`+zeros(4096)+`}> { p = MatMul(a, inner) }, else_branch = no () => (float[N,64] q) { q = Abs(a) }> }`, graph.ParseOptions{})
	require.NoError(t, err)
	big := make([]float32, 4096)
	for i := range big {
		big[i] = float32(i)
	}
	m.Graph.AddInit("big", tensor.Of(big, 64, 64))
	path := filepath.Join(t.TempDir(), "m.onnx")
	require.NoError(t, Save(m, path, SaveOptions{}))
	m, err = Load(path, LoadOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { m.Close() })
	return m, path
}

func zeros(n int) string {
	s := "0"
	for range n - 1 {
		s += ",0"
	}
	return s
}

func TestStripAndRefill(t *testing.T) {
	m, path := weighty(t)
	thin, list := Strip(m, 1000)
	require.Len(t, list, 2)
	require.EqualValues(t, 16384, list[0].Bytes)
	require.NotNil(t, m.Graph.Find("big").Const.Storage(), "the model itself is not changed")

	for _, form := range []ExternalForm{ExternalKeep, ExternalAuto, ExternalNever, ExternalAlways} {
		out := filepath.Join(t.TempDir(), "thin.onnx")
		require.NoError(t, Save(thin, out, SaveOptions{External: form}))
		entries, err := os.ReadDir(filepath.Dir(out))
		require.NoError(t, err)
		require.Len(t, entries, 1, "no data file")
		info, err := os.Stat(out)
		require.NoError(t, err)
		require.Less(t, info.Size(), int64(3000))
		_, err = Load(out, LoadOptions{})
		require.ErrorContains(t, err, "refill")

		back, err := Load(out, LoadOptions{Lenient: true})
		require.NoError(t, err)
		defer back.Close()
		require.Equal(t, list, StrippedOf(back))
		known := map[string]*tensor.Tensor{}
		m.Walk(func(g *graph.Graph) {
			for _, v := range g.Inits {
				h := v.Const.Hash()
				known[hex.EncodeToString(h[:])] = v.Const
			}
		})
		wrong := tensor.Of(make([]float32, 4096), 64, 64)
		require.Equal(t, 1, Refill(back, func(Stripped) *tensor.Tensor { return wrong }), "inner holds zeros, big does not")
		require.Len(t, StrippedOf(back), 1)
		require.Equal(t, 1, Refill(back, func(s Stripped) *tensor.Tensor { return known[s.Hash] }))
		require.Empty(t, StrippedOf(back))
		full := filepath.Join(t.TempDir(), "full.onnx")
		require.NoError(t, Save(back, full, SaveOptions{}))
		a, err := os.ReadFile(path)
		require.NoError(t, err)
		b, err := os.ReadFile(full)
		require.NoError(t, err)
		require.Equal(t, a, b, "the way back ends at the same bytes")
	}
}
