package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func batchNormalization(c *call) error {
	c.set(0, c.in(0))
	for i := 1; i < len(c.out); i++ {
		src := 3 // mean, then var; opsets before 14 repeat them as saved statistics
		if i%2 == 0 {
			src = 4
		}
		c.tensor(i, c.elem(src), c.shape(src))
	}
	return nil
}

// layerNormalization gives the normalised value, and the mean and inverse deviation over the dims from axis on.
func layerNormalization(c *call) error {
	s := c.shape(0)
	c.set(0, c.in(0))
	stash := tensor.DType(c.attrInt("stash_type", int64(tensor.Float32)))
	stat := graph.Shape{}
	if s.Known {
		k, err := axis(c.attrInt("axis", -1), len(s.Dims))
		if err != nil {
			return err
		}
		dims := append([]graph.Dim(nil), s.Dims...)
		for i := k; i < len(dims); i++ {
			dims[i] = graph.Const(1)
		}
		stat = graph.ShapeOf(dims...)
	}
	c.tensor(1, stash, stat)
	c.tensor(2, stash, stat)
	return nil
}

// rmsNormalization has the element type of its scale.
func rmsNormalization(c *call) error {
	elem := c.elem(1)
	if elem == tensor.Undefined {
		elem = c.elem(0)
	}
	c.tensor(0, elem, c.shape(0))
	return nil
}
