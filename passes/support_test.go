package passes_test

import (
	"bytes"
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/debug"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// sample is an input for a model of testmodels.FFN.
func sample(m *graph.Model, rows int64, seed uint32) runtime.Feeds {
	rnd := testmodels.Uniform(seed)
	shape := []int64{rows}
	if m.Graph.Inputs[0].Type.Shape.Rank() == 3 {
		shape = []int64{2, rows / 2}
	}
	x := rnd.Tensor(append(shape, 8)...)
	for i, v := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = 4 * v
	}
	return runtime.Feeds{"x": x}
}

// newEnv is an environment with checks on; data (nil: none) is what calibration runs over.
func newEnv(m *graph.Model, data runtime.Feeds) *passes.Env {
	env := &passes.Env{Eval: runtime.Evaluator(m), Knobs: debug.Knobs{Check: true}, Report: &passes.Report{}}
	if data != nil {
		env.Observe = observer(data)
	}
	return env
}

func observer(data runtime.Feeds) func(context.Context, *graph.Model, []*graph.Value, func([]*tensor.Tensor) error) error {
	return func(ctx context.Context, m *graph.Model, taps []*graph.Value, visit func([]*tensor.Tensor) error) error {
		var names []string
		for _, v := range taps {
			names = append(names, v.Name)
		}
		s, err := runtime.Compile(withContrib(m), runtime.Options{Threads: 1, Outputs: names})
		if err != nil {
			return err
		}
		defer s.Close()
		out, err := s.Run(ctx, data)
		if err != nil {
			return err
		}
		vals := make([]*tensor.Tensor, len(taps))
		for i, name := range names {
			vals[i] = out[name]
		}
		return visit(vals)
	}
}

// run gives the named values of m (nil: its outputs), with fused kernels or bodies.
func run(t *testing.T, m *graph.Model, in runtime.Feeds, bodies bool, names ...string) runtime.Fetches {
	t.Helper()
	s, err := runtime.Compile(withContrib(m), runtime.Options{Threads: 1, UseBodies: bodies, Outputs: names})
	require.NoError(t, err)
	defer s.Close()
	out, err := s.Run(context.Background(), in)
	require.NoError(t, err)
	return out
}

// apply runs the passes and checks what every run must hold: the input is not touched, the same run gives the same bytes, the result is
// sound, and its types agree with inference.
func apply(t *testing.T, m *graph.Model, data runtime.Feeds, list ...passes.Pass) (*graph.Model, *passes.Report) {
	t.Helper()
	before := encoded(t, m)
	env := newEnv(m, data)
	out, _, err := passes.Apply(env, m, list...)
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, encoded(t, m)), "the model given was changed")
	again, _, err := passes.Apply(newEnv(m, data), m, list...)
	require.NoError(t, err)
	written := encoded(t, out)
	require.True(t, bytes.Equal(written, encoded(t, again)), "two runs give different bytes")
	sound(t, out)
	back, err := onnxio.Decode(written, onnxio.LoadOptions{})
	require.NoError(t, err)
	sound(t, back)
	return back, env.Report
}

func encoded(t *testing.T, m *graph.Model) []byte {
	var b bytes.Buffer
	require.NoError(t, onnxio.Encode(&b, m))
	return b.Bytes()
}

func sound(t *testing.T, m *graph.Model) {
	t.Helper()
	require.NoError(t, graph.Err(m.Verify()))
	require.NoError(t, graph.Err(op.Check(m)))
	_, err := op.Infer(m.Clone(), op.InferOptions{Policy: op.Strict})
	require.NoError(t, err, "%s", m)
}

// fired counts the blocks that the report says were rewritten, and collects the others' reasons.
func fired(r *passes.Report) (n int, reasons []string) {
	for _, row := range r.Rows {
		if row.Status == passes.Fired {
			n++
		} else {
			reasons = append(reasons, row.Reason)
		}
	}
	return n, reasons
}

// near demands that max|a-b| is at most tol times max(1, max|b|).
func near(t *testing.T, want, got []float32, tol float64, msg ...any) {
	t.Helper()
	require.Equal(t, len(want), len(got), msg...)
	worst, top := 0.0, 1.0
	for i := range want {
		worst = math.Max(worst, math.Abs(float64(got[i])-float64(want[i])))
		top = math.Max(top, math.Abs(float64(want[i])))
		require.False(t, got[i] != got[i], msg...)
	}
	require.LessOrEqual(t, worst/top, tol, msg...)
}

func values(t *testing.T, x *tensor.Tensor) []float32 {
	t.Helper()
	require.NotNil(t, x)
	f, err := x.Float32s()
	require.NoError(t, err)
	return f
}

// blocks are the blocks of m that can be rewritten.
func blocks(m *graph.Model) []passes.FFN {
	var list []passes.FFN
	for _, f := range passes.FindFFN(m) {
		if f.Reason == "" {
			list = append(list, f)
		}
	}
	return list
}

// eachForm runs f for every form of feed-forward block that may be rewritten.
func eachForm(t *testing.T, f func(t *testing.T, form testmodels.FFNForm, m *graph.Model)) {
	for _, form := range testmodels.FFNForms() {
		if form.Declines != "" {
			continue
		}
		t.Run(form.Name, func(t *testing.T) { f(t, form, testmodels.FFN(form, testmodels.Dims{}, 7)) })
	}
}

// asFloats is a tensor of any number type.
func asFloats(t *testing.T, x *tensor.Tensor) []float32 {
	t.Helper()
	require.NotNil(t, x)
	f, err := x.Float64s()
	require.NoError(t, err)
	out := make([]float32, len(f))
	for i, v := range f {
		out[i] = float32(v)
	}
	return out
}

// sparseCall reads the sparse block that gives the value of that name.
func sparseCall(t *testing.T, m *graph.Model, y *graph.Value) *block.Call {
	t.Helper()
	v := m.Graph.Find(y.Name)
	require.NotNil(t, v, "%s is gone", y.Name)
	n, _ := v.Producer()
	call, reason := block.Match(n, m.Function)
	require.Empty(t, reason)
	return call
}

// assignment finds each neuron's expert by its incoming and outgoing weights.
func assignment(t *testing.T, f *passes.FFN, call *block.Call) []int {
	t.Helper()
	up, err := f.Up.Dense()
	require.NoError(t, err)
	down, err := f.Down.Dense()
	require.NoError(t, err)
	stack, out := call.In("up").Const, call.In("down").Const
	size := int(stack.Shape[2])
	u, d := values(t, stack), values(t, out)
	list := make([]int, f.Hidden)
	for n := range list {
		list[n] = -1
		for e := range int(stack.Shape[0]) {
			for j := range size {
				same := true
				for i := range f.In {
					same = same && u[(e*f.In+i)*size+j] == up[i*f.Hidden+n]
				}
				for i := range f.Out {
					same = same && d[(e*size+j)*f.Out+i] == down[n*f.Out+i]
				}
				if same {
					require.Equal(t, -1, list[n], "neuron %d is there twice", n)
					list[n] = e
				}
			}
		}
		require.NotEqual(t, -1, list[n], "neuron %d is lost", n)
	}
	return list
}

// tied reports whether the k-th and the next score are too close to call.
func tied(scores []float32, k int) bool {
	s := slices.Clone(scores)
	slices.Sort(s)
	slices.Reverse(s)
	return math.Abs(float64(s[k-1]-s[k])) < 1e-5*math.Max(1e-3, math.Abs(float64(s[k-1])))
}
