package op

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// functionCall checks a call against the function's signature.
func (c *checker) functionCall(n *graph.Node, where string, f *graph.Function) {
	if f.Body == nil {
		return
	}
	if k := n.NumIn(); k > len(f.Body.Inputs) {
		c.add("op/function-call", graph.Warning, where, "", "has %s, function %s has %d", plural(k, "input"), f.ID, len(f.Body.Inputs))
	}
	if k := n.NumOut(); k > len(f.Body.Outputs) {
		c.add("op/function-call", graph.Warning, where, "", "has %s, function %s has %d", plural(k, "output"), f.ID, len(f.Body.Outputs))
	}
	for _, a := range n.Attrs {
		if !declares(f, a.Name) && !strings.HasPrefix(a.Name, "__") {
			c.add("op/function-call", graph.Warning, where, "", "function %s has no attribute %s", f.ID, a.Name)
		}
	}
	required := c.requiredParameters(f)
	for _, name := range slices.Sorted(maps.Keys(required)) {
		if n.Attrs.Get(name) == nil && !hasDefault(f, name) {
			c.add("op/function-call", graph.Error, where, "give it", "attribute %s is missing: function %s has no default for it, and a node of it needs it", name, f.ID)
		}
	}
	for _, d := range f.Attrs {
		if d.Default == nil && n.Attrs.Get(d.Name) == nil && !required[d.Name] {
			c.add("op/function-call", graph.Warning, where, "", "attribute %s is missing, and function %s has no default for it", d.Name, f.ID)
		}
	}
}

func hasDefault(f *graph.Function, name string) bool {
	for _, d := range f.Attrs {
		if d.Name == name {
			return d.Default != nil
		}
	}
	return false
}

// requiredParameters is the parameters of a function that stand for attributes which their operators require.
func (c *checker) requiredParameters(f *graph.Function) map[string]bool {
	set := map[string]bool{}
	f.Body.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			id := n.ID.Canonical()
			s := Lookup(id.Domain, id.Op, int(f.Opset(id.Domain)))
			if s == nil {
				continue
			}
			for _, a := range n.Attrs {
				if spec := s.Attr(a.Name); a.Ref != "" && spec != nil && spec.Required {
					set[a.Ref] = true
				}
			}
		}
	})
	return set
}

// function checks the nodes of a function, and that its imports mean the same operators as the model's.
func (c *checker) function(f *graph.Function) {
	where := "function " + f.ID.String()
	c.versions(where, f.Opsets)
	if f.ID.Op == "" {
		c.add("op/name", graph.Error, where, "name it", "the function has no name")
	}
	if f.Body == nil {
		c.add("op/function", graph.Error, where, "", "has no body")
		return
	}
	if !c.imported(graph.CanonicalDomain(f.ID.Domain), nil) {
		c.add("op/function-import", graph.Warning, where, fmt.Sprintf("import domain %q", f.ID.Domain), "the model does not import domain %q, without which runtimes refuse a call", f.ID.Domain)
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
					c.add("op/function-opset", graph.Error, where, fmt.Sprintf("import opset %d", its),
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
					c.add("op/function-cycle", graph.Error, "function "+from.ID.String(), "", "calls %s, which calls it back", f.ID)
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
