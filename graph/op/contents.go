package op

import "github.com/onnx-rewrite/onnx-rewrite/graph"

// InferContents is [Infer] that also says what the small integer values of the model's graph hold, as far as that is known before the
// model runs. The function gives nil for a value of which nothing is known; it is valid until the model is edited.
func InferContents(m *graph.Model, opt InferOptions) (InferReport, func(*graph.Value) *Data) {
	e := NewEnv(m, opt)
	e.inferGraph(m.Graph)
	return e.run.report, e.dataOf
}
