package passes

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// behind follows v back through nodes that leave the last dimension alone: Identity, and Reshape between ranks.
func (s *finder) behind(v *graph.Value) (*graph.Value, []*graph.Node) {
	var nodes []*graph.Node
	for {
		p, _ := v.Producer()
		if p == nil || p.In(0) == nil || !(passesThrough(p) || p.Is("Reshape") && s.keepsLast(p)) {
			return v, nodes
		}
		nodes = append(nodes, p)
		v = p.In(0)
	}
}

// keepsLast reports whether a Reshape only folds or unfolds leading dims, by its types or by a constant last entry that equals the width
// of the linear it follows or feeds.
func (s *finder) keepsLast(n *graph.Node) bool {
	a, b := s.typeOf(n.In(0)).Shape.Dim(-1), s.typeOf(n.Out(0)).Shape.Dim(-1)
	if a.Equal(b) {
		return true
	}
	last, ok := lastOf(n.In(1))
	if !ok {
		return false
	}
	if w, known := a.Value(); known {
		return w == last
	}
	if l, why := linearAt(n.In(0), nil); why == "" {
		return last == int64(l.fullWidth())
	}
	if u, sole := n.Out(0).SoleUse(); sole && u.Node.Is("Gemm") && u.Index == 0 {
		if l, why := productAt(u.Node); why == "" {
			in, _ := l.Dims()
			return last == int64(in)
		}
	}
	return false
}

// lastOf is the last entry of a shape that is constant or a Concat (and Cast) ending in a constant.
func lastOf(v *graph.Value) (int64, bool) {
	if s, ok := intsOf(v); ok && len(s) > 0 {
		return s[len(s)-1], true
	}
	if v == nil {
		return 0, false
	}
	p, _ := v.Producer()
	if p != nil && (p.Is("Concat") || p.Is("Cast")) && p.NumIn() > 0 {
		return lastOf(p.In(p.NumIn() - 1))
	}
	return 0, false
}

// cutAt is the part of the last dim, width wide, that output i of n takes; n is a Split or a Slice.
func (s *finder) cutAt(n *graph.Node, i, width int) (lo, hi int, reason string) {
	ok := false
	if n.Is("Slice") {
		lo, hi, ok = s.sliceAt(n, width)
	} else {
		lo, hi, ok = s.splitAt(n, i, width)
	}
	if !ok || lo < 0 || hi > width || lo >= hi {
		return 0, 0, fmt.Sprintf("node %q cuts gate and up in a way that is not known", n.Label())
	}
	return lo, hi, ""
}

func (s *finder) splitAt(n *graph.Node, i, width int) (lo, hi int, ok bool) {
	if !s.isLastAxis(n, n.Attrs.Int("axis", 0)) {
		return 0, 0, false
	}
	sizes, stated := intsOf(n.In(1))
	if n.In(1) == nil {
		sizes = n.Attrs.Ints("split")
		stated = sizes != nil
	} else if !stated {
		return 0, 0, false
	}
	if !stated { // equal parts, the last one smaller
		part := (width + n.NumOut() - 1) / n.NumOut()
		return i * part, min(width, (i+1)*part), true
	}
	if len(sizes) != n.NumOut() {
		return 0, 0, false
	}
	for _, size := range sizes[:i] {
		lo += int(size)
	}
	return lo, lo + int(sizes[i]), true
}

func (s *finder) sliceAt(n *graph.Node, width int) (lo, hi int, ok bool) {
	starts, ok1 := intsOf(n.In(1))
	ends, ok2 := intsOf(n.In(2))
	axes, ok3 := intsOf(n.In(3))
	if n.NumIn() == 1 { // up to opset 9
		starts, ends, axes = n.Attrs.Ints("starts"), n.Attrs.Ints("ends"), n.Attrs.Ints("axes")
		ok1, ok2, ok3 = true, true, true
	}
	if !ok1 || !ok2 || !ok3 || len(starts) != 1 || len(ends) != 1 || len(axes) != 1 || !s.isLastAxis(n, axes[0]) {
		return 0, 0, false
	}
	if steps, stepped := intsOf(n.In(4)); n.In(4) != nil && (!stepped || len(steps) != 1 || steps[0] != 1) {
		return 0, 0, false
	}
	at := func(x int64) int {
		if x < 0 {
			x += int64(width)
		}
		return int(min(max(x, 0), int64(width)))
	}
	return at(starts[0]), at(ends[0]), true
}

func (s *finder) isLastAxis(n *graph.Node, axis int64) bool {
	shape := s.typeOf(n.In(0)).Shape
	return axis == -1 || shape.Known && axis == int64(shape.Rank()-1)
}
