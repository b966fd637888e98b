package op

import "github.com/onnx-rewrite/onnx-rewrite/graph"

// dft transforms along one dim; the last dim holds real and imaginary part. The axis is an attribute in opset 17, an input from 20 on.
func dft(c *call) error {
	elem, x := c.elem(0), c.shape(0)
	if !x.Known {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	rank := len(x.Dims)
	if rank < 2 {
		return contradict("transform of shape %s", x)
	}
	oneSided, inverse := c.attrInt("onesided", 0) != 0, c.attrInt("inverse", 0) != 0
	parts := graph.Const(2)
	if oneSided && inverse {
		parts = graph.Const(1)
	}
	a := c.attrInt("axis", 1)
	if c.opset >= 20 {
		a = -2
		if c.has(2) {
			var ok bool
			if a, ok = c.int(2); !ok {
				shape := unknownDims(rank)
				if !oneSided && !c.has(1) { // the length stays, whichever the axis is
					shape = graph.ShapeOf(append([]graph.Dim(nil), x.Dims...)...)
				}
				shape.Dims[rank-1] = parts
				c.tensor(0, elem, shape)
				return nil
			}
		}
	}
	k, err := axis(a, rank)
	if err != nil {
		return err
	}
	dims := append([]graph.Dim(nil), x.Dims...)
	dims[rank-1] = parts
	length := dims[k]
	if c.has(1) {
		length = graph.Unknown()
		if d := c.data(1); d != nil && len(d.Elems) == 1 {
			length = d.Elems[0]
		}
	} else if oneSided && inverse {
		length = dims[k].Sub(graph.Const(1)).Mul(graph.Const(2))
	}
	if oneSided && !inverse {
		length = length.FloorDiv(graph.Const(2)).Add(graph.Const(1))
	}
	dims[k] = length
	c.dims(0, elem, dims...)
	return nil
}

// stft cuts [batch, length, 1 or 2] into frames and transforms each.
func stft(c *call) error {
	elem, x := c.elem(0), c.shape(0)
	if err := wantRank("signal", x, 3); err != nil {
		return err
	}
	size := graph.Unknown()
	if d := c.data(3); c.has(3) && d != nil && len(d.Elems) == 1 {
		size = d.Elems[0]
	} else if c.has(2) {
		size = c.shape(2).Dim(0)
	}
	frames, bins := graph.Unknown(), size
	if d := c.data(1); d != nil && len(d.Elems) == 1 && size.IsKnown() {
		frames = x.Dim(1).Sub(size).FloorDiv(d.Elems[0]).Add(graph.Const(1))
	}
	if c.attrInt("onesided", 1) != 0 {
		bins = size.FloorDiv(graph.Const(2)).Add(graph.Const(1))
	}
	c.dims(0, elem, x.Dim(0), frames, bins, graph.Const(2))
	return nil
}
