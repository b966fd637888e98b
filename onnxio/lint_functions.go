package onnxio

import (
	"maps"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

const inline = "save with functions inlined"

// functions looks at the model-local functions, which tools differ in most.
func (l *linter) functions() {
	m := l.m
	if len(m.Functions) == 0 {
		return
	}
	l.add("functions", graph.Info, "tract, tinygrad, rten, onnx-gomlx, onnx version converter, onnxsim, onnx optimizer", "functions", inline,
		"the model has %d functions: tract, tinygrad, rten and onnx-gomlx do not run them, the onnx version converter does not handle them, "+
			"and some releases of onnxsim and of the onnx optimizer drop them", len(m.Functions))
	if m.IRVersion < 8 {
		l.add("ir-8", graph.Warning, "", "functions", "raise ir_version to 8", "functions need IR version 8, the model says %d", m.IRVersion)
	}
	defined := map[graph.OpID]bool{}
	overloads := map[graph.OpID]int{}
	for _, f := range m.Functions {
		id := f.ID.Canonical()
		defined[id] = true
		id.Overload = ""
		overloads[id]++
	}
	for _, f := range m.Functions {
		if f.Body != nil {
			l.function(f, defined)
		}
	}
	for _, f := range m.Functions {
		id := f.ID.Canonical()
		id.Overload = ""
		n := overloads[id]
		delete(overloads, id)
		if n > 1 {
			l.add("function-overloads", graph.Info, "onnx inliner", "function "+id.String(), inline, "has %d overloads: the onnx inliner tells functions apart by domain and name only", n)
		}
	}
}

func (l *linter) function(f *graph.Function, defined map[graph.OpID]bool) {
	m := l.m
	where := "function " + f.ID.String()
	if m.Opset(f.ID.Domain) == 0 {
		l.add("function-import", graph.Warning, ort, where, "import the domain in the model", "ONNX Runtime refuses a function whose domain %q the model does not import", f.ID.Domain)
	}
	if f.ID.Domain == "com.microsoft" {
		l.add("function-domain", graph.Warning, ort, where, "use a domain of your own", "ONNX Runtime prefers its own operator of that name in com.microsoft")
	}
	for _, domain := range usedDomains(f.Body) {
		v := f.Opset(domain)
		switch {
		case v == 0:
			l.add("function-import", graph.Warning, ort, where, "import it in the function", "uses domain %q and does not import it: ONNX Runtime refuses that", domain)
		case m.Opset(domain) != 0 && m.Opset(domain) != v:
			l.add("function-opset", graph.Warning, "", where, "use one version", "imports version %d of domain %q, the model %d: tools differ in what they make of it", v, domain, m.Opset(domain))
		}
	}
	if m.IRVersion < 9 && hasDefaults(f) {
		l.add("ir-9", graph.Warning, "", where, "raise ir_version to 9", "attribute defaults need IR version 9, the model says %d", m.IRVersion)
	}
	if m.IRVersion < 10 && (f.ID.Overload != "" || len(f.Props) > 0 || len(f.Body.ValueInfo) > 0) {
		l.add("ir-10", graph.Warning, "", where, "raise ir_version to 10", "overloads, metadata and value types of functions need IR version 10, the model says %d", m.IRVersion)
	}
	nested, branches := false, false
	f.Body.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			nested = nested || defined[n.ID.Canonical()]
			branches = branches || n.Is("If")
			if !n.Is("Constant") {
				continue
			}
			if t := n.Attrs.Tensor("value"); t != nil && t.Storage() != nil && t.Storage().Len() > 1<<16 {
				l.add("function-constant", graph.Warning, "", where, "pass it as an input", "has a constant of %d bytes in its body: many tools cannot keep it in a data file", t.Storage().Len())
			}
		}
	})
	if nested {
		l.each("function-nested", graph.Info, "ONNX Runtime up to 1.16, Netron", "function", f.ID.String(), inline, "calls another function: ONNX Runtime up to about 1.16 had failures there, Netron has an open bug")
	}
	if branches {
		l.each("function-if", graph.Info, "ONNX Runtime up to 1.16", "function", f.ID.String(), inline, "has an If in its body: ONNX Runtime up to about 1.16 had failures there")
	}
}

func hasDefaults(f *graph.Function) bool {
	for _, a := range f.Attrs {
		if a.Default != nil {
			return true
		}
	}
	return false
}

// usedDomains is the domains of the nodes, sorted.
func usedDomains(g *graph.Graph) []string {
	used := map[string]bool{}
	g.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			used[graph.CanonicalDomain(n.ID.Domain)] = true
		}
	})
	return slices.Sorted(maps.Keys(used))
}
