package opset

import (
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

func (s *site) set(a *graph.Attr) { s.n.SetAttr(a); s.edited = true }

func (s *site) drop(name string) {
	kept := graph.Attrs{}
	for _, a := range s.n.Attrs {
		if a.Name != name {
			kept = append(kept, a)
		}
	}
	s.edited = s.edited || len(kept) != len(s.n.Attrs)
	s.n.Attrs = kept
}

// put makes v input i, with omitted ones before it where there are none yet.
func (s *site) put(i int, v *graph.Value) {
	for s.n.NumIn() <= i {
		s.n.AddInput(nil)
	}
	s.n.SetIn(i, v)
	s.edited = true
}

// cut removes the inputs from number n on.
func (s *site) cut(n int) {
	for s.n.NumIn() > n {
		s.n.DropInput()
		s.edited = true
	}
}

// used reports whether anything reads output i.
func (s *site) used(i int) bool {
	v := s.n.Out(i)
	return v != nil && !s.c.unread(v)
}

// shrink replaces the node by one with the first outputs only.
func (s *site) shrink(keep int) {
	k := s.node(s.n.ID.Op, s.n.Inputs(), keep, s.n.Attrs...)
	outs := k.Outputs()
	s.give(append(outs, make([]*graph.Value, s.n.NumOut()-keep)...)...)
}

// node makes a node before the one at hand, with new outputs.
func (s *site) node(name string, in []*graph.Value, outputs int, attrs ...*graph.Attr) *graph.Node {
	hint := s.hint()
	outs := make([]*graph.Value, outputs)
	for i := range outs {
		outs[i] = s.g.NewValue(hint+"_"+strings.ToLower(name), graph.Type{})
	}
	k := graph.NewNode(graph.OpID{Domain: s.n.ID.Domain, Op: name}, in, outs, attrs...)
	if s.n.Name != "" {
		k.Name = s.g.NewName(s.n.Name + "_" + strings.ToLower(name))
	}
	k.Props = append([]graph.Prop(nil), s.n.Props...)
	k.Doc = s.n.Doc
	s.g.InsertBefore(k, s.n)
	_ = op.InferNode(k, s.ver, s.c.env) // what cannot be inferred stays unknown
	s.made = append(s.made, k)
	return k
}

func (s *site) hint() string {
	for _, v := range s.n.Outputs() {
		if v != nil && v.Name != "" {
			return v.Name
		}
	}
	return "v"
}

// op makes a node with one output and returns that. Nodes made are of the domain at hand.
func (s *site) op(name string, in []*graph.Value, attrs ...*graph.Attr) *graph.Value {
	return s.node(name, in, 1, attrs...).Out(0)
}

// unary and binary are op for the commonest counts.
func (s *site) unary(name string, x *graph.Value, attrs ...*graph.Attr) *graph.Value {
	return s.op(name, []*graph.Value{x}, attrs...)
}

func (s *site) binary(name string, a, b *graph.Value, attrs ...*graph.Attr) *graph.Value {
	return s.op(name, []*graph.Value{a, b}, attrs...)
}

// give makes outs, values of nodes made here, the node's outputs, and removes the node. nil is for an output that nobody uses.
func (s *site) give(outs ...*graph.Value) {
	var last *graph.Node
	taken := map[*graph.Value]bool{}
	for i, v := range outs {
		old := s.n.Out(i)
		if old == nil || v == nil {
			continue
		}
		p, k := v.Producer()
		if p == nil || !s.mine(p) || taken[v] {
			p = s.node("Identity", []*graph.Value{v}, 1)
			v, k = p.Out(0), 0
		}
		taken[old] = true
		p.MoveOutput(k, old)
		v.ReplaceUses(old)
		if last == nil {
			last = p
		}
	}
	name, extra := s.n.Name, s.n.Extra
	s.g.Remove(s.n)
	if last != nil {
		last.Name, last.Extra = name, extra
	}
}

func (s *site) mine(n *graph.Node) bool {
	for _, k := range s.made {
		if k == n {
			return true
		}
	}
	return false
}
