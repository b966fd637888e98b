package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// window geometry of one spatial dim: a window of kernel elements, dilation apart, moved by stride over a padded dim.
type geometry struct{ kernel, stride, dilation, before, after int64 }

// geometry reads the attributes of a sliding window over n spatial dims; kernel gives the size where kernel_shape does not.
func (c *call) geometry(n int, kernel []graph.Dim) ([]geometry, bool, error) {
	read := func(name string, want int) ([]int64, error) {
		v, ok := c.attrInts(name)
		if ok && len(v) != want {
			return nil, contradict("%s has %d entries, want %d", name, len(v), want)
		}
		return v, nil
	}
	size, err := read("kernel_shape", n)
	if err != nil {
		return nil, false, err
	}
	strides, err := read("strides", n)
	if err != nil {
		return nil, false, err
	}
	dilations, err := read("dilations", n)
	if err != nil {
		return nil, false, err
	}
	pads, err := read("pads", 2*n)
	if err != nil {
		return nil, false, err
	}
	known := true
	list := make([]geometry, n)
	for i := range list {
		g := geometry{stride: 1, dilation: 1}
		switch {
		case size != nil:
			g.kernel = size[i]
		case i < len(kernel):
			var ok bool
			if g.kernel, ok = kernel[i].Value(); !ok {
				known = false
			}
		default:
			known = false
		}
		if strides != nil {
			g.stride = strides[i]
		}
		if dilations != nil {
			g.dilation = dilations[i]
		}
		if pads != nil {
			g.before, g.after = pads[i], pads[i+n]
		}
		if max(g.kernel, g.stride, g.dilation, g.before, g.after, -g.before, -g.after) > 1<<30 {
			return nil, false, contradict("window of %d, stride %d, dilation %d, pads %d and %d", g.kernel, g.stride, g.dilation, g.before, g.after)
		}
		if g.stride < 1 || g.dilation < 1 || known && g.kernel < 1 {
			return nil, false, contradict("window of %d, stride %d, dilation %d", g.kernel, g.stride, g.dilation)
		}
		list[i] = g
	}
	return list, known, nil
}

// slide is the number of window positions.
func (g geometry) slide(d graph.Dim, autoPad string, ceil bool) graph.Dim {
	switch autoPad {
	case "SAME_UPPER", "SAME_LOWER":
		return ceilDiv(d, g.stride)
	case "VALID":
		g.before, g.after = 0, 0
	}
	span := d.Add(graph.Const(g.before + g.after - (g.dilation*(g.kernel-1) + 1)))
	if g.stride == 1 {
		return atLeastZero(span.Add(graph.Const(1)))
	}
	if !ceil {
		return atLeastZero(span.FloorDiv(graph.Const(g.stride)).Add(graph.Const(1)))
	}
	out := ceilDiv(span, g.stride).Add(graph.Const(1))
	v, ok1 := out.Value()
	n, ok2 := d.Value()
	if !ok1 || !ok2 {
		return graph.Unknown() // whether the last window starts inside decides
	}
	if (v-1)*g.stride >= n+g.before {
		v--
	}
	return graph.Const(max(v, 0))
}

func atLeastZero(d graph.Dim) graph.Dim {
	if v, ok := d.Value(); ok && v < 0 {
		return graph.Const(0)
	}
	return d
}

func conv(c *call) error { return c.convInto(c.elem(0), 0, 1) }

func convInteger(c *call) error { return c.convInto(tensor.Int32, 0, 1) }

func qLinearConv(c *call) error {
	elem := c.elem(7)
	if elem == tensor.Undefined {
		elem = c.elem(0)
	}
	return c.convInto(elem, 0, 3)
}

func (c *call) convInto(elem tensor.DType, xi, wi int) error {
	x, w := c.shape(xi), c.shape(wi)
	rank := x.Rank()
	if rank < 0 {
		rank = w.Rank()
	}
	if rank < 0 {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	if rank < 2 || w.Known && len(w.Dims) != rank {
		return contradict("convolution of shape %s by %s", x, w)
	}
	dims := make([]graph.Dim, rank)
	dims[0], dims[1] = x.Dim(0), w.Dim(0)
	c.dims(0, elem, dims...)
	if x.Known && w.Known {
		in, per := x.Dims[1], w.Dims[1].Mul(graph.Const(c.attrInt("group", 1)))
		if _, err := unify(in, per); err != nil {
			return contradict("convolution of shape %s by %s in %d groups: %v", x, w, c.attrInt("group", 1), err)
		}
	}
	if !x.Known {
		return nil
	}
	kernel := []graph.Dim(nil)
	if w.Known {
		kernel = w.Dims[2:]
	}
	list, known, err := c.geometry(rank-2, kernel)
	if err != nil || !known {
		return err
	}
	auto := c.attrString("auto_pad", "NOTSET")
	for i, g := range list {
		dims[i+2] = g.slide(x.Dims[i+2], auto, false)
	}
	c.dims(0, elem, dims...)
	return nil
}

func deformConv(c *call) error { return c.convInto(c.elem(0), 0, 1) }

func convTranspose(c *call) error {
	elem, x, w := c.elem(0), c.shape(0), c.shape(1)
	if !x.Known {
		c.tensor(0, elem, unknownDims(w.Rank()))
		return nil
	}
	rank := len(x.Dims)
	if rank < 2 || w.Known && len(w.Dims) != rank {
		return contradict("transposed convolution of shape %s by %s", x, w)
	}
	dims := make([]graph.Dim, rank)
	dims[0] = x.Dims[0]
	dims[1] = w.Dim(1).Mul(graph.Const(c.attrInt("group", 1)))
	c.dims(0, elem, dims...)
	if w.Known {
		if _, err := unify(x.Dims[1], w.Dims[0]); err != nil {
			return contradict("transposed convolution of shape %s by %s: %v", x, w, err)
		}
	}
	n := rank - 2
	if shape, ok := c.attrInts("output_shape"); ok {
		if len(shape) == rank {
			shape = shape[2:]
		}
		if len(shape) != n {
			return contradict("output_shape has %d entries for %d spatial dims", len(shape), n)
		}
		copy(dims[2:], graph.ConstShape(shape).Dims)
		c.dims(0, elem, dims...)
		return nil
	}
	kernel := []graph.Dim(nil)
	if w.Known {
		kernel = w.Dims[2:]
	}
	list, known, err := c.geometry(n, kernel)
	if err != nil || !known {
		return err
	}
	extra, ok := c.attrInts("output_padding")
	if ok && len(extra) != n {
		return contradict("output_padding has %d entries for %d spatial dims", len(extra), n)
	}
	auto := c.attrString("auto_pad", "NOTSET")
	for i, g := range list {
		grow := int64(0)
		if extra != nil {
			grow = extra[i]
		}
		switch auto {
		case "SAME_UPPER", "SAME_LOWER":
			dims[i+2] = x.Dims[i+2].Mul(graph.Const(g.stride))
			continue
		case "VALID":
			g.before, g.after = 0, 0
		}
		dims[i+2] = x.Dims[i+2].Sub(graph.Const(1)).Mul(graph.Const(g.stride)).
			Add(graph.Const(grow + (g.kernel-1)*g.dilation + 1 - g.before - g.after))
	}
	c.dims(0, elem, dims...)
	return nil
}

// pool is MaxPool, AveragePool, LpPool: windows over the spatial dims; a second output holds indices.
func pool(c *call) error {
	x := c.shape(0)
	s, err := c.poolShape(x)
	c.tensor(0, c.elem(0), s)
	c.tensor(1, tensor.Int64, s)
	return err
}

func (c *call) poolShape(x graph.Shape) (graph.Shape, error) {
	if !x.Known {
		kernel, _ := c.attrInts("kernel_shape")
		return unknownDims(len(kernel) + 2), nil
	}
	if len(x.Dims) < 2 {
		return graph.Shape{}, contradict("pooling of shape %s", x)
	}
	list, known, err := c.geometry(len(x.Dims)-2, nil)
	if err != nil {
		return graph.Shape{}, err
	}
	if !known {
		return graph.Shape{}, contradict("no kernel_shape")
	}
	dims := append([]graph.Dim(nil), x.Dims...)
	for i, g := range list {
		dims[i+2] = g.slide(x.Dims[i+2], c.attrString("auto_pad", "NOTSET"), c.attrInt("ceil_mode", 0) != 0)
	}
	return graph.ShapeOf(dims...), nil
}

func globalPool(c *call) error {
	x := c.shape(0)
	if !x.Known {
		c.tensor(0, c.elem(0), graph.Shape{})
		return nil
	}
	if len(x.Dims) < 2 {
		return contradict("pooling of shape %s", x)
	}
	dims := append([]graph.Dim(nil), x.Dims...)
	for i := 2; i < len(dims); i++ {
		dims[i] = graph.Const(1)
	}
	c.dims(0, c.elem(0), dims...)
	return nil
}

func maxUnpool(c *call) error {
	x := c.shape(0)
	if !x.Known {
		c.tensor(0, c.elem(0), graph.Shape{})
		return nil
	}
	if c.has(2) {
		if d := c.data(2); d != nil && len(d.Elems) == len(x.Dims) {
			c.dims(0, c.elem(0), d.Elems...)
		} else {
			c.tensor(0, c.elem(0), unknownDims(len(x.Dims)))
		}
		return nil
	}
	if len(x.Dims) < 2 {
		return contradict("unpooling of shape %s", x)
	}
	list, known, err := c.geometry(len(x.Dims)-2, nil)
	if err != nil || !known {
		return err
	}
	dims := append([]graph.Dim(nil), x.Dims...)
	for i, g := range list {
		dims[i+2] = x.Dims[i+2].Sub(graph.Const(1)).Mul(graph.Const(g.stride)).Add(graph.Const(g.kernel - g.before - g.after))
	}
	c.dims(0, c.elem(0), dims...)
	return nil
}

func roiAlign(c *call) error {
	x, rois := c.shape(0), c.shape(1)
	c.dims(0, c.elem(0), rois.Dim(0), x.Dim(1), graph.Const(c.attrInt("output_height", 1)), graph.Const(c.attrInt("output_width", 1)))
	return nil
}

func maxRoiPool(c *call) error {
	x, rois := c.shape(0), c.shape(1)
	pooled, _ := c.attrInts("pooled_shape")
	if len(pooled) != 2 {
		return contradict("pooled_shape has %d entries, want 2", len(pooled))
	}
	c.dims(0, c.elem(0), rois.Dim(0), x.Dim(1), graph.Const(pooled[0]), graph.Const(pooled[1]))
	return nil
}

func depthToSpace(c *call) error { return c.blocks(false) }
func spaceToDepth(c *call) error { return c.blocks(true) }

func (c *call) blocks(toDepth bool) error {
	x := c.shape(0)
	if err := wantRank("input", x, 4); err != nil {
		return err
	}
	b := c.attrInt("blocksize", 0)
	if b < 1 || b > 1<<20 {
		return contradict("blocksize %d", b)
	}
	if !x.Known {
		c.tensor(0, c.elem(0), unknownDims(4))
		return nil
	}
	n, area := graph.Const(b), graph.Const(b*b)
	if toDepth {
		c.dims(0, c.elem(0), x.Dims[0], x.Dims[1].Mul(area), x.Dims[2].FloorDiv(n), x.Dims[3].FloorDiv(n))
	} else {
		c.dims(0, c.elem(0), x.Dims[0], x.Dims[1].FloorDiv(area), x.Dims[2].Mul(n), x.Dims[3].Mul(n))
	}
	return nil
}
