package passes

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
)

// inlineFunctions replaces calls of model-local functions by their nodes, so that the other passes see the blocks inside. Our own sparse
// blocks stay functions.
func inlineFunctions(env *Env, m *graph.Model) (int, error) {
	ours := func(id graph.OpID) bool { return id.Domain == block.Domain }
	changed := 0
	for _, f := range m.Functions {
		if !ours(f.ID) {
			changed++
		}
	}
	if changed == 0 || !env.mayRewrite() {
		return 0, nil
	}
	return changed, graph.Inline(m, ours)
}
