package runtime

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

// infer fills in the types of the clone's values. What cannot be inferred stays unknown: it is planned and fused less, but runs.
func (c *compiler) infer() {
	// Under op.Refine there is no error: contradictions are findings of the check, not of the run.
	_, _ = op.Infer(c.model, op.InferOptions{Policy: op.Refine, Outputs: true})
}
