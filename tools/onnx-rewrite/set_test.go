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
