package op

import "github.com/onnx-rewrite/onnx-rewrite/graph"

func reshape(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	var want *Data
	if dims, ok := c.attrInts("shape"); ok && c.opset < 5 {
		want = vector(graph.ConstShape(dims).Dims)
	} else if c.has(1) {
		want = c.data(1)
	}
	if want == nil {
		n, ok := vectorLen(c.shape(1))
		if !ok {
			c.tensor(0, elem, graph.Shape{})
			return nil
		}
		c.tensor(0, elem, unknownDims(n))
		return nil
	}
	shape, err := reshapeTo(s, want.Elems, c.attrInt("allowzero", 0) != 0)
	c.tensor(0, elem, shape)
	if err == nil {
		c.keepData()
	}
	return err
}

// reshapeTo is the result of reshaping s: 0 copies a dim unless it is allowed, -1 takes what is left.
func reshapeTo(s graph.Shape, want []graph.Dim, allowZero bool) (graph.Shape, error) {
	dims := make([]graph.Dim, len(want))
	rest := -1
	uncertain := 0
	for i, d := range want {
		switch v, ok := d.Value(); {
		case ok && v == -1:
			if rest >= 0 {
				return unknownDims(len(want)), contradict("more than one -1 in target shape")
			}
			rest = i
		case ok && v < -1:
			return unknownDims(len(want)), contradict("target shape holds %d", v)
		case ok && v == 0 && !allowZero:
			if s.Known && i >= len(s.Dims) {
				return unknownDims(len(want)), contradict("target dim %d copies an input dim, input has shape %s", i, s)
			}
			dims[i] = s.Dim(i)
		default:
			dims[i] = d
		}
		if i != rest && !dims[i].IsKnown() {
			uncertain++
		}
	}
	if !s.Known {
		return graph.ShapeOf(dims...), nil
	}
	if rest < 0 {
		total, ok1 := product(s.Dims).Value()
		got, ok2 := product(dims).Value()
		if ok1 && ok2 && total != got {
			return graph.ShapeOf(dims...), contradict("shape %s has %d elements, target %s has %d", s, total, graph.ShapeOf(dims...), got)
		}
		// One unknown target dim follows from the rest unless it might have been the 0 or -1 of a computed shape, which comes to the same.
		if uncertain == 1 {
			for i, d := range dims {
				if !d.IsKnown() {
					dims[i] = quotient(s.Dims, without(dims, i))
				}
			}
		}
		return graph.ShapeOf(dims...), nil
	}
	if uncertain == 0 {
		others := without(dims, rest)
		dims[rest] = quotient(s.Dims, others)
		total, ok1 := product(s.Dims).Value()
		got, ok2 := product(others).Value()
		if ok1 && ok2 && (got == 0 && total != 0 || got != 0 && total%got != 0) {
			return graph.ShapeOf(dims...), contradict("shape %s does not divide into %s", s, graph.ShapeOf(others...))
		}
	} else {
		dims[rest] = graph.Unknown()
	}
	return graph.ShapeOf(dims...), nil
}

func without(dims []graph.Dim, i int) []graph.Dim {
	return append(append([]graph.Dim(nil), dims[:i]...), dims[i+1:]...)
}

// quotient is the product of num over the product of den, equal factors cancelled. Unknown factors cancel with nothing.
func quotient(num, den []graph.Dim) graph.Dim {
	num = append([]graph.Dim(nil), num...)
	var left []graph.Dim
next:
	for _, d := range den {
		if d.Is(0) {
			return graph.Unknown()
		}
		for i, n := range num {
			if d.Equal(n) {
				num = without(num, i)
				continue next
			}
		}
		left = append(left, d)
	}
	constant := int64(1)
	var symbols []graph.Dim
	for _, d := range left {
		if v, ok := d.Value(); ok {
			constant *= v
			continue
		}
		symbols = append(symbols, d)
	}
	q := product(num)
	for _, d := range symbols {
		q = q.FloorDiv(d)
	}
	if constant == 0 {
		return graph.Unknown()
	}
	return q.FloorDiv(graph.Const(constant))
}

func flatten(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	if !s.Known {
		c.tensor(0, elem, unknownDims(2))
		return nil
	}
	a := c.attrInt("axis", 1)
	rank := int64(len(s.Dims))
	if a < 0 {
		a += rank
	}
	if a < 0 || a > rank {
		return contradict("axis %d is outside of rank %d", a, rank)
	}
	c.dims(0, elem, product(s.Dims[:a]), product(s.Dims[a:]))
	c.keepData()
	return nil
}
