package opset_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/passes/opset"
)

const geluText = `<ir_version: 10, opset_import: ["" : 20]>
g (float[2,3] x) => (float[2,3] y) <float[3,3] w = {1,2,3,4,5,6,7,8,9}, float[1] unused = {1}> { h = MatMul (x, w)  [gelu] y = Gelu (h) }`

func parsed(t *testing.T, text string) *graph.Model {
	t.Helper()
	m, err := graph.ParseModel(text, graph.ParseOptions{})
	require.NoError(t, err)
	return m
}

// TestCarried: metadata goes to every new node, the name to the one that gives the output, weights are the same tensors, what nobody used
// before stays, and two conversions give the same bytes.
func TestCarried(t *testing.T) {
	m := parsed(t, geluText)
	n := m.Graph.FindNode("gelu")
	n.Props = []graph.Prop{{Key: "from", Value: "layer 3"}}
	n.Doc = "the activation"
	out, report, err := opset.Convert(m, 13, opset.Options{})
	require.NoError(t, err)
	names := map[string]bool{}
	for k := range out.Graph.Nodes() {
		if k.ID.Op == "MatMul" {
			require.Empty(t, k.Props)
			continue
		}
		require.Equal(t, n.Props, k.Props)
		require.Equal(t, n.Doc, k.Doc)
		require.False(t, names[k.Name], "name %q twice", k.Name)
		names[k.Name] = true
	}
	require.Len(t, names, 5)
	require.Equal(t, "gelu", out.Graph.Last().Name)
	require.Equal(t, "y", out.Graph.Last().Out(0).Name)
	require.Same(t, m.Graph.Find("w").Const, out.Graph.Find("w").Const)
	require.NotNil(t, out.Graph.Find("unused"))
	require.Equal(t, graph.KindUnknown, m.Graph.Find("h").Type.Kind, "types that were not stated are not")
	require.Equal(t, graph.KindUnknown, out.Graph.Find("h").Type.Kind)
	require.Equal(t, []opset.Change{{Operator: "Gelu", From: 20, To: 19, How: opset.Rewritten, Nodes: 1}}, report.Changes)

	again, _, err := opset.Convert(m, 13, opset.Options{})
	require.NoError(t, err)
	require.Equal(t, bytesOf(t, out), bytesOf(t, again))
}

// TestOldImports: a model from before imports were written is of opset 1, and imports one afterwards.
func TestOldImports(t *testing.T) {
	m := parsed(t, `<ir_version: 3, opset_import: ["" : 1]> g (float[2] x) => (float[2] y) { y = Relu (x) }`)
	m.IRVersion, m.Opsets = 2, nil
	out, _, err := opset.Convert(m, 13, opset.Options{})
	require.NoError(t, err)
	require.EqualValues(t, 13, out.Opset(""))
	require.EqualValues(t, 7, out.IRVersion)
	require.Empty(t, m.Opsets)
	require.Empty(t, op.Check(out))
}

// TestAheadOfItsTime: a tool wrote an operator into a model of an opset before the operator's first.
func TestAheadOfItsTime(t *testing.T) {
	const text = `<ir_version: 8, opset_import: ["" : 14]> g (float[2,4] x, float[4] s) => (float[2,4] y) { y = LayerNormalization (x, s) }`
	out, _, err := opset.Convert(parsed(t, text), 17, opset.Options{})
	require.NoError(t, err)
	require.Empty(t, op.Check(out))
	out, _, err = opset.Convert(parsed(t, text), 13, opset.Options{})
	require.NoError(t, err)
	require.Empty(t, op.Check(out))
}

func TestTraining(t *testing.T) {
	m := parsed(t, geluText)
	step := parsed(t, `<ir_version: 10, opset_import: ["" : 20]> step (float[2,3] g) => (float[2] r) <int64[1] axes = {1}> { r = ReduceSum <keepdims = 0> (g, axes) }`)
	m.Training = []*graph.Training{{Algorithm: step.Graph}}
	before := step.Graph.NumNodes()
	out, _, err := opset.Convert(m, 12, opset.Options{})
	require.NoError(t, err)
	require.Equal(t, []int64{1}, out.Training[0].Algorithm.First().Attrs.Ints("axes"))
	require.Empty(t, out.Training[0].Algorithm.Inits)
	require.Nil(t, step.Graph.First().Attrs.Ints("axes"), "the model given was changed")
	require.Equal(t, before, step.Graph.NumNodes())
}

func TestRequests(t *testing.T) {
	for _, c := range []struct {
		reason string
		to     int
		opt    opset.Options
		change func(*graph.Model)
		want   string
	}{
		{"nothing asked", 0, opset.Options{}, nil, "no opset to convert to"},
		{"no such opset", 99, opset.Options{}, nil, "does not exist; it has 1 to"},
		{"no such domain", 0, opset.Options{Domains: map[string]int{"nowhere": 2}}, nil, "not one of the standard's"},
		{"not imported", 0, opset.Options{Domains: map[string]int{"ai.onnx.ml": 2}}, nil, "does not import"},
		{"asked twice", 13, opset.Options{Domains: map[string]int{"ai.onnx": 12}}, nil, "two versions are asked for"},
		{"low IR version", 13, opset.Options{IRVersion: 4}, nil, "needs 7 to"},
		{"imported twice", 13, opset.Options{}, func(m *graph.Model) { m.Opsets = append(m.Opsets, graph.OpsetID{Domain: "ai.onnx", Version: 3}) }, "imports domain \"\" twice"},
		{"imports what nobody knows", 13, opset.Options{}, func(m *graph.Model) { m.Opsets[0].Version = 1000 }, "imports opset 1000"},
		{"no graph", 13, opset.Options{}, func(m *graph.Model) { m.Graph = nil }, "has no graph"},
	} {
		m := parsed(t, geluText)
		if c.change != nil {
			c.change(m)
		}
		out, _, err := opset.Convert(m, c.to, c.opt)
		require.ErrorContains(t, err, c.want, c.reason)
		require.Nil(t, out, c.reason)
	}
	out, _, err := opset.Convert(parsed(t, geluText), 13, opset.Options{IRVersion: 7})
	require.NoError(t, err)
	require.EqualValues(t, 7, out.IRVersion)
}

// TestExternalWeights: what lies in a file is not read.
func TestExternalWeights(t *testing.T) {
	m := parsed(t, geluText)
	w := m.Graph.Find("w")
	x, err := tensor.New(tensor.Float32, []int64{3, 3}, untouchable{})
	require.NoError(t, err)
	w.Const = x
	out, _, err := opset.Convert(m, 13, opset.Options{})
	require.NoError(t, err)
	require.Same(t, x, out.Graph.Find("w").Const)
}

type untouchable struct{}

func (untouchable) Bytes() []byte { panic("the weights were read") }
func (untouchable) Len() int64    { return 36 }
