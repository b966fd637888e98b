package passes

import (
	"fmt"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// FFN is a feed-forward block: Y = Down(act(Up(X))), or Down(act(Gate(X)) ⊙ Up(X)) when gated.
type FFN struct {
	Name    string // of the down projection's node or weight
	Act     block.Act
	Gate    *Linear // nil in a plain block
	Up      *Linear
	Down    *Linear
	X, H, Y *graph.Value // input, the hidden tensor that enters Down, output
	// Pre enters the activation; Activated is what leaves it in a gated block (nil when the exporter's order of products hides it).
	Pre, Activated *graph.Value
	In             int
	Hidden         int
	Out            int
	Nodes          []*graph.Node // everything from the linears on X to the one that gives Y, in graph order
	// Shapes are Shape nodes that read leading dims of values inside, and Lead is a value outside with the same leading dims.
	Shapes []*graph.Node
	Lead   *graph.Value
	// Reason is empty for a block that passes may rewrite; else it says why the candidate is none.
	Reason string
}

// Gated reports whether the block has a gate.
func (f *FFN) Gated() bool { return f.Gate != nil }

// Linears are the block's linears: gate (if any), up, down.
func (f *FFN) Linears() []*Linear {
	if f.Gate != nil {
		return []*Linear{f.Gate, f.Up, f.Down}
	}
	return []*Linear{f.Up, f.Down}
}

// Weights is the number of stored weights and biases of the block.
func (f *FFN) Weights() int64 {
	n := int64(0)
	for _, l := range f.Linears() {
		in, out := l.Dims()
		n += int64(in) * int64(out)
		if l.Bias != nil {
			n += int64(out)
		}
	}
	return n
}

// FLOPs is the block's work for one token, counting the matrices only: a multiplication and an addition are two.
func (f *FFN) FLOPs() int64 {
	n := int64(0)
	for _, l := range f.Linears() {
		in, out := l.Dims()
		n += 2 * int64(in) * int64(out)
	}
	return n
}

// FindFFN finds the feed-forward blocks of the model's main graph, in graph order, with the candidates that it declines and why. It
// changes nothing.
func FindFFN(m *graph.Model) []FFN {
	var list []FFN
	order := map[*graph.Node]int{}
	for n := range m.Graph.Nodes() {
		order[n] = len(order)
	}
	for n := range m.Graph.Nodes() {
		if !isProduct(n) {
			continue
		}
		f, candidate := ffnAt(n)
		if !candidate {
			continue
		}
		if f.Reason == "" {
			slices.SortFunc(f.Nodes, func(a, b *graph.Node) int { return order[a] - order[b] })
			f.Nodes = slices.Compact(f.Nodes)
			f.Reason = f.closed()
		}
		list = append(list, f)
	}
	return list
}

func isProduct(n *graph.Node) bool {
	switch n.ID.Op {
	case "MatMul", "Gemm", "MatMulInteger", "QLinearMatMul", "MatMulNBits", "DynamicQuantizeMatMul", "MatMulIntegerToFloat":
		return true
	}
	return false
}

// otherActivations stand where an activation stands, but no block exists for them.
var otherActivations = map[string]bool{"Elu": true, "Selu": true, "Celu": true, "LeakyRelu": true, "PRelu": true, "HardSwish": true,
	"HardSigmoid": true, "Softplus": true, "Softsign": true, "Mish": true, "ThresholdedRelu": true}

// ffnAt reads node n as the down projection of a block. candidate is false where nothing looks like an activation between two linears.
func ffnAt(n *graph.Node) (f FFN, candidate bool) {
	if n.In(0) == nil {
		return f, false
	}
	f.Name = n.Label()
	h, inner := behind(n.In(0))
	a, reason := matchActivation(h)
	if reason != "" {
		p, _ := h.Producer()
		if p == nil || !otherActivations[p.ID.Op] {
			return f, false
		}
		pre, _ := behind(p.In(0))
		if _, why := linearAt(pre); why != "" {
			return f, false
		}
		f.Reason = fmt.Sprintf("activation not known: node %q is a %s", p.Label(), p.ID)
		return f, true
	}
	f.Act, f.H, f.Pre, f.Activated = a.Act, n.In(0), a.Pre, a.Out
	f.Nodes = append(append(f.Nodes, inner...), a.Nodes...)
	first, why := f.linear(a.Pre)
	if first == nil {
		return f, looksLinear(a.Pre) && f.decline(why)
	}
	f.Up = first
	if a.Up != nil {
		second, why := f.linear(a.Up)
		if second == nil {
			return f, f.decline("the other factor of the hidden value: " + why)
		}
		f.Gate, f.Up = first, second
		if f.Gate.In != f.Up.In {
			return f, f.decline(fmt.Sprintf("gate and up have different inputs, %q and %q", f.Gate.In.Name, f.Up.In.Name))
		}
	}
	if f.Down, why = productAt(n); why != "" {
		return f, f.decline("down projection: " + why)
	}
	f.Down.addBias()
	f.Nodes = append(f.Nodes, f.Down.Nodes...)
	f.X, f.Y = f.Up.In, f.Down.Out
	return f, true
}

func (f *FFN) decline(reason string) bool {
	f.Reason = reason
	return true
}

// linear reads the (possibly cut and reshaped) linear behind v and adds its nodes.
func (f *FFN) linear(v *graph.Value) (*Linear, string) {
	src, between := behind(v)
	lo, hi, index, cut := -1, -1, 0, (*graph.Node)(nil)
	if p, i := src.Producer(); p != nil && (p.Is("Split") || p.Is("Slice")) {
		cut, index = p, i
		src, _ = behind(p.In(0))
		lo, hi = cutRange(p, i)
	}
	l, why := linearAt(src)
	if why != "" {
		return nil, why
	}
	if cut != nil {
		if lo, hi, why = checkCut(cut, index, lo, hi, l.fullWidth()); why != "" {
			return nil, why
		}
		l.Lo, l.Hi = lo, hi
		between = append(between, cut)
	}
	f.Nodes = append(append(f.Nodes, between...), l.Nodes...)
	return l, ""
}

// addBias takes an Add of a constant vector that follows the product as its bias.
func (l *Linear) addBias() {
	u, sole := l.Out.SoleUse()
	if !sole || l.Bias != nil || !u.Node.Is("Add") {
		return
	}
	with, why := linearAt(u.Node.Out(0))
	if why == "" && with.Nodes[0] == l.Nodes[0] {
		*l = *with
	}
}

// looksLinear reports whether v comes from a product of any kind.
func looksLinear(v *graph.Value) bool {
	src, _ := behind(v)
	p, _ := src.Producer()
	if p != nil && p.Is("Add") {
		for _, in := range p.Inputs() {
			if q, _ := in.Producer(); q != nil && (isProduct(q) || q.Is("Conv")) {
				return true
			}
		}
	}
	return p != nil && (isProduct(p) || p.Is("Conv"))
}

// behind follows v back through nodes that leave the last dimension alone: Identity, and Reshape between ranks.
func behind(v *graph.Value) (*graph.Value, []*graph.Node) {
	var nodes []*graph.Node
	for {
		p, _ := v.Producer()
		if p == nil || p.In(0) == nil || !(passesThrough(p) || p.Is("Reshape") && keepsLast(p)) {
			return v, nodes
		}
		nodes = append(nodes, p)
		v = p.In(0)
	}
}

// keepsLast reports whether a Reshape only folds or unfolds leading dims, by its types or by a constant last entry that equals the width
// of the linear it follows or feeds.
func keepsLast(n *graph.Node) bool {
	a, b := n.In(0).Type.Shape.Dim(-1), n.Out(0).Type.Shape.Dim(-1)
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
	if l, why := linearAt(n.In(0)); why == "" {
		return last == int64(l.fullWidth())
	}
	if u, sole := n.Out(0).SoleUse(); sole && isProduct(u.Node) {
		if m, trans, why := matrixOf(u.Node.In(1)); why == "" && u.Node.Is("Gemm") {
			axis := 0
			if trans != (u.Node.Attrs.Int("transB", 0) != 0) {
				axis = 1
			}
			return last == m.Shape[axis] || last == -1
		}
	}
	return false
}

// lastOf is the last entry of a shape that is constant or a Concat ending in a constant.
func lastOf(v *graph.Value) (int64, bool) {
	if s, ok := intsOf(v); ok && len(s) > 0 {
		return s[len(s)-1], true
	}
	if v == nil {
		return 0, false
	}
	p, _ := v.Producer()
	if p != nil && p.Is("Concat") && p.NumIn() > 0 {
		return lastOf(p.In(p.NumIn() - 1))
	}
	return 0, false
}

// cutRange is the part of the last dimension that output i of a Split, or a Slice, takes; -1 where the node does not say.
func cutRange(n *graph.Node, i int) (lo, hi int) {
	if n.Is("Slice") {
		starts, ok1 := intsOf(n.In(1))
		ends, ok2 := intsOf(n.In(2))
		if n.NumIn() == 1 {
			starts, ends = n.Attrs.Ints("starts"), n.Attrs.Ints("ends")
			ok1, ok2 = len(starts) > 0, len(ends) > 0
		}
		if ok1 && ok2 && len(starts) == 1 && len(ends) == 1 && starts[0] >= 0 {
			return int(starts[0]), int(min(max(ends[0], -1), 1<<40))
		}
		return -1, -1
	}
	sizes, ok := intsOf(n.In(1))
	if !ok {
		sizes = n.Attrs.Ints("split")
	}
	if len(sizes) == 0 {
		return -1, -1
	}
	for k := range i {
		lo += int(sizes[k])
	}
	return lo, lo + int(sizes[i])
}

// checkCut resolves the range of a cut against the width and its axis.
func checkCut(n *graph.Node, i, lo, hi, width int) (int, int, string) {
	bad := fmt.Sprintf("node %q cuts gate and up in a way that is not known", n.Label())
	if n.Is("Slice") {
		axes, ok := intsOf(n.In(3))
		if n.NumIn() == 1 {
			axes, ok = n.Attrs.Ints("axes"), true
		}
		steps, stepped := intsOf(n.In(4))
		if !ok || len(axes) != 1 || !isLastAxis(n, axes[0]) || stepped && steps[0] != 1 || lo < 0 {
			return 0, 0, bad
		}
		return lo, min(hi, width), ""
	}
	if !isLastAxis(n, n.Attrs.Int("axis", 0)) {
		return 0, 0, bad
	}
	if lo < 0 { // equal parts, the last one smaller
		part := (width + n.NumOut() - 1) / n.NumOut()
		lo, hi = i*part, min(width, (i+1)*part)
	}
	if hi > width || lo >= hi {
		return 0, 0, bad
	}
	return lo, hi, ""
}

func isLastAxis(n *graph.Node, axis int64) bool {
	return axis == -1 || n.In(0).Type.Shape.Known && axis == int64(n.In(0).Type.Shape.Rank()-1)
}

// closed checks dims and types, and that nothing outside reads a value inside.
func (f *FFN) closed() string {
	for _, l := range f.Linears() {
		if l.Matrix.Elem != tensor.Float32 {
			return fmt.Sprintf("weight %q is %s; only float is rewritten", l.Weight.Name, l.Matrix.Elem)
		}
		if l.Bias != nil && l.Bias.Elem != tensor.Float32 {
			return fmt.Sprintf("bias %q is %s; only float is rewritten", l.BiasVal.Name, l.Bias.Elem)
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
				if inside[u.Node] {
					continue
				}
				if u.Node.Is("Shape") && f.shapeUse(u.Node) {
					continue
				}
				return fmt.Sprintf("%q, inside the block, is used by node %q (%s), too", v.Name, u.Node.Label(), u.Node.ID)
			}
		}
	}
	return ""
}

// shapeUse accepts a Shape node on a value inside when only leading dims are taken from it, and there is a value outside that has them.
func (f *FFN) shapeUse(n *graph.Node) bool {
	lead := f.X
	if p, _ := lead.Producer(); p != nil && p.Is("Reshape") {
		lead = p.In(0)
	}
	rank := lead.Type.Shape.Rank()
	if rank < 2 || n.In(0).Type.Shape.Rank() != rank || len(n.Attrs) > 0 {
		return false
	}
	for u := range n.Out(0).Uses() {
		index, ok := intsOf(u.Node.In(1))
		if !u.Node.Is("Gather") || !ok || len(index) != 1 || index[0] < 0 || index[0] >= int64(rank-1) {
			return false
		}
	}
	if n.Out(0).IsOutput() {
		return false
	}
	f.Shapes, f.Lead = append(f.Shapes, n), lead
	return true
}
