package runtime

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

// The inputs of Linear.
const (
	linearX = iota
	linearW
	linearBias
	linearMul
	linearAdd
	linearInputs
)

// lowerLinear makes a Linear of MatMul or Gemm by a constant matrix, with a bias vector added to it.
func lowerLinear(c *compiler, n *graph.Node) bool {
	isGemm := n.Is("Gemm")
	if !isGemm && !n.Is("MatMul") {
		return false
	}
	w := n.In(1)
	if w == nil || !w.IsConst() || w.Const.Elem != tensor.Float32 || len(w.Const.Shape) != 2 || !isFloat(n.In(0)) {
		return false
	}
	in := make([]*graph.Value, linearInputs)
	in[linearX], in[linearW] = n.In(0), w
	cols, trans := w.Const.Shape[1], int64(0)
	last := n
	if isGemm {
		a := n.Attrs
		if a.Int("transA", 0) != 0 || a.Float("alpha", 1) != 1 || a.Float("beta", 1) != 1 && n.In(2) != nil {
			return false
		}
		if trans = a.Int("transB", 0); trans != 0 {
			cols = w.Const.Shape[0]
		}
		if b := n.In(2); b != nil {
			if vector(b, cols, 2) == nil {
				return false
			}
			in[linearBias] = b
		}
	}
	if in[linearBias] == nil {
		if add := c.reads(n.Out(0), "Add"); add != nil {
			if b := other(add, n.Out(0)); vector(b, cols, typeOf(n.Out(0)).Shape.Rank()) != nil {
				in[linearBias], last = b, add
			}
		}
	}
	c.fuse(last, "Linear", in, graph.IntAttr("trans", trans))
	return true
}

// bare is the Linear that computes v, if nothing else reads v and it has none of the parts from (an input) on.
func (c *compiler) bare(v *graph.Value, from int) *graph.Node {
	n := lowered(v, "Linear")
	if n == nil || v.NumUses() != 1 || c.returned[v] {
		return nil
	}
	for i := from; i < linearInputs; i++ {
		if n.In(i) != nil {
			return nil
		}
	}
	return n
}

// extend makes last's value the output of Linear n with one more input, or another activation.
func (c *compiler) extend(n, last *graph.Node, input int, v *graph.Value, attrs ...*graph.Attr) {
	in := make([]*graph.Value, linearInputs)
	copy(in, n.Inputs())
	if v != nil {
		in[input] = v
	}
	list := append([]*graph.Attr{}, n.Attrs...)
	for _, a := range attrs {
		list = append(list, a)
	}
	c.fuse(last, "Linear", in, list...)
}

// activationOf is the activation that n computes of its first input, with default parameters.
func activationOf(n *graph.Node) (kernel.Act, bool) {
	if n.ID.Domain == op.Lowered && n.ID.Op == "Activate" {
		return kernel.ParseAct(n.Attrs.String("act", ""))
	}
	act, params, ok := op.ActivationOf(n)
	return act, ok && params == act.Defaults()
}

func lowerLinearAct(c *compiler, n *graph.Node) bool {
	act, ok := activationOf(n)
	if !ok || act == kernel.ActNone {
		return false
	}
	l := c.bare(n.In(0), linearMul)
	if l == nil || l.Attrs.Get("act") != nil {
		return false
	}
	c.extend(l, n, 0, nil, graph.StringAttr("act", act.String()))
	return true
}

func lowerLinearMul(c *compiler, n *graph.Node) bool { return c.lowerOperand(n, "Mul", linearMul) }

func lowerLinearAdd(c *compiler, n *graph.Node) bool { return c.lowerOperand(n, "Add", linearAdd) }

// lowerOperand takes the other operand of a product or sum into a Linear. Of two Linears the one with an activation is extended.
func (c *compiler) lowerOperand(n *graph.Node, name string, input int) bool {
	if !n.Is(name) || n.NumIn() != 2 {
		return false
	}
	var best *graph.Node
	var with *graph.Value
	for i := range 2 {
		l, v := c.bare(n.In(i), input), n.In(1-i)
		if l == nil || v == n.In(i) || !isFloat(v) || !sameShape(v, n.In(i)) || !sameShape(v, n.Out(0)) {
			continue
		}
		if best == nil || l.Attrs.Get("act") != nil && best.Attrs.Get("act") == nil {
			best, with = l, v
		}
	}
	if best == nil {
		return false
	}
	c.extend(best, n, input, with)
	return true
}

// lowerLinearSplit makes one Linear of each part of a Split of a Linear's columns, so that nothing is copied.
func lowerLinearSplit(c *compiler, n *graph.Node) bool {
	if !n.Is("Split") || n.In(0) == nil || !isLast(n.Attrs.Int("axis", 0), n.In(0)) {
		return false
	}
	l := c.bare(n.In(0), linearMul)
	if l == nil || l.Attrs.Get("act") != nil || l.Attrs.Get("size") != nil {
		return false
	}
	outs := n.Outputs()
	sizes := make([]int64, len(outs))
	for i, v := range outs {
		size, ok := typeOf(v).Shape.Dim(-1).Value()
		if !ok {
			return false
		}
		sizes[i] = size
	}
	g, after := n.Graph(), n.Next()
	in, attrs := l.Inputs(), l.Attrs
	name, split := l.Name, n.In(0)
	g.Remove(n)
	start := int64(0)
	for i, v := range outs {
		part := graph.NewNode(l.ID, in, nil, append(attrs[:len(attrs):len(attrs)], graph.IntAttr("start", start), graph.IntAttr("size", sizes[i]))...)
		part.Name = name
		if after != nil {
			g.InsertBefore(part, after)
		} else {
			g.Append(part)
		}
		part.AddOutput(v)
		start += sizes[i]
	}
	c.prune(split)
	return true
}
