package passes_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// recorded reads the inputs of a model's first recorded run.
func recorded(t *testing.T, path string, m *graph.Model) runtime.Feeds {
	t.Helper()
	set := "test_data_set_0"
	if filepath.Base(path) == "decode.onnx" {
		set = "decode_test_data_set_0"
	}
	in := runtime.Feeds{}
	i := 0
	for _, v := range m.Graph.Inputs {
		if v.Const != nil {
			continue
		}
		x, err := onnxio.LoadTensor(filepath.Join(filepath.Dir(path), set, fmt.Sprintf("input_%d.pb", i)))
		require.NoError(t, err)
		in[v.Name] = x
		i++
	}
	return in
}

// Every block of every reference model, rewritten in ways that keep its meaning, gives the same outputs, and in ways that do not, a sound
// model that runs. With ONNX_REWRITE_EXPORT set, the models and our outputs
// are written there for other runtimes to compare with.
func TestRewritesOfEveryModel(t *testing.T) {
	root := testmodels.Shared(t, "models")
	least := -1.0 // every score is above
	rewrites := []struct {
		name  string
		same  bool
		apply passes.Pass
	}{
		{"topk-all", true, passes.TopKFFN(passes.TopKOptions{Rule: block.KeepThreshold, Value: &least})},
		{"experts-all", true, passes.SplitExperts(passes.MoEOptions{Experts: 3, Active: 3})},
		{"experts-all-dense", true, passes.SplitExperts(passes.MoEOptions{Experts: 2, Active: 2, Body: block.Dense})},
		{"prune", false, passes.PruneNeurons(passes.PruneOptions{Keep: 0.75})},
		{"topk", false, passes.TopKFFN(passes.TopKOptions{Keep: 0.25})},
		{"experts", false, passes.SplitExperts(passes.MoEOptions{Experts: 4, Active: 2})},
		{"mask", false, passes.ApplyMask(passes.MaskOptions{Density: 0.5, DeadUnits: true})},
		{"mask-sparse", false, passes.ApplyMask(passes.MaskOptions{Density: 0.1, Store: passes.StoreSparse})},
	}
	ran := 0
	for _, row := range blockCounts(t) {
		if row.blocks == 0 || strings.HasPrefix(row.path, "real/") {
			continue
		}
		path := filepath.Join(root, filepath.FromSlash(row.path))
		m := loadShared(t, root, row.path)
		in := recorded(t, path, m)
		want, err := runOnce(m, in)
		var missing *runtime.UnsupportedError
		runs := !errors.As(err, &missing)
		if runs {
			require.NoError(t, err, row.path)
			ran++
		}
		for _, r := range rewrites {
			if testing.Short() && !r.same {
				continue
			}
			env := newEnv(m, nil)
			out, _, err := passes.Apply(env, m, r.apply)
			require.NoError(t, err, "%s: %s", row.path, r.name)
			n, reasons := fired(env.Report)
			if m.Opset("") < block.MinOpset && n == 0 {
				require.Contains(t, reasons[0], "bodies exist from opset 11 up")
				continue
			}
			if r.name != "mask" && r.name != "mask-sparse" {
				require.Positive(t, n, "%s: %s: %v", row.path, r.name, reasons)
			}
			require.NoError(t, graph.Err(out.Verify()))
			export := ""
			if dir := os.Getenv("ONNX_REWRITE_EXPORT"); dir != "" {
				name := strings.ReplaceAll(strings.TrimSuffix(row.path, ".onnx"), "/", "_")
				export = filepath.Join(dir, name+"."+r.name)
				require.NoError(t, onnxio.Save(out, export+".onnx", onnxio.SaveOptions{}))
			}
			if !runs {
				continue
			}
			got, err := runOnce(out, in)
			require.NoError(t, err, "%s: %s", row.path, r.name)
			if export != "" {
				require.NoError(t, onnxio.WriteNPZ(export+".npz", got))
			}
			require.Len(t, got, len(want))
			for name := range want {
				require.Equal(t, want[name].Shape, got[name].Shape, "%s: %s: %s", row.path, r.name, name)
				if r.same {
					near(t, asFloats(t, want[name]), asFloats(t, got[name]), 1e-4, "%s: %s: %s %v", row.path, r.name, name, reasons)
				}
			}
		}
	}
	require.Greater(t, ran, 40)
}

func runOnce(m *graph.Model, in runtime.Feeds) (runtime.Fetches, error) {
	s, err := runtime.Compile(m, runtime.Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Run(context.Background(), in)
}
