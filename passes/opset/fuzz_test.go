package opset_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes/opset"
)

func convertRaw(m *graph.Model, to int) (*graph.Model, *opset.Report, error) {
	return opset.Convert(m, to, opset.Options{})
}

// FuzzConvert: a decoded model is converted or refused with reasons, is itself not changed, and a sound one stays sound.
func FuzzConvert(f *testing.F) {
	for _, seed := range []struct {
		to   uint8
		text string
	}{
		{13, `<ir_version: 6, opset_import: ["" : 11]> g (float[2,3] x) => (float[1,3] y) { y = ReduceSum <axes = [0]> (x) }`},
		{9, `<ir_version: 8, opset_import: ["" : 17]> g (float[2,3,4] x, float[4] s) => (float[2,3,4] y) { y = LayerNormalization (x, s) }`},
		{7, `<ir_version: 8, opset_import: ["" : 13]> g (float[2,6] x) => (float[2,3] a, float[2,3] b) <int64[2] n = {3,3}> { a, b = Split <axis = 1> (x, n) }`},
		{28, `<ir_version: 3, opset_import: ["" : 1]> g (float[1,1,2,2] x) => (float[1,1,4,4] y) { y = Upsample <height_scale = 2.0, width_scale = 2.0> (x) }`},
		{12, `<ir_version: 10, opset_import: ["" : 23]> g (float[1,2,3,4] q, float[1,2,3,4] k, float[1,2,3,4] v) => (float[1,2,3,4] y) { y = Attention <is_causal = 1> (q, k, v) }`},
		{11, `<ir_version: 8, opset_import: ["" : 18, "l" : 1]> g (float[2,3] x) => (float[2,3] y) { y = l.f <k = 1> (x) } <domain: "l", opset_import: ["" : 18]> f <k> (a) => (b) { b = Softmax <axis: int = @k> (a) }`},
	} {
		m, err := graph.ParseModel(seed.text, graph.ParseOptions{})
		require.NoError(f, err)
		f.Add(seed.to, bytesOf(f, m))
	}
	f.Fuzz(func(t *testing.T, to uint8, data []byte) {
		m, err := onnxio.Decode(data, onnxio.LoadOptions{})
		if err != nil {
			return
		}
		before := m.String()
		sound := len(m.Verify()) == 0
		out, _, err := convertRaw(m, int(to)%(op.Newest("")+2))
		require.Equal(t, before, m.String(), "the model given was changed")
		var refused *opset.RefusedError
		switch {
		case errors.As(err, &refused):
			require.NotEmpty(t, refused.Refusals)
			require.Nil(t, out)
		case err != nil:
			require.NotEmpty(t, err.Error())
		case sound:
			require.Empty(t, out.Verify(), out.String())
		}
	})
}

func bytesOf(t require.TestingT, m *graph.Model) []byte {
	var b writer
	require.NoError(t, onnxio.Encode(&b, m))
	return b
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
