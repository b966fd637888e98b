package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func constant(c *call) error {
	for _, name := range []string{"value", "value_int", "value_ints", "value_float", "value_floats", "value_string", "value_strings", "sparse_value"} {
		a := c.attr(name)
		if a == nil {
			continue
		}
		switch a.Kind {
		case graph.AttrSparseTensor:
			if a.Sparse == nil || a.Sparse.Values == nil {
				return contradict("sparse_value is empty")
			}
			c.tensor(0, a.Sparse.Values.Elem, graph.ConstShape(a.Sparse.Dims))
			return nil
		case graph.AttrString:
			c.dims(0, tensor.String)
			return nil
		case graph.AttrStrings:
			c.dims(0, tensor.String, graph.Const(int64(len(a.Strings))))
			return nil
		}
		t := constantTensor(a)
		if t == nil {
			return contradict("attribute %s holds no tensor", name)
		}
		c.set(0, graph.TypeOf(t))
		c.setData(0, dataFrom(t))
		return nil
	}
	return contradict("no value attribute")
}

// constantTensor is the value that an attribute of Constant states; nil when it is none or a string.
func constantTensor(a *graph.Attr) *tensor.Tensor {
	if a == nil || a.Ref != "" {
		return nil
	}
	switch a.Kind {
	case graph.AttrTensor:
		return a.T
	case graph.AttrInt:
		return tensor.Scalar(a.I)
	case graph.AttrInts:
		return tensor.Of(a.Ints, int64(len(a.Ints)))
	case graph.AttrFloat:
		return tensor.Scalar(a.F)
	case graph.AttrFloats:
		return tensor.Of(a.Floats, int64(len(a.Floats)))
	}
	return nil
}

func identity(c *call) error {
	c.set(0, c.in(0))
	c.setData(0, c.data(0))
	return nil
}

// random is RandomNormal, RandomUniform: the shape is an attribute.
func random(c *call) error {
	dims, _ := c.attrInts("shape")
	c.tensor(0, c.attrElem("dtype", tensor.Float32), graph.ConstShape(dims))
	return nil
}

// randomLike takes the shape, and unless dtype says otherwise the element type, of its input.
func randomLike(c *call) error {
	c.tensor(0, c.attrElem("dtype", c.elem(0)), c.shape(0))
	return nil
}

func multinomial(c *call) error {
	s := c.shape(0)
	if err := wantRank("input", s, 2); err != nil {
		return err
	}
	c.dims(0, c.attrElem("dtype", tensor.Int32), s.Dim(0), graph.Const(c.attrInt("sample_size", 1)))
	return nil
}

// window is HannWindow and its like: the input is the length.
func window(c *call) error {
	n := graph.Unknown()
	if d := c.data(0); d != nil && len(d.Elems) == 1 {
		n = d.Elems[0]
	}
	c.dims(0, c.attrElem("output_datatype", tensor.Float32), n)
	return nil
}

func melWeightMatrix(c *call) error {
	elem := c.attrElem("output_datatype", tensor.Float32)
	bins := graph.Unknown()
	if d := c.data(1); d != nil && len(d.Elems) == 1 {
		bins = d.Elems[0].FloorDiv(graph.Const(2)).Add(graph.Const(1))
	}
	mels := graph.Unknown()
	if d := c.data(0); d != nil && len(d.Elems) == 1 {
		mels = d.Elems[0]
	}
	c.dims(0, elem, bins, mels)
	return nil
}

// floorFloat is ⌊x⌋ as a dimension; false when it is none.
func floorFloat(x float64) (int64, bool) {
	x = math.Floor(x)
	return int64(x), x >= 0 && x < 1<<40
}
