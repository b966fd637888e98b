package graph

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func TestFindTwins(t *testing.T) {
	m := NewModel(10, 18)
	add := func(name string, x *tensor.Tensor) { m.Graph.AddInit(name, x) }
	add("embed", tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3))
	add("head", tensor.Of([]float32{1, 4, 2, 5, 3, 6}, 3, 2))
	add("again", tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3))
	add("flat", tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 6))
	add("other", tensor.Of([]float32{1, 2, 3, 4, 5, 7}, 2, 3))
	add("ints", tensor.Of([]int32{1, 2, 3, 4, 5, 6}, 2, 3))
	add("square", tensor.Of([]float64{1, 2, 3, 4}, 2, 2))
	add("turned", tensor.Of([]float64{1, 3, 2, 4}, 2, 2))
	add("b1", tensor.Of([]float32{0, 0}, 2))
	add("b2", tensor.Of([]float32{0, 0}, 2))
	require.Equal(t, []Twins{
		{Names: []string{"square"}, Transposed: []string{"turned"}, Bytes: 32},
		{Names: []string{"embed", "again"}, Transposed: []string{"head"}, Bytes: 24},
	}, m.FindTwins(16))
	require.Len(t, m.FindTwins(0), 3)
}
