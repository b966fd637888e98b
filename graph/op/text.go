package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// stringNormalizer drops stop words from the last dim of [C] or [1, C].
func stringNormalizer(c *call) error {
	s := c.shape(0)
	words, _ := c.attrStrings("stopwords")
	if len(words) == 0 || !s.Known || len(s.Dims) == 0 {
		c.tensor(0, tensor.String, s)
		return nil
	}
	dims := append([]graph.Dim(nil), s.Dims...)
	dims[len(dims)-1] = graph.Unknown()
	c.dims(0, tensor.String, dims...)
	return nil
}

func stringSplit(c *call) error {
	s := c.shape(0)
	c.tensor(0, tensor.String, stacked(graph.TensorType(tensor.String, s), max(s.Rank(), 0), graph.Unknown()).Shape)
	c.tensor(1, tensor.Int64, s)
	return nil
}

func tfIdfVectorizer(c *call) error {
	s := c.shape(0)
	width := graph.Unknown()
	if list, ok := c.attrInts("ngram_indexes"); ok && len(list) > 0 {
		top := int64(0)
		for _, i := range list {
			top = max(top, i)
		}
		width = graph.Const(top + 1)
	}
	if s.Known && len(s.Dims) != 1 && len(s.Dims) != 2 {
		return contradict("input has shape %s, want rank 1 or 2", s)
	}
	switch s.Rank() {
	case 0, 1:
		c.dims(0, tensor.Float32, width)
	case 2:
		c.dims(0, tensor.Float32, s.Dims[0], width)
	default:
		c.tensor(0, tensor.Float32, graph.Shape{})
	}
	return nil
}
