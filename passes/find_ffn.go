package passes

import (
	"fmt"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
)

// FFN is a feed-forward block: Y = Down(act(Up(X))), or Down(act(Gate(X)) ⊙ Up(X)) when gated.
type FFN struct {
	Name    string // of the down projection's node or weight
	Act     block.Act
	Gate    *Linear // nil in a plain block
	Up      *Linear
	Down    *Linear
	X, H, Y *graph.Value // input, the hidden tensor that enters Down, output
	// Pre enters the activation; Activated is what leaves it in a gated block. nil when no value of the graph is that: the exporter's order
	// of products hides it, or the operator of the activation adds the bias, too.
	Pre, Activated *graph.Value
	In             int
	Hidden         int
	Out            int
	Nodes          []*graph.Node // everything from the linears on X to the one that gives Y, in graph order
	// Shapes are Shape nodes outside that read values inside, and Lead is a value outside with the same leading dims.
	Shapes []ShapeUse
	Lead   *graph.Value
	at     *graph.Node // the candidate's last product, or the node that stands for the block already
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

// key tells blocks apart, before and after a rewrite of others: the name of the value that they give.
func (f *FFN) key() string {
	if f.Y != nil {
		return f.Y.Name
	}
	return f.at.Out(0).Name
}

// FindFFN finds the feed-forward blocks of the model's main graph, in graph order, with the candidates that it declines and why: also
// those inside functions and subgraphs, and those that are sparse already. It changes nothing. Where the model does not state types, it
// infers them on a copy.
func FindFFN(m *graph.Model) []FFN {
	s := &finder{m: m}
	var list []FFN
	order := map[*graph.Node]int{}
	for n := range m.Graph.Nodes() {
		order[n] = len(order)
	}
	for n := range m.Graph.Nodes() {
		if f, sparse := sparseAlready(n); sparse {
			if !isSparseLinear(n) {
				list = append(list, f)
			}
			continue
		}
		if !isProduct(n) {
			list = append(list, s.hidden(n)...)
			continue
		}
		f, candidate := s.ffnAt(n)
		if !candidate {
			continue
		}
		if f.Reason == "" {
			slices.SortFunc(f.Nodes, func(a, b *graph.Node) int { return order[a] - order[b] })
			f.Nodes = slices.Compact(f.Nodes)
			f.Reason = s.closed(&f)
		}
		list = append(list, f)
	}
	return list
}

func isProduct(n *graph.Node) bool {
	switch n.ID.Op {
	case "MatMul", "Gemm":
		return true
	}
	return quantised[n.ID.Op] || isPointwise(n)
}

// quantised lists the products of quantised numbers, of every domain.
var quantised = map[string]bool{"MatMulInteger": true, "QLinearMatMul": true, "MatMulNBits": true, "DynamicQuantizeMatMul": true,
	"MatMulIntegerToFloat": true, "QGemm": true, "MatMulBnb4": true}

// otherActivations stand where an activation stands, but no block exists for them.
var otherActivations = map[string]bool{"Elu": true, "Selu": true, "Celu": true, "LeakyRelu": true, "PRelu": true, "HardSwish": true,
	"HardSigmoid": true, "Softplus": true, "Softsign": true, "Mish": true, "ThresholdedRelu": true, "Clip": true, "Swish": true, "QuickGelu": true}

// ffnAt reads node n as the down projection of a block. candidate is false where nothing looks like an activation between two linears.
func (s *finder) ffnAt(n *graph.Node) (f FFN, candidate bool) {
	if n.In(0) == nil || n.Out(0) == nil {
		return f, false
	}
	f.Name, f.at = n.Label(), n
	entry, cast := unquantised(n.In(0))
	h, inner := s.behind(entry)
	a, reason := matchActivation(h)
	if reason != "" {
		p, _ := h.Producer()
		if a.Pre != nil && !isPointwise(n) && productBehind(a.Pre) != nil {
			return f, f.decline(reason)
		}
		if p == nil || !otherActivations[p.ID.Op] || p.In(0) == nil {
			return f, false
		}
		if p.Is("Swish") || p.ID.Domain == microsoft {
			return f, productBehind(p.In(0)) != nil && f.decline(reason)
		}
		if behind := productBehind(p.In(0)); behind == nil || isPointwise(n) && !isPointwise(behind) {
			return f, false
		}
		f.Reason = fmt.Sprintf("activation not known: node %q is a %s", p.Label(), p.ID)
		return f, true
	}
	if isPointwise(n) {
		behind := productBehind(a.Pre)
		return f, behind != nil && isPointwise(behind) && f.decline(fmt.Sprintf("node %q is a %s, not a MatMul or Gemm", n.Label(), convName(n)))
	}
	f.Act, f.H, f.Pre, f.Activated = a.Act, n.In(0), a.Pre, a.Out
	f.Nodes = append(append(f.Nodes, inner...), a.Nodes...)
	first, why := s.linear(&f, a.Pre)
	if first == nil {
		behind := productBehind(a.Pre)
		if behind == nil {
			return f, false
		}
		if _, reason := productAt(behind); reason != "" {
			why = reason
		}
		return f, f.decline(why)
	}
	if a.Bias != nil {
		f.Pre = nil
		if why := first.takeBias(a.Bias, a.Biased); why != "" {
			return f, f.decline(why)
		}
	}
	f.Up = first
	if a.Up != nil {
		second, why := s.linear(&f, a.Up)
		if second == nil {
			return f, f.decline("the other factor of the hidden value: " + why)
		}
		f.Gate, f.Up = first, second
		if !s.sameRows(f.Gate.In, f.Up.In) {
			return f, f.decline(fmt.Sprintf("gate and up have different inputs, %q and %q", f.Gate.In.Name, f.Up.In.Name))
		}
	}
	if cast != nil {
		return f, f.decline(fmt.Sprintf("the hidden value is quantised by node %q (%s)", cast.Label(), cast.ID))
	}
	if f.Down, why = productAt(n); why != "" {
		f.Down = nil
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
func (s *finder) linear(f *FFN, v *graph.Value) (*Linear, string) {
	src, between := s.behind(v)
	var cut *graph.Node
	var index int
	if p, i := src.Producer(); p != nil && p.In(0) != nil && (p.Is("Split") || p.Is("Slice")) {
		cut, index = p, i
		var more []*graph.Node
		src, more = s.behind(p.In(0))
		between = append(append(between, cut), more...)
	}
	l, why := linearAt(src, s.behind)
	if why != "" {
		return nil, why
	}
	if cut != nil {
		if l.Lo, l.Hi, why = s.cutAt(cut, index, l.fullWidth()); why != "" {
			return nil, why
		}
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
	with, why := linearAt(u.Node.Out(0), nil)
	if why == "" && with.Nodes[0] == l.Nodes[0] {
		*l = *with
	}
}
