package runtime_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// TestVagueDims feeds a model whose input says -1 and "?" for dims of several sizes.
func TestVagueDims(t *testing.T) {
	m := graph.NewModel(8, 17)
	typ := func(dims ...graph.Dim) graph.Type { return graph.TensorType(tensor.Float32, graph.ShapeOf(dims...)) }
	x := m.Graph.AddInput("x", typ(graph.Const(-1), graph.Sym("?"), graph.Sym("?")))
	y := m.Graph.NewValue("y", typ(graph.Sym("?"), graph.Sym("?")))
	m.Graph.Append(graph.NewNode(graph.OpID{Op: "ReduceMax"}, []*graph.Value{x}, []*graph.Value{y}, graph.IntsAttr("axes", 0), graph.IntAttr("keepdims", 0)))
	m.Graph.AddOutput(y)
	s, err := runtime.Compile(m, runtime.Options{Threads: 1})
	require.NoError(t, err)
	defer s.Close()
	out, err := s.Run(context.Background(), runtime.Feeds{"x": tensor.Of([]float32{1, 2, 3, 4, 5, 0}, 1, 2, 3)})
	require.NoError(t, err)
	require.Equal(t, []int64{2, 3}, out["y"].Shape)
	require.True(t, m.Graph.Inputs[0].Type.Shape.Dims[0].Is(-1), "the model itself is not changed")
}
