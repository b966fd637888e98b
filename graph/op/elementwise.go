package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// unary is an operator whose output has the type of its first input.
func unary(c *call) error {
	c.set(0, c.in(0))
	return nil
}

// alongAxis is unary with an axis that has to be one of the input's.
func alongAxis(c *call) error {
	c.set(0, c.in(0))
	s := c.shape(0)
	if !s.Known || c.attr("axis") == nil {
		return nil
	}
	_, err := axis(c.attrInt("axis", 0), max(1, len(s.Dims)))
	return err
}

// unaryData is unary that also follows contents.
func unaryData(f func(graph.Dim) graph.Dim) rule {
	return func(c *call) error {
		c.set(0, c.in(0))
		c.setData(0, zip([]*Data{c.data(0)}, func(x []graph.Dim) graph.Dim { return f(x[0]) }))
		return nil
	}
}

// predicate is an elementwise operator that answers true or false.
func predicate(c *call) error {
	c.tensor(0, tensor.Bool, c.shape(0))
	return nil
}

// arithmetic is a broadcasting operator whose output has its first input's element type. Before opset 7 the second input was fitted to
// the first.
func arithmetic(f func(a, b graph.Dim, whole bool) graph.Dim) rule {
	return func(c *call) error {
		if err := c.broadcastTo(0, c.elem(0), 7); err != nil {
			return err
		}
		if f == nil {
			return nil
		}
		whole := c.elem(0).IsInteger()
		c.setData(0, zip([]*Data{c.data(0), c.data(1)}, func(x []graph.Dim) graph.Dim { return f(x[0], x[1], whole) }))
		return nil
	}
}

// comparison is a broadcasting operator that answers true or false.
func comparison(f func(a, b graph.Dim) graph.Dim) rule {
	return func(c *call) error {
		if err := c.broadcastTo(0, tensor.Bool, 7); err != nil {
			return err
		}
		if f != nil {
			c.setData(0, zip([]*Data{c.data(0), c.data(1)}, func(x []graph.Dim) graph.Dim { return f(x[0], x[1]) }))
		}
		return nil
	}
}

// broadcastTo states output out as the broadcast of all inputs, or as input 0's shape in opsets before since.
func (c *call) broadcastTo(out int, elem tensor.DType, since int) error {
	if c.opset < since && c.opset > 0 {
		c.tensor(out, elem, c.shape(0))
		return nil
	}
	shapes := make([]graph.Shape, 0, c.numIn())
	for i := range c.numIn() {
		if c.has(i) {
			shapes = append(shapes, c.shape(i))
		}
	}
	s, err := broadcast(shapes...)
	c.tensor(out, elem, s)
	return err
}

// variadic is Max, Min, Sum, Mean: all inputs broadcast together.
func variadic(f func(a, b graph.Dim) graph.Dim) rule {
	return func(c *call) error {
		if err := c.broadcastTo(0, c.elem(0), 8); err != nil {
			return err
		}
		if f == nil {
			return nil
		}
		args := make([]*Data, c.numIn())
		for i := range args {
			args[i] = c.data(i)
		}
		c.setData(0, zip(args, func(x []graph.Dim) graph.Dim {
			r := x[0]
			for _, d := range x[1:] {
				r = f(r, d)
			}
			return r
		}))
		return nil
	}
}

func where(c *call) error {
	s, err := broadcast(c.shape(0), c.shape(1), c.shape(2))
	elem := c.elem(1)
	if elem == tensor.Undefined {
		elem = c.elem(2)
	}
	c.tensor(0, elem, s)
	if err != nil {
		return err
	}
	c.setData(0, zip([]*Data{c.data(0), c.data(1), c.data(2)}, func(x []graph.Dim) graph.Dim {
		switch cond, known := x[0].Value(); {
		case !known && x[1].Equal(x[2]):
			return x[1]
		case !known:
			return graph.Unknown()
		case cond != 0:
			return x[1]
		}
		return x[2]
	}))
	return nil
}

func cast(c *call) error {
	to := c.attrElem("to", tensor.Undefined)
	if a := c.attr("to"); a != nil && a.Kind == graph.AttrString { // opset 1 named the type
		to = elemNamed(string(a.S))
	}
	return c.castTo(to)
}

func castLike(c *call) error { return c.castTo(c.elem(1)) }

func (c *call) castTo(to tensor.DType) error {
	c.tensor(0, to, c.shape(0))
	switch {
	case to == tensor.Bool:
		c.setData(0, zip([]*Data{c.data(0)}, func(x []graph.Dim) graph.Dim { return truth(x[0]) }))
	case to == tensor.Int64 || to == tensor.Int32 || to == tensor.Float32 || to == tensor.Float64:
		c.keepData()
	}
	return nil
}

// elemNamed is the element type of a TensorProto.DataType name such as "FLOAT".
func elemNamed(name string) tensor.DType {
	for d := tensor.Float32; d.Known(); d++ {
		upper := []byte(d.String())
		for i, b := range upper {
			if b >= 'a' && b <= 'z' {
				upper[i] = b - 32
			}
		}
		if string(upper) == name {
			return d
		}
	}
	return tensor.Undefined
}

func bitCast(c *call) error {
	to := c.attrElem("to", tensor.Undefined)
	s := c.shape(0)
	if from := c.elem(0); from != tensor.Undefined && from.Bits() != to.Bits() {
		return contradict("%s and %s have elements of different size", from, to)
	}
	c.tensor(0, to, s)
	return nil
}

// keepData passes input 0's contents on, in the shape of output 0.
func (c *call) keepData() {
	if d := c.data(0); d != nil {
		c.setData(0, d.reshaped(c.out[0].Shape))
	}
}

func dropout(c *call) error {
	c.set(0, c.in(0))
	elem := tensor.Bool
	if c.opset < 10 {
		elem = c.elem(0)
	}
	c.tensor(1, elem, c.shape(0))
	return nil
}

func clip(c *call) error {
	c.set(0, c.in(0))
	if c.opset < 11 {
		return nil
	}
	args := []*Data{c.data(0)}
	ops := []func(a, b graph.Dim) graph.Dim{nil}
	if c.has(1) {
		args, ops = append(args, c.data(1)), append(ops, graph.Dim.Max)
	}
	if c.has(2) {
		args, ops = append(args, c.data(2)), append(ops, graph.Dim.Min)
	}
	c.setData(0, zip(args, func(x []graph.Dim) graph.Dim {
		r := x[0]
		for i := 1; i < len(x); i++ {
			r = ops[i](r, x[i])
		}
		return r
	}))
	return nil
}

func predicateNot(c *call) error {
	c.tensor(0, tensor.Bool, c.shape(0))
	c.setData(0, zip([]*Data{c.data(0)}, func(x []graph.Dim) graph.Dim { return notDim(x[0]) }))
	return nil
}
