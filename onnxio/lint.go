package onnxio

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Lint says what other tools are known to refuse, or to get wrong, in a model that is legal as such: findings are warnings and notes with
// the tool's name and a way out. What is wrong in itself is the business of Model.Verify and op.Check.
func Lint(m *graph.Model) []graph.Finding {
	l := linter{m: m}
	l.size()
	l.functions()
	l.graphs()
	l.data()
	l.rest()
	return l.found
}

type linter struct {
	m     *graph.Model
	found []graph.Finding
}

func (l *linter) add(s graph.Severity, where, fix, format string, args ...any) {
	l.found = append(l.found, graph.Finding{Severity: s, Where: where, Message: fmt.Sprintf(format, args...), Fix: fix})
}

func (l *linter) size() {
	if n, err := EncodedSize(l.m); err != nil {
		l.add(graph.Error, "model", "", "cannot be written: %v", err)
	} else if n > maxMessage {
		l.add(graph.Error, "model", "save with tensors in a data file", "%d bytes are more than a protobuf message may have (2 GiB): no other reader takes it", n)
	}
}

func (l *linter) functions() {
	m := l.m
	if len(m.Functions) == 0 {
		return
	}
	const inline = "save with functions inlined"
	l.add(graph.Info, "functions", inline, "the model has %d functions: tract, tinygrad, rten and onnx-gomlx do not run them, the onnx version converter does not handle them, "+
		"and some releases of onnxsim and of the onnx optimizer drop them", len(m.Functions))
	if m.IRVersion < 8 {
		l.add(graph.Warning, "functions", "raise ir_version to 8", "functions need IR version 8, the model says %d", m.IRVersion)
	}
	names := map[graph.OpID]int{}
	for _, f := range m.Functions {
		where := "function " + f.ID.String()
		id := f.ID.Canonical()
		id.Overload = ""
		names[id]++
		if m.Opset(f.ID.Domain) == 0 {
			l.add(graph.Warning, where, "import the domain in the model", "ONNX Runtime refuses a function whose domain %q the model does not import", f.ID.Domain)
		}
		if f.ID.Domain == "com.microsoft" {
			l.add(graph.Warning, where, "use a domain of your own", "ONNX Runtime prefers its own operator of that name in com.microsoft")
		}
		for _, domain := range usedDomains(f.Body) {
			v := f.Opset(domain)
			switch {
			case v == 0:
				l.add(graph.Warning, where, "import it in the function", "uses domain %q and does not import it: ONNX Runtime refuses that", domain)
			case m.Opset(domain) != 0 && m.Opset(domain) != v:
				l.add(graph.Warning, where, "use one version", "imports version %d of domain %q, the model %d: tools differ in what they make of it", v, domain, m.Opset(domain))
			}
		}
		if m.IRVersion < 9 && hasDefaults(f) {
			l.add(graph.Warning, where, "raise ir_version to 9", "attribute defaults need IR version 9, the model says %d", m.IRVersion)
		}
		if m.IRVersion < 10 && (f.ID.Overload != "" || len(f.Props) > 0 || len(f.Body.ValueInfo) > 0) {
			l.add(graph.Warning, where, "raise ir_version to 10", "overloads, metadata and value types of functions need IR version 10, the model says %d", m.IRVersion)
		}
		f.Body.Walk(func(g *graph.Graph) {
			for n := range g.Nodes() {
				if n.Is("Constant") {
					if t := n.Attrs.Tensor("value"); t != nil && t.Storage() != nil && t.Storage().Len() > 1<<16 {
						l.add(graph.Warning, where, "pass it as an input", "has a constant of %d bytes in its body: many tools cannot keep it in a data file", t.Storage().Len())
					}
				}
			}
		})
	}
	for _, f := range m.Functions {
		id := f.ID.Canonical()
		id.Overload = ""
		n := names[id]
		delete(names, id)
		if n > 1 {
			l.add(graph.Info, "function "+id.String(), inline, "has %d overloads: the onnx inliner tells functions apart by domain and name only", n)
		}
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

func (l *linter) graphs() {
	flow := map[string]int{}
	l.m.Graph.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			if n.Is("If") || n.Is("Loop") || n.Is("Scan") {
				flow[n.ID.Op]++
			}
			if l.m.IRVersion < 10 && (len(n.Props) > 0 || n.ID.Overload != "") {
				l.add(graph.Info, fmt.Sprintf("node %q", n.Label()), "raise ir_version to 10", "metadata and overloads of nodes need IR version 10, the model says %d", l.m.IRVersion)
			}
		}
		for _, v := range g.Inits {
			if v.Sparse != nil {
				l.add(graph.Warning, fmt.Sprintf("initializer %q", v.Name), "store it dense", "sparse initializers: ONNX Runtime takes them, onnx-gomlx and others do not")
			}
			if v.IsInput() && l.m.IRVersion >= 4 {
				l.add(graph.Info, fmt.Sprintf("initializer %q", v.Name), "drop it from the inputs", "is an input, too: runtimes must not treat it as constant, so they fold and pack less")
			}
		}
	})
	for _, op := range []string{"If", "Loop", "Scan"} {
		if flow[op] > 0 {
			l.add(graph.Info, "graph", "", "%d nodes %s: back ends for accelerators often refuse control flow", flow[op], op)
		}
	}
}

// data looks at how the tensors are stored.
func (l *linter) data() {
	e := &encoder{counting: true}
	e.visit = func(t *tensor.Tensor, init bool) {
		if t.Meta == nil {
			return
		}
		l.twoValues(t)
		where := "tensor"
		if name := t.Meta.Name; name != "" {
			where = fmt.Sprintf("tensor %q", name)
		}
		if t.Meta.Segment != nil {
			l.add(graph.Warning, where, "", "has a segment, which no known reader honours")
		}
		if t.Meta.Carrier != tensor.CarrierExternal {
			if len(t.Meta.External) > 0 {
				l.add(graph.Warning, where, "remove it", "has external_data beside values in the model: readers differ in which they take")
			}
			return
		}
		seen := map[string]bool{}
		for _, kv := range t.Meta.External {
			if seen[kv.Key] {
				l.add(graph.Warning, where, "keep one", "external_data gives %s twice", kv.Key)
			}
			seen[kv.Key] = true
			if !externalKeys[kv.Key] {
				l.add(graph.Warning, where, "remove it", "external_data has the key %q, which the onnx loader refuses", kv.Key)
			}
		}
		if !init {
			l.add(graph.Info, where, "embed it", "an attribute in a data file: many tools only look for initializers there")
		}
	}
	e.model(l.m)
}

// twoValues finds a tensor whose message fills more than one of the fields for values. The one that does not count for its type is kept
// among the unknown fields.
func (l *linter) twoValues(t *tensor.Tensor) {
	for b := t.Meta.Unknown; len(b) > 0; {
		num, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return
		}
		b = b[n:]
		if f := tensorSchema.field(num); f == nil {
			continue
		}
		switch num {
		case tensorFloats, tensorInt32s, tensorStrings, tensorInt64s, tensorRaw, tensorDoubles, tensorUint64s:
			l.add(graph.Error, fmt.Sprintf("tensor %q", t.Meta.Name), "remove one", "has values in %s besides the ones that count", tensorSchema.field(num).name)
			return
		}
	}
}

func (l *linter) rest() {
	if len(l.m.Training) > 0 {
		l.add(graph.Info, "training_info", "", "most tools ignore or drop it")
	}
	if l.m.Extra != nil && len(l.m.Extra.Unknown) > 0 {
		l.add(graph.Info, "model", "", "has fields that this version does not know; they are kept")
	}
	var empty []string
	for _, v := range l.m.Graph.Outputs {
		if v.Type.Kind == graph.KindUnknown {
			empty = append(empty, v.Name)
		}
	}
	if len(empty) > 0 {
		l.add(graph.Warning, "outputs "+strings.Join(empty, ", "), "infer the types", "have no type, which the onnx checker refuses")
	}
}
