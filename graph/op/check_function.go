package op

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// functionCall checks a call against the function's signature.
func (c *checker) functionCall(n *graph.Node, where string, f *graph.Function) {
	if f.Body == nil {
		return
	}
	if k := n.NumIn(); k > len(f.Body.Inputs) {
		c.add(graph.Warning, where, "", "has %s, function %s has %d", plural(k, "input"), f.ID, len(f.Body.Inputs))
	}
	if k := n.NumOut(); k > len(f.Body.Outputs) {
		c.add(graph.Warning, where, "", "has %s, function %s has %d", plural(k, "output"), f.ID, len(f.Body.Outputs))
	}
	for _, a := range n.Attrs {
		if !declares(f, a.Name) && !strings.HasPrefix(a.Name, "__") {
			c.add(graph.Warning, where, "", "function %s has no attribute %s", f.ID, a.Name)
		}
	}
	for _, d := range f.Attrs {
		if d.Default == nil && n.Attrs.Get(d.Name) == nil {
			c.add(graph.Warning, where, "", "attribute %s is missing, and function %s has no default for it", d.Name, f.ID)
		}
	}
}

// function checks the nodes of a function, and that its imports mean the same operators as the model's.
func (c *checker) function(f *graph.Function) {
	where := "function " + f.ID.String()
	c.versions(where, f.Opsets)
	if f.Body == nil {
		c.add(graph.Error, where, "", "has no body")
		return
	}
	if !c.imported(graph.CanonicalDomain(f.ID.Domain), nil) {
		c.add(graph.Warning, where, fmt.Sprintf("import domain %q", f.ID.Domain), "the model does not import domain %q, without which runtimes refuse a call", f.ID.Domain)
	}
	c.graph(f.Body, where+", ", f)
	seen := map[graph.OpID]bool{}
	var visit func(g *graph.Graph)
	visit = func(g *graph.Graph) {
		for n := range g.Nodes() {
			id := n.ID.Canonical()
			if !seen[id] && c.env.run.functions[id] == nil {
				seen[id] = true
				mine, its := f.Opset(id.Domain), c.m.Opset(id.Domain)
				a, b := Lookup(id.Domain, id.Op, int(mine)), Lookup(id.Domain, id.Op, int(its))
				if mine != its && its != 0 && a != b {
					c.add(graph.Error, where, fmt.Sprintf("import opset %d", its),
						"imports opset %d of domain %q, the model opset %d, and operator %s differs between them", mine, id.Domain, its, id)
				}
			}
			for _, sub := range n.Subgraphs() {
				visit(sub)
			}
		}
	}
	visit(f.Body)
}

// cycles finds functions that call themselves, by way of others or not.
func (c *checker) cycles() {
	const open, done = 1, 2
	state := map[graph.OpID]int{}
	var visit func(f *graph.Function)
	var calls func(g *graph.Graph, from *graph.Function)
	calls = func(g *graph.Graph, from *graph.Function) {
		for n := range g.Nodes() {
			if f := c.env.run.functions[n.ID.Canonical()]; f != nil {
				if state[f.ID.Canonical()] == open {
					c.add(graph.Error, "function "+from.ID.String(), "", "calls %s, which calls it back", f.ID)
				} else {
					visit(f)
				}
			}
			for _, sub := range n.Subgraphs() {
				calls(sub, from)
			}
		}
	}
	visit = func(f *graph.Function) {
		id := f.ID.Canonical()
		if state[id] != 0 || f.Body == nil {
			return
		}
		state[id] = open
		calls(f.Body, f)
		state[id] = done
	}
	for _, f := range c.m.Functions {
		visit(f)
	}
}
