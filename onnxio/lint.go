package onnxio

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Lint says what other tools are known to refuse, or to get wrong, in a model that is legal as such: findings are warnings and notes with
// the rule, the tool's name and version, and a way out. What is wrong in itself is the business of Model.Verify and op.Check; the errors
// that are found here are those of the encoding. Places that a rule finds alike are one finding, which names the first of them.
//
// The table of tools is in lint_tools.go; docs/checks.md lists the rules.
func Lint(m *graph.Model) []graph.Finding {
	l := linter{m: m, groups: map[string]*group{}}
	l.size()
	l.versions()
	l.functions()
	l.graphs()
	l.types()
	l.data()
	l.rest()
	l.flush()
	return l.found
}

type linter struct {
	m      *graph.Model
	found  []graph.Finding
	groups map[string]*group
	order  []string
}

// group is the places of one rule, to be one finding.
type group struct {
	finding graph.Finding
	what    string
	places  []string
	count   int
}

func (l *linter) add(rule string, s graph.Severity, tool, where, fix, format string, args ...any) {
	l.found = append(l.found, graph.Finding{Severity: s, Rule: "lint/" + rule, Tool: tool, Where: where, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// morePlaces is how many places of a group are named.
const morePlaces = 5

// each adds one place of a rule whose message is the same everywhere; what is the kind of place, in the singular.
func (l *linter) each(rule string, s graph.Severity, tool, what, place, fix, message string) {
	key := rule + "\x00" + message + "\x00" + what
	g := l.groups[key]
	if g == nil {
		g = &group{what: what, finding: graph.Finding{Severity: s, Rule: "lint/" + rule, Tool: tool, Message: message, Fix: fix}}
		l.groups[key] = g
		l.order = append(l.order, key)
	}
	if g.count++; len(g.places) < morePlaces {
		g.places = append(g.places, fmt.Sprintf("%q", place))
	}
}

func (l *linter) flush() {
	for _, key := range l.order {
		g := l.groups[key]
		g.finding.Where = g.what + " " + g.places[0]
		if g.count > 1 {
			g.finding.Where = fmt.Sprintf("%d %ss: %s", g.count, g.what, strings.Join(g.places, ", "))
		}
		if g.count > len(g.places) {
			g.finding.Where += " and others"
		}
		l.found = append(l.found, g.finding)
	}
}

func (l *linter) size() {
	if n, err := EncodedSize(l.m); err != nil {
		l.add("encoding", graph.Error, "", "model", "", "cannot be written: %v", err)
	} else if n > maxMessage {
		l.add("message-size", graph.Error, "", "model", "save with tensors in a data file", "%d bytes are more than a protobuf message may have (2 GiB): no other reader takes it", n)
	}
}

func (l *linter) graphs() {
	flow := map[string]int{}
	l.m.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			if n.Is("If") || n.Is("Loop") || n.Is("Scan") {
				flow[n.ID.Op]++
			}
			if l.m.IRVersion < 10 && (len(n.Props) > 0 || n.ID.Overload != "") {
				l.each("ir-10", graph.Info, "", "node", n.Label(), "raise ir_version to 10", "metadata and overloads of nodes need IR version 10")
			}
			if t := maskOf(n); t != nil && len(t.Shape.Dims) == 4 && isOne(t.Shape.Dims[2]) {
				l.each("attention-mask", graph.Warning, ort, "node", n.Label(), "expand the mask",
					"Attention with a mask of one row for all queries: the standard allows it, ONNX Runtime refuses it")
			}
		}
		inputs := map[*graph.Value]bool{}
		for _, v := range g.Inputs {
			inputs[v] = true
		}
		for _, v := range g.Inits {
			if v.Sparse != nil {
				l.each("sparse-initializer", graph.Warning, "onnx-gomlx 0.5, tract, onnx-ir 1.1, onnx version converter, onnx optimizer", "initializer", v.Name, "store it dense",
					"sparse: ONNX Runtime writes it out when it loads, onnx-gomlx refuses it, tract and onnx-ir drop it, and so do the tools built on onnx's C++ graph")
			}
			if inputs[v] && l.m.IRVersion >= 4 {
				l.each("overridable", graph.Info, "", "initializer", v.Name, "drop it from the inputs", "is an input, too: runtimes must not treat it as constant, so they fold and pack less")
			}
		}
	})
	for _, op := range []string{"If", "Loop", "Scan"} {
		if flow[op] > 0 {
			l.add("control-flow", graph.Info, "NPU back ends", "graph", "", "%d nodes %s: back ends for accelerators often refuse control flow", flow[op], op)
		}
	}
}

func maskOf(n *graph.Node) *graph.Type {
	if !n.Is("Attention") || n.NumIn() < 4 || n.In(3) == nil {
		return nil
	}
	return &n.In(3).Type
}

func isOne(d graph.Dim) bool {
	v, ok := d.Value()
	return ok && v == 1
}

// data looks at how the tensors are stored.
func (l *linter) data() {
	e := &encoder{counting: true}
	external, bytes := 0, int64(0)
	e.visit = func(t *tensor.Tensor, init bool) {
		if t.Storage() != nil {
			bytes += t.Storage().Len()
		}
		if t.Meta == nil {
			return
		}
		l.twoValues(t)
		name := t.Meta.Name
		if t.Meta.Segment != nil {
			l.each("segment", graph.Warning, "", "tensor", name, "", "has a segment, which no known reader honours")
		}
		if t.Meta.Carrier != tensor.CarrierExternal {
			if len(t.Meta.External) > 0 {
				l.each("external-beside", graph.Warning, "", "tensor", name, "remove it", "has external_data beside values in the model: readers differ in which they take")
			}
			return
		}
		external++
		seen := map[string]bool{}
		for _, kv := range t.Meta.External {
			if seen[kv.Key] {
				l.each("external-key", graph.Warning, "", "tensor", name, "keep one", "external_data gives "+kv.Key+" twice")
			}
			seen[kv.Key] = true
			if !externalKeys[kv.Key] {
				l.each("external-key", graph.Warning, "onnx 1.21 and newer", "tensor", name, "remove it", fmt.Sprintf("external_data has the key %q, which the onnx loader refuses", kv.Key))
			}
		}
		if !init {
			l.each("external-attribute", graph.Info, "", "tensor", name, "embed it", "an attribute in a data file: many tools only look for initializers there")
		}
	}
	e.model(l.m)
	if external > 0 {
		l.add("external-data", graph.Info, "onnx-purego-interpreter 0.0.7, onnx", "model", "save with everything in one file, if it is below 2 GiB",
			"%d tensors are in data files: onnx-purego-interpreter does not read them, and saving with onnx appends to an existing data file (1.22) or refuses it (1.23)", external)
	}
	if bytes > maxMessage {
		l.add("large", graph.Info, "onnx", "model", "", "%d bytes of tensors: onnx's checker, shape inference and version converter take such a model by its path only, or not at all", bytes)
	}
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
		switch num {
		case tensorFloats, tensorInt32s, tensorStrings, tensorInt64s, tensorRaw, tensorDoubles, tensorUint64s:
			l.each("two-values", graph.Error, "", "tensor", t.Meta.Name, "remove one", "has values in "+tensorSchema.field(num).name+" besides the ones that count")
			return
		}
	}
}

func (l *linter) rest() {
	if len(l.m.Training) > 0 {
		l.add("training-info", graph.Info, "onnx-ir 1.1, onnx version converter, onnx optimizer", "training_info", "", "onnx-ir and the tools built on onnx's C++ graph drop it, most others ignore it")
	}
	if l.m.Extra != nil && len(l.m.Extra.Unknown) > 0 {
		l.add("unknown-fields", graph.Info, "", "model", "", "has fields that this version does not know; they are kept")
	}
	outputs := slices.DeleteFunc(slices.Clone(l.m.Graph.Outputs), func(v *graph.Value) bool { return v.Type.Kind != graph.KindUnknown })
	for _, v := range outputs {
		l.each("untyped-output", graph.Warning, "onnx checker", "output", v.Name, "infer the types", "has no type, which the onnx checker refuses")
	}
}
