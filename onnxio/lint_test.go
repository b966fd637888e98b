package onnxio

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func lintText(m *graph.Model) string {
	var b strings.Builder
	for _, f := range Lint(m) {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}

func TestLint(t *testing.T) {
	m := small(1)
	require.Empty(t, lintText(m), "a plain model")

	m.IRVersion = 7
	body := graph.NewGraph("")
	x := body.AddInput("x", graph.Type{})
	c := &graph.Value{Name: "c"}
	body.Append(graph.NewNode(graph.OpID{Op: "Constant"}, nil, []*graph.Value{c}, graph.TensorAttr("value", tensor.Zeros(tensor.Float32, 1<<15))))
	y := &graph.Value{Name: "y"}
	body.Append(graph.NewNode(graph.OpID{Domain: "other", Op: "Mix"}, []*graph.Value{x, c}, []*graph.Value{y}))
	body.AddOutput(y)
	for _, overload := range []string{"", "a"} {
		m.Functions = append(m.Functions, &graph.Function{ID: graph.OpID{Domain: "com.microsoft", Op: "F", Overload: overload},
			Attrs: []graph.AttrDecl{{Name: "k", Default: graph.IntAttr("k", 1)}}, Body: body.CloneWith(map[*graph.Value]*graph.Value{}),
			Opsets: []graph.OpsetID{{Version: 17}}})
	}
	v := m.Graph.Inits[0]
	m.Graph.Inputs = append(m.Graph.Inputs, v)
	m.Graph.Outputs[0].Type = graph.Type{}
	branch := graph.NewGraph("b")
	m.Graph.Append(graph.NewNode(graph.OpID{Op: "If"}, []*graph.Value{v}, nil, graph.GraphAttr("then_branch", branch)))
	got := lintText(m)
	for _, want := range []string{
		"tract, tinygrad", "need IR version 8, the model says 7", "domain \"com.microsoft\" the model does not import", "its own operator of that name",
		"uses domain \"other\" and does not import it", "imports version 17 of domain \"\", the model 18", "attribute defaults need IR version 9",
		"need IR version 10", "a constant of 131072 bytes", "has 2 overloads", "is an input, too", "1 nodes If", "have no type",
	} {
		require.Contains(t, got, want)
	}
	require.Equal(t, got, lintText(m))
}
