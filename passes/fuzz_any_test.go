package passes_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/debug"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// FuzzPasses puts each pass alone, then all, on whatever can be read. None of them panics; from a sound model comes a sound one; the model
// given is not touched.
func FuzzPasses(f *testing.F) {
	for _, text := range []string{
		`g (float[N,3] x) => (float[N,3] y) { i = Identity (x)  c = Constant <value = float[1] {2}> ()  d = Mul (c, c)  y = Mul (i, d) }`,
		`g (float[N,2] x) => (float[N,2] y) <float[2,4] u = {1,2,3,4,5,6,7,8}, float[4,2] d = {1,2,3,4,5,6,7,8}> { h = MatMul (x, u)  r = Relu (h)  y = MatMul (r, d) }`,
		`g (float[N,2] x) => (float[N,2] y) <float[2,4] u = {1,2,3,4,5,6,7,8}, float[4,2] d = {1,2,3,4,5,6,7,8}> { h = Gemm (x, u)  s = Sigmoid (h)  r = Mul (h, s)  y = Gemm <transB = 1> (r, u)  z = MatMul (r, d) }`,
		`g (float x) => (float y) { y = l.f (x) } <domain: "l", opset_import: ["" : 18]> f (a) => (b) { c = Identity (a)  b = Identity (c) }`,
		`<ir_version: 3, opset_import: ["" : 6]> g (float[2,3] x, float[3,4] w) => (float[2,4] y) { c = Constant <value = float[1] {0.0}> ()  y = Gemm <broadcast = 1> (x, w, c) }`,
	} {
		f.Add([]byte(text), false)
	}
	for _, data := range testmodels.SmallModels(40) {
		f.Add(data, true)
	}
	list := append(append(passes.Pipeline{}, passes.Default...), passes.Rewrites()...)
	list = append(list, passes.ApplyMask(passes.MaskOptions{Density: 0.5, Store: passes.StoreSparse, DeadUnits: true}), passes.SplitExperts(passes.MoEOptions{Experts: 2, Active: 1}))
	f.Fuzz(func(t *testing.T, data []byte, binary bool) {
		if len(data) > 1<<14 {
			return
		}
		var m *graph.Model
		var err error
		if binary {
			m, err = onnxio.Decode(data, onnxio.LoadOptions{})
		} else {
			text := string(data)
			if !strings.HasPrefix(text, "<") {
				text = `<ir_version: 9, opset_import: ["" : 18, "l" : 1]>` + text
			}
			m, err = graph.ParseModel(text, graph.ParseOptions{})
		}
		if err != nil || m.Graph == nil {
			return
		}
		sound := graph.Err(m.Verify()) == nil && graph.Err(op.Check(m)) == nil
		before := encoded(t, m)
		try := func(list ...passes.Pass) {
			env := &passes.Env{Eval: runtime.Evaluator(m), Knobs: debug.Knobs{Check: sound}, Report: &passes.Report{}}
			out, _, err := passes.Apply(env, m, list...)
			if err != nil {
				require.NotContains(t, err.Error(), "bug in the pass")
				require.False(t, sound && strings.Contains(err.Error(), "broken"), "%v\n%s", err, m)
				return
			}
			require.Equal(t, before, encoded(t, m), "the model given was changed")
			if sound {
				require.NoError(t, graph.Err(op.Check(out)), "%s\n%s", m, out)
			}
			_ = encoded(t, out)
		}
		for _, p := range list {
			try(p)
		}
		try(list...)
	})
}
