package passes_test

import (
	"bytes"
	"context"
	"fmt"
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
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
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

// plainAct is the activations by their definitions.
func plainAct(a block.Act, v float64) float64 {
	sig := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	switch a {
	case block.Relu:
		return max(v, 0)
	case block.Relu2:
		return max(v, 0) * max(v, 0)
	case block.Sigmoid:
		return sig(v)
	case block.Tanh:
		return math.Tanh(v)
	case block.Silu:
		return v * sig(v)
	case block.QuickGelu:
		return v * sig(1.702*v)
	case block.Gelu:
		return v / 2 * (1 + math.Erf(v/math.Sqrt2))
	case block.GeluTanh:
		return v / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
	}
	panic("no activation " + string(a))
}

// reference is one block computed from its definition, in float64.
type reference struct {
	pre, act, hidden sparsify.Matrix
	down             []float32 // [hidden, out]
	bias             []float32
	out              int
}

func product(t *testing.T, l *passes.Linear, x []float32) sparsify.Matrix {
	w, err := l.Dense()
	require.NoError(t, err)
	b, err := l.BiasVector()
	require.NoError(t, err)
	in, out := l.Dims()
	return times(x, in, w, out, b)
}

func times(x []float32, in int, w []float32, out int, b []float32) sparsify.Matrix {
	y := sparsify.NewMatrix(len(x)/in, out)
	for r := range y.Rows {
		for j := range out {
			sum := float64(b[j])
			for i := range in {
				sum += float64(x[r*in+i]) * float64(w[i*out+j])
			}
			y.Data[r*out+j] = float32(sum)
		}
	}
	return y
}

// refer computes block f on the rows x.
func refer(t *testing.T, f *passes.FFN, x []float32) reference {
	var r reference
	first := f.Up
	if f.Gated() {
		first = f.Gate
	}
	r.pre = product(t, first, x)
	r.act = sparsify.NewMatrix(r.pre.Rows, r.pre.Cols)
	for i, v := range r.pre.Data {
		r.act.Data[i] = float32(plainAct(f.Act, float64(v)))
	}
	r.hidden = r.act
	if f.Gated() {
		up := product(t, f.Up, x)
		r.hidden = sparsify.NewMatrix(up.Rows, up.Cols)
		for i := range up.Data {
			r.hidden.Data[i] = r.act.Data[i] * up.Data[i]
		}
	}
	var err error
	r.down, err = f.Down.Dense()
	require.NoError(t, err)
	r.bias, err = f.Down.BiasVector()
	require.NoError(t, err)
	r.out = f.Out
	return r
}

// masked is the block's output when only the hidden values of keep (nil: all) remain.
func (r reference) masked(keep *sparsify.Mask) []float32 {
	h := append([]float32(nil), r.hidden.Data...)
	if keep != nil {
		for i := range h {
			if !keep.Get(i) {
				h[i] = 0
			}
		}
	}
	return times(h, r.hidden.Cols, r.down, r.out, r.bias).Data
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

// withContrib is m with bodies for ONNX Runtime's own activations, so that any runtime runs them.
func withContrib(m *graph.Model) *graph.Model {
	if m.Opset("com.microsoft") == 0 {
		return m
	}
	m = m.Clone()
	made := map[string]bool{}
	for n := range m.Graph.Nodes() {
		if n.ID.Domain != "com.microsoft" || made[n.ID.Op] {
			continue
		}
		made[n.ID.Op] = true
		act := map[string]block.Act{"BiasGelu": block.Gelu, "FastGelu": block.GeluTanh, "QuickGelu": block.QuickGelu}[n.ID.Op]
		if n.ID.Op == "QuickGelu" && n.Attrs.Float("alpha", 1.702) == 1 {
			act = block.Silu
		}
		in, sum := "x", "s = Identity (x)"
		if n.NumIn() == 2 {
			in, sum = "x, b", "s = Add (x, b)"
		}
		text := fmt.Sprintf("<domain: \"com.microsoft\", opset_import: [\"\" : %d]>\n%s <alpha> (%s) => (y) {\n%s\n%s\n}", m.Opset(""), n.ID.Op, in, sum, activationText[act])
		f, err := graph.ParseFunction(text, graph.ParseOptions{})
		if err != nil {
			panic(err)
		}
		m.Functions = append(m.Functions, f)
	}
	return m
}

// activationText is y = act(s) in the standard operators.
var activationText = map[block.Act]string{
	block.Gelu: `r = Constant <value = float {1.4142135}> ()
one = Constant <value = float {1.0}> ()
half = Constant <value = float {0.5}> ()
d = Div (s, r)
e = Erf (d)
p = Add (e, one)
h = Mul (s, half)
y = Mul (h, p)`,
	block.GeluTanh: `a = Constant <value = float {0.044715}> ()
r = Constant <value = float {0.7978846}> ()
one = Constant <value = float {1.0}> ()
half = Constant <value = float {0.5}> ()
q = Mul (s, s)
c = Mul (q, s)
k = Mul (c, a)
u = Add (s, k)
w = Mul (u, r)
e = Tanh (w)
p = Add (e, one)
h = Mul (s, half)
y = Mul (h, p)`,
	block.Silu: `g = Sigmoid (s)
y = Mul (s, g)`,
	block.QuickGelu: `a = Constant <value = float {1.702}> ()
k = Mul (s, a)
g = Sigmoid (k)
y = Mul (s, g)`,
}
