package runtime

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

// scores is what stands between the product of queries and keys and the softmax.
type scores struct {
	product *graph.Node
	scale   float64
	mask    *graph.Value
	masked  float64 // for a bool mask: what the scores that do not count get
	keep    bool    // the bool mask says which scores count
}

// lowerAttention finds, around the Softmax of n, softmax(scale*q*kᵀ + mask) * v.
func lowerAttention(c *compiler, n *graph.Node) bool {
	if !n.Is("Softmax") || !isFloat(n.In(0)) || !isLast(n.Attrs.Int("axis", c.softmaxAxis()), n.In(0)) {
		return false
	}
	rank := typeOf(n.In(0)).Shape.Rank()
	s, ok := c.scoresOf(n.In(0))
	if !ok || rank != 3 && rank != 4 {
		return false
	}
	p, nanZero := c.guarded(n.Out(0))
	last := c.reads(p, "MatMul")
	if last == nil || last.In(0) != p || last.In(1) == p {
		return false
	}
	q, k, v := s.product.In(0), s.product.In(1), last.In(1)
	q, s.scale = unscaled(q, s.scale)
	k, s.scale = unscaled(k, s.scale)
	layout := int64(op.LayoutBHDS)
	if t := made(k, "Transpose"); t != nil && (isPerm(t, 0, 1, 3, 2) || isPerm(t, 0, 2, 1)) {
		k, layout = t.In(0), op.LayoutBHSD
		k, s.scale = unscaled(k, s.scale)
	} else if isPerm(t, 0, 2, 3, 1) {
		k, layout = t.In(0), op.LayoutBSHD
	} else if x := turnedByReshape(k); x != nil {
		k, layout = x, op.LayoutBHSD
	}
	if !plainOperands(q, k, v, layout, rank) {
		return false
	}
	attrs := []*graph.Attr{graph.FloatAttr("scale", float32(s.scale)), graph.IntAttr("k", layout)}
	if s.mask != nil && typeOf(s.mask).Elem == tensor.Bool {
		attrs = append(attrs, graph.FloatAttr("masked", float32(s.masked)))
		if s.keep {
			attrs = append(attrs, graph.IntAttr("keep", 1))
		}
	}
	if nanZero {
		attrs = append(attrs, graph.IntAttr("nan_zero", 1))
	}
	c.fuse(last, "Attention", []*graph.Value{q, k, v, s.mask}, attrs...)
	return true
}

// turnedByReshape is x of Reshape(Transpose(Reshape(x, [b*h, s, d]), [0, 2, 1]), [b, h, d, s]).
func turnedByReshape(v *graph.Value) *graph.Value {
	back := made(v, "Reshape")
	if back == nil {
		return nil
	}
	t := made(back.In(0), "Transpose")
	if !isPerm(t, 0, 2, 1) {
		return nil
	}
	flat := made(t.In(0), "Reshape")
	if flat == nil {
		return nil
	}
	x, f, vs := typeOf(flat.In(0)).Shape, typeOf(flat.Out(0)).Shape, typeOf(v).Shape
	if x.Rank() != 4 || f.Rank() != 3 || vs.Rank() != 4 || !f.Dim(1).Equal(x.Dim(2)) || !f.Dim(2).Equal(x.Dim(3)) {
		return nil
	}
	if !vs.Dim(0).Equal(x.Dim(0)) || !vs.Dim(1).Equal(x.Dim(1)) || !vs.Dim(2).Equal(x.Dim(3)) || !vs.Dim(3).Equal(x.Dim(2)) {
		return nil
	}
	return flat.In(0)
}

func (c *compiler) softmaxAxis() int64 {
	if c.opset("") < 13 {
		return 1
	}
	return -1
}

// plainOperands reports whether the shapes are known to be those of one attention per head, without broadcasting.
func plainOperands(q, k, v *graph.Value, layout int64, rank int) bool {
	qs, ks, vs := typeOf(q).Shape, typeOf(k).Shape, typeOf(v).Shape
	if qs.Rank() != rank || ks.Rank() != rank || vs.Rank() != rank || !isFloat(q) || !isFloat(k) || !isFloat(v) {
		return false
	}
	heads := 1
	if layout == op.LayoutBSHD {
		heads = 2
	}
	return qs.Dim(0).Equal(ks.Dim(0)) && qs.Dim(0).Equal(vs.Dim(0)) && (rank == 3 || qs.Dim(1).Equal(ks.Dim(heads)) && qs.Dim(1).Equal(vs.Dim(1)))
}

// unscaled takes factors out of an operand.
func unscaled(v *graph.Value, scale float64) (*graph.Value, float64) {
	for range 2 {
		x, s, ok := scaled(v)
		if !ok {
			break
		}
		v, scale = x, scale*s
	}
	return v, scale
}

// scaled reads x*s or x/s with a constant scalar.
func scaled(v *graph.Value) (*graph.Value, float64, bool) {
	if m := made(v, "Mul"); m != nil {
		if x, s, ok := withScalar(m); ok {
			return x, s, sameShape(x, v)
		}
	}
	if d := made(v, "Div"); d != nil {
		if s, ok := scalar(d.In(1)); ok && s != 0 {
			return d.In(0), 1 / s, sameShape(d.In(0), v)
		}
	}
	return nil, 0, false
}

// scoresOf follows v down to the product, through one mask and any scaling below it.
func (c *compiler) scoresOf(v *graph.Value) (scores, bool) {
	s := scores{scale: 1}
	shape := typeOf(v).Shape
	for range 5 {
		if c.reader(v) == nil || !typeOf(v).Shape.Equal(shape) {
			return s, false
		}
		if s.product = made(v, "MatMul"); s.product != nil {
			return s, !s.product.In(0).IsConst() && !s.product.In(1).IsConst()
		}
		if x, k, ok := scaled(v); ok {
			v, s.scale = x, s.scale*k
			continue
		}
		if s.scale != 1 || s.mask != nil && (s.masked != 0 || !isFloat(s.mask)) {
			return s, false
		}
		x, ok := c.maskOf(v, &s)
		if !ok {
			return s, false
		}
		v = x
	}
	return s, false
}

// maskOf reads Add(scores, mask), Where(hide, constant, scores) and Where(keep, scores, constant).
func (c *compiler) maskOf(v *graph.Value, s *scores) (*graph.Value, bool) {
	if a := made(v, "Add"); a != nil {
		for i := range 2 {
			if x := a.In(i); leadsToScores(x) && isFloat(a.In(1-i)) && typeOf(a.In(1-i)).Shape.Known {
				s.mask = c.sum(a, s.mask, a.In(1-i))
				return x, true
			}
		}
	}
	if w := made(v, "Where"); w != nil && s.mask == nil {
		x, at := w.In(2), 1
		if s.keep = leadsToProduct(w.In(1)); s.keep {
			x, at = w.In(1), 2
		}
		low, ok := scalar(w.In(at))
		// Added instead of put in their place, only such values leave nothing of the score.
		if ok && low <= -1e9 && leadsToProduct(x) && typeOf(w.In(0)).Shape.Known {
			s.mask, s.masked = w.In(0), max(low, -math.MaxFloat32)
			if math.IsInf(low, -1) {
				s.masked = low
			}
			return x, true
		}
	}
	return nil, false
}

// leadsToScores is leadsToProduct through one more sum, of two masks.
func leadsToScores(v *graph.Value) bool {
	if leadsToProduct(v) {
		return true
	}
	a := made(v, "Add")
	return a != nil && (leadsToProduct(a.In(0)) || leadsToProduct(a.In(1)))
}

// sum is a + b as a value computed before node at; b alone when a is nil.
func (c *compiler) sum(at *graph.Node, a, b *graph.Value) *graph.Value {
	if a == nil {
		return b
	}
	shape, ok := broadcastShape(typeOf(a).Shape, typeOf(b).Shape)
	if !ok {
		shape = graph.Shape{}
	}
	g := at.Graph()
	v := g.NewValue(a.Name+"+"+b.Name, graph.TensorType(tensor.Float32, shape))
	g.InsertBefore(graph.NewNode(graph.OpID{Op: "Add"}, []*graph.Value{a, b}, []*graph.Value{v}), at)
	return v
}

// broadcastShape is the shape of two operands together, if it is known.
func broadcastShape(a, b graph.Shape) (graph.Shape, bool) {
	if !a.Known || !b.Known {
		return graph.Shape{}, false
	}
	rank := max(a.Rank(), b.Rank())
	dims := make([]graph.Dim, rank)
	for i := range dims {
		x, y := graph.Const(1), graph.Const(1)
		if k := i - rank + a.Rank(); k >= 0 {
			x = a.Dims[k]
		}
		if k := i - rank + b.Rank(); k >= 0 {
			y = b.Dims[k]
		}
		switch {
		case x.Is(1):
			dims[i] = y
		case y.Is(1) || x.Equal(y):
			dims[i] = x
		default:
			return graph.Shape{}, false
		}
	}
	return graph.ShapeOf(dims...), true
}

// leadsToProduct reports whether v is a MatMul, or one that is scaled.
func leadsToProduct(v *graph.Value) bool {
	v, _ = unscaled(v, 1)
	m := made(v, "MatMul")
	return m != nil && !m.In(1).IsConst()
}

// guarded follows Where(IsNaN(p), 0, p), by which exporters give rows without any key a probability of zero.
func (c *compiler) guarded(p *graph.Value) (*graph.Value, bool) {
	if p.NumUses() != 2 || c.returned[p] {
		return p, false
	}
	var nan, where *graph.Node
	for u := range p.Uses() {
		switch {
		case u.Node.Is("IsNaN"):
			nan = u.Node
		case u.Node.Is("Where") && u.Index == 2:
			where = u.Node
		}
	}
	if nan == nil || where == nil || where.In(0) != nan.Out(0) || c.reader(nan.Out(0)) != where || !isScalar(where.In(1), 0) {
		return p, false
	}
	return where.Out(0), true
}

// lowerAttentionLayout takes the Transpose between [batch, seq, heads, dim] and [batch, heads, seq, dim] into Attention, and the repetition
// of keys and values that several heads share.
func lowerAttentionLayout(c *compiler, n *graph.Node) bool {
	if n.ID.Domain != op.Lowered || n.ID.Op != "Attention" || typeOf(n.In(0)).Shape.Rank() != 4 {
		return false
	}
	fired := false
	if k, v := n.In(1), n.In(2); n.Attrs.Int("k", 0) == op.LayoutBHSD {
		if k0, v0 := unrepeated(k), unrepeated(v); k0 != nil && v0 != nil && typeOf(k0).Shape.Dim(1).Equal(typeOf(v0).Shape.Dim(1)) {
			n.SetIn(1, k0)
			n.SetIn(2, v0)
			c.prune(k)
			c.prune(v)
			fired = true
		}
	}
	for i, name := range []string{"q", "k", "v"} {
		t := made(n.In(i), "Transpose")
		if n.Attrs.Int(name, 0) == op.LayoutBHSD && isPerm(t, 0, 2, 1, 3) {
			n.SetAttr(graph.IntAttr(name, op.LayoutBSHD))
			n.SetIn(i, t.In(0))
			c.prune(t.Out(0))
			fired = true
		}
	}
	if t := c.reads(n.Out(0), "Transpose"); isPerm(t, 0, 2, 1, 3) {
		k := graph.NewNode(n.ID, n.Inputs(), nil, append(n.Attrs, graph.IntAttr("o", op.LayoutBSHD))...)
		k.Name = n.Name
		c.replace(t, k)
		fired = true
	}
	return fired
}

// unrepeated is x [batch, kv, seq, dim] of Reshape(Expand(Unsqueeze(x))) to [batch, kv*group, seq, dim]; nil for anything else.
func unrepeated(v *graph.Value) *graph.Value {
	r := made(v, "Reshape")
	if r == nil {
		return nil
	}
	e := made(r.In(0), "Expand")
	if e == nil {
		return nil
	}
	u := made(e.In(0), "Unsqueeze")
	if u == nil {
		return nil
	}
	x := u.In(0)
	xs, us, es, vs := typeOf(x).Shape, typeOf(u.Out(0)).Shape, typeOf(e.Out(0)).Shape, typeOf(v).Shape
	if xs.Rank() != 4 || us.Rank() != 5 || es.Rank() != 5 || vs.Rank() != 4 || !us.Dim(2).Is(1) || !us.Dim(1).Equal(xs.Dim(1)) || !us.Dim(3).Equal(xs.Dim(2)) {
		return nil
	}
	if !es.Dim(0).Equal(xs.Dim(0)) || !es.Dim(1).Equal(xs.Dim(1)) || !es.Dim(3).Equal(xs.Dim(2)) || !es.Dim(4).Equal(xs.Dim(3)) {
		return nil
	}
	if !vs.Dim(0).Equal(xs.Dim(0)) || !vs.Dim(1).Equal(es.Dim(1).Mul(es.Dim(2))) || !vs.Dim(2).Equal(xs.Dim(2)) || !vs.Dim(3).Equal(xs.Dim(3)) {
		return nil
	}
	return x
}
