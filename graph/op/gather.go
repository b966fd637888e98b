package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func gather(c *call) error {
	elem, s, idx := c.elem(0), c.shape(0), c.shape(1)
	if !s.Known || !idx.Known {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	k, err := axis(c.attrInt("axis", 0), len(s.Dims))
	if err != nil {
		return err
	}
	var dims []graph.Dim
	dims = append(dims, s.Dims[:k]...)
	dims = append(dims, idx.Dims...)
	dims = append(dims, s.Dims[k+1:]...)
	c.dims(0, elem, dims...)
	d, picks := c.data(0), c.data(1)
	where, ok := picks.ints()
	out, static := graph.ShapeOf(dims...).Ints()
	if d == nil || !ok || !static || len(d.Dims) != len(s.Dims) {
		return nil
	}
	rank := len(idx.Dims)
	c.setData(0, d.gather(out, func(at []int64) int64 {
		src := append([]int64(nil), at[:k]...)
		i := where[offset(at[k:k+rank], picks.Dims)]
		if i < 0 {
			i += d.Dims[k]
		}
		if i < 0 || i >= d.Dims[k] {
			return -1
		}
		src = append(append(src, i), at[k+rank:]...)
		return offset(src, d.Dims)
	}))
	return nil
}

func gatherElements(c *call) error {
	c.tensor(0, c.elem(0), c.shape(1))
	return nil
}

func gatherND(c *call) error {
	elem, s, idx := c.elem(0), c.shape(0), c.shape(1)
	b := int(c.attrInt("batch_dims", 0))
	if !s.Known || !idx.Known {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	if len(idx.Dims) == 0 || b < 0 || b >= len(idx.Dims) {
		return contradict("indices of shape %s with batch_dims %d", idx, b)
	}
	last, ok := idx.Dim(-1).Value()
	if !ok {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	if last < 1 || last > int64(len(s.Dims)) || b+int(last) > len(s.Dims) {
		return contradict("index tuples of length %d into shape %s", last, s)
	}
	dims := append([]graph.Dim(nil), idx.Dims[:len(idx.Dims)-1]...)
	c.dims(0, elem, append(dims, s.Dims[b+int(last):]...)...)
	d, picks := c.data(0), c.data(1)
	where, static := picks.ints()
	out, ok := c.out[0].Shape.Ints()
	if d == nil || !static || !ok || b != 0 || len(d.Dims) != len(s.Dims) {
		return nil
	}
	lead := len(idx.Dims) - 1
	c.setData(0, d.gather(out, func(at []int64) int64 {
		row := offset(at[:lead], picks.Dims[:lead]) * last
		src := make([]int64, 0, len(d.Dims))
		for i := range last {
			v := where[row+i]
			if v < 0 {
				v += d.Dims[i]
			}
			if v < 0 || v >= d.Dims[i] {
				return -1
			}
			src = append(src, v)
		}
		return offset(append(src, at[lead:]...), d.Dims)
	}))
	return nil
}

// scatterND is unary, with contents where all parts are constant: PyTorch writes slice assignment to small tensors this way.
func scatterND(c *call) error {
	c.set(0, c.in(0))
	d, picks, updates := c.data(0), c.data(1), c.data(2)
	where, ok := picks.ints()
	if d == nil || updates == nil || !ok || c.attrString("reduction", "none") != "none" || len(picks.Dims) == 0 {
		return nil
	}
	tuple := picks.Dims[len(picks.Dims)-1]
	if tuple != int64(len(d.Dims)) || tuple < 1 || len(updates.Elems)*int(tuple) != len(where) {
		return nil
	}
	out := &Data{Dims: d.Dims, Elems: append([]graph.Dim(nil), d.Elems...)}
	for u := range updates.Elems {
		at := append([]int64(nil), where[u*int(tuple):(u+1)*int(tuple)]...)
		for i := range at {
			if at[i] < 0 {
				at[i] += d.Dims[i]
			}
			if at[i] < 0 || at[i] >= d.Dims[i] {
				return nil
			}
		}
		out.Elems[offset(at, d.Dims)] = updates.Elems[u]
	}
	c.setData(0, out)
	return nil
}

func oneHot(c *call) error {
	elem, s := c.elem(2), c.shape(0)
	if n, ok := vectorLen(c.shape(2)); ok && n != 2 {
		return contradict("%d values, want 2", n)
	}
	if !s.Known {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	k, err := axis(c.attrInt("axis", -1), len(s.Dims)+1)
	if err != nil {
		return err
	}
	depth := graph.Unknown()
	if d := c.data(1); d != nil && len(d.Elems) == 1 {
		depth = d.Elems[0]
	}
	dims := append([]graph.Dim(nil), s.Dims[:k]...)
	dims = append(append(dims, depth), s.Dims[k:]...)
	c.dims(0, elem, dims...)
	return nil
}

func compress(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	a := c.attr("axis")
	if a == nil {
		c.dims(0, elem, graph.Unknown())
		return nil
	}
	if !s.Known {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	k, err := axis(a.I, len(s.Dims))
	if err != nil {
		return err
	}
	dims := append([]graph.Dim(nil), s.Dims...)
	dims[k] = graph.Unknown()
	c.dims(0, elem, dims...)
	return nil
}

func nonZero(c *call) error {
	s := c.shape(0)
	if !s.Known {
		c.tensor(0, tensor.Int64, unknownDims(2))
		return nil
	}
	d := c.data(0)
	values, ok := d.ints()
	if !ok || len(d.Dims) != len(s.Dims) || c.elem(0).IsFloat() {
		c.dims(0, tensor.Int64, graph.Const(int64(len(s.Dims))), graph.Unknown())
		return nil
	}
	rows := make([][]graph.Dim, len(d.Dims))
	at, count := make([]int64, len(d.Dims)), int64(0)
	for _, v := range values {
		if v != 0 {
			count++
			for i := range rows {
				rows[i] = append(rows[i], graph.Const(at[i]))
			}
		}
		next(at, d.Dims)
	}
	out := &Data{Dims: []int64{int64(len(rows)), count}}
	for _, r := range rows {
		out.Elems = append(out.Elems, r...)
	}
	c.dims(0, tensor.Int64, graph.Const(int64(len(rows))), graph.Const(count))
	c.setData(0, out)
	return nil
}

func topK(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	k := graph.Unknown()
	switch a := c.attr("k"); {
	case c.opset < 10 && a != nil:
		k = graph.Const(a.I)
	case c.has(1):
		if d := c.data(1); d != nil && len(d.Elems) == 1 {
			k = d.Elems[0]
		}
	}
	shape := graph.Shape{}
	if s.Known {
		a, err := axis(c.attrInt("axis", -1), len(s.Dims))
		if err != nil {
			return err
		}
		dims := append([]graph.Dim(nil), s.Dims...)
		n, ok1 := dims[a].Value()
		want, ok2 := k.Value()
		if ok1 && ok2 && want > n {
			return contradict("top %d of a dim of %d", want, n)
		}
		dims[a] = k
		shape = graph.ShapeOf(dims...)
	}
	c.tensor(0, elem, shape)
	c.tensor(1, tensor.Int64, shape)
	return nil
}

func unique(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	for i := 1; i < len(c.out); i++ {
		c.dims(i, tensor.Int64, graph.Unknown())
	}
	a := c.attr("axis")
	if a == nil {
		c.dims(0, elem, graph.Unknown())
		if s.Known {
			c.dims(2, tensor.Int64, product(s.Dims))
		}
		return nil
	}
	if !s.Known {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	k, err := axis(a.I, len(s.Dims))
	if err != nil {
		return err
	}
	dims := append([]graph.Dim(nil), s.Dims...)
	dims[k] = graph.Unknown()
	c.dims(0, elem, dims...)
	c.dims(2, tensor.Int64, s.Dims[k])
	return nil
}

func eyeLike(c *call) error {
	s := c.shape(0)
	if err := wantRank("input", s, 2); err != nil {
		return err
	}
	c.tensor(0, c.attrElem("dtype", c.elem(0)), s)
	return nil
}
