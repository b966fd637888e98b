package main

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// named sets the fields of the model that are texts and numbers for people.
func (c *setCmd) named(m *graph.Model, res *setResult) error {
	for _, change := range c.fields(m) {
		res.add("%s", change)
	}
	return nil
}

// fields sets them and says what was set.
func (c *setCmd) fields(m *graph.Model) (changes []string) {
	for _, f := range []struct {
		what  string
		value *string
		field *string
	}{
		{"documentation", c.Doc, &m.Doc}, {"the graph's name", c.GraphName, &m.Graph.Name}, {"producer", c.Producer, &m.Producer},
		{"the producer's version", c.ProducerVersion, &m.ProducerVersion}, {"domain", c.Domain, &m.Domain},
	} {
		if f.value != nil {
			*f.field = *f.value
			changes = append(changes, fmt.Sprintf("%s is %q", f.what, *f.value))
		}
	}
	if c.ModelVersion != nil {
		m.ModelVersion = *c.ModelVersion
		changes = append(changes, fmt.Sprintf("the model's version is %d", m.ModelVersion))
	}
	return changes
}

// format sets the IR version, unless the model uses what that version does not have.
func (c *setCmd) format(m *graph.Model, res *setResult) error {
	if c.IRVersion == nil {
		return nil
	}
	before := map[graph.Finding]bool{}
	for _, f := range formatFindings(m) {
		f.Message = ""
		before[f] = true
	}
	old := m.IRVersion
	m.IRVersion = *c.IRVersion
	for _, f := range formatFindings(m) {
		g := f
		if g.Message = ""; !before[g] {
			return hint(fmt.Errorf("--ir-version %d: %s: %s", *c.IRVersion, f.Where, f.Message), "nothing was written")
		}
	}
	res.add("IR version is %d, was %d", m.IRVersion, old)
	return nil
}

// formatFindings is what does not fit the IR version.
func formatFindings(m *graph.Model) (list []graph.Finding) {
	for _, f := range append(op.Check(m), onnxio.Lint(m)...) {
		if f.Rule == "op/ir-version" || strings.HasPrefix(f.Rule, "lint/ir-") {
			list = append(list, f)
		}
	}
	return list
}

var policies = map[string]op.Policy{"refine": op.Refine, "strict": op.Strict, "override": op.Override}

// shapes infers the types of all values and records them.
func (c *setCmd) shapes(m *graph.Model, res *setResult) error {
	if c.Shapes == "" {
		return nil
	}
	policy := policies[c.Shapes]
	report, err := op.Infer(m, op.InferOptions{Policy: policy, Record: true, Outputs: policy == op.Override})
	if err != nil {
		return hint(fmt.Errorf("--shapes strict: %w", err), "onnx-rewrite check lists all of them")
	}
	res.add("types of %d of %s are recorded", report.Typed, plural(report.Values, "value"))
	for _, s := range report.Causes() {
		res.add("inference stopped at node %q (%s): %s", s.Node, s.OpName, s.Reason)
	}
	if policy == op.Override {
		for _, f := range report.Conflicts {
			res.add("%s: %s: the inferred type is taken", f.Where, f.Message)
		}
	}
	return nil
}

// nodesOf lists the names of the nodes.
func nodesOf(m *graph.Model) (list []string) {
	m.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			if n.Name != "" {
				list = append(list, n.Name)
			}
		}
	})
	return list
}
