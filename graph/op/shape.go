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

func pad(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	if !s.Known {
		c.tensor(0, elem, graph.Shape{})
		return nil
	}
	var pads []graph.Dim
	if c.opset < 11 {
		name := "pads"
		if c.opset < 2 {
			name = "paddings"
		}
		ints, _ := c.attrInts(name)
		pads = graph.ConstShape(ints).Dims
	} else if d := c.data(1); d != nil {
		pads = d.Elems
	} else {
		if axes, ok := c.ints(3); ok && c.has(3) {
			dims := append([]graph.Dim(nil), s.Dims...)
			for _, a := range axes {
				k, err := axis(a, len(dims))
				if err != nil {
					return err
				}
				dims[k] = graph.Unknown()
			}
			c.dims(0, elem, dims...)
			return nil
		}
		c.tensor(0, elem, unknownDims(len(s.Dims)))
		return nil
	}
	var axes []int64
	if c.has(3) {
		var ok bool
		if axes, ok = c.ints(3); !ok {
			c.tensor(0, elem, unknownDims(len(s.Dims)))
			return nil
		}
	} else {
		for i := range s.Dims {
			axes = append(axes, int64(i))
		}
	}
	if len(pads) != 2*len(axes) {
		return contradict("%d pads for %d axes", len(pads), len(axes))
	}
	dims := append([]graph.Dim(nil), s.Dims...)
	for i, a := range axes {
		k, err := axis(a, len(dims))
		if err != nil {
			return err
		}
		dims[k] = dims[k].Add(pads[i]).Add(pads[i+len(axes)])
	}
	c.dims(0, elem, dims...)
	return nil
}

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
