package graph

import (
	"fmt"
	"strings"
)

// InlinedFrom is the metadata key of a node that a function call was replaced by; its value is the function's ID. It is written only at
// IR version 10 and above, where nodes may have metadata.
const InlinedFrom = "onnxrewrite.inlined_from"

// Bounds of Inline: nodes that the calls of a model may become, and functions that call each other.
const (
	maxInlinedNodes = 1_000_000
	maxCallDepth    = 100
)

// Inline replaces calls of model-local functions by the functions' nodes, everywhere in the model, and drops the functions that nothing
// calls any more. keep (nil: none) says which functions stay. It is an error when functions call each other in a circle, or when a
// function was written for another version of a domain than the model imports. The model is unchanged then.
func Inline(m *Model, keep func(OpID) bool) error {
	in := inliner{m: m, funcs: map[OpID]*Function{}, extents: map[OpID]*extent{}}
	for _, f := range m.Functions {
		if keep == nil || !keep(f.ID) {
			in.funcs[f.ID.Canonical()] = f
		}
	}
	if len(in.funcs) == 0 {
		return nil
	}
	for _, f := range m.Functions {
		if _, err := in.check(f, nil); err != nil {
			return err
		}
	}
	graphs := []*Graph{m.Graph}
	var left []*Function
	for _, f := range m.Functions {
		if in.funcs[f.ID.Canonical()] == nil {
			graphs = append(graphs, f.Body)
			left = append(left, f)
		}
	}
	total := &extent{}
	for _, g := range graphs {
		if err := in.measure(g, total, nil); err != nil {
			return err
		}
		if total.nodes > maxInlinedNodes {
			return fmt.Errorf("inlining makes more than %d nodes", maxInlinedNodes)
		}
	}
	for _, g := range graphs {
		if err := in.graph(g); err != nil {
			return err
		}
	}
	m.Functions = left
	return nil
}

type inliner struct {
	m       *Model
	funcs   map[OpID]*Function
	extents map[OpID]*extent
}

// extent is what a call of a function becomes.
type extent struct {
	depth int // functions on the longest way down
	nodes int // when all calls are replaced, those of subgraphs included; at most maxInlinedNodes+1
	done  bool
}

// check finds circles, version conflicts and models that grow beyond measure, before anything is edited. Each function is looked at once,
// however many calls lead there.
func (in *inliner) check(f *Function, stack []OpID) (*extent, error) {
	id := f.ID.Canonical()
	if e := in.extents[id]; e != nil {
		if !e.done {
			return nil, fmt.Errorf("function %s calls itself through %v", f.ID, stack)
		}
		return e, nil
	}
	if len(stack) > maxCallDepth {
		return nil, fmt.Errorf("function %s: calls are nested deeper than %d", f.ID, maxCallDepth)
	}
	if in.funcs[id] != nil {
		for _, o := range f.Opsets {
			if have := in.m.Opset(o.Domain); have != 0 && have != o.Version && in.uses(f, o.Domain) {
				return nil, fmt.Errorf("function %s is written for version %d of domain %q, the model imports %d", f.ID, o.Version, o.Domain, have)
			}
		}
	}
	e := &extent{depth: 1}
	in.extents[id] = e
	f.Body.Walk(func(g *Graph) { e.nodes += g.count })
	err := in.measure(f.Body, e, append(stack[:len(stack):len(stack)], id))
	if err == nil && e.depth > maxCallDepth+1 {
		err = fmt.Errorf("function %s: calls are nested deeper than %d", f.ID, maxCallDepth)
	}
	e.done = true
	return e, err
}

// measure adds to e what the calls in g become.
func (in *inliner) measure(g *Graph, e *extent, stack []OpID) error {
	var err error
	g.Walk(func(g *Graph) {
		for n := g.first; n != nil && err == nil; n = n.next {
			c := in.m.Function(n.ID)
			if c == nil {
				continue
			}
			var of *extent
			if of, err = in.check(c, stack); err != nil {
				return
			}
			e.depth = max(e.depth, of.depth+1)
			f := in.funcs[n.ID.Canonical()]
			if f == nil {
				continue
			}
			e.nodes = min(e.nodes+of.nodes, maxInlinedNodes+1)
			if n.NumIn() > len(f.Body.Inputs) || n.NumOut() > len(f.Body.Outputs) {
				err = AtNode(n, 0, fmt.Errorf("the call has %d inputs and %d outputs, the function %d and %d", n.NumIn(), n.NumOut(), len(f.Body.Inputs), len(f.Body.Outputs)))
			}
		}
	})
	return err
}

func (in *inliner) uses(f *Function, domain string) bool {
	used := false
	f.Body.Walk(func(g *Graph) {
		for n := range g.Nodes() {
			used = used || CanonicalDomain(n.ID.Domain) == CanonicalDomain(domain)
		}
	})
	return used
}

func (in *inliner) graph(g *Graph) error {
	for n := g.first; n != nil; {
		for _, sub := range n.Subgraphs() {
			if err := in.graph(sub); err != nil {
				return err
			}
		}
		f := in.funcs[n.ID.Canonical()]
		if f == nil {
			n = n.next
			continue
		}
		next, err := in.call(g, n, f)
		if err != nil {
			return err
		}
		n = next
	}
	return nil
}

// call replaces n by the nodes of f and returns the first of them (or the node after n), where the walk goes on.
func (in *inliner) call(g *Graph, n *Node, f *Function) (*Node, error) {
	for _, o := range f.Opsets {
		in.m.Import(o.Domain, o.Version)
	}
	vals := map[*Value]*Value{}
	for i, formal := range f.Body.Inputs {
		vals[formal] = n.In(i)
	}
	if err := omittedResult(n, f, vals); err != nil {
		return nil, AtNode(n, 0, err)
	}
	after := n.next
	prefix := n.Label()
	outs := n.Outputs()
	g.detachOutputs(n)
	for i, formal := range f.Body.Outputs {
		if i < len(outs) && outs[i] != nil && formal.producer != nil && vals[formal] == nil {
			vals[formal] = outs[i]
		}
	}
	fresh := func(list []*Value) {
		for _, v := range list {
			if v == nil {
				continue
			}
			if _, ok := vals[v]; !ok {
				vals[v] = &Value{Name: g.NewName(prefix + "/" + v.Name), Type: v.Type, Const: v.Const, Sparse: v.Sparse, Doc: v.Doc, Props: v.Props, graph: g}
			}
		}
	}
	var bodies []*Graph
	f.Body.Walk(func(b *Graph) { bodies = append(bodies, b) })
	for _, b := range bodies {
		fresh(b.Inputs)
		fresh(b.Inits)
		for k := range b.Nodes() {
			fresh(k.out)
		}
	}
	for _, v := range f.Body.Inits {
		g.Inits = append(g.Inits, vals[v])
	}
	body := f.Body.CloneWith(vals)
	bind := attrBinder{call: n, decls: f.Attrs}
	var first *Node
	for k := body.first; k != nil; {
		next := k.next
		body.unlink(k)
		bind.node(k)
		if k.Name != "" {
			k.Name = g.NewName(prefix + "/" + k.Name)
		}
		if in.m.IRVersion >= 10 {
			k.Props = append(k.Props, Prop{Key: InlinedFrom, Value: f.ID.String()})
		}
		g.InsertBefore(k, n)
		if first == nil {
			first = k
		}
		k = next
	}
	for i, formal := range f.Body.Outputs { // outputs that are inputs, or that stand twice
		if i < len(outs) && outs[i] != nil && outs[i].producer == nil {
			id := NewNode(OpID{Op: "Identity"}, []*Value{vals[formal]}, []*Value{outs[i]})
			g.InsertBefore(id, n)
			if first == nil {
				first = id
			}
		}
	}
	n.out = nil
	g.Remove(n)
	if first == nil {
		return after, nil
	}
	return first, nil
}

// omittedResult is an error when a graph of the function returns an input that the call n omits, and the call wants it.
func omittedResult(n *Node, f *Function, args map[*Value]*Value) error {
	var err error
	f.Body.Walk(func(b *Graph) {
		for i, v := range b.Outputs {
			unwanted := b == f.Body && (i >= n.NumOut() || n.Out(i) == nil)
			if arg, formal := args[v]; formal && arg == nil && !unwanted {
				err = fmt.Errorf("output %d of %s is an input that the call omits", i, describeBody(f, b))
			}
		}
	})
	return err
}

func describeBody(f *Function, b *Graph) string {
	if b == f.Body {
		return "function " + f.ID.String()
	}
	return fmt.Sprintf("subgraph %q in function %s", b.Name, f.ID)
}

func (g *Graph) detachOutputs(n *Node) {
	for _, v := range n.out {
		if v != nil {
			v.producer = nil
		}
	}
}

// attrBinder puts a call's attributes in the place of references to the function's formal ones.
type attrBinder struct {
	call  *Node
	decls []AttrDecl
}

func (b *attrBinder) node(n *Node) {
	kept := n.Attrs[:0]
	for _, a := range n.Attrs {
		if a.Ref == "" {
			for _, sub := range attrGraphs(a) {
				for k := range sub.Nodes() {
					b.node(k)
				}
			}
			kept = append(kept, a)
			continue
		}
		if v := b.lookup(a.Ref); v != nil {
			k := *v
			k.Name = a.Name
			kept = append(kept, &k)
		}
	}
	n.Attrs = kept
}

func (b *attrBinder) lookup(name string) *Attr {
	if a := b.call.Attrs.Get(name); a != nil {
		return a
	}
	for _, d := range b.decls {
		if d.Name == name {
			return d.Default
		}
	}
	return nil
}

func attrGraphs(a *Attr) []*Graph {
	if a.G != nil {
		return append([]*Graph{a.G}, a.Graphs...)
	}
	return a.Graphs
}

// ParseOpID is the inverse of OpID.String: the domain ends at the last dot before the operator's name.
func ParseOpID(s string) OpID {
	var id OpID
	s, id.Overload, _ = strings.Cut(s, ":")
	if i := strings.LastIndexByte(s, '.'); i >= 0 {
		id.Domain, s = s[:i], s[i+1:]
	}
	id.Op = s
	return id
}
