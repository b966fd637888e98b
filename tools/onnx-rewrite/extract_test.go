package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

func TestExtractHalvesComputeWhatTheWholeDoes(t *testing.T) {
	model := saved(t, smallMLP(1))
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first.onnx"), filepath.Join(dir, "second.onnx")
	var x extraction
	doJSON(t, exitFine, &x, "extract", model, "-o", first, "--outputs", "a")
	require.Equal(t, []port{{"x", "float[N,8]"}}, x.Inputs)
	require.Equal(t, []port{{"a", "float[N,16]"}}, x.Outputs, "the type is inferred")
	require.Equal(t, []int64{2, 4, 144, 208}, []int64{int64(x.Nodes), int64(x.NodesBefore), x.Weights, x.WeightsBefore})
	doJSON(t, exitFine, &x, "extract", model, "-o", second, "--inputs", "a")
	require.Equal(t, []port{{"a", "float[N,16]"}}, x.Inputs)
	m, err := onnxio.Load(second, onnxio.LoadOptions{})
	require.NoError(t, err)
	defer m.Close()
	require.Len(t, m.Graph.Inits, 1)

	in, mid, out, whole := filepath.Join(dir, "x.npy"), filepath.Join(dir, "1"), filepath.Join(dir, "2"), filepath.Join(dir, "3")
	require.NoError(t, onnxio.WriteNPY(in, testmodelsTensor(3, 8)))
	do(t, exitFine, "run", first, "-i", "x="+in, "-o", mid)
	do(t, exitFine, "run", second, "-i", "a="+filepath.Join(mid, "a.npy"), "-o", out)
	do(t, exitFine, "run", model, "-i", "x="+in, "-o", whole)
	got, err := onnxio.ReadNPY(filepath.Join(out, "y.npy"))
	require.NoError(t, err)
	want, err := onnxio.ReadNPY(filepath.Join(whole, "y.npy"))
	require.NoError(t, err)
	d, err := measure(got, want)
	require.NoError(t, err)
	require.LessOrEqual(t, float64(d.Relative), 1e-6)

	text := do(t, exitFine, "extract", model, "-o", first, "--inputs", "x,r", "--outputs", "h").out
	require.Contains(t, text, `nothing needs input "r"`)
	require.Contains(t, text, "written to "+first)
}

func TestExtractRefusals(t *testing.T) {
	model := saved(t, smallMLP(1))
	dir := t.TempDir()
	out := filepath.Join(dir, "out.onnx")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--outputs", "yy"}, `did you mean "y"?`},
		{[]string{"--inputs", "nothing-like-it", "--outputs", "y"}, "text shows the names"},
		{[]string{"--inputs", "b1", "--outputs", "y"}, "add to --inputs: x"},
		{[]string{"--inputs", "a,a"}, "given twice"},
		{nil, "nothing to cut"},
	} {
		require.Contains(t, do(t, exitUsage, append([]string{"extract", model, "-o", out}, c.args...)...).err, c.want)
	}
	do(t, exitUsage, "extract", filepath.Join(dir, "none.onnx"), "-o", out, "--outputs", "y")
	require.Empty(t, listing(t, dir))
}
