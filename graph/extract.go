package graph

import (
	"fmt"
	"strings"
)

// ExtractError says why a part of a model cannot be cut out. At least one of the lists is not empty.
type ExtractError struct {
	Unknown []string // names that no value of the main graph has
	Inner   []string // names of values inside subgraphs, which cannot be cut at
	Twice   []string // names given twice, or both as an input and as an output
	Missing []MissingInput
}

// MissingInput is an input of the model that the outputs need and the given inputs do not cut off.
type MissingInput struct {
	Input string
	Node  string // a node that needs it; empty when it is an output itself
}

// Error implements error.
func (e *ExtractError) Error() string {
	var list []string
	for _, n := range e.Unknown {
		list = append(list, fmt.Sprintf("the graph has no value %q", n))
	}
	for _, n := range e.Inner {
		list = append(list, fmt.Sprintf("value %q is inside a subgraph", n))
	}
	for _, n := range e.Twice {
		list = append(list, fmt.Sprintf("value %q is given twice", n))
	}
	for _, m := range e.Missing {
		if m.Node == "" {
			list = append(list, fmt.Sprintf("output %q is an input that is not among the inputs given", m.Input))
			continue
		}
		list = append(list, fmt.Sprintf("input %q is needed by node %q and is not among the inputs given", m.Input, m.Node))
	}
	return strings.Join(list, "; ")
}

// Extract makes a model of the part of m's graph that computes the outputs from the inputs, both named by value. Without inputs it takes
// those of m that are needed, without outputs those of m. An input may be any value of the graph, an initializer included; what is
// before it stays out. Initializers, value_info and functions that the part does not need are left out, and so are training
// information and quantization annotations, which speak of the whole model; everything else stays as it is.
//
// Interior values become inputs and outputs with the type that they have: graph/op.Infer fills it in beforehand. m is not changed. The
// tensors are shared: the result is valid until m is closed. The error is an *ExtractError.
func Extract(m *Model, inputs, outputs []string) (*Model, error) {
	c := m.Clone()
	x := extractor{g: c.Graph, cut: map[*Value]bool{}, vals: map[*Value]bool{}, nodes: map[*Node]bool{}}
	ins, outs := x.resolve(inputs, outputs)
	if x.failed() {
		return nil, &x.err
	}
	if len(outputs) == 0 {
		outs = c.Graph.Outputs
	}
	x.formal = set(c.Graph.Inputs)
	for _, v := range ins {
		x.cut[v] = true
	}
	x.open = len(inputs) == 0
	for _, v := range outs {
		x.need(v, "")
	}
	if x.failed() {
		return nil, &x.err
	}
	x.trim(ins, outs)
	c.Functions = calledFunctions(c)
	c.Training = nil
	return c, nil
}

type extractor struct {
	g      *Graph
	open   bool            // every input of the model may be used
	formal map[*Value]bool // inputs of the model
	cut    map[*Value]bool // the new inputs
	vals   map[*Value]bool // needed
	nodes  map[*Node]bool  // needed
	err    ExtractError
}

func (x *extractor) failed() bool {
	e := &x.err
	return len(e.Unknown)+len(e.Inner)+len(e.Twice)+len(e.Missing) > 0
}

func set(list []*Value) map[*Value]bool {
	s := map[*Value]bool{}
	for _, v := range list {
		s[v] = true
	}
	return s
}

// resolve finds the values of the names.
func (x *extractor) resolve(inputs, outputs []string) (ins, outs []*Value) {
	byName := map[string]*Value{}
	inner := map[string]bool{}
	x.g.Walk(func(g *Graph) {
		enter := func(list []*Value) {
			for _, v := range list {
				if v == nil {
					continue
				}
				if g != x.g {
					inner[v.Name] = true
				} else if byName[v.Name] == nil {
					byName[v.Name] = v
				}
			}
		}
		enter(g.Inputs)
		enter(g.Inits)
		for n := range g.Nodes() {
			enter(n.out)
		}
	})
	seen := map[string]bool{}
	find := func(names []string) (list []*Value) {
		for _, name := range names {
			v := byName[name]
			switch {
			case seen[name]:
				x.err.Twice = append(x.err.Twice, name)
			case v != nil:
				list = append(list, v)
			case inner[name]:
				x.err.Inner = append(x.err.Inner, name)
			default:
				x.err.Unknown = append(x.err.Unknown, name)
			}
			seen[name] = true
		}
		return list
	}
	ins = find(inputs)
	return ins, find(outputs)
}

// need marks v and all that it is computed from. node is who asks.
func (x *extractor) need(v *Value, node string) {
	type want struct {
		v    *Value
		node string
	}
	todo := []want{{v, node}}
	for len(todo) > 0 {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if w.v == nil || x.vals[w.v] {
			continue
		}
		x.vals[w.v] = true
		if x.cut[w.v] || w.v.Const != nil || w.v.Sparse != nil {
			continue
		}
		n := w.v.producer
		if n == nil {
			if !x.open || !x.formal[w.v] {
				x.err.Missing = append(x.err.Missing, MissingInput{Input: w.v.Name, Node: w.node})
			}
			continue
		}
		if x.nodes[n] {
			continue
		}
		x.nodes[n] = true
		for _, in := range append(n.Inputs(), outerValues(n)...) {
			todo = append(todo, want{in, n.Label()})
		}
	}
}

// outerValues are the values that the subgraphs of n take from the graphs around them.
func outerValues(n *Node) []*Value {
	inside := map[*Graph]bool{}
	var used []*Value
	for _, sub := range n.Subgraphs() {
		sub.Walk(func(g *Graph) {
			inside[g] = true
			for k := range g.Nodes() {
				used = append(used, k.in...)
			}
			used = append(used, g.Outputs...)
		})
	}
	var list []*Value
	for _, v := range used {
		if v != nil && !inside[v.graph] {
			list = append(list, v)
		}
	}
	return list
}

// trim takes everything out of the graph that is not needed, and gives it its new inputs and outputs.
func (x *extractor) trim(ins, outs []*Value) {
	g := x.g
	for _, v := range ins {
		if n := v.producer; n != nil { // which may stay for the sake of another output
			n.MoveOutput(v.index, g.NewValue(v.Name+"_uncut", Type{}))
		}
	}
	for n := g.last; n != nil; {
		before := n.prev
		if !x.nodes[n] {
			g.Remove(n)
		}
		n = before
	}
	infos := g.ValueInfo
	for _, v := range g.Outputs { // their type would be lost inside
		if v.Type.Kind != KindUnknown {
			infos = append(infos[:len(infos):len(infos)], v)
		}
	}
	keep := func(list []*Value, f func(*Value) bool) (kept []*Value) {
		seen := map[*Value]bool{}
		for _, v := range list {
			if x.vals[v] && !seen[v] && f(v) {
				seen[v] = true
				kept = append(kept, v)
			}
		}
		return kept
	}
	overridable := keep(g.Inputs, func(v *Value) bool { return !x.cut[v] && (x.open || v.Const != nil || v.Sparse != nil) })
	g.Inputs = append(append([]*Value(nil), ins...), overridable...)
	g.Outputs = outs
	g.Inits = keep(g.Inits, func(v *Value) bool { return !x.cut[v] })
	border := set(append(append([]*Value(nil), g.Inputs...), outs...))
	g.ValueInfo = keep(infos, func(v *Value) bool {
		return !border[v] && v.producer != nil || !border[v] && (v.Const != nil || v.Sparse != nil)
	})
	for v := range x.cut {
		v.Const, v.Sparse, v.graph = nil, nil, g
	}
	if g.Extra != nil && len(g.Extra.Kept) > 0 {
		extra := *g.Extra
		extra.Kept = nil
		g.Extra = &extra
	}
	g.ForgetNames()
}

// calledFunctions are the model's functions that its graph calls, directly or through others, in file order.
func calledFunctions(m *Model) []*Function {
	called := map[*Function]bool{}
	var visit func(g *Graph)
	visit = func(top *Graph) {
		top.Walk(func(g *Graph) {
			for n := range g.Nodes() {
				if f := m.Function(n.ID); f != nil && !called[f] {
					called[f] = true
					visit(f.Body)
				}
			}
		})
	}
	visit(m.Graph)
	var list []*Function
	for _, f := range m.Functions {
		if called[f] {
			list = append(list, f)
		}
	}
	return list
}
