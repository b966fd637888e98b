package runtime_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// A branch that has no node of its own returns a value of the graph around it.
func TestBranchReturnsOuterValue(t *testing.T) {
	m, err := graph.ParseModel(`<ir_version: 8, opset_import: ["" : 18]>
g (bool c, float[2] x) => (float[2] y) {
  a = Neg (x)
  y = If <then_branch = t () => (a) { }, else_branch = e () => (b) { b = Abs (x) }> (c)
}`, graph.ParseOptions{})
	require.NoError(t, err)
	s, err := runtime.Compile(m, runtime.Options{})
	require.NoError(t, err)
	defer s.Close()
	for c, want := range map[bool][]float32{true: {1, -2}, false: {1, 2}} {
		out, err := s.Run(context.Background(), runtime.Feeds{"c": tensor.Scalar(c), "x": tensor.Of([]float32{-1, 2}, 2)})
		require.NoError(t, err)
		require.Equal(t, want, tensor.Data[float32](out["y"]))
	}
}
