package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// loss is NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: a scalar, or one number for each target; the second output of the
// latter has the scores' type.
func loss(c *call) error {
	x, target := c.shape(0), c.shape(1)
	if x.Known && target.Known && len(target.Dims) != len(x.Dims)-1 {
		return contradict("input has shape %s and target %s, want one dim less", x, target)
	}
	if c.attrString("reduction", "mean") == "none" {
		c.tensor(0, c.elem(0), c.shape(1))
	} else {
		c.dims(0, c.elem(0))
	}
	c.set(1, c.in(0))
	return nil
}

func nonMaxSuppression(c *call) error {
	c.dims(0, tensor.Int64, graph.Unknown(), graph.Const(3))
	return nil
}

func imageDecoder(c *call) error {
	channels := int64(3)
	if c.attrString("pixel_format", "RGB") == "Grayscale" {
		channels = 1
	}
	c.dims(0, tensor.Uint8, graph.Unknown(), graph.Unknown(), graph.Const(channels))
	return nil
}

// gradient gives, for each name in xs, a value of that input's type; the first inputs are the xs.
func gradient(c *call) error {
	xs, _ := c.attrStrings("xs")
	for i := range c.out {
		if i < len(xs) {
			c.set(i, c.in(i))
		}
	}
	return nil
}

// optimizer is an update of n tensors: inputs are a rate, a count, then groups of n (the tensors, their gradients, then states), outputs
// the tensors and the states.
func optimizer(groups int) rule {
	return func(c *call) error {
		n := (c.numIn() - 2) / groups
		if n < 1 || c.numIn() != 2+n*groups {
			return contradict("%d inputs, want 2 and a multiple of %d", c.numIn(), groups)
		}
		for i := range c.out {
			from := 2 + i
			if i >= n {
				from += n // skip the gradients
			}
			c.set(i, c.in(from))
		}
		return nil
	}
}
