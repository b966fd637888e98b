package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func concat(c *call) error {
	elem := c.elem(0)
	rank := -1
	for i := range c.numIn() {
		if s := c.shape(i); s.Known {
			if rank >= 0 && rank != len(s.Dims) {
				return contradict("inputs of rank %d and %d", rank, len(s.Dims))
			}
			rank = len(s.Dims)
		}
		if elem == tensor.Undefined {
			elem = c.elem(i)
		}
	}
	if rank < 0 {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	def := int64(0)
	if c.opset < 4 {
		def = 1
	}
	k, err := axis(c.attrInt("axis", def), rank)
	if err != nil {
		return err
	}
	dims, sum := make([]graph.Dim, rank), graph.Const(0)
	for i := range c.numIn() {
		s := c.shape(i)
		sum = sum.Add(s.Dim(k))
		if !s.Known {
			continue
		}
		for j := range dims {
			if j == k {
				continue
			}
			if dims[j], err = unify(dims[j], s.Dims[j]); err != nil {
				return contradict("input %d has shape %s: %v", i, s, err)
			}
		}
	}
	dims[k] = sum
	c.dims(0, elem, dims...)
	c.setData(0, c.concatData(k, dims))
	return nil
}

func (c *call) concatData(k int, dims []graph.Dim) *Data {
	shape, ok := graph.ShapeOf(dims...).Ints()
	if !ok {
		return nil
	}
	parts := make([]*Data, c.numIn())
	for i := range parts {
		d := c.data(i)
		if d == nil { // a part that nobody knows leaves the others known
			s, ok := c.shape(i).Ints()
			n, err := tensor.NumElements(s)
			if !ok || err != nil || n > maxData {
				return nil
			}
			d = &Data{Dims: s, Elems: make([]graph.Dim, n)}
		}
		if len(d.Dims) != len(shape) {
			return nil
		}
		parts[i] = d
	}
	n, err := tensor.NumElements(shape)
	if err != nil || n > maxData {
		return nil
	}
	out := &Data{Dims: shape, Elems: make([]graph.Dim, n)}
	known := false
	at := make([]int64, len(shape))
	for e := range out.Elems {
		pos := append([]int64(nil), at...)
		for _, p := range parts {
			if pos[k] < p.Dims[k] {
				if i := offset(pos, p.Dims); i < int64(len(p.Elems)) {
					out.Elems[e] = p.Elems[i]
					known = known || p.Elems[i].IsKnown()
				}
				break
			}
			pos[k] -= p.Dims[k]
		}
		next(at, shape)
	}
	if !known && n > 0 {
		return nil
	}
	return out
}

func split(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	n := len(c.out)
	for i := range n {
		c.tensor(i, elem, unknownDims(s.Rank()))
	}
	if !s.Known {
		return nil
	}
	k, err := axis(c.attrInt("axis", 0), len(s.Dims))
	if err != nil {
		return err
	}
	var sizes []graph.Dim
	switch lengths, given := c.attrInts("split"); {
	case given && c.opset < 13:
		sizes = graph.ConstShape(lengths).Dims
	case c.has(1):
		if d := c.data(1); d != nil {
			sizes = d.Elems
		} else {
			sizes = make([]graph.Dim, n)
		}
	case c.opset >= 18 && c.attr("num_outputs") == nil:
		return contradict("neither split nor num_outputs is given")
	default:
		sizes = evenSplit(s.Dims[k], n)
	}
	if len(sizes) < n {
		return contradict("%d split sizes for %d outputs", len(sizes), n)
	}
	from := int64(0)
	for i := range n {
		dims := append([]graph.Dim(nil), s.Dims...)
		dims[k] = sizes[i]
		c.dims(i, elem, dims...)
		size, ok := sizes[i].Value()
		if !ok {
			from = -1
		}
		if d := c.data(0); d != nil && from >= 0 && size >= 0 {
			shape := append([]int64(nil), d.Dims...)
			shape[k] = size
			first := from
			c.setData(i, d.gather(shape, func(at []int64) int64 {
				src := append([]int64(nil), at...)
				src[k] += first
				if src[k] >= d.Dims[k] {
					return -1
				}
				return offset(src, d.Dims)
			}))
			from += size
		}
	}
	return nil
}

// evenSplit divides a dim into n parts of ⌈d/n⌉, the last one smaller when it does not come out.
func evenSplit(d graph.Dim, n int) []graph.Dim {
	sizes := make([]graph.Dim, n)
	v, ok := d.Value()
	if !ok {
		q := d.FloorDiv(graph.Const(int64(max(n, 1))))
		if !q.Mul(graph.Const(int64(n))).Equal(d) {
			q = graph.Unknown()
		}
		for i := range sizes {
			sizes[i] = q
		}
		return sizes
	}
	chunk := (v + int64(n) - 1) / int64(max(n, 1))
	for i := range sizes {
		part := min(chunk, v)
		sizes[i] = graph.Const(part)
		v -= part
	}
	return sizes
}

func tile(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	if !s.Known {
		n, ok := vectorLen(c.shape(1))
		if !ok || c.opset < 6 {
			n = -1
		}
		c.tensor(0, elem, unknownDims(n))
		return nil
	}
	dims := make([]graph.Dim, len(s.Dims))
	if c.opset < 6 { // tiles, axis: two scalars
		copy(dims, s.Dims)
		k, ok := c.int(2)
		if !ok {
			c.tensor(0, elem, unknownDims(len(dims)))
			return nil
		}
		a, err := axis(k, len(dims))
		if err != nil {
			return err
		}
		dims[a] = graph.Unknown()
		if d := c.data(1); d != nil && len(d.Elems) == 1 {
			dims[a] = s.Dims[a].Mul(d.Elems[0])
		}
		c.dims(0, elem, dims...)
		return nil
	}
	if d := c.data(1); d != nil {
		if len(d.Elems) != len(dims) {
			return contradict("%d repeats for shape %s", len(d.Elems), s)
		}
		for i := range dims {
			dims[i] = s.Dims[i].Mul(d.Elems[i])
		}
	}
	c.dims(0, elem, dims...)
	if d := c.data(0); d != nil && len(d.Dims) == len(dims) {
		if out, ok := graph.ShapeOf(dims...).Ints(); ok {
			c.setData(0, d.gather(out, func(at []int64) int64 {
				src := make([]int64, len(at))
				for i := range at {
					src[i] = at[i] % max(d.Dims[i], 1)
				}
				return offset(src, d.Dims)
			}))
		}
	}
	return nil
}
