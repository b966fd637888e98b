package op_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

// The node that stopped inference is named, with what follows from it; values that do not are not blamed on it.
func TestCauses(t *testing.T) {
	m := parse(t, `<ir_version: 8, opset_import: ["" : 18, "q" : 1]> g (float[2] x, int64[?] s, bool c) => (float[a] y) {
		a, a2 = q.Strange (x)
		b = Relu (a)
		d = Add (b, x)
		e = Abs (x)
		i = If (c) <then_branch = t () => (r) { r = Neg (d) }, else_branch = f () => (r2) { r2 = Neg (x) }>
		z = q.Other (x)
		y = Sum (z, i)
		}`)
	report, err := op.Infer(m, op.InferOptions{})
	require.NoError(t, err)
	require.Equal(t, []op.Cause{
		{Node: "a", Op: m.Graph.First().ID, OpName: "q.Strange", Value: "a", Reason: "operator q.Strange is not one of the standard, and no function of the model", Values: 6},
		{Node: "z", Op: graph.OpID{Domain: "q", Op: "Other"}, OpName: "q.Other", Value: "z", Reason: "operator q.Other is not one of the standard, and no function of the model", Values: 1},
	}, report.Causes())
	require.Len(t, report.Findings(), 2)
	require.Equal(t, `info: node "z" (q.Other): inference of types stopped here: operator q.Other is not one of the standard, and no function of the model; 1 value without a type`,
		report.Findings()[1].String())
}
