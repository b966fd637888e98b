package block_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// FuzzMatch reads a model in text that may call sparse blocks: what is matched has the body that Build writes, all its inputs, and
// numbers in their ranges; all else is declined with a reason.
func FuzzMatch(f *testing.F) {
	variants := testmodels.BlockVariants()
	for i := 0; i < len(variants); i += 5 {
		m, err := testmodels.BlockCall(variants[i], []int64{11, 13, 18, 23}[i%4])
		require.NoError(f, err)
		for _, v := range m.Graph.Inits {
			v.Const = nil // matching looks at no values
		}
		m.Graph.Inits = nil
		f.Add(m.String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := graph.ParseModel(text, graph.ParseOptions{})
		if err != nil || m.Graph == nil {
			return
		}
		m.Walk(func(g *graph.Graph) {
			for n := range g.Nodes() {
				call, reason := block.Match(n, m.Function)
				if reason != "" {
					continue
				}
				require.True(t, block.IsBlock(n.ID))
				require.Equal(t, n.ID.Op, call.Name())
				want, err := block.Build(call.Variant, m.Function(n.ID).Opset(""))
				require.NoError(t, err)
				for _, formal := range want.Body.Inputs {
					require.NotNil(t, call.In(formal.Name), formal.Name)
				}
				require.Nil(t, call.In("no such input"))
				require.GreaterOrEqual(t, call.K, int64(0))
				require.GreaterOrEqual(t, min(call.Dims[0], call.Dims[1]), int64(0))
			}
		})
	})
}
