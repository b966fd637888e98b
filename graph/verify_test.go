package graph

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

const soundText = `<ir_version: 10, opset_import: ["" : 18, "q" : 1]>
g (float[2] x, bool c) => (float[2] y) <float[2] w = {1.0, 2.0}> {
  a = Add (x, w)
  b = If (c) <then_branch = t () => (float[2] r) { r = Mul (a, x) }, else_branch = e () => (float[2] s) { s = q.f (a) }>
  y = Neg (b)
}
<domain: "q", opset_import: ["" : 18]> f <k, l = 1> (p) => (o) { o = Abs (p) }`

// lines is findings as text, with their rules.
func lines(found []Finding) []string {
	list := []string{}
	for _, f := range found {
		list = append(list, f.Rule+": "+f.Where+": "+f.Message)
	}
	return list
}

// Each rule of Verify is broken by hand and found, with its place, and nothing else is.
func TestVerifyRules(t *testing.T) {
	node := func(m *Model, name string) *Node {
		var found *Node
		m.Walk(func(g *Graph) {
			for n := range g.Nodes() {
				if n.Label() == name {
					found = n
				}
			}
		})
		return found
	}
	value := func(m *Model, name string) *Value { return node(m, name).Out(0) }
	for _, c := range []struct {
		name  string
		spoil func(m *Model)
		want  []string
	}{
		{"sound", func(m *Model) {}, []string{}},
		{"no graph", func(m *Model) { m.Graph = nil }, []string{"verify/graph: model: has no graph"}},
		{"import", func(m *Model) { m.Opsets = append(m.Opsets, OpsetID{Domain: "ai.onnx", Version: 18}) },
			[]string{`verify/import: model: imports domain "ai.onnx" twice`}},
		{"imports that differ", func(m *Model) { m.Opsets = append(m.Opsets, OpsetID{Version: 17}) },
			[]string{`verify/import: model: imports versions 18 and 17 of domain "": tools differ in which counts`}},
		{"function twice", func(m *Model) { m.Functions = append(m.Functions, m.Functions[0]) }, []string{`verify/function: function q.f: is defined twice`}},
		{"function without body", func(m *Model) { m.Functions[0].Body = nil }, []string{`verify/function: function q.f: has no body`}},
		{"function with initializers", func(m *Model) { m.Functions[0].Body.AddInit("i", tensor.Scalar(float32(1))) },
			[]string{`verify/function: function q.f: has initializers, which the format has no place for`}},
		{"function attribute", func(m *Model) { m.Functions[0].Attrs = append(m.Functions[0].Attrs, AttrDecl{Name: "k"}) },
			[]string{`verify/duplicate: function q.f: declares attribute "k" twice`}},
		{"function output", func(m *Model) { b := m.Functions[0].Body; b.AddOutput(b.Outputs[0]) },
			[]string{`verify/duplicate: function q.f: output "o" is listed twice`}},
		{"input twice", func(m *Model) { m.Graph.Inputs = append(m.Graph.Inputs, m.Graph.Inputs[0]) },
			[]string{`verify/duplicate: graph: input "x" is listed twice`}},
		{"initializer twice", func(m *Model) { m.Graph.Inits = append(m.Graph.Inits, m.Graph.Inits[0]) },
			[]string{`verify/duplicate: graph: initializer "w" is listed twice`}},
		{"initializer without value", func(m *Model) { m.Graph.Inits[0].Const = nil }, []string{`verify/initializer: graph: initializer "w" has no value`}},
		{"no name", func(m *Model) { value(m, "a").Name = "" }, []string{`verify/name: graph: node "": output has no name`}},
		{"same name", func(m *Model) { value(m, "a").Name = "x" }, []string{`verify/ssa: graph: node "x": output "x": the name is defined twice`}},
		{"an input is computed", func(m *Model) { m.Graph.Inputs = append(m.Graph.Inputs, value(m, "a")) },
			[]string{`verify/ssa: graph: node "a": output "a": the name is defined twice`}},
		{"name of the graph around", func(m *Model) { value(m, "r").Name = "a" },
			[]string{`verify/ssa: graph: node "b" (If).then_branch: node "a": output "a": the name is defined twice`}},
		{"name of the other branch is free", func(m *Model) { value(m, "r").Name = "s" }, []string{}},
		{"order", func(m *Model) { m.Graph.MoveBefore(node(m, "y"), node(m, "a")) },
			[]string{`verify/order: graph: node "y" (Neg): input 0, "b", is computed only later`}},
		{"order across graphs", func(m *Model) { m.Graph.MoveBefore(node(m, "b"), node(m, "a")) }, []string{
			`verify/order: graph: node "b" (If).then_branch: node "r" (Mul): input 0, "a", is computed only later`,
			`verify/order: graph: node "b" (If).else_branch: node "s" (q.f): input 0, "a", is computed only later`}},
		{"cycle", func(m *Model) { node(m, "a").SetIn(1, value(m, "y")) }, []string{
			`verify/order: graph: node "a" (Add): input 1, "y", is computed only later`,
			`verify/cycle: graph: node "a" (Add): is part of a cycle: "a", "y", "b"`}},
		{"cycle through a subgraph", func(m *Model) { node(m, "r").SetIn(0, value(m, "b")) }, []string{
			`verify/order: graph: node "b" (If).then_branch: node "r" (Mul): input 0, "b", is computed only later`,
			`verify/cycle: graph: node "b" (If): is part of a cycle: "b"`}},
		{"cycle of one", func(m *Model) { node(m, "o").SetIn(0, value(m, "o")) }, []string{
			`verify/order: function q.f: node "o" (Abs): input 0, "o", is computed only later`,
			`verify/cycle: function q.f: node "o" (Abs): is part of a cycle: "o"`}},
		{"undefined", func(m *Model) { node(m, "y").SetIn(0, &Value{Name: "ghost"}) },
			[]string{`verify/undefined: graph: node "y" (Neg): input 0, "ghost", is not defined`}},
		{"value of a branch outside of it", func(m *Model) { node(m, "y").SetIn(0, value(m, "r")) },
			[]string{`verify/undefined: graph: node "y" (Neg): input 0, "r", is not defined`}},
		{"value of the other branch", func(m *Model) { node(m, "s").SetIn(0, value(m, "r")) },
			[]string{`verify/undefined: graph: node "b" (If).else_branch: node "s" (q.f): input 0, "r", is not defined`}},
		{"value of the graph in a function", func(m *Model) { node(m, "o").SetIn(0, value(m, "a")) },
			[]string{`verify/undefined: function q.f: node "o" (Abs): input 0, "a", is not defined`}},
		{"output", func(m *Model) { m.Graph.AddOutput(&Value{Name: "ghost"}) }, []string{`verify/output: graph: output "ghost" is not computed`}},
		{"output of a branch", func(m *Model) { g := node(m, "r").Graph(); g.Outputs[0] = value(m, "s") },
			[]string{`verify/output: graph: node "b" (If).then_branch: output "s" is not computed`}},
		{"operator", func(m *Model) { node(m, "a").ID.Op = "" }, []string{`verify/operator: graph: node "a" (): has no operator`}},
		{"attribute twice", func(m *Model) { n := node(m, "y"); n.Attrs = append(n.Attrs, IntAttr("k", 1), IntAttr("k", 2)) },
			[]string{`verify/attribute: graph: node "y" (Neg): attribute "k" is given twice`}},
		{"node's graph", func(m *Model) { node(m, "a").graph = nil }, []string{`verify/link: graph: node "a" (Add): does not know its graph`}},
		{"subgraph's node", func(m *Model) { node(m, "r").Graph().owner = nil },
			[]string{`verify/link: graph: node "b" (If): subgraph "then_branch" does not know its node`}},
		{"producer", func(m *Model) { value(m, "a").index = 1 }, []string{`verify/link: graph: node "a": output "a" does not know its producer`}},
		{"forgotten use", func(m *Model) { value(m, "b").uses = nil },
			[]string{`verify/link: graph: node "y" (Neg): input 0, "b", does not know this use`}},
		{"use by a node that is gone", func(m *Model) { NewNode(OpID{Op: "Abs"}, []*Value{value(m, "b")}, []*Value{{Name: "z"}}) },
			[]string{`verify/link: value "b": is recorded as an input of node "z", which is not in the model`}},
		{"use that is none", func(m *Model) { v := value(m, "b"); v.uses = append(v.uses, Use{node(m, "a"), 0}) },
			[]string{`verify/link: value "b": is recorded as input 0 of node "a", which it is not`}},
		{"use recorded twice", func(m *Model) { v := value(m, "b"); v.uses = append(v.uses, v.uses[0]) },
			[]string{`verify/link: value "b": is recorded twice as input 0 of node "y"`}},
		{"all at once", func(m *Model) {
			m.Graph.MoveBefore(node(m, "y"), node(m, "a"))
			value(m, "r").Name = "a"
			m.Graph.AddOutput(&Value{Name: "ghost"})
			m.Functions = append(m.Functions, m.Functions[0])
		}, []string{
			`verify/order: graph: node "y" (Neg): input 0, "b", is computed only later`,
			`verify/ssa: graph: node "b" (If).then_branch: node "a": output "a": the name is defined twice`,
			`verify/output: graph: output "ghost" is not computed`,
			`verify/function: function q.f: is defined twice`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mustModel(t, soundText)
			c.spoil(m)
			require.Equal(t, c.want, lines(m.Verify()))
			if len(c.want) > 0 && c.name != "import" {
				require.Error(t, Err(m.Verify()))
			}
		})
	}
}

// A value that 200,000 nodes read is verified in time proportional to their number: a list searched for each would be 4·10¹⁰ steps.
func TestVerifyIsLinear(t *testing.T) {
	const users = 200_000
	m := NewModel(10, 18)
	hub := m.Graph.AddInput("hub", Type{})
	for i := range users {
		out := &Value{Name: fmt.Sprint("v", i)}
		m.Graph.Append(NewNode(OpID{Op: "Abs"}, []*Value{hub}, []*Value{out}))
	}
	m.Graph.AddOutput(m.Graph.Last().Out(0))
	require.Empty(t, m.Verify())
	hub.uses[users/2] = hub.uses[0]
	require.Len(t, m.Verify(), 2, "one use twice, one forgotten")
}

// A long chain in reverse order is found unsorted, and sorted, without a stack as deep as it is long.
func TestSortOfALongChain(t *testing.T) {
	const length = 200_000
	m := NewModel(10, 18)
	v := m.Graph.AddInput("x", Type{})
	for i := range length {
		out := &Value{Name: fmt.Sprint("v", i)}
		n := NewNode(OpID{Op: "Abs"}, []*Value{v}, []*Value{out})
		if first := m.Graph.First(); first != nil {
			m.Graph.InsertBefore(n, first)
		} else {
			m.Graph.Append(n)
		}
		v = out
	}
	m.Graph.AddOutput(v)
	require.Len(t, m.Verify(), length-1)
	require.NoError(t, m.Graph.Sort())
	require.Empty(t, m.Verify())
	last := m.Graph.Last()
	m.Graph.First().SetIn(0, last.Out(0))
	err := m.Graph.Sort()
	require.ErrorContains(t, err, fmt.Sprintf("and %d more", length-10))
	found := lines(m.Verify())
	require.Len(t, found, 2)
	require.True(t, slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, "verify/cycle") }))
}
