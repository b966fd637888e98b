package runtime

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// half is the lower (0) or upper (1) half of the last axis of a value.
type half struct {
	x     *graph.Value
	which int
	size  int64
}

// halfOf reads a Slice or Split that takes half of the last axis.
func halfOf(v *graph.Value) (half, bool) {
	n, out := producer(v)
	if n == nil || n.In(0) == nil {
		return half{}, false
	}
	x := n.In(0)
	dim, ok := typeOf(x).Shape.Dim(-1).Value()
	if !ok || dim <= 0 || dim%2 != 0 {
		return half{}, false
	}
	h := dim / 2
	switch {
	case n.Is("Slice"):
		start, end, axes, steps := ints(n.In(1)), ints(n.In(2)), ints(n.In(3)), ints(n.In(4))
		if len(start) != 1 || len(end) != 1 || len(axes) != 1 || !isLast(axes[0], x) || n.In(4) != nil && (len(steps) != 1 || steps[0] != 1) {
			return half{}, false
		}
		lo, hi := start[0], end[0]
		if lo < 0 {
			lo += dim
		}
		if hi < 0 {
			hi += dim
		}
		hi = min(hi, dim)
		if lo == 0 && hi == h {
			return half{x, 0, h}, true
		}
		return half{x, 1, h}, lo == h && hi == dim
	case n.Is("Split") && n.NumOut() == 2 && isLast(n.Attrs.Int("axis", 0), x):
		sizes := n.Attrs.Ints("split")
		if sizes == nil {
			sizes = ints(n.In(1))
		}
		if n.In(1) != nil && sizes == nil || sizes != nil && (len(sizes) != 2 || sizes[0] != h || sizes[1] != h) {
			return half{}, false
		}
		return half{x, out, h}, true
	}
	return half{}, false
}

func producer(v *graph.Value) (*graph.Node, int) {
	if v == nil {
		return nil, 0
	}
	return v.Producer()
}

// lowerRotary finds the two ways in which exporters write a rotary embedding of x:
//
//	Concat(x0*cos - x1*sin, x1*cos + x0*sin) with the halves x0, x1
//	x*cos + Concat(-x1, x0)*sin
func lowerRotary(c *compiler, n *graph.Node) bool {
	var x, cos, sin *graph.Value
	switch {
	case n.Is("Concat") && n.NumIn() == 2 && isLast(n.Attrs.Int("axis", 0), n.Out(0)):
		x, cos, sin = rotaryHalves(n)
	case n.Is("Add"):
		if x, cos, sin = rotaryWhole(n.In(0), n.In(1)); x == nil {
			x, cos, sin = rotaryWhole(n.In(1), n.In(0))
		}
	}
	if x == nil || !isFloat(x) || !isFloat(cos) || !isFloat(sin) || !sameShape(cos, sin) || !fitsTable(x, cos) || !sameShape(x, n.Out(0)) {
		return false
	}
	c.fuse(n, "Rotary", []*graph.Value{x, cos, sin})
	return true
}

func rotaryHalves(n *graph.Node) (x, cos, sin *graph.Value) {
	sub, add := made(n.In(0), "Sub"), made(n.In(1), "Add")
	if sub == nil || add == nil {
		return nil, nil, nil
	}
	x0, cos, ok0 := halfTimes(sub.In(0), 0)
	x1, sin, ok1 := halfTimes(sub.In(1), 1)
	if !ok0 || !ok1 || x0 != x1 {
		return nil, nil, nil
	}
	for i := range 2 {
		y1, cos1, ok1 := halfTimes(add.In(i), 1)
		y0, sin1, ok0 := halfTimes(add.In(1-i), 0)
		if ok0 && ok1 && y0 == x0 && y1 == x0 && cos1 == cos && sin1 == sin {
			return x0, cos, sin
		}
	}
	return nil, nil, nil
}

// halfTimes is x and t of Mul(half of x, t).
func halfTimes(v *graph.Value, which int) (x, t *graph.Value, ok bool) {
	m := made(v, "Mul")
	if m == nil {
		return nil, nil, false
	}
	for i := range 2 {
		if h, ok := halfOf(m.In(i)); ok && h.which == which {
			return h.x, m.In(1 - i), true
		}
	}
	return nil, nil, false
}

// rotaryWhole reads x*cos and rotate(x)*sin.
func rotaryWhole(a, b *graph.Value) (x, cos, sin *graph.Value) {
	direct, turned := made(a, "Mul"), made(b, "Mul")
	if direct == nil || turned == nil {
		return nil, nil, nil
	}
	for i := range 2 {
		r := made(turned.In(i), "Concat")
		if r == nil || r.NumIn() != 2 || !isLast(r.Attrs.Int("axis", 0), r.Out(0)) {
			continue
		}
		neg := made(r.In(0), "Neg")
		if neg == nil {
			continue
		}
		up, ok1 := halfOf(neg.In(0))
		low, ok0 := halfOf(r.In(1))
		if !ok0 || !ok1 || up.which != 1 || low.which != 0 || up.x != low.x {
			continue
		}
		if cos = other(direct, up.x); cos != nil {
			return up.x, cos, turned.In(1 - i)
		}
	}
	return nil, nil, nil
}

// fitsTable reports whether table is known to be [seq, width] under leading ones, or [batch, 1, seq, width], for x [batch, heads, seq, dim].
func fitsTable(x, table *graph.Value) bool {
	s, t := typeOf(x).Shape, typeOf(table).Shape
	if s.Rank() != 4 || t.Rank() < 2 || t.Rank() > 4 || !t.Dim(-2).Equal(s.Dim(2)) {
		return false
	}
	dim, ok1 := s.Dim(3).Value()
	width, ok2 := t.Dim(-1).Value()
	if !ok1 || !ok2 || dim%2 != 0 || width != dim && width != dim/2 {
		return false
	}
	for i := range t.Rank() - 2 {
		if !t.Dim(i).Is(1) && !(t.Rank() == 4 && i == 0 && t.Dim(0).Equal(s.Dim(0))) {
			return false
		}
	}
	return true
}

// lowerRotaryTranspose turns Rotary(Transpose(x)) into Transpose(Rotary(x)), where Attention takes the Transpose in.
func lowerRotaryTranspose(c *compiler, n *graph.Node) bool {
	if n.ID.Op != "Rotary" || lowered(n.Out(0), "Rotary") != n || n.Attrs.Int("layout", 0) != 0 {
		return false
	}
	t := made(n.In(0), "Transpose")
	if !isPerm(t, 0, 2, 1, 3) || c.reader(t.Out(0)) != n {
		return false
	}
	g, x, out := n.Graph(), t.In(0), n.Out(0)
	y := g.NewValue(out.Name+"/rotated", typeOf(x))
	r := graph.NewNode(n.ID, []*graph.Value{x, n.In(1), n.In(2)}, []*graph.Value{y}, graph.IntAttr("layout", 1))
	r.Name = n.Name
	g.InsertBefore(r, n)
	back := graph.NewNode(graph.OpID{Op: "Transpose"}, []*graph.Value{y}, nil, graph.IntsAttr("perm", 0, 2, 1, 3))
	c.replace(n, back)
	return true
}
