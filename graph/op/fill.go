package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func constantOfShape(c *call) error {
	elem, value := tensor.Float32, graph.Const(0)
	if a := c.attr("value"); a != nil && a.T != nil {
		elem = a.T.Elem
		value = graph.Unknown()
		if d := dataFrom(a.T); d != nil && len(d.Elems) == 1 {
			value = d.Elems[0]
		}
	}
	want := c.data(0)
	if want == nil {
		n, ok := vectorLen(c.shape(0))
		if !ok {
			n = -1
		}
		c.tensor(0, elem, unknownDims(n))
		return nil
	}
	shape := graph.ShapeOf(want.Elems...)
	c.tensor(0, elem, shape)
	dims, ok := shape.Ints()
	if n, err := tensor.NumElements(dims); ok && err == nil && n <= maxData && value.IsKnown() {
		d := &Data{Dims: dims, Elems: make([]graph.Dim, n)}
		for i := range d.Elems {
			d.Elems[i] = value
		}
		c.setData(0, d)
	}
	return nil
}

func rangeOf(c *call) error {
	elem := c.elem(0)
	args := make([]graph.Dim, 3)
	for i := range args {
		if d := c.data(i); d != nil && len(d.Elems) == 1 {
			args[i] = d.Elems[0]
		}
	}
	start, limit, delta := args[0], args[1], args[2]
	step, ok := delta.Value()
	if !ok || step == 0 {
		if n, known := c.floatRange(); known {
			c.dims(0, elem, graph.Const(n))
			return nil
		}
		c.tensor(0, elem, unknownDims(1))
		return nil
	}
	span := limit.Sub(start)
	if step < 0 {
		span, step = start.Sub(limit), -step
	}
	count := ceilDiv(span, step)
	if v, constant := count.Value(); constant {
		count = graph.Const(max(v, 0))
	} else if !span.IsKnown() {
		if n, known := c.floatRange(); known {
			count = graph.Const(n)
		}
	}
	c.dims(0, elem, count)
	if n, constant := count.Value(); constant && n <= maxData && start.IsKnown() {
		d := vector(make([]graph.Dim, n))
		for i := range d.Elems {
			d.Elems[i] = start.Add(delta.Mul(graph.Const(int64(i))))
		}
		c.setData(0, d)
	}
	return nil
}

// floatRange is the length of a Range whose three constants are not whole numbers.
func (c *call) floatRange() (int64, bool) {
	var v [3]float64
	for i := range v {
		f, ok := c.floats(i)
		if !ok || len(f) != 1 {
			return 0, false
		}
		v[i] = f[0]
	}
	n := (v[1] - v[0]) / v[2]
	if !(n < 1<<31 && n > -(1<<31)) {
		return 0, false
	}
	k := int64(n)
	if float64(k) < n {
		k++
	}
	return max(k, 0), true
}

// ceilDiv is ⌈d / n⌉ for n > 0.
func ceilDiv(d graph.Dim, n int64) graph.Dim {
	if n == 1 {
		return d
	}
	if q := d.FloorDiv(graph.Const(n)); q.Mul(graph.Const(n)).Equal(d) {
		return q
	}
	return d.Add(graph.Const(n - 1)).FloorDiv(graph.Const(n))
}
