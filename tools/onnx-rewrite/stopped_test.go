package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Both verbs name the node at which inference stopped, why, and what follows from it.
func TestWhereInferenceStopped(t *testing.T) {
	m, err := graph.ParseModel(`<ir_version: 8, opset_import: ["" : 18, "q" : 1]>
		g (float[2] x) => (float[2] y) { a = q.Strange (x)  b = Neg (a)  y = Add (b, x) }`, graph.ParseOptions{})
	require.NoError(t, err)
	path := saved(t, m)
	require.Contains(t, do(t, exitFine, "check", path).out, `info: node "a" (q.Strange): inference of types stopped here: operator q.Strange is not one of the standard, and no function of the model; 2 values without a type`)
	var res inspection
	doJSON(t, exitFine, &res, "inspect", path)
	require.Equal(t, 3, res.Inference.Values)
	require.Equal(t, 1, res.Inference.Typed)
	require.Len(t, res.Inference.Stopped, 1)
	require.Equal(t, 2, res.Inference.Stopped[0].Values)
	out := do(t, exitFine, "inspect", path).out
	require.Contains(t, out, "types: 1 of 3 values between the nodes are known")
	require.Contains(t, out, "q.Strange")
}

// Many findings of a rule are cut on paper, and whole with --all and in JSON, where they have their rule.
func TestCheckCutsLongLists(t *testing.T) {
	var text strings.Builder
	text.WriteString(`<ir_version: 8, opset_import: ["" : 18]> g (float[2] x) => (float[2] y) {`)
	for i := range 20 {
		fmt.Fprintf(&text, " v%d = Rellu (x) ", i)
	}
	text.WriteString(` y = Abs (x) }`)
	m, err := graph.ParseModel(text.String(), graph.ParseOptions{})
	require.NoError(t, err)
	path := saved(t, m)
	out := do(t, exitFailed, "check", path).out
	require.Equal(t, 5, strings.Count(out, "there is no operator Rellu"))
	require.Contains(t, out, "and 15 more of error op/unknown-operator (--all)")
	require.Equal(t, 20, strings.Count(do(t, exitFailed, "check", path, "--all").out, "there is no operator Rellu"))
	var res checkResult
	doJSON(t, exitFailed, &res, "check", path)
	require.Equal(t, 20, res.Errors)
	require.Equal(t, "op/unknown-operator", res.Findings[0].Rule)
}

func TestInspectTied(t *testing.T) {
	m := graph.NewModel(8, 18)
	m.Graph.Name = "g"
	data := make([]float32, 32*16)
	turned := make([]float32, len(data))
	for i := range data {
		data[i] = float32(i)
		turned[i%16*32+i/16] = float32(i)
	}
	m.Graph.AddInit("embed", tensor.Of(data, 32, 16))
	m.Graph.AddInit("head", tensor.Of(turned, 16, 32))
	path := saved(t, m)
	var res inspection
	doJSON(t, exitFine, &res, "inspect", path, "--tied")
	require.Equal(t, []graph.Twins{{Names: []string{"embed"}, Transposed: []string{"head"}, Bytes: 2048}}, res.Tied)
	require.Contains(t, do(t, exitFine, "inspect", path, "--tied").out, "weights stored more than once")
	require.NotContains(t, do(t, exitFine, "inspect", path).out, "stored more than once")
}
