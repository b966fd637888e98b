package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func quantizeLinear(c *call) error {
	elem := tensor.Uint8
	switch {
	case c.has(2):
		elem = c.elem(2)
	case c.attrInt("output_dtype", 0) != 0:
		elem = c.attrElem("output_dtype", elem)
	}
	c.tensor(0, elem, c.shape(0))
	return nil
}

func dequantizeLinear(c *call) error {
	elem := tensor.Float32
	if c.opset >= 19 {
		elem = c.elem(1)
	}
	if c.attrInt("output_dtype", 0) != 0 {
		elem = c.attrElem("output_dtype", elem)
	}
	c.tensor(0, elem, c.shape(0))
	return nil
}

func dynamicQuantizeLinear(c *call) error {
	c.tensor(0, tensor.Uint8, c.shape(0))
	c.tensor(1, tensor.Float32, graph.ShapeOf())
	c.tensor(2, tensor.Uint8, graph.ShapeOf())
	return nil
}
