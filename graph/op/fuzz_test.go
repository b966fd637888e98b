package op_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// FuzzCheck reads a model in text or as a file, and asks Verify and Check for their findings: the same ones each time, each with a place
// or a message, and neither changes the model. What both accept, inference does not contradict by a panic.
func FuzzCheck(f *testing.F) {
	for _, text := range []string{
		`g (float[N,3] x) => (float[N,3] y) { y = Relu (x) }`,
		`g (float[2] x) => (float[2] y) { y = Add <axis = 1, alpha = 0.5> (x) }`,
		`g (bool c, float[2] x) => (float[2] y) { y = If (c) <then_branch = t () => (float[2] a) { a = Relu (x) }, else_branch = e () => (float[2] b) { b = Abs (x) }> }`,
		`g (int64 n, float[2] x) => (float[2] y) { y = Loop (n, "", x) <body = b (int64 i, bool c, float[2] s) => (bool d, float[2] r) { d = Identity (c) r = Neg (s) }> }`,
		`g (float x) => (float y) { y = Relu (z)  z = Neg (y)  y = Conv (x, x, x, x) }`,
		`g (float x) => (float y) { y = l.f <k = 1> (x) } <domain: "l", opset_import: ["" : 18]> f <k> (a) => (b) { b = Gemm <alpha: float = @k> (a, a) }`,
	} {
		f.Add([]byte(text), false)
	}
	for _, data := range testmodels.SmallModels(60) {
		f.Add(data, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, binary bool) {
		var m *graph.Model
		var err error
		if binary {
			m, err = onnxio.Decode(data, onnxio.LoadOptions{Lenient: true, External: onnxio.ExternalSkip})
		} else {
			m, err = graph.ParseModel(`<ir_version: 9, opset_import: ["" : 18, "l" : 1]>`+string(data), graph.ParseOptions{})
		}
		if err != nil || m.Graph == nil {
			return
		}
		before := written(t, m)
		structure, facts := m.Verify(), op.Check(m)
		require.Equal(t, structure, m.Verify())
		require.Equal(t, facts, op.Check(m))
		for _, x := range append(structure, facts...) {
			require.NotEmpty(t, x.Message)
			require.NotEmpty(t, x.String())
		}
		require.True(t, bytes.Equal(before, written(t, m)), "checking changes the model")
		if graph.Err(structure) == nil && graph.Err(facts) == nil {
			env := op.NewEnv(m, op.InferOptions{})
			report := env.Run()
			require.Zero(t, env.Panics(), report.Stopped)
		}
	})
}

func written(t *testing.T, m *graph.Model) []byte {
	var b bytes.Buffer
	require.NoError(t, onnxio.Encode(&b, m))
	return b.Bytes()
}
