package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/passes/opset"
)

func TestConvert(t *testing.T) {
	model := textModel(t, `g (float[N,6] x) => (float[N,3] y, float[N,3] z) <int64[1] axes = {1}> {
		m = ReduceMean (x, axes)
		a = Sub (x, m)
		b = Mish (a)
		y, z = Split <axis = 1, num_outputs = 2> (b)
	}`)
	out := filepath.Join(t.TempDir(), "out.onnx")
	var res convertResult
	doJSON(t, exitFine, &res, "convert", model, "--opset", "12", "-o", out)
	require.True(t, res.Written)
	require.Equal(t, []opset.DomainChange{{From: 18, To: 12}}, res.Report.Domains)
	require.Contains(t, res.Report.Changes, opset.Change{Operator: "Mish", From: 18, To: 17, How: opset.Rewritten, Nodes: 1})
	require.Contains(t, res.Report.Changes, opset.Change{Operator: "ReduceMean", From: 18, To: 13, How: opset.Edited, Nodes: 1})
	require.Empty(t, res.Checks.NotRun)
	require.Len(t, res.Checks.Outputs, 2)
	m := loaded(t, out)
	require.EqualValues(t, 12, m.Opset(""))
	require.EqualValues(t, 8, m.IRVersion, "never lowered unasked")
	require.Empty(t, m.Graph.Inits, "the axes are an attribute now")
	do(t, exitFine, "check", out)

	back := filepath.Join(t.TempDir(), "back.onnx")
	text := do(t, exitFine, "convert", out, "--opset", "21", "-o", back).out
	require.Contains(t, text, "ai.onnx: opset 12 -> 21")
	require.Contains(t, text, "IR version 8 -> 10")
	require.Contains(t, text, "written to "+back)
	do(t, exitFine, "verify", back, model)

	low := filepath.Join(t.TempDir(), "low.onnx")
	do(t, exitFine, "convert", model, "--opset", "12", "-o", low, "--ir-version", "7")
	require.EqualValues(t, 7, loaded(t, low).IRVersion)
}

func TestConvertRefuses(t *testing.T) {
	model := textModel(t, `g (float[2,3] x, int64[2,3] i) => (float[2,3] y, uint8[2,3] z) {
		[first] y = GatherElements (x, i)
		[second] c = Cast <to = 2> (x)
		[third] z = BitwiseNot (c)
	}`)
	out := filepath.Join(t.TempDir(), "out.onnx")
	var res convertResult
	doJSON(t, exitFailed, &res, "convert", model, "--opset", "9", "-o", out)
	require.False(t, res.Written)
	require.Len(t, res.Refusals, 2, "all at once")
	require.Equal(t, "first", res.Refusals[0].Node)
	require.Equal(t, opset.NoOperator, res.Refusals[0].Reason)
	require.NotEmpty(t, res.Refusals[0].Fix)
	require.Equal(t, "third", res.Refusals[1].Node)
	text := do(t, exitFailed, "convert", model, "--opset", "9", "-o", out)
	require.Contains(t, text.out, "first")
	require.Contains(t, text.err, "2 nodes cannot be converted")
	for _, args := range [][]string{
		{"--opset", "99"}, {"--opset", "-1"}, {}, {"--domain", "ai.onnx.ml"}, {"--domain", "ai.onnx.ml=0"}, {"--domain", "nowhere=3"}, {"--domain", "ai.onnx.ml=3"},
		{"--opset", "20", "--ir-version", "3"},
	} {
		do(t, exitUsage, append([]string{"convert", model, "-o", out}, args...)...)
	}
	require.Contains(t, do(t, exitFailed, "convert", model, "-o", out, "--opset", "18").err, "of that version already")
	require.Contains(t, do(t, exitFine, "convert", model, "-o", out, "--opset", "21", "--dry-run").out, "dry run")
	_, err := os.Stat(out)
	require.ErrorIs(t, err, os.ErrNotExist)
}
