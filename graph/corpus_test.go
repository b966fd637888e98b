package graph_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// TestTextOfEveryModel: print, parse, print is a fixed point on all reference models, with weights found again by their hash, and the
// parsed graph is as sound as the original.
func TestTextOfEveryModel(t *testing.T) {
	dir := testmodels.Shared(t, "models")
	n := 0
	for _, pattern := range []string{"*/*.onnx", "exports/*/*.onnx", "trained/*/*.onnx", "real/graphs/*.onnx"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			m, err := onnxio.Load(file, onnxio.LoadOptions{Lenient: true})
			require.NoError(t, err, file)
			checkText(t, file, m)
			require.NoError(t, m.Close())
			n++
		}
	}
	t.Logf("%d models", n)
}

func checkText(t *testing.T, name string, m *graph.Model) {
	t.Helper()
	byHash := map[string]*tensor.Tensor{}
	remember := func(x *tensor.Tensor) {
		if x != nil {
			byHash[fmt.Sprintf("%x", x.Hash())] = x
		}
	}
	m.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			remember(v.Const)
		}
		for n := range g.Nodes() {
			for _, a := range n.Attrs {
				remember(a.T)
				for _, x := range a.Tensors {
					remember(x)
				}
			}
		}
	})
	text := m.String()
	back, err := graph.ParseModel(text, graph.ParseOptions{Resolve: func(hash string) (*tensor.Tensor, error) {
		if x := byHash[hash]; x != nil {
			return x, nil
		}
		return nil, fmt.Errorf("no such tensor")
	}})
	require.NoError(t, err, name)
	require.Equal(t, text, back.String(), name)
	require.Equal(t, len(m.Verify()), len(back.Verify()), name)
}
