package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// floatLike is a float tensor of the input's shape.
func floatLike(c *call) error {
	c.tensor(0, tensor.Float32, c.shape(0))
	return nil
}

// rows is the batch dim of [N, C] or, for [C], 1.
func (c *call) rows() graph.Dim {
	s := c.shape(0)
	if s.Rank() == 1 {
		return graph.Const(1)
	}
	return s.Dim(0)
}

func arrayFeatureExtractor(c *call) error {
	x, y := c.shape(0), c.shape(1)
	if !x.Known || !y.Known || len(x.Dims) == 0 {
		c.tensor(0, c.elem(0), graph.Shape{})
		return nil
	}
	picks := product(y.Dims)
	if len(x.Dims) == 1 {
		c.dims(0, c.elem(0), graph.Const(1), picks)
		return nil
	}
	dims := append([]graph.Dim(nil), x.Dims[:len(x.Dims)-1]...)
	c.dims(0, c.elem(0), append(dims, picks)...)
	return nil
}

func castMap(c *call) error {
	elem := map[string]tensor.DType{"TO_FLOAT": tensor.Float32, "TO_STRING": tensor.String, "TO_INT64": tensor.Int64}[c.attrString("cast_to", "TO_FLOAT")]
	width := graph.Unknown()
	if n := c.attrInt("max_map", 0); n > 0 && c.attrString("map_form", "DENSE") == "SPARSE" {
		width = graph.Const(n)
	}
	c.dims(0, elem, graph.Const(1), width)
	return nil
}

func categoryMapper(c *call) error {
	elem := tensor.Undefined
	switch c.elem(0) {
	case tensor.String:
		elem = tensor.Int64
	case tensor.Int64:
		elem = tensor.String
	}
	c.tensor(0, elem, c.shape(0))
	return nil
}

func dictVectorizer(c *call) error {
	elem := element(c.in(0)).Elem
	width := graph.Unknown()
	if words, ok := c.attrStrings("string_vocabulary"); ok {
		width = graph.Const(int64(len(words)))
	} else if numbers, ok := c.attrInts("int64_vocabulary"); ok {
		width = graph.Const(int64(len(numbers)))
	}
	c.dims(0, elem, graph.Const(1), width)
	return nil
}

func featureVectorizer(c *call) error {
	width := graph.Unknown()
	if list, ok := c.attrInts("inputdimensions"); ok {
		sum := int64(0)
		for _, n := range list {
			sum += n
		}
		width = graph.Const(sum)
	}
	c.dims(0, tensor.Float32, c.rows(), width)
	return nil
}

// labelEncoder has the element type of its values; opset 1 maps strings to int64 and back.
func labelEncoder(c *call) error {
	if c.opset < 2 {
		return categoryMapper(c)
	}
	elem := tensor.Undefined
	for _, v := range []struct {
		name string
		elem tensor.DType
	}{{"values_strings", tensor.String}, {"values_int64s", tensor.Int64}, {"values_floats", tensor.Float32}} {
		if c.attr(v.name) != nil {
			elem = v.elem
		}
	}
	if a := c.attr("values_tensor"); a != nil && a.T != nil {
		elem = a.T.Elem
	}
	c.tensor(0, elem, c.shape(0))
	return nil
}

func oneHotEncoder(c *call) error {
	n := 0
	if list, ok := c.attrInts("cats_int64s"); ok {
		n = len(list)
	} else if list, ok := c.attrStrings("cats_strings"); ok {
		n = len(list)
	}
	s := c.shape(0)
	c.tensor(0, tensor.Float32, stacked(graph.TensorType(tensor.Float32, s), max(s.Rank(), 0), graph.Const(int64(n))).Shape)
	return nil
}

// classifier gives a label for each row and its scores. The names of the label attributes differ between operators.
func classifier(strings, ints string) rule {
	return func(c *call) error {
		elem, classes := tensor.Int64, graph.Unknown()
		if list, ok := c.attrStrings(strings); ok && len(list) > 0 {
			elem, classes = tensor.String, graph.Const(int64(len(list)))
		} else if list, ok := c.attrInts(ints); ok && len(list) > 0 {
			classes = graph.Const(int64(len(list)))
		}
		c.dims(0, elem, c.rows())
		c.dims(1, tensor.Float32, c.rows(), classes)
		return nil
	}
}

// regressor gives as many numbers for each row as the named attribute says.
func regressor(targets string) rule {
	return func(c *call) error {
		c.dims(0, tensor.Float32, c.rows(), graph.Const(c.attrInt(targets, 1)))
		return nil
	}
}

func treeEnsemble(c *call) error {
	c.dims(0, c.elem(0), c.rows(), graph.Const(c.attrInt("n_targets", 1)))
	return nil
}

func zipMap(c *call) error {
	key := tensor.Int64
	if list, ok := c.attrStrings("classlabels_strings"); ok && len(list) > 0 {
		key = tensor.String
	}
	value := graph.TensorType(tensor.Float32, graph.ShapeOf())
	c.set(0, sequenceOf(graph.Type{Kind: graph.KindMap, Key: key, Of: &value}))
	return nil
}
