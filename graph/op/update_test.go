package op_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

const updateModel = opset18 + `g (float[2,3] x, bool c, int64 trips, float[5] other) => (float[N,M] y, float[?,?] z, float[5] o)
	<float[2,3] a, float[2,3] i, float[5] far> {
	a = Relu (x)
	i = If (c) <then_branch = t () => (float[2,3] r) { r = Neg (a) }, else_branch = e () => (float[2,3] s) <float[2,3] q> { q = Abs (a)  s = Exp (q) }>
	y = Sigmoid (i)
	far = Sin (other)
	o = Cos (far)
	l = Loop (trips, c, a) <body = b (int64 k, bool on, float[2,3] v) => (bool more, float[2,3] w) { more = Identity (on)  w = Tanh (v) }>
	z = Elu (l)
}`

const opset18 = `<ir_version: 8, opset_import: ["" : 18]>` + "\n"

// typesOf is the types of all values, by name.
func typesOf(m *graph.Model) map[string]string {
	types := map[string]string{}
	m.Walk(func(g *graph.Graph) {
		for _, v := range g.Inputs {
			types[v.Name] = v.Type.String()
		}
		for n := range g.Nodes() {
			for _, v := range n.Outputs() {
				types[v.Name] = v.Type.String()
			}
		}
	})
	return types
}

func setDims(v *graph.Value, dims ...graph.Dim) {
	v.Type.Shape = graph.ShapeOf(dims...)
}

// An edit reaches into branches and bodies, and comes out of them; what does not depend on it keeps its stated type, and so do the
// model's inputs and outputs.
func TestUpdateGoesThroughSubgraphs(t *testing.T) {
	m := parse(t, updateModel)
	x := m.Graph.Find("x")
	setDims(x, graph.Const(4), graph.Const(3))
	users := []*graph.Node{}
	for u := range x.Uses() {
		users = append(users, u.Node)
	}
	report, err := op.Update(m, op.InferOptions{}, users...)
	require.NoError(t, err)
	require.Empty(t, report.Conflicts)
	got := typesOf(m)
	for _, name := range []string{"a", "i", "r", "q", "s", "l", "v", "w"} {
		require.Equal(t, "float[4,3]", got[name], name)
	}
	require.Equal(t, "float[5]", got["far"])
	require.Equal(t, "float[N,M]", got["y"], "a dimension of the interface is not narrowed")
	require.Equal(t, "float[?,?]", got["z"], "a dimension of the interface is not narrowed")
	require.Equal(t, 10, report.Values, "a, i and z, l, y, and those of the subgraphs; not far and o")
}

// With Outputs the interface is refined, when it is asked for.
func TestUpdateRefinesOutputsWhenAsked(t *testing.T) {
	m := parse(t, updateModel)
	setDims(m.Graph.Find("x"), graph.Const(4), graph.Const(3))
	_, err := op.Update(m, op.InferOptions{Outputs: true, Policy: op.Override}, m.Graph.First())
	require.NoError(t, err)
	got := typesOf(m)
	require.Equal(t, "float[4,3]", got["y"])
	require.Equal(t, "float[4,3]", got["z"])
}

// An edit inside of a branch changes what the node gives.
func TestUpdateInsideOfABranch(t *testing.T) {
	m := parse(t, updateModel)
	holder := m.Graph.Find("i")
	n, _ := holder.Producer()
	for _, sub := range n.Subgraphs() {
		last := sub.Last()
		last.ID = graph.OpID{Op: "Transpose"}
	}
	then := n.Subgraphs()[0].Last()
	_, err := op.Update(m, op.InferOptions{}, then)
	require.NoError(t, err)
	got := typesOf(m)
	require.Equal(t, "float[3,2]", got["r"])
	require.Equal(t, "float[3,2]", got["s"])
	require.Equal(t, "float[2,3]", got["q"])
	require.Equal(t, "float[3,2]", got["i"])
	require.Equal(t, "float[2,3]", got["a"])
}

// What cannot be inferred any more has no type afterwards, rather than a stale one, here and behind it.
func TestUpdateDropsWhatBecameStale(t *testing.T) {
	m := parse(t, updateModel)
	a := m.Graph.First()
	a.ID = graph.OpID{Domain: "q", Op: "Strange"}
	report, err := op.Update(m, op.InferOptions{}, a)
	require.NoError(t, err)
	got := typesOf(m)
	for _, name := range []string{"a", "q", "i", "l"} {
		require.Equal(t, graph.Type{}.String(), got[name], name)
	}
	require.Equal(t, "float[5]", got["far"])
	require.NotEmpty(t, report.Causes())
	require.Equal(t, "a", report.Causes()[0].Value)
}

// A stated output that the edit contradicts stays as it is, and is told.
func TestUpdateTellsOfAContradictedOutput(t *testing.T) {
	m := parse(t, updateModel)
	setDims(m.Graph.Find("other"), graph.Const(6))
	n, _ := m.Graph.Find("far").Producer()
	_, err := op.Update(m, op.InferOptions{}, n)
	require.ErrorContains(t, err, `value "o": stated shape [5], inferred [6]`)
	require.Equal(t, "float[5]", typesOf(m)["o"])
	require.Equal(t, "float[6]", typesOf(m)["far"])
}
