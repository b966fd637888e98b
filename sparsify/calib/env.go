package calib

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// NewEnv is what passes need to rewrite m: constant folding by our runtime, calibration from data (nil: there is none), and a report that
// they fill. Other fields may be set afterwards.
func NewEnv(m *graph.Model, data *Data) *passes.Env {
	env := &passes.Env{Eval: runtime.Evaluator(m), Report: &passes.Report{}}
	if data != nil {
		env.Observe = data.Observer(runtime.Options{})
	}
	return env
}
