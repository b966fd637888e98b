package block

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// TestExportVariants writes a small model of each variant at several opsets into the folder ONNX_REWRITE_EXPORT, for other runtimes to
// check (.ci/roundtrip.py). All variants of one family and activation share their weights.
func TestExportVariants(t *testing.T) {
	dir := os.Getenv("ONNX_REWRITE_EXPORT")
	if dir == "" {
		t.Skip("ONNX_REWRITE_EXPORT is not set: nothing to write")
	}
	for _, v := range variants() {
		for _, opset := range []int64{11, 12, 13, 17, 18, 21} {
			m := callModel(t, v, opset)
			var buf bytes.Buffer
			require.NoError(t, onnxio.Encode(&buf, m))
			require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s.%d.onnx", v.Name(), opset)), buf.Bytes(), 0o644))
		}
	}
}

// callModel is a model of one call with constant weights: x float[N,S,8] -> y, hidden 12 in three experts, k = 2 (5 hidden values).
func callModel(t *testing.T, v Variant, opset int64) *graph.Model {
	t.Helper()
	const in, hidden, out, experts, shared = 8, 12, 6, 3, 4
	dims := map[string][]int64{
		"gate": {in, hidden}, "up": {in, hidden}, "gate_bias": {hidden}, "up_bias": {hidden}, "down": {hidden, out}, "down_bias": {out},
		"router": {in, experts}, "router_bias": {experts}, "mean": {experts, out},
		"shared_gate": {in, shared}, "shared_up": {in, shared}, "shared_gate_bias": {shared}, "shared_up_bias": {shared}, "shared_down": {shared, out},
		"value": {4}, "bias": {out},
	}
	if v.Family == MoEFFN {
		for _, name := range []string{"gate", "up"} {
			dims[name], dims[name+"_bias"] = []int64{experts, in, hidden / experts}, []int64{experts, hidden / experts}
		}
		dims["down"] = []int64{experts, hidden / experts, out}
	}
	m := graph.NewModel(8, opset)
	id, err := Install(m, v)
	require.NoError(t, err)
	g := m.Graph
	x := g.AddInput("x", graph.TensorType(tensor.Float32, graph.ShapeOf(graph.Sym("N"), graph.Sym("S"), graph.Const(in))))
	args := []*graph.Value{x}
	seed := uint32(12345)
	for _, f := range m.Functions[0].Body.Inputs[1:] {
		if f.Name == "index" {
			args = append(args, g.AddInit("index", tensor.Of([]int32{1, 7, 30, 47}, 4)))
			continue
		}
		shape := dims[f.Name]
		require.NotNil(t, shape, f.Name)
		data := make([]float32, 1)
		for _, d := range shape {
			data = make([]float32, len(data)*int(d))
		}
		for i := range data {
			seed = seed*1664525 + 1013904223
			data[i] = float32(seed>>8)/(1<<24) - 0.5
		}
		args = append(args, g.AddInit(f.Name, tensor.Of(data, shape...)))
	}
	y := g.NewValue("y", graph.TensorType(tensor.Float32, graph.ShapeOf(graph.Sym("N"), graph.Sym("S"), graph.Const(out))))
	var attr *graph.Attr
	switch {
	case v.Family == SparseLinear:
		attr = CountAttr(opset, "shape", in, out)
	case v.Family == MoEFFN:
		attr = CountAttr(opset, "k", 2)
	case v.Keep == KeepExact:
		attr = CountAttr(opset, "k", 5)
	default:
		attr = ThresholdAttr(opset, 0.05)
	}
	g.Append(graph.NewNode(id, args, []*graph.Value{y}, attr))
	g.AddOutput(y)
	require.Empty(t, m.Verify())
	return m
}
