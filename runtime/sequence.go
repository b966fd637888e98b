package runtime

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// splitSequences replaces a SplitToSequence whose parts are all taken by SequenceAt at constant positions by one Slice (or Gather) a part:
// the form in which some exporters write a split. The runtime has no other sequences.
func (c *compiler) splitSequences() {
	c.model.Graph.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			if n.Is("SplitToSequence") {
				c.splitSequence(g, n)
			}
		}
	})
}

// part is where one SequenceAt reads: elements start to end of the axis.
type part struct {
	at         *graph.Node
	start, end int64
}

func (c *compiler) splitSequence(g *graph.Graph, n *graph.Node) {
	x, seq := n.In(0), n.Out(0)
	if x == nil || seq == nil || c.returned[seq] || !x.Type.Shape.Known {
		return
	}
	rank := int64(len(x.Type.Shape.Dims))
	axis := n.Attrs.Int("axis", 0)
	if axis < -rank || axis >= rank {
		return
	}
	if axis < 0 {
		axis += rank
	}
	dim, ok := x.Type.Shape.Dim(int(axis)).Value()
	if !ok {
		return
	}
	sizes, ok := partSizes(n.In(1), dim)
	if !ok {
		return
	}
	var parts []part
	for u := range seq.Uses() {
		if !u.Node.Is("SequenceAt") || u.Index != 0 || u.Node.Graph() != g {
			return
		}
		i, ok := constInt(u.Node.In(1))
		if i < 0 {
			i += int64(len(sizes))
		}
		if !ok || i < 0 || i >= int64(len(sizes)) {
			return
		}
		p := part{at: u.Node}
		for _, s := range sizes[:i] {
			p.start += s
		}
		p.end = p.start + sizes[i]
		parts = append(parts, p)
	}
	squeeze := n.In(1) == nil && n.Attrs.Int("keepdims", 1) == 0
	for _, p := range parts {
		out := p.at.Out(0)
		next := p.at.Next()
		name := p.at.Name
		g.Remove(p.at)
		var with *graph.Node
		if squeeze {
			with = graph.NewNode(graph.OpID{Op: "Gather"}, []*graph.Value{x, g.AddInit("position", tensor.Scalar(p.start))}, nil, graph.IntAttr("axis", axis))
		} else {
			one := func(hint string, v int64) *graph.Value { return g.AddInit(hint, tensor.Of([]int64{v}, 1)) }
			with = graph.NewNode(graph.OpID{Op: "Slice"}, []*graph.Value{x, one("start", p.start), one("end", p.end), one("axis", axis)}, nil)
		}
		with.Name = name
		with.AddOutput(out)
		if next == nil {
			g.Append(with)
		} else {
			g.InsertBefore(with, next)
		}
	}
	if seq.NumUses() == 0 {
		g.Remove(n)
	}
}

// partSizes are the sizes into which a SplitToSequence cuts a dim: one each without a split, equal ones for a scalar, or a list.
func partSizes(split *graph.Value, dim int64) ([]int64, bool) {
	size := int64(1)
	if split != nil {
		if !split.IsConst() {
			return nil, false
		}
		v, err := split.Const.Int64s()
		if err != nil || len(v) == 0 {
			return nil, false
		}
		if len(split.Const.Shape) > 0 {
			total := int64(0)
			for _, s := range v {
				if s < 0 || s > math.MaxInt32 {
					return nil, false
				}
				total += s
			}
			return v, total == dim
		}
		size = v[0]
	}
	if size < 1 || dim/size > 1<<16 {
		return nil, false
	}
	var sizes []int64
	for at := int64(0); at < dim; at += size {
		sizes = append(sizes, min(size, dim-at))
	}
	return sizes, true
}

func constInt(v *graph.Value) (int64, bool) {
	if v == nil || !v.IsConst() {
		return 0, false
	}
	list, err := v.Const.Int64s()
	if err != nil || len(list) != 1 {
		return 0, false
	}
	return list[0], true
}
