package runtime_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// TestSplitSequences runs the split that some exporters write with a sequence, and refuses those whose parts are not known beforehand.
func TestSplitSequences(t *testing.T) {
	x := tensor.Of([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 2, 5)
	for _, c := range []struct {
		reason string
		split  *tensor.Tensor // nil: parts of 1
		keep   int64
		at     int64
		want   *tensor.Tensor // nil: refused
	}{
		{"parts of a size, the last one smaller", tensor.Scalar(int64(2)), 1, 2, tensor.Of([]float32{5, 10}, 2, 1)},
		{"a position from the end", tensor.Scalar(int64(2)), 1, -2, tensor.Of([]float32{3, 4, 8, 9}, 2, 2)},
		{"a list of sizes", tensor.Of([]int64{1, 4}, 2), 1, 1, tensor.Of([]float32{2, 3, 4, 5, 7, 8, 9, 10}, 2, 4)},
		{"single elements", nil, 1, 3, tensor.Of([]float32{4, 9}, 2, 1)},
		{"single elements without the dim", nil, 0, 3, tensor.Of([]float32{4, 9}, 2)},
		{"a position beyond the parts", tensor.Scalar(int64(2)), 1, 3, nil},
		{"sizes that do not add up", tensor.Of([]int64{1, 3}, 2), 1, 0, nil},
		{"parts of no size", tensor.Scalar(int64(0)), 1, 0, nil},
	} {
		m := graph.NewModel(8, 17)
		g := m.Graph
		in := g.AddInput("x", graph.TypeOf(x))
		ins := []*graph.Value{in, nil}
		if c.split != nil {
			ins[1] = g.AddInit("split", c.split)
		}
		seq, y := g.NewValue("seq", graph.Type{}), g.NewValue("y", graph.TensorType(tensor.Float32, graph.Shape{}))
		g.Append(graph.NewNode(graph.OpID{Op: "SplitToSequence"}, ins, []*graph.Value{seq}, graph.IntAttr("axis", -1), graph.IntAttr("keepdims", c.keep)))
		g.Append(graph.NewNode(graph.OpID{Op: "SequenceAt"}, []*graph.Value{seq, g.AddInit("at", tensor.Scalar(c.at))}, []*graph.Value{y}))
		g.AddOutput(y)
		for _, opt := range []runtime.Options{{Threads: 1}, {Threads: 1, DisableFusion: true}} {
			s, err := runtime.Compile(m, opt)
			if c.want == nil {
				var u *runtime.UnsupportedError
				require.True(t, errors.As(err, &u), c.reason)
				continue
			}
			require.NoError(t, err, c.reason)
			out, err := s.Run(context.Background(), runtime.Feeds{"x": x})
			require.NoError(t, err, c.reason)
			require.NoError(t, compare(out["y"], c.want, 0), c.reason)
			s.Close()
		}
	}
}
