package graph

import (
	"fmt"
	"strings"
)

// InlinedFrom is the metadata key of a node that a function call was replaced by; its value is the function's ID. It is written only at
// IR version 10 and above, where nodes may have metadata.
const InlinedFrom = "onnxrewrite.inlined_from"

const maxInlinedNodes = 5_000_000

// Inline replaces calls of model-local functions by the functions' nodes, everywhere in the model, and drops the functions that nothing
// calls any more. keep (nil: none) says which functions stay. It is an error when functions call each other in a circle, or when a
// function was written for another version of a domain than the model imports. The model is unchanged then.
func Inline(m *Model, keep func(OpID) bool) error {
	in := inliner{m: m, funcs: map[OpID]*Function{}}
	for _, f := range m.Functions {
		if keep == nil || !keep(f.ID) {
			in.funcs[f.ID.Canonical()] = f
		}
	}
	if len(in.funcs) == 0 {
		return nil
	}
	for _, f := range m.Functions {
		if err := in.check(f, nil); err != nil {
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
	for _, g := range graphs {
		if err := in.graph(g); err != nil {
			return err
		}
	}
	m.Functions = left
	return nil
}

type inliner struct {
	m     *Model
	funcs map[OpID]*Function
	nodes int
}

// check finds circles and version conflicts before anything is edited.
func (in *inliner) check(f *Function, stack []OpID) error {
	id := f.ID.Canonical()
	for _, s := range stack {
		if s == id {
			return fmt.Errorf("function %s calls itself through %v", f.ID, stack)
		}
	}
	if len(stack) > 100 {
		return fmt.Errorf("function %s: calls are nested deeper than 100", f.ID)
	}
	if in.funcs[id] != nil {
		for _, o := range f.Opsets {
			if have := in.m.Opset(o.Domain); have != 0 && have != o.Version && in.uses(f, o.Domain) {
				return fmt.Errorf("function %s is written for version %d of domain %q, the model imports %d", f.ID, o.Version, o.Domain, have)
			}
		}
	}
	seen := map[OpID]bool{}
	var err error
	f.Body.Walk(func(g *Graph) {
		for n := range g.Nodes() {
			callee := n.ID.Canonical()
			if c := in.m.Function(n.ID); c != nil && !seen[callee] && err == nil {
				seen[callee] = true
				err = in.check(c, append(stack[:len(stack):len(stack)], id))
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
	if in.nodes += f.Body.count; in.nodes > maxInlinedNodes {
		return nil, AtNode(n, 0, fmt.Errorf("inlining makes more than %d nodes", maxInlinedNodes))
	}
	if n.NumIn() > len(f.Body.Inputs) || n.NumOut() > len(f.Body.Outputs) {
		return nil, AtNode(n, 0, fmt.Errorf("the call has %d inputs and %d outputs, the function %d and %d", n.NumIn(), n.NumOut(), len(f.Body.Inputs), len(f.Body.Outputs)))
	}
	for _, o := range f.Opsets {
		in.m.Import(o.Domain, o.Version)
	}
	vals := map[*Value]*Value{}
	for i, formal := range f.Body.Inputs {
		vals[formal] = n.In(i)
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
			src := vals[formal]
			if src == nil {
				return nil, AtNode(n, 0, fmt.Errorf("output %d of the function is an omitted input", i))
			}
			id := NewNode(OpID{Op: "Identity"}, []*Value{src}, []*Value{outs[i]})
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
