package passes

import (
	"context"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/debug"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// Pass is one rewrite. Run edits the model and returns how many places it changed; 0 with a nil error means that it declined everywhere
// and said why in Env.Report. On an error the model may be half edited: Apply works on a clone.
type Pass struct {
	Name string
	Doc  string
	Opt  bool // only on request: not in the default pipeline's run
	Run  func(env *Env, m *graph.Model) (changed int, err error)
}

// Pipeline is a list of passes, in order.
type Pipeline []Pass

// Env is what passes get from outside. The zero value works for passes that need neither evaluation nor data; calib.NewEnv fills it from
// the runtime.
type Env struct {
	// Ctx stops a long pass; nil is context.Background().
	Ctx context.Context
	// Eval computes a node from constant inputs (runtime.EvalNode). Without it nothing is folded.
	Eval func(n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error)
	// Observe runs the calibration data through m as it is now, as far as taps need it, and hands each batch's tapped values to visit, in
	// the data's order. visit must not keep the tensors. nil: there is no calibration data.
	Observe func(ctx context.Context, m *graph.Model, taps []*graph.Value, visit func(vals []*tensor.Tensor) error) error
	// Stats are statistics collected before, keyed by tensor name; they are refused when made from another model. nil: none.
	Stats *sparsify.Stats
	// Report receives a row for each block; nil: nobody reads it.
	Report *Report
	// Seed of every random choice. The same seed gives the same bytes.
	Seed uint64
	// Knobs are the debug switches that Apply obeys.
	Knobs debug.Knobs
	// Log receives one line of text for people; nil: none.
	Log func(format string, args ...any)
	// Progress says how far a stage has come, total may be 0; nil: nobody watches.
	Progress func(stage string, done, total int)

	rewrites int
}

func (e *Env) ctx() context.Context {
	if e.Ctx == nil {
		return context.Background()
	}
	return e.Ctx
}

func (e *Env) logf(format string, args ...any) {
	if e.Log != nil {
		e.Log(format, args...)
	}
}

func (e *Env) progress(stage string, done, total int) {
	if e.Progress != nil {
		e.Progress(stage, done, total)
	}
}

// mayRewrite counts one rewrite and is false once the knob stop=N is reached. Every place that edits asks it first.
func (e *Env) mayRewrite() bool {
	if e.Knobs.Stop > 0 && e.rewrites >= e.Knobs.Stop {
		return false
	}
	e.rewrites++
	return true
}
