package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// reduce is a Reduce operator whose axes became an input at opset since. Contents of vectors are followed through f.
func reduce(since int, f func([]graph.Dim) graph.Dim) rule {
	return func(c *call) error {
		elem, s := c.elem(0), c.shape(0)
		keep := c.attrInt("keepdims", 1) == 1
		axes, given, ok := c.axes(1, since)
		if len(axes) == 0 && ok {
			given = false
			if c.attrInt("noop_with_empty_axes", 0) != 0 {
				c.tensor(0, elem, s)
				return nil
			}
		}
		shape, err := reduceShape(s, axes, given, ok, keep)
		if !ok && !keep {
			if n, sized := vectorLen(c.shape(1)); sized && n > 0 && s.Known && n <= len(s.Dims) {
				shape = unknownDims(len(s.Dims) - n)
			}
		}
		c.tensor(0, elem, shape)
		if d := c.data(0); err == nil && d != nil && f != nil && len(d.Dims) == 1 && len(d.Elems) > 0 {
			c.setData(0, scalarData(f(d.Elems)).reshaped(shape))
		}
		return err
	}
}

// reduceShape is s without axes (all of them unless given), or with 1 in their place.
func reduceShape(s graph.Shape, axes []int64, given, known, keep bool) (graph.Shape, error) {
	if !s.Known {
		if !given && !keep {
			return graph.ShapeOf(), nil
		}
		return graph.Shape{}, nil
	}
	if !known {
		if keep {
			return unknownDims(len(s.Dims)), nil
		}
		return graph.Shape{}, nil
	}
	gone := make([]bool, len(s.Dims))
	for i := range gone {
		gone[i] = !given
	}
	for _, a := range axes {
		k, err := axis(a, len(s.Dims))
		if err != nil {
			return graph.Shape{}, err
		}
		gone[k] = true
	}
	var dims []graph.Dim
	for i, d := range s.Dims {
		switch {
		case !gone[i]:
			dims = append(dims, d)
		case keep:
			dims = append(dims, graph.Const(1))
		}
	}
	return graph.ShapeOf(dims...), nil
}

func argExtreme(c *call) error {
	s := c.shape(0)
	if !s.Known {
		c.tensor(0, tensor.Int64, graph.Shape{})
		return nil
	}
	shape, err := reduceShape(s, []int64{c.attrInt("axis", 0)}, true, true, c.attrInt("keepdims", 1) == 1)
	c.tensor(0, tensor.Int64, shape)
	return err
}

func fold(f func(a, b graph.Dim) graph.Dim) func([]graph.Dim) graph.Dim {
	return func(x []graph.Dim) graph.Dim {
		r := x[0]
		for _, d := range x[1:] {
			r = f(r, d)
		}
		return r
	}
}
