package passes_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// FuzzPipeline: a model that the bytes choose gives the same outputs before and after passes that keep meaning, alone and together; the
// others leave a sound model that runs.
func FuzzPipeline(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		seed := make([]byte, 40)
		for i := range seed {
			seed[i] = byte(rnd.IntN(256))
		}
		f.Add(seed)
	}
	least := -1.0
	inline, err := passes.Named("inline")
	require.NoError(f, err)
	keep := append(append(passes.Pipeline{}, passes.Default...), inline)
	exact := [][]passes.Pass{
		keep, append(append([]passes.Pass{}, passes.Default...), passes.Default...), {inline},
		{passes.TopKFFN(passes.TopKOptions{Rule: block.KeepThreshold, Value: &least})},
		{passes.SplitExperts(passes.MoEOptions{Experts: 4, Active: 4})},
		append(append([]passes.Pass{}, keep...), passes.SplitExperts(passes.MoEOptions{Experts: 3, Active: 3, Body: block.Dense, Layers: nil}), passes.Default[3]),
	}
	other := [][]passes.Pass{
		{passes.PruneNeurons(passes.PruneOptions{Keep: 0.5}), passes.TopKFFN(passes.TopKOptions{})},
		append(append([]passes.Pass{passes.ApplyMask(passes.MaskOptions{Density: 0.1, Store: passes.StoreSparse, DeadUnits: true})}, keep...), passes.SplitExperts(passes.MoEOptions{Experts: 4})),
		append([]passes.Pass{passes.ApplyMask(passes.MaskOptions{Density: 0.3, DeadUnits: true}), passes.PruneNeurons(passes.PruneOptions{})}, keep...),
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		m := testmodels.Chance(choices)
		x := testmodels.Uniform(9)
		in := runtime.Feeds{"x": x.Tensor(3, 8)}
		want := values(t, run(t, m, in, false)["y"])
		for _, list := range exact {
			out, _ := apply(t, m, nil, list...)
			near(t, want, values(t, run(t, out, in, false)["y"]), 1e-4, "%s\n%s", list[len(list)-1].Name, m)
		}
		for _, list := range other {
			out, _ := apply(t, m, nil, list...)
			require.Contains(t, run(t, out, in, false), "y")
		}
	})
}
