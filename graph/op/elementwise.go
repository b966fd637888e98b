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
	for d := tensor.Float32; d <= tensor.Int2; d++ {
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

// The contents of tensors: arithmetic on dimensions.

func addDims(a, b graph.Dim, _ bool) graph.Dim { return a.Add(b) }
func subDims(a, b graph.Dim, _ bool) graph.Dim { return a.Sub(b) }
func mulDims(a, b graph.Dim, _ bool) graph.Dim { return a.Mul(b) }
func negDim(a graph.Dim) graph.Dim             { return graph.Const(0).Sub(a) }

// divDims divides as the element type does: integers toward zero, floats only when the quotient is whole.
func divDims(a, b graph.Dim, whole bool) graph.Dim {
	x, ok1 := a.Value()
	y, ok2 := b.Value()
	switch {
	case ok2 && y == 0:
		return graph.Unknown()
	case ok1 && ok2 && whole:
		return graph.Const(x / y)
	case ok2 && y < 0:
		return graph.Unknown()
	}
	q := a.FloorDiv(b)
	if !whole && !q.Mul(b).Equal(a) {
		return graph.Unknown()
	}
	return q
}

// modDims follows Mod of numbers that are not negative, where all its definitions agree.
func modDims(a, b graph.Dim, whole bool) graph.Dim {
	y, ok := b.Value()
	if !ok || y <= 0 || !nonNegative(a) || !whole {
		return graph.Unknown()
	}
	return a.Mod(b)
}

func powDims(a, b graph.Dim, _ bool) graph.Dim {
	n, ok := b.Value()
	if !ok || n < 0 || n > 4 {
		return graph.Unknown()
	}
	r := graph.Const(1)
	for range n {
		r = r.Mul(a)
	}
	return r
}

func absDim(a graph.Dim) graph.Dim {
	switch {
	case nonNegative(a):
		return a
	case nonNegative(negDim(a)):
		return negDim(a)
	}
	return graph.Unknown()
}

func signDim(a graph.Dim) graph.Dim {
	v, ok := a.Value()
	switch {
	case !ok:
		return graph.Unknown()
	case v > 0:
		return graph.Const(1)
	case v < 0:
		return graph.Const(-1)
	}
	return a
}

func sqrtDim(a graph.Dim) graph.Dim {
	v, ok := a.Value()
	if !ok || v < 0 || v > 1<<40 {
		return graph.Unknown()
	}
	r := int64(0)
	for step := int64(1) << 20; step > 0; step >>= 1 {
		if (r+step)*(r+step) <= v {
			r += step
		}
	}
	if r*r != v {
		return graph.Unknown()
	}
	return graph.Const(r)
}

func sameDim(a graph.Dim) graph.Dim { return a }

// nonNegative reports whether d cannot be below 0, given that symbols are dimensions.
func nonNegative(d graph.Dim) bool { return d.IsKnown() && d.NonNegative() }

func truthOf(b bool) graph.Dim {
	if b {
		return graph.Const(1)
	}
	return graph.Const(0)
}

func truth(a graph.Dim) graph.Dim {
	if v, ok := a.Value(); ok {
		return truthOf(v != 0)
	}
	if a.IsKnown() && nonNegative(a.Sub(graph.Const(1))) {
		return graph.Const(1)
	}
	return graph.Unknown()
}

func notDim(a graph.Dim) graph.Dim {
	if v, ok := a.Value(); ok {
		return truthOf(v == 0)
	}
	return graph.Unknown()
}

func andDims(a, b graph.Dim) graph.Dim {
	if a.Is(0) || b.Is(0) {
		return graph.Const(0)
	}
	if a.Is(1) {
		return b
	}
	if b.Is(1) {
		return a
	}
	return graph.Unknown()
}

func orDims(a, b graph.Dim) graph.Dim { return notDim(andDims(notDim(a), notDim(b))) }

func xorDims(a, b graph.Dim) graph.Dim {
	x, ok1 := a.Value()
	y, ok2 := b.Value()
	if ok1 && ok2 {
		return truthOf((x != 0) != (y != 0))
	}
	return graph.Unknown()
}

func equalDims(a, b graph.Dim) graph.Dim {
	if !a.IsKnown() || !b.IsKnown() {
		return graph.Unknown()
	}
	if a.Equal(b) {
		return graph.Const(1)
	}
	if nonNegative(a.Sub(b).Sub(graph.Const(1))) || nonNegative(b.Sub(a).Sub(graph.Const(1))) {
		return graph.Const(0)
	}
	return graph.Unknown()
}

// lessDims answers a < b where the difference of the two has a sign that does not depend on the symbols.
func lessDims(a, b graph.Dim) graph.Dim {
	switch {
	case !a.IsKnown() || !b.IsKnown():
		return graph.Unknown()
	case nonNegative(b.Sub(a).Sub(graph.Const(1))):
		return graph.Const(1)
	case nonNegative(a.Sub(b)):
		return graph.Const(0)
	}
	return graph.Unknown()
}

func greaterDims(a, b graph.Dim) graph.Dim        { return lessDims(b, a) }
func lessOrEqualDims(a, b graph.Dim) graph.Dim    { return notDim(lessDims(b, a)) }
func greaterOrEqualDims(a, b graph.Dim) graph.Dim { return notDim(lessDims(a, b)) }

func predicateNot(c *call) error {
	c.tensor(0, tensor.Bool, c.shape(0))
	c.setData(0, zip([]*Data{c.data(0)}, func(x []graph.Dim) graph.Dim { return notDim(x[0]) }))
	return nil
}
