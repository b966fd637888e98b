package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func shapeOf(c *call) error {
	s := c.shape(0)
	if !s.Known {
		c.dims(0, tensor.Int64, graph.Unknown())
		return nil
	}
	rank := int64(len(s.Dims))
	bound := func(name string, def int64) int64 {
		v := c.attrInt(name, def)
		if v < 0 {
			v += rank
		}
		return min(max(v, 0), rank)
	}
	start, end := bound("start", 0), bound("end", rank)
	end = max(start, end)
	c.dims(0, tensor.Int64, graph.Const(end-start))
	c.setData(0, vector(append([]graph.Dim(nil), s.Dims[start:end]...)))
	return nil
}

func size(c *call) error {
	c.dims(0, tensor.Int64)
	if s := c.shape(0); s.Known {
		c.setData(0, scalarData(product(s.Dims)))
	}
	return nil
}

// axes is the attribute or, from opset since, the input that names axes; ok is false when there are some that are not known.
func (c *call) axes(input, since int) (axes []int64, given, ok bool) {
	if c.opset < since {
		axes, given = c.attrInts("axes")
		return axes, given, true
	}
	if !c.has(input) {
		// Some writers keep the attribute in opsets where it is an input.
		axes, given = c.attrInts("axes")
		return axes, given, true
	}
	axes, ok = c.ints(input)
	return axes, true, ok
}

func squeeze(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	axes, given, ok := c.axes(1, 13)
	if !ok {
		n, sized := vectorLen(c.shape(1))
		if sized && s.Known && n <= len(s.Dims) {
			c.tensor(0, elem, unknownDims(len(s.Dims)-n))
		} else {
			c.tensor(0, elem, graph.Shape{})
		}
		return nil
	}
	if !s.Known {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	drop := make([]bool, len(s.Dims))
	if !given {
		for i, d := range s.Dims {
			v, constant := d.Value()
			if !constant {
				c.tensor(0, elem, graph.Shape{})
				return stopf("squeeze of all dims of 1, and dim %d of %s may be one", i, s)
			}
			drop[i] = v == 1
		}
	}
	for _, a := range axes {
		k, err := axis(a, len(s.Dims))
		if err != nil {
			return err
		}
		if v, constant := s.Dims[k].Value(); constant && v != 1 {
			return contradict("dim %d of %s cannot be squeezed", k, s)
		}
		drop[k] = true
	}
	var dims []graph.Dim
	for i, d := range s.Dims {
		if !drop[i] {
			dims = append(dims, d)
		}
	}
	c.dims(0, elem, dims...)
	c.keepData()
	return nil
}

func unsqueeze(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	axes, _, ok := c.axes(1, 13)
	if !ok {
		if n, sized := vectorLen(c.shape(1)); sized && s.Known {
			c.tensor(0, elem, unknownDims(len(s.Dims)+n))
		} else {
			c.tensor(0, elem, graph.Shape{})
		}
		return nil
	}
	if !s.Known {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	rank := len(s.Dims) + len(axes)
	if rank > maxRank {
		return contradict("rank %d", rank)
	}
	fresh := make([]bool, rank)
	for _, a := range axes {
		k, err := axis(a, rank)
		if err != nil {
			return err
		}
		if fresh[k] {
			return contradict("axis %d is named twice", a)
		}
		fresh[k] = true
	}
	dims, from := make([]graph.Dim, rank), 0
	for i := range dims {
		if fresh[i] {
			dims[i] = graph.Const(1)
			continue
		}
		dims[i] = s.Dims[from]
		from++
	}
	c.dims(0, elem, dims...)
	c.keepData()
	return nil
}

func transpose(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	perm, given := c.attrInts("perm")
	if !s.Known {
		if given {
			c.tensor(0, elem, unknownDims(len(perm)))
		} else {
			c.tensor(0, elem, graph.Shape{})
		}
		return nil
	}
	rank := len(s.Dims)
	if !given {
		for i := range rank {
			perm = append(perm, int64(rank-1-i))
		}
	}
	if len(perm) != rank {
		return contradict("perm has %d entries, input has shape %s", len(perm), s)
	}
	dims, seen := make([]graph.Dim, rank), make([]bool, rank)
	for i, p := range perm {
		k, err := axis(p, rank)
		if err != nil {
			return err
		}
		if seen[k] {
			return contradict("perm %v names axis %d twice", perm, k)
		}
		seen[k] = true
		dims[i] = s.Dims[k]
	}
	c.dims(0, elem, dims...)
	if d := c.data(0); d != nil && len(d.Dims) == rank {
		out := make([]int64, rank)
		for i, p := range perm {
			out[i] = d.Dims[(p+int64(rank))%int64(rank)]
		}
		from := make([]int64, rank)
		c.setData(0, d.gather(out, func(at []int64) int64 {
			for i, p := range perm {
				from[(p+int64(rank))%int64(rank)] = at[i]
			}
			return offset(from, d.Dims)
		}))
	}
	return nil
}

func expand(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	want := c.data(1)
	if want == nil {
		n, ok := vectorLen(c.shape(1))
		if !ok || !s.Known {
			c.tensor(0, elem, graph.Shape{})
			return nil
		}
		want = vector(make([]graph.Dim, n))
	}
	shape, err := broadcast(s, graph.ShapeOf(want.Elems...))
	if !s.Known {
		shape = graph.Shape{}
	}
	c.tensor(0, elem, shape)
	if err != nil {
		return err
	}
	if dims, ok := shape.Ints(); ok {
		if n, e := tensor.NumElements(dims); e == nil && n <= maxData {
			ones := &Data{Dims: dims, Elems: make([]graph.Dim, n)}
			c.setData(0, zip([]*Data{c.data(0), ones}, func(x []graph.Dim) graph.Dim { return x[0] }))
		}
	}
	return nil
}
