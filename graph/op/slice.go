package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

func slice(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	if !s.Known {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	dims := append([]graph.Dim(nil), s.Dims...)
	starts, ends, axes, steps, ok, err := c.sliceArgs(len(dims))
	if err != nil {
		return err
	}
	if !ok {
		c.tensor(0, elem, unknownDims(len(dims)))
		return nil
	}
	firsts, strides := make([]int64, len(dims)), make([]int64, len(dims))
	for i := range strides {
		strides[i] = 1
	}
	exact := true
	for i, a := range axes {
		k, err := axis(a, len(dims))
		if err != nil {
			return err
		}
		step, known := steps[i].Value()
		if !known {
			dims[k], exact = graph.Unknown(), false
			continue
		}
		if step == 0 {
			return contradict("step of 0")
		}
		n, constant := s.Dims[k].Value()
		first, ok1 := starts[i].Value()
		end, ok2 := ends[i].Value()
		if constant && ok1 && ok2 {
			first, count := sliceRange(n, first, end, step)
			dims[k] = graph.Const(count)
			firsts[k], strides[k] = first, step
			continue
		}
		exact = false
		dims[k] = sliceDim(s.Dims[k], starts[i], ends[i], step)
	}
	c.dims(0, elem, dims...)
	if d := c.data(0); d != nil && exact && len(d.Dims) == len(dims) {
		out, ok := graph.ShapeOf(dims...).Ints()
		if !ok {
			return nil
		}
		c.setData(0, d.gather(out, func(at []int64) int64 {
			src := make([]int64, len(at))
			for i := range at {
				src[i] = firsts[i] + at[i]*strides[i]
			}
			return offset(src, d.Dims)
		}))
	}
	return nil
}

// sliceArgs are the four lists of a Slice, of equal length; ok is false when even the axes are not known.
func (c *call) sliceArgs(rank int) (starts, ends []graph.Dim, axes []int64, steps []graph.Dim, ok bool, err error) {
	if c.opset < 10 {
		s, _ := c.attrInts("starts")
		e, _ := c.attrInts("ends")
		starts, ends = graph.ConstShape(s).Dims, graph.ConstShape(e).Dims
		axes, _ = c.attrInts("axes")
	} else {
		n := -1
		if d := c.data(1); d != nil {
			starts, n = d.Elems, len(d.Elems)
		}
		if d := c.data(2); d != nil {
			ends, n = d.Elems, len(d.Elems)
		}
		if c.has(3) {
			if axes, ok = c.ints(3); !ok {
				return nil, nil, nil, nil, false, nil
			}
			n = len(axes)
		}
		if n < 0 {
			if k, sized := vectorLen(c.shape(1)); sized {
				n = k
			} else {
				return nil, nil, nil, nil, false, nil
			}
		}
		if starts == nil {
			starts = make([]graph.Dim, n)
		}
		if ends == nil {
			ends = make([]graph.Dim, n)
		}
		if c.has(4) {
			if d := c.data(4); d != nil {
				steps = d.Elems
			} else {
				steps = make([]graph.Dim, n)
			}
		}
	}
	if axes == nil {
		for i := range starts {
			axes = append(axes, int64(i))
		}
	}
	if steps == nil {
		for range starts {
			steps = append(steps, graph.Const(1))
		}
	}
	if len(starts) != len(ends) || len(axes) != len(starts) || len(steps) != len(starts) {
		return nil, nil, nil, nil, false, contradict("%d starts, %d ends, %d axes, %d steps", len(starts), len(ends), len(axes), len(steps))
	}
	if len(axes) > rank {
		return nil, nil, nil, nil, false, contradict("%d axes for rank %d", len(axes), rank)
	}
	return starts, ends, axes, steps, true, nil
}

// sliceRange is the first index and the length of n[start:end:step] after clamping.
func sliceRange(n, start, end, step int64) (first, count int64) {
	clamp := func(v, lo, hi int64) int64 {
		if v < 0 {
			v += n
		}
		return min(max(v, lo), hi)
	}
	if step > 0 {
		start, end = clamp(start, 0, n), clamp(end, 0, n)
		if end <= start {
			return start, 0
		}
		return start, (end-start-1)/step + 1
	}
	start, end = clamp(start, 0, n-1), clamp(end, -1, n-1)
	if start <= end {
		return start, 0
	}
	if step == math.MinInt64 {
		return start, 1
	}
	return start, (start-end-1)/(-step) + 1
}

const farAway = 1 << 31 // a bound beyond this means "to the end", in files of 32-bit and 64-bit writers alike

// sliceDim is the length of d[start:end:step] where at least one of them is symbolic. A constant offset into a symbolic dim is taken to
// lie inside of it, as exporters mean it; a longer one would give an empty result where this gives a negative one.
func sliceDim(d, start, end graph.Dim, step int64) graph.Dim {
	first, ok1 := start.Value()
	last, ok2 := end.Value()
	if step < 0 {
		fromEnd := ok1 && (first == -1 || first >= farAway-1)
		toStart := ok2 && last <= -(farAway-1)
		if fromEnd && toStart {
			return ceilDiv(d, -step)
		}
		return graph.Unknown()
	}
	if !d.IsKnown() {
		if ok1 && ok2 && first == last {
			return graph.Const(0)
		}
		return graph.Unknown()
	}
	lo, hi := sliceBound(d, start), sliceBound(d, end)
	if !lo.IsKnown() || !hi.IsKnown() {
		return graph.Unknown()
	}
	span := hi.Sub(lo)
	if v, ok := span.Value(); ok {
		span = graph.Const(max(v, 0))
	}
	return ceilDiv(span, step)
}

// sliceBound brings a bound into [0, d]: from the end when negative, at most d.
func sliceBound(d, bound graph.Dim) graph.Dim {
	if v, ok := bound.Value(); ok {
		switch {
		case v >= farAway-1:
			return d
		case v <= -(farAway-1) || v == 0:
			return graph.Const(0)
		case v < 0:
			return d.Add(bound)
		}
		if nonNegative(d.Sub(bound)) {
			return bound
		}
		return bound.Min(d)
	}
	switch {
	case !bound.IsKnown():
		return bound
	case bound.Equal(d):
		return d
	case nonNegative(bound):
		if nonNegative(d.Sub(bound)) {
			return bound
		}
		if nonNegative(bound.Sub(d)) {
			return d
		}
		return bound.Min(d)
	case nonNegative(negDim(bound)):
		return d.Add(bound)
	}
	// A difference such as total - seq: its sign depends on the symbols.
	if nonNegative(d.Sub(bound)) {
		return bound
	}
	return graph.Unknown()
}
