package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// textModel writes the model of a text to a file.
func textModel(t *testing.T, text string) string {
	t.Helper()
	m, err := graph.ParseModel(`<ir_version: 8, opset_import: ["" : 18]> `+text, graph.ParseOptions{})
	require.NoError(t, err)
	return saved(t, m)
}

func loaded(t *testing.T, path string) *graph.Model {
	t.Helper()
	m, err := onnxio.Load(path, onnxio.LoadOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { m.Close() })
	return m
}

func TestSetMetadataAndNames(t *testing.T) {
	model := saved(t, smallMLP(1))
	out := filepath.Join(t.TempDir(), "out.onnx")
	var res setResult
	doJSON(t, exitFine, &res, "set", model, "-o", out, "--metadata", "author=me", "--metadata", "eq=a=b", "--doc", "hello", "--rename", "x=pixels", "--rename", "y=logits", "--rename", "w1=up")
	require.Len(t, res.Changes, 6)
	m := loaded(t, out)
	require.Equal(t, []graph.Prop{{Key: "author", Value: "me"}, {Key: "eq", Value: "a=b"}}, m.Props)
	require.Equal(t, "hello", m.Doc)
	require.NotNil(t, m.Graph.Find("up").Const)
	require.Equal(t, "logits", m.Graph.Outputs[0].Name)
	again := filepath.Join(t.TempDir(), "again.onnx")
	require.Contains(t, do(t, exitFine, "set", out, "-o", again, "--remove-metadata", "author", "--remove-metadata", "eq", "--doc", "",
		"--rename", "pixels=x", "--rename", "logits=y", "--rename", "up=w1").out, "metadata author is removed")
	a, err := os.ReadFile(model)
	require.NoError(t, err)
	b, err := os.ReadFile(again)
	require.NoError(t, err)
	require.Equal(t, a, b, "the way back ends at the same bytes")
}

func TestSetDims(t *testing.T) {
	for _, c := range []struct {
		reason, text string
		dims         []string
		in, out, mid string
	}{
		{"a symbol everywhere", `g (float[N,4] x) => (float[2*N,4] y) <float[N,4] a> { a = Abs(x) y = Concat<axis = 0>(a, x) }`,
			[]string{"N=3"}, "float[3,4]", "float[6,4]", "float[3,4]"},
		{"a symbol by its place", `g (float[N,4] x) => (float[2*N,4] y) <float[N,4] a> { a = Abs(x) y = Concat<axis = 0>(a, x) }`,
			[]string{"x:0=batch"}, "float[batch,4]", "float[2*batch,4]", "float[batch,4]"},
		{"a number set free", `g (float[1,4] x) => (float[1,4] y) <float[1,4] a> { a = Abs(x) y = Neg(a) }`,
			[]string{"x:0=N"}, "float[N,4]", "float[N,4]", "float[N,4]"},
		{"two at once, from the end", `g (float[1,4] x) => (float[4,1] y) <float[1,4] a> { a = Abs(x) y = Transpose(a) }`,
			[]string{"x:-2=N", "x:1=7"}, "float[N,7]", "float[7,N]", "float[N,7]"},
		{"nothing was known", `g (float[?,4] x) => (float[?,4] y) <float[?,4] a> { a = Abs(x) y = Neg(a) }`,
			[]string{"x:0=N"}, "float[N,4]", "float[N,4]", "float[N,4]"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.onnx")
			args := []string{"set", textModel(t, c.text), "-o", out}
			for _, d := range c.dims {
				args = append(args, "--dim", d)
			}
			do(t, exitFine, args...)
			g := loaded(t, out).Graph
			require.Equal(t, c.in, g.Inputs[0].Type.String())
			require.Equal(t, c.out, g.Outputs[0].Type.String())
			require.Equal(t, c.mid, g.Find("a").Type.String())
		})
	}
}

func TestSetRefusals(t *testing.T) {
	model := saved(t, smallMLP(1))
	fixed := textModel(t, `g (float[1,4] x) => (float[2,2] y) <int64[2] s = {2,2}> { y = Reshape(x, s) }`)
	dir := t.TempDir()
	out := filepath.Join(dir, "out.onnx")
	for _, c := range []struct {
		model string
		args  []string
		want  string
	}{
		{model, nil, "nothing to set"},
		{model, []string{"--metadata", "novalue"}, "KEY=VALUE"},
		{model, []string{"--remove-metadata", "author"}, `unknown key "author"`},
		{model, []string{"--rename", "xx=z"}, `did you mean "x"?`},
		{model, []string{"--rename", "x=y"}, "taken"},
		{model, []string{"--rename", "x"}, "OLD=NEW"},
		{model, []string{"--dim", "M=1"}, `did you mean "N"?`},
		{model, []string{"--dim", "N"}, "VALUE:AXIS"},
		{model, []string{"--dim", "x:2=1"}, "2 dimensions"},
		{model, []string{"--dim", "z:0=1"}, `unknown input or output "z"`},
		{model, []string{"--dim", "N=-1"}, "no size"},
		{model, []string{"--dim", "x:1=9"}, "nothing was written"},
		{fixed, []string{"--dim", "x:1=5"}, "nothing was written"},
	} {
		require.Contains(t, do(t, exitUsage, append([]string{"set", c.model, "-o", out}, c.args...)...).err, c.want)
	}
	require.Empty(t, listing(t, dir))
}

func TestSetFields(t *testing.T) {
	model := textModel(t, `g (float[2,3] x, bool c) => (float[2,3] y) {
		["first"] a = Relu (x)
		["second"] y = If (c) <then_branch = t () => (r) { ["inner"] r = Neg (a) }, else_branch = e () => (s) { s = Abs (a) }>
	}`)
	out := filepath.Join(t.TempDir(), "out.onnx")
	var res setResult
	doJSON(t, exitFine, &res, "set", model, "-o", out, "--producer", "me", "--producer-version", "2", "--domain", "org.me", "--model-version", "7", "--graph-name", "main",
		"--ir-version", "7", "--rename-node", "first=begin", "--rename-node", "inner=deep", "--rename", "r=branch")
	require.Len(t, res.Changes, 9)
	m := loaded(t, out)
	require.Equal(t, []any{"me", "2", "org.me", int64(7), "main", int64(7)}, []any{m.Producer, m.ProducerVersion, m.Domain, m.ModelVersion, m.Graph.Name, m.IRVersion})
	require.Equal(t, "begin", m.Graph.First().Name)
	require.Equal(t, "deep", m.Graph.Last().Subgraphs()[0].First().Name)
	require.Equal(t, "branch", m.Graph.Last().Subgraphs()[0].Outputs[0].Name)
	for _, c := range []struct{ flag, value, want string }{
		{"--rename-node", "frist=x", `did you mean "first"?`},
		{"--rename-node", "first=second", "the name is taken"},
		{"--rename-node", "first=", "must be OLD=NEW"},
		{"--ir-version", "99", "has IR version 99; the newest known is 14"},
		{"--ir-version", "2", "imports opsets, which IR version 2 does not have"},
		{"--rename", "s=a", "the name is taken"},
	} {
		require.Contains(t, do(t, exitUsage, "set", model, "-o", filepath.Join(t.TempDir(), "no.onnx"), c.flag, c.value).err, c.want)
	}
}

// The policies of inference: what is stated wins, is held against what follows, or gives way. The types of inputs stay in all of them.
func TestSetShapes(t *testing.T) {
	const text = `g (float[N,3] x) => (float[N,4] y) <float[3,4] w, float[7,7] wrong> { w = Constant <value = float[3,4] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}> ()
		free = MatMul (x, w)  wrong = Relu (free)  y = Abs (wrong) }`
	model := textModel(t, text)
	for _, c := range []struct {
		policy      string
		free, wrong string
	}{
		{"refine", "float[N,4]", "float[7,7]"},
		{"override", "float[N,4]", "float[N,4]"},
	} {
		out := filepath.Join(t.TempDir(), "out.onnx")
		do(t, exitFine, "set", model, "-o", out, "--shapes", c.policy)
		m := loaded(t, out)
		require.Equal(t, c.free, m.Graph.Find("free").Type.String(), c.policy)
		require.Equal(t, c.wrong, m.Graph.Find("wrong").Type.String(), c.policy)
		require.Equal(t, "float[N,3]", m.Graph.Inputs[0].Type.String())
		require.Equal(t, "float[N,4]", m.Graph.Outputs[0].Type.String())
	}
	strict := do(t, exitUsage, "set", model, "-o", filepath.Join(t.TempDir(), "no.onnx"), "--shapes", "strict")
	require.Contains(t, strict.err, `value "wrong": stated shape [7,7], inferred [N,4]`)
}
