package passes

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// finder looks for blocks in one model.
type finder struct {
	m     *graph.Model
	types map[*graph.Value]graph.Type // inferred on a copy; nil until a stated type is missed
}

// typeOf is the type of v: as the model states it, else inferred.
func (s *finder) typeOf(v *graph.Value) graph.Type {
	if v == nil || v.Type.Shape.Known && v.Type.Shape.Rank() > 0 {
		if v == nil {
			return graph.Type{}
		}
		return v.Type
	}
	if s.types == nil {
		s.types = map[*graph.Value]graph.Type{}
		if s.m != nil {
			s.infer()
		}
	}
	if t, ok := s.types[v]; ok {
		return t
	}
	return v.Type
}

// infer fills in types on a copy of the model, and reads them back for the main graph's values.
func (s *finder) infer() {
	typed := s.m.Clone()
	op.Infer(typed, op.InferOptions{}) // what it cannot infer stays unknown
	there := typed.Graph.First()
	for n := range s.m.Graph.Nodes() {
		for i := range n.NumOut() {
			if v, w := n.Out(i), there.Out(i); v != nil && w != nil {
				s.types[v] = w.Type
			}
		}
		there = there.Next()
	}
}

// closed checks dims and types, and that nothing outside reads a value inside.
func (s *finder) closed(f *FFN) string {
	for _, l := range f.Linears() {
		if l.Matrix.Elem != tensor.Float32 {
			return fmt.Sprintf("weight %q is %s; only float is rewritten", l.Weight.Name, l.Matrix.Elem)
		}
		if l.Bias == nil {
			continue
		}
		if l.Bias.Elem != tensor.Float32 {
			return fmt.Sprintf("bias %q is %s; only float is rewritten", l.BiasVal.Name, l.Bias.Elem)
		}
		if l.Adder != nil && l.Bias.Rank() > 1 && s.typeOf(l.Nodes[0].Out(0)).Shape.Rank() < l.Bias.Rank() {
			return fmt.Sprintf("bias %q has rank %d and may give the sum more dims than the product has", l.BiasVal.Name, l.Bias.Rank())
		}
	}
	f.In, f.Hidden = f.Up.Dims()
	var into int
	into, f.Out = f.Down.Dims()
	if into != f.Hidden {
		return fmt.Sprintf("the hidden width is %d, the down projection takes %d", f.Hidden, into)
	}
	if f.Gate != nil {
		if in, hidden := f.Gate.Dims(); in != f.In || hidden != f.Hidden {
			return fmt.Sprintf("gate is %d to %d, up %d to %d", in, hidden, f.In, f.Hidden)
		}
	}
	if f.In == 0 || f.Hidden == 0 || f.Out == 0 {
		return fmt.Sprintf("a width is zero: %d to %d to %d", f.In, f.Hidden, f.Out)
	}
	if f.reshapes() && !s.sameLead(f.X, f.Y) {
		return "a Reshape inside changes the leading dims"
	}
	inside := map[*graph.Node]bool{}
	for _, n := range f.Nodes {
		inside[n] = true
	}
	for _, n := range f.Nodes {
		for _, v := range n.Outputs() {
			if v == nil || v == f.Y {
				continue
			}
			if v.IsOutput() {
				return fmt.Sprintf("%q, inside the block, is an output of the graph", v.Name)
			}
			for u := range v.Uses() {
				if inside[u.Node] || u.Node.Is("Shape") && s.shapeUse(f, v, u.Node, inside) {
					continue
				}
				return fmt.Sprintf("%q, inside the block, is used by node %q (%s), too", v.Name, u.Node.Label(), u.Node.ID)
			}
		}
	}
	return ""
}

// reshapes reports whether a Reshape lies inside the block.
func (f *FFN) reshapes() bool {
	for _, n := range f.Nodes {
		if n.Is("Reshape") {
			return true
		}
	}
	return false
}

// sameLead reports whether a and b certainly have the same leading dims. Reshapes inside a block keep the last dim, so the number of rows
// is the same, and two matrices always fit.
func (s *finder) sameLead(a, b *graph.Value) bool {
	x, y := s.typeOf(a).Shape, s.typeOf(b).Shape
	if !x.Known || !y.Known || x.Rank() != y.Rank() || x.Rank() == 0 {
		return false
	}
	return x.Rank() == 2 || equalLead(x, y)
}

// sameRows reports whether a and b are the same value, or the same value reshaped to the same rows.
func (s *finder) sameRows(a, b *graph.Value) bool {
	if a == b {
		return true
	}
	x, _ := s.behind(a)
	y, _ := s.behind(b)
	return x == y && s.sameLead(a, b)
}

func equalLead(x, y graph.Shape) bool {
	for i := range x.Rank() - 1 {
		if !x.Dim(i).Equal(y.Dim(i)) {
			return false
		}
	}
	return x.Known && y.Known && x.Rank() == y.Rank()
}

// ShapeUse is a Shape node outside a block that reads a value inside.
type ShapeUse struct {
	Node  *graph.Node
	Width int64 // the value's last dim
	// Inner is set when the last dim goes into shapes of Reshape nodes inside the block and nowhere else, Lead when nobody reads it.
	Inner, Lead bool
}

// shapeUse accepts a Shape node on the value v inside when a value outside has the same leading dims and the last dim is a number.
func (s *finder) shapeUse(f *FFN, v *graph.Value, n *graph.Node, inside map[*graph.Node]bool) bool {
	shape := s.typeOf(v).Shape
	width, ok := shape.Dim(-1).Value()
	if !ok || shape.Rank() < 2 || n.Out(0).IsOutput() || len(n.Attrs) > 0 {
		return false
	}
	lead := s.leadOf(f.X, shape)
	if lead == nil || f.Lead != nil && f.Lead != lead {
		return false
	}
	f.Lead = lead
	f.Shapes = append(f.Shapes, ShapeUse{Node: n, Width: width, Inner: onlyReshapes(n.Out(0), inside), Lead: readsLead(n.Out(0), shape.Rank())})
	return true
}

// leadOf is x, or the value that x is reshaped from, with the leading dims of shape.
func (s *finder) leadOf(x *graph.Value, shape graph.Shape) *graph.Value {
	for range 4 {
		if equalLead(s.typeOf(x).Shape, shape) {
			return x
		}
		p, _ := x.Producer()
		if p == nil || !(p.Is("Reshape") || p.Is("Squeeze") || p.Is("Unsqueeze") || p.Is("Flatten") || passesThrough(p)) {
			return nil
		}
		x = p.In(0)
	}
	return nil
}

// readsLead reports whether only leading dims are taken from a shape of that rank.
func readsLead(shape *graph.Value, rank int) bool {
	for u := range shape.Uses() {
		n := u.Node
		if n.Is("Cast") && !n.Out(0).IsOutput() && readsLead(n.Out(0), rank) {
			continue
		}
		if n.Is("Slice") && u.Index == 0 && leadSlice(n, rank) {
			continue
		}
		index, ok := intsOf(n.In(1))
		if !n.Is("Gather") || u.Index != 0 || !ok {
			return false
		}
		for _, i := range index {
			if i < 0 || i >= int64(rank-1) {
				return false
			}
		}
	}
	return true
}

// leadSlice reports whether a Slice of a shape of that rank leaves the last entry out.
func leadSlice(n *graph.Node, rank int) bool {
	starts, ok1 := intsOf(n.In(1))
	ends, ok2 := intsOf(n.In(2))
	if n.NumIn() == 1 {
		starts, ends = n.Attrs.Ints("starts"), n.Attrs.Ints("ends")
		ok1, ok2 = true, true
	}
	steps, _ := intsOf(n.In(4))
	if !ok1 || !ok2 || len(starts) != 1 || len(ends) != 1 || n.In(4) != nil && (len(steps) != 1 || steps[0] < 1) {
		return false
	}
	return ends[0] < 0 || ends[0] < int64(rank)
}

// widthRead is the reason for which the hidden width must not change; empty when it may.
func (f *FFN) widthRead() string {
	for _, s := range f.Shapes {
		if !s.Inner && !s.Lead {
			return fmt.Sprintf("the width of the hidden value is read by node %q (%s)", s.Node.Label(), s.Node.ID)
		}
	}
	return ""
}

// onlyReshapes reports whether what is computed from a shape ends as the shape of Reshape nodes inside the block.
func onlyReshapes(v *graph.Value, inside map[*graph.Node]bool) bool {
	if v.IsOutput() {
		return false
	}
	for u := range v.Uses() {
		n := u.Node
		switch {
		case n.Is("Reshape") && u.Index == 1 && inside[n]:
		case n.Is("Gather"), n.Is("Slice"), n.Is("Squeeze"), n.Is("Unsqueeze"), n.Is("Concat"), n.Is("Cast"), n.Is("Identity"):
			if !onlyReshapes(n.Out(0), inside) {
				return false
			}
		default:
			return false
		}
	}
	return true
}
