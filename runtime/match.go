package runtime

import (
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

// made is the node that computes v if it is operator name of the default domain; nil otherwise.
func made(v *graph.Value, name string) *graph.Node {
	if v == nil {
		return nil
	}
	if n, i := v.Producer(); n != nil && i == 0 && n.Is(name) {
		return n
	}
	return nil
}

// lowered is the same for a fused operator.
func lowered(v *graph.Value, name string) *graph.Node {
	if v == nil {
		return nil
	}
	if n, _ := v.Producer(); n != nil && n.ID.Domain == op.Lowered && n.ID.Op == name {
		return n
	}
	return nil
}

// noteOutputs records which values leave their graphs.
func (c *compiler) noteOutputs() {
	c.returned = map[*graph.Value]bool{}
	c.model.Graph.Walk(func(g *graph.Graph) {
		for _, v := range g.Outputs {
			c.returned[v] = true
		}
	})
}

// reader is the only node that reads v, in the same graph; nil when there are more or v leaves the graph.
func (c *compiler) reader(v *graph.Value) *graph.Node {
	if v == nil || v.NumUses() != 1 || c.returned[v] {
		return nil
	}
	for u := range v.Uses() {
		if u.Node.Graph() == v.Graph() {
			return u.Node
		}
	}
	return nil
}

// reads is reader if it is operator name of the default domain.
func (c *compiler) reads(v *graph.Value, name string) *graph.Node {
	if n := c.reader(v); n != nil && n.Is(name) {
		return n
	}
	return nil
}

// scalar is v's only element, if v is a constant with one element of a real type.
func scalar(v *graph.Value) (float64, bool) {
	if v == nil || !v.IsConst() || v.Const.Len() != 1 {
		return 0, false
	}
	f, err := v.Const.Float64s()
	if err != nil || len(f) != 1 {
		return 0, false
	}
	return f[0], true
}

// isScalar reports whether v is the constant x, up to single precision.
func isScalar(v *graph.Value, x float64) bool {
	f, ok := scalar(v)
	return ok && near(f, x)
}

func near(a, b float64) bool {
	d := a - b
	return d <= 1e-5*b && -d <= 1e-5*b || a == b
}

// withScalar splits a commutative node of two inputs into its constant scalar and the other input.
func withScalar(n *graph.Node) (x *graph.Value, s float64, ok bool) {
	if n == nil || n.NumIn() != 2 {
		return nil, 0, false
	}
	if s, ok = scalar(n.In(1)); ok {
		return n.In(0), s, true
	}
	s, ok = scalar(n.In(0))
	return n.In(1), s, ok
}

// other is the input of a two-input node that is not v; nil when neither or both are v.
func other(n *graph.Node, v *graph.Value) *graph.Value {
	switch {
	case n.NumIn() != 2 || n.In(0) == n.In(1):
		return nil
	case n.In(0) == v:
		return n.In(1)
	case n.In(1) == v:
		return n.In(0)
	}
	return nil
}

// isFloat reports whether v is known to be a float32 tensor.
func isFloat(v *graph.Value) bool {
	t := typeOf(v)
	return t.Kind == graph.KindTensor && t.Elem == tensor.Float32
}

// sameShape reports whether both values are known to have the same shape.
func sameShape(a, b *graph.Value) bool { return typeOf(a).Shape.Equal(typeOf(b).Shape) }

// vector is a constant float32 vector of n elements, perhaps under leading dims of 1 that do not exceed rank; nil otherwise.
func vector(v *graph.Value, n int64, rank int) *tensor.Tensor {
	if v == nil || !v.IsConst() || v.Const.Elem != tensor.Float32 || int64(v.Const.Len()) != n {
		return nil
	}
	s := v.Const.Shape
	if len(s) == 0 || s[len(s)-1] != n || len(s) > 1 && len(s) > rank {
		return nil
	}
	return v.Const
}

// ints is a constant integer tensor's elements; nil when v is none.
func ints(v *graph.Value) []int64 {
	if v == nil || !v.IsConst() {
		return nil
	}
	list, err := v.Const.Int64s()
	if err != nil {
		return nil
	}
	return list
}

// lastAxis reports whether a reduction is over the last axis alone and keeps it.
func lastAxis(n *graph.Node) bool {
	axes := n.Attrs.Ints("axes")
	if axes == nil {
		axes = ints(n.In(1))
	}
	return len(axes) == 1 && isLast(axes[0], n.In(0)) && n.Attrs.Int("keepdims", 1) == 1
}

// isLast reports whether axis is the last one of v.
func isLast(axis int64, v *graph.Value) bool {
	rank := typeOf(v).Shape.Rank()
	return axis == -1 || rank > 0 && axis == int64(rank-1)
}

// isPerm reports whether n is a Transpose by perm.
func isPerm(n *graph.Node, perm ...int64) bool {
	return n != nil && slices.Equal(n.Attrs.Ints("perm"), perm)
}

// fuse puts a fused node in the place of last, whose outputs become its own, and removes what nothing reads any more.
func (c *compiler) fuse(last *graph.Node, name string, in []*graph.Value, attrs ...*graph.Attr) *graph.Node {
	for len(in) > 0 && in[len(in)-1] == nil {
		in = in[:len(in)-1]
	}
	n := graph.NewNode(graph.OpID{Domain: op.Lowered, Op: name}, in, nil, attrs...)
	n.Name = last.Label()
	c.replace(last, n)
	return n
}

// replace puts n in the place of old and gives it old's outputs.
func (c *compiler) replace(old, n *graph.Node) {
	g := old.Graph()
	outs, read := old.Outputs(), old.Inputs()
	g.InsertBefore(n, old)
	g.Remove(old)
	for _, v := range outs {
		n.AddOutput(v)
	}
	for _, v := range read {
		c.prune(v)
	}
}

// prune removes the node that computes v if nothing reads its outputs, and then those that it read.
func (c *compiler) prune(v *graph.Value) {
	if v == nil {
		return
	}
	n, _ := v.Producer()
	if n == nil || n.Graph() == nil {
		return
	}
	for _, o := range n.Outputs() {
		if o != nil && (o.NumUses() > 0 || c.returned[o]) {
			return
		}
	}
	read := n.Inputs()
	n.Graph().Remove(n)
	for _, r := range read {
		c.prune(r)
	}
}
