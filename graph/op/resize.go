package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

func resize(c *call) error {
	x := c.shape(0)
	if c.opset >= 13 {
		if !c.has(2) && !c.has(3) {
			return contradict("neither scales nor sizes are given")
		}
		if n, ok := vectorLen(c.shape(2)); ok && n > 0 && c.has(3) {
			return contradict("both scales and sizes are given")
		}
	}
	if !x.Known {
		c.tensor(0, c.elem(0), graph.Shape{})
		return nil
	}
	c.tensor(0, c.elem(0), unknownDims(len(x.Dims)))
	scalesAt := 2
	if c.opset < 11 {
		scalesAt = 1
	}
	axes, given := c.attrInts("axes")
	if !given {
		for i := range x.Dims {
			axes = append(axes, int64(i))
		}
	}
	dims := append([]graph.Dim(nil), x.Dims...)
	at := make([]int, len(axes))
	for i, a := range axes {
		k, err := axis(a, len(dims))
		if err != nil {
			return err
		}
		at[i], dims[k] = k, graph.Unknown()
	}
	c.dims(0, c.elem(0), dims...)
	if c.opset >= 11 && c.has(3) {
		if n, ok := vectorLen(c.shape(3)); ok && n != 0 && n != len(at) {
			return contradict("%d sizes for %d axes", n, len(at))
		}
		d := c.data(3)
		if d == nil {
			return nil
		}
		if len(d.Elems) == 0 {
			return c.scaleBy(scalesAt, x, dims, at)
		}
		if len(d.Elems) != len(at) {
			return contradict("%d sizes for %d axes", len(d.Elems), len(at))
		}
		sizes := append([]graph.Dim(nil), d.Elems...)
		if policy := c.attrString("keep_aspect_ratio_policy", "stretch"); policy != "stretch" {
			fitAspect(sizes, x, at, policy == "not_larger")
		}
		for i, k := range at {
			dims[k] = sizes[i]
		}
		c.dims(0, c.elem(0), dims...)
		return nil
	}
	return c.scaleBy(scalesAt, x, dims, at)
}

// scaleBy states output dims as ⌊dim · scale⌋ at the named axes.
func (c *call) scaleBy(input int, x graph.Shape, dims []graph.Dim, at []int) error {
	scales, ok := c.floats(input)
	if !ok {
		return nil
	}
	if len(scales) != len(at) {
		return contradict("%d scales for %d axes", len(scales), len(at))
	}
	for i, k := range at {
		dims[k] = scaled(x.Dims[k], scales[i])
	}
	c.dims(0, c.elem(0), dims...)
	return nil
}

func scaled(d graph.Dim, scale float64) graph.Dim {
	if n, ok := d.Value(); ok {
		if v, ok := floorFloat(float64(n) * scale); ok {
			return graph.Const(v)
		}
		return graph.Unknown()
	}
	if scale == math.Trunc(scale) && scale > 0 && scale < 1<<31 {
		return d.Mul(graph.Const(int64(scale)))
	}
	if inverse := 1 / scale; inverse == math.Trunc(inverse) && inverse > 0 && inverse < 1<<31 {
		return d.FloorDiv(graph.Const(int64(inverse)))
	}
	return graph.Unknown()
}

// fitAspect replaces the asked sizes by those of one common scale.
func fitAspect(sizes []graph.Dim, x graph.Shape, at []int, smallest bool) {
	scale := math.Inf(1)
	if !smallest {
		scale = 0
	}
	for i, k := range at {
		want, ok1 := sizes[i].Value()
		have, ok2 := x.Dims[k].Value()
		if !ok1 || !ok2 || have == 0 {
			clear(sizes)
			return
		}
		if s := float64(want) / float64(have); smallest {
			scale = min(scale, s)
		} else {
			scale = max(scale, s)
		}
	}
	for i, k := range at {
		have, _ := x.Dims[k].Value()
		v, ok := floorFloat(scale*float64(have) + 0.5)
		if sizes[i] = graph.Unknown(); ok {
			sizes[i] = graph.Const(v)
		}
	}
}

func upsample(c *call) error {
	x := c.shape(0)
	if !x.Known {
		c.tensor(0, c.elem(0), graph.Shape{})
		return nil
	}
	dims := make([]graph.Dim, len(x.Dims))
	var scales []float64
	switch {
	case c.opset >= 9:
		scales, _ = c.floats(1)
	case c.opset >= 7:
		list, _ := c.attrFloats("scales")
		for _, s := range list {
			scales = append(scales, float64(s))
		}
	default:
		h, w := c.attr("height_scale"), c.attr("width_scale")
		if h != nil && w != nil {
			scales = []float64{1, 1, float64(h.F), float64(w.F)}
		}
	}
	if scales != nil {
		if len(scales) != len(dims) {
			return contradict("%d scales for shape %s", len(scales), x)
		}
		for i, d := range x.Dims {
			dims[i] = scaled(d, scales[i])
		}
	}
	c.dims(0, c.elem(0), dims...)
	return nil
}

func gridSample(c *call) error {
	x, grid := c.shape(0), c.shape(1)
	if !grid.Known {
		c.tensor(0, c.elem(0), unknownDims(x.Rank()))
		return nil
	}
	if len(grid.Dims) < 3 || x.Known && len(x.Dims) != len(grid.Dims) {
		return contradict("grid of shape %s over shape %s", grid, x)
	}
	dims := []graph.Dim{x.Dim(0), x.Dim(1)}
	c.dims(0, c.elem(0), append(dims, grid.Dims[1:len(grid.Dims)-1]...)...)
	return nil
}

func affineGrid(c *call) error {
	elem, theta := c.elem(0), c.shape(0)
	if d := c.data(1); d != nil && len(d.Elems) >= 4 {
		dims := append([]graph.Dim{d.Elems[0]}, d.Elems[2:]...)
		c.dims(0, elem, append(dims, graph.Const(int64(len(d.Elems)-2)))...)
		return nil
	}
	if n, ok := vectorLen(c.shape(1)); ok && n >= 4 {
		shape := unknownDims(n)
		shape.Dims[0], shape.Dims[n-1] = theta.Dim(0), graph.Const(int64(n-2))
		c.tensor(0, elem, shape)
		return nil
	}
	c.tensor(0, elem, graph.Shape{})
	return nil
}

func col2Im(c *call) error {
	elem, x := c.elem(0), c.shape(0)
	if err := wantRank("input", x, 3); err != nil {
		return err
	}
	n, ok := vectorLen(c.shape(1))
	image := c.data(1)
	if image != nil {
		n, ok = len(image.Elems), true
	}
	if !ok {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	shape := unknownDims(n + 2)
	if !shape.Known {
		return contradict("image of %d dims", n)
	}
	shape.Dims[0] = x.Dim(0)
	if image != nil {
		copy(shape.Dims[2:], image.Elems)
	}
	if block := c.data(2); block != nil {
		shape.Dims[1] = x.Dim(1).FloorDiv(product(block.Elems))
	}
	c.tensor(0, elem, shape)
	return nil
}

func centerCropPad(c *call) error {
	elem, x := c.elem(0), c.shape(0)
	want := c.data(1)
	axes, given := c.attrInts("axes")
	if !x.Known {
		if n, ok := vectorLen(c.shape(1)); ok && !given {
			c.tensor(0, elem, unknownDims(n))
		} else {
			c.tensor(0, elem, graph.Shape{})
		}
		return nil
	}
	dims := append([]graph.Dim(nil), x.Dims...)
	if !given {
		for i := range dims {
			axes = append(axes, int64(i))
		}
	}
	if want != nil && len(want.Elems) != len(axes) {
		return contradict("%d sizes for %d axes", len(want.Elems), len(axes))
	}
	for i, a := range axes {
		k, err := axis(a, len(dims))
		if err != nil {
			return err
		}
		if dims[k] = graph.Unknown(); want != nil {
			dims[k] = want.Elems[i]
		}
	}
	c.dims(0, elem, dims...)
	return nil
}
