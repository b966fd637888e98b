package onnxio

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

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
		"need IR version 10", "a constant of 131072 bytes", "has 2 overloads", "is an input, too", "1 nodes If", "has no type",
	} {
		require.Contains(t, got, want)
	}
	require.Equal(t, got, lintText(m))
}

// Every finding has a rule, of those docs/checks.md lists; places alike are one finding.
func TestLintGroups(t *testing.T) {
	m := small(1)
	m.IRVersion = 8
	for i := range 1000 {
		out := &graph.Value{Name: fmt.Sprint("v", i)}
		n := graph.NewNode(graph.OpID{Op: "Abs"}, []*graph.Value{m.Graph.Inputs[0]}, []*graph.Value{out})
		n.Props = []graph.Prop{{Key: "k", Value: "v"}}
		m.Graph.Append(n)
	}
	found := Lint(m)
	require.Len(t, found, 1)
	require.Equal(t, graph.Finding{Severity: graph.Info, Rule: "lint/ir-10", Where: `1000 nodes: "v0", "v1", "v2", "v3", "v4" and others`,
		Message: "metadata and overloads of nodes need IR version 10", Fix: "raise ir_version to 10"}, found[0])
}

func TestLintVersions(t *testing.T) {
	for _, c := range []struct {
		opset, ir int64
		want      []string
	}{
		{18, 8, nil},
		{18, 9, []string{"info ONNX Runtime 1.14 and older"}},
		{20, 10, []string{"info ONNX Runtime 1.17 and older", "warning MIGraphX 7.2 and older"}},
		{25, 11, []string{"info ONNX Runtime 1.20 and older", "warning MIGraphX 7.2 and older", "warning tract (its test suite) and older"}},
		{28, 14, []string{"info ONNX Runtime 1.20 and older", "info onnx 1.22 and older", "info onnx 1.22 and older", "warning TensorRT 11 and older",
			"warning MIGraphX 7.2 and older", "warning tract (its test suite) and older"}},
		{29, 15, []string{"warning ONNX Runtime 1.32 and older", "warning ONNX Runtime 1.32 and older", "warning onnx 1.23 and older", "warning onnx 1.23 and older",
			"warning TensorRT 11 and older", "warning MIGraphX 7.2 and older", "warning tract (its test suite) and older"}},
		{6, 3, []string{"warning ONNX Runtime 1.32", "warning TensorRT 11", "warning tract (its test suite)"}},
	} {
		m := small(1)
		m.Opsets[0].Version, m.IRVersion = c.opset, c.ir
		l := linter{m: m}
		l.versions()
		var got []string
		for _, f := range l.found {
			got = append(got, f.Severity.String()+" "+f.Tool)
			require.NotEmpty(t, f.Fix)
		}
		require.Equal(t, c.want, got, "opset %d, IR %d", c.opset, c.ir)
	}
	for _, r := range readers {
		require.NotEmpty(t, r.source, r.tool)
	}
}

func TestLintTypes(t *testing.T) {
	for elem, want := range map[tensor.DType][]string{
		tensor.Float32:        nil,
		tensor.Complex64:      {"ONNX Runtime 1.32", "MIGraphX 7.2"},
		tensor.Float6E2M3:     {"ONNX Runtime 1.32", "MIGraphX 7.2"},
		tensor.BFloat16:       {"ONNX Runtime on CPU", "MIGraphX 7.2", "Polygraphy lint"},
		tensor.Int4:           {"ONNX Runtime 1.32 on CPU", "onnx-gomlx 0.5"},
		tensor.Float8E4M3FNUZ: {"onnx-graphsurgeon 0.6.1", "Polygraphy lint", "onnx-gomlx 0.5"},
	} {
		m := small(1)
		m.Graph.AddInit("extra", tensor.Zeros(elem, 8))
		var got []string
		for _, f := range Lint(m) {
			require.Equal(t, "lint/tool-type", f.Rule)
			require.Equal(t, `value "extra"`, f.Where)
			got = append(got, f.Tool)
		}
		require.Equal(t, want, got, elem.String())
	}
}

func TestLintData(t *testing.T) {
	m := small(1)
	sparse := &graph.Value{Name: "s", Sparse: &tensor.Sparse{Values: tensor.Of([]float32{1}, 1), Indices: tensor.Of([]int64{0}, 1), Dims: []int64{4}}}
	m.Graph.Inits = append(m.Graph.Inits, sparse)
	twice := tensor.Of([]float32{1, 2}, 2)
	twice.Meta = &tensor.Meta{Name: "twice", Unknown: protowire.AppendBytes(protowire.AppendTag(nil, tensorRaw, protowire.BytesType), make([]byte, 8))}
	m.Graph.AddInit("twice", twice)
	mask := m.Graph.AddInput("mask", graph.TensorType(tensor.Float32, graph.ConstShape([]int64{1, 1, 1, 8})))
	x := m.Graph.Inputs[0]
	m.Graph.Append(graph.NewNode(graph.OpID{Op: "Attention"}, []*graph.Value{x, x, x, mask}, []*graph.Value{{Name: "att"}}))
	m.Training = append(m.Training, &graph.Training{})
	var got []string
	for _, f := range Lint(m) {
		got = append(got, f.Severity.String()+" "+f.Rule)
	}
	require.Equal(t, []string{"info lint/training-info", "warning lint/attention-mask", "warning lint/sparse-initializer", "error lint/two-values"}, got)
}
