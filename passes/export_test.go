package passes_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// Calibrated rewrites: kernels and bodies agree on every form. With ONNX_REWRITE_EXPORT set, models, inputs and outputs are written there
// for other runtimes.
func TestCalibratedKernelsAndBodiesAgree(t *testing.T) {
	dir := os.Getenv("ONNX_REWRITE_EXPORT")
	eachForm(t, func(t *testing.T, form testmodels.FFNForm, m *graph.Model) {
		data, in := sample(m, 128, 21), sample(m, 12, 22)
		for name, p := range map[string]passes.Pass{
			"threshold":   passes.TopKFFN(passes.TopKOptions{Rule: block.KeepThreshold}),
			"stat":        passes.TopKFFN(passes.TopKOptions{Rule: block.KeepStat}),
			"exact-gate":  passes.TopKFFN(passes.TopKOptions{On: block.OnGate, K: 5}),
			"ls":          passes.SplitExperts(passes.MoEOptions{Experts: 4, Active: 2}),
			"mean-shared": passes.SplitExperts(passes.MoEOptions{Experts: 4, Active: 2, Shared: 1, Compensate: passes.CompensateMean, Body: block.Dense}),
			"coact":       passes.SplitExperts(passes.MoEOptions{Experts: 4, Active: 3, Split: passes.SplitCoact, Body: block.Unrolled}),
			"prune":       passes.PruneNeurons(passes.PruneOptions{Keep: 0.5}),
		} {
			out, report := apply(t, m, data, p)
			n, reasons := fired(report)
			if form.Special == "shape-last" && name == "prune" {
				continue
			}
			require.Equal(t, 2, n, "%s: %v", name, reasons)
			fused, body := run(t, out, in, false), run(t, out, in, true)
			near(t, values(t, body["y"]), values(t, fused["y"]), 1e-5, name)
			if dir == "" {
				continue
			}
			path := filepath.Join(dir, "form_"+form.Name+"."+name)
			require.NoError(t, onnxio.Save(out, path+".onnx", onnxio.SaveOptions{}))
			require.NoError(t, onnxio.WriteNPZ(path+".in.npz", in))
			require.NoError(t, onnxio.WriteNPZ(path+".npz", fused))
		}
	})
}
