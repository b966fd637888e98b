package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func batchNormalization(c *call) error {
	c.set(0, c.in(0))
	channels := c.shape(0).Dim(1)
	if c.opset >= 14 && c.attrInt("training_mode", 0) == 0 && len(c.out) > 1 {
		return contradict("%d outputs outside of training, want 1", len(c.out))
	}
	for i := 1; i < 5 && c.opset >= 9; i++ { // before, statistics could be kept for each position
		s := c.shape(i)
		if err := wantRank(fmt.Sprintf("input %d", i), s, 1); err != nil {
			return err
		}
		a, ok1 := channels.Value()
		if b, ok2 := s.Dim(0).Value(); ok1 && ok2 && a != b {
			return contradict("input %d has %d elements for %d channels", i, b, a)
		}
	}
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
