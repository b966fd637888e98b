package op

import "github.com/onnx-rewrite/onnx-rewrite/graph"

func pad(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	if !s.Known {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	var pads []graph.Dim
	if c.opset < 11 {
		name := "pads"
		if c.opset < 2 {
			name = "paddings"
		}
		ints, _ := c.attrInts(name)
		pads = graph.ConstShape(ints).Dims
	} else if d := c.data(1); d != nil {
		pads = d.Elems
	} else {
		if axes, ok := c.ints(3); ok && c.has(3) {
			dims := append([]graph.Dim(nil), s.Dims...)
			for _, a := range axes {
				k, err := axis(a, len(dims))
				if err != nil {
					return err
				}
				dims[k] = graph.Unknown()
			}
			c.dims(0, elem, dims...)
			return nil
		}
		c.tensor(0, elem, unknownDims(len(s.Dims)))
		return nil
	}
	var axes []int64
	if c.has(3) {
		var ok bool
		if axes, ok = c.ints(3); !ok {
			c.tensor(0, elem, unknownDims(len(s.Dims)))
			return nil
		}
	} else {
		for i := range s.Dims {
			axes = append(axes, int64(i))
		}
	}
	if len(pads) != 2*len(axes) {
		return contradict("%d pads for %d axes", len(pads), len(axes))
	}
	dims := append([]graph.Dim(nil), s.Dims...)
	for i, a := range axes {
		k, err := axis(a, len(dims))
		if err != nil {
			return err
		}
		dims[k] = dims[k].Add(pads[i]).Add(pads[i+len(axes)])
	}
	c.dims(0, elem, dims...)
	return nil
}
