package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

const twoLayers = `g (float[N,8] x, float[N,8] r, float[8,16] w1, float[16] w2, float[16,8] w3) => (float[N,8] y, float[N,16] z) {
	a = MatMul (x, w1)  b = Add (a, w2)  c = Relu (b)  d = MatMul (c, w3)  y = Add (d, r)  z = Neg (c) }`

func run(t *testing.T, s *runtime.Session, feeds runtime.Feeds) runtime.Fetches {
	t.Helper()
	out, err := s.Run(context.Background(), feeds)
	require.NoError(t, err)
	return out
}

func rows(n string) map[string]string { return map[string]string{"N": n} }

func TestRunChecksFeeds(t *testing.T) {
	m := textModel(t, twoLayers)
	s := compileText(t, m, runtime.Options{Threads: 1})
	good := textFeeds(t, m, rows("3"))
	for _, c := range []struct {
		change func(runtime.Feeds)
		want   string
	}{
		{func(f runtime.Feeds) { delete(f, "r") }, `input "r" is missing, want float[N,8]`},
		{func(f runtime.Feeds) { f["x"] = tensor.Zeros(tensor.Int64, 3, 8) }, `input "x": want float[N,8], got int64[3,8]`},
		{func(f runtime.Feeds) { f["x"] = tensor.Zeros(tensor.Float32, 3, 7) }, `input "x": want float[N,8], got float[3,7]`},
		{func(f runtime.Feeds) { f["x"] = tensor.Zeros(tensor.Float32, 24) }, `input "x": want float[N,8], got float[24]`},
		{func(f runtime.Feeds) { f["x"] = &tensor.Tensor{Elem: tensor.Float32, Shape: []int64{3, 8}} }, `input "x": want float[N,8], got float[3,8]`},
		{func(f runtime.Feeds) { f["q"] = tensor.Zeros(tensor.Float32, 1) }, `no input is named ["q"]; the inputs are ["x" "r"]`},
		{func(f runtime.Feeds) { f["r"] = tensor.Zeros(tensor.Float32, 2, 8) }, `input "r": dim N is 2 here and 3 in an input before it`},
	} {
		f := runtime.Feeds{}
		for k, v := range good {
			f[k] = v
		}
		c.change(f)
		_, err := s.Run(context.Background(), f)
		require.EqualError(t, err, c.want)
	}
	run(t, s, good)
}

func TestUnsupportedNodesAreNamedAtOnce(t *testing.T) {
	m := textModel(t, `<ir_version: 8, opset_import: ["" : 17, "other" : 1]>
		g (float[N] x, bool c) => (float[N] y) {
			a = other.Twirl (x)  b = other.Twirl (a)
			y = If (c) <then_branch = t () => (float[N] p) { p = Nonsense (b) }, else_branch = e () => (float[N] q) { q = Neg (b) }> }`)
	_, err := runtime.Compile(m, runtime.Options{})
	var u *runtime.UnsupportedError
	require.ErrorAs(t, err, &u)
	require.Len(t, u.Nodes, 3)
	require.EqualError(t, err, `3 unsupported nodes:
  2 times, first node "a" (other.Twirl, opset 1): the operator is not implemented
  node "p" (Nonsense, opset 17): the operator is not implemented`)
}

// TestManySizes runs one session with many sizes, more than it keeps plans for, and gets the bits of a session without a plan.
func TestManySizes(t *testing.T) {
	m := textModel(t, twoLayers)
	s := compileText(t, m, runtime.Options{Threads: 1, Check: true})
	plain := compileText(t, m, runtime.Options{Threads: 1, NoPlan: true})
	for _, n := range []int{3, 40, 1, 0, 17, 2, 5, 6, 7, 8, 9, 10, 3, 40} {
		feeds := textFeeds(t, m, rows(fmt.Sprint(n)))
		requireSame(t, run(t, plain, feeds), run(t, s, feeds))
	}
}

func requireSame(t *testing.T, want, got runtime.Fetches) {
	t.Helper()
	require.Len(t, got, len(want))
	for name, w := range want {
		require.Equal(t, w.Shape, got[name].Shape, name)
		require.Equal(t, w.Bytes(), got[name].Bytes(), name)
	}
}

// TestOutputsAreTheCallers: later runs change nothing that an earlier one returned, and inputs are never handed back.
func TestOutputsAreTheCallers(t *testing.T) {
	m := textModel(t, `g (float[N,8] x, float[2] w1) => (float[N,8] x2, float[8,N] v, float[N,8] a, float[2] w1) <int64[2] shape = {8,-1}> {
		x2 = Identity (x)  a = Exp (x)  v = Reshape (a, shape) }`)
	s := compileText(t, m, runtime.Options{Threads: 1, Check: true})
	feeds := textFeeds(t, m, rows("3"))
	first := run(t, s, feeds)
	kept := runtime.Fetches{}
	for k, v := range first {
		kept[k] = v.Clone()
	}
	before := feeds["x"].Clone()
	for _, v := range first {
		clear(v.Bytes())
	}
	require.Equal(t, before.Bytes(), feeds["x"].Bytes())
	second := run(t, s, feeds)
	requireSame(t, kept, second)
}

func TestConcurrentRuns(t *testing.T) {
	m := textModel(t, twoLayers)
	s := compileText(t, m, runtime.Options{Threads: 2, Profile: true, Check: true})
	single := compileText(t, m, runtime.Options{Threads: 1})
	var wg sync.WaitGroup
	for i := range 8 {
		feeds := textFeeds(t, m, rows(fmt.Sprint(1+i%3*20)))
		want := run(t, single, feeds)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 20 {
				got, err := s.Run(context.Background(), feeds)
				if err != nil {
					t.Error(err)
					return
				}
				for name, w := range want {
					if string(w.Bytes()) != string(got[name].Bytes()) {
						t.Errorf("output %s differs", name)
					}
				}
			}
		}()
	}
	wg.Wait()
	require.Contains(t, s.Profile().String(), "Linear")
	require.Equal(t, int64(160), s.Profile().Steps[0].Count)
}

func TestCancel(t *testing.T) {
	m := textModel(t, twoLayers)
	s := compileText(t, m, runtime.Options{Threads: 1})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.Run(ctx, textFeeds(t, m, rows("3")))
	require.True(t, errors.Is(err, context.Canceled), "%v", err)
}

// TestCancelInsideLoop: a loop of a billion rounds ends when its context does.
func TestCancelInsideLoop(t *testing.T) {
	m := textModel(t, `g (float[2] x) => (float[2] y) <int64 count = {1000000000}, bool yes = {1}> {
		y = Loop (count, yes, x) <body = b (int64 i, bool c, float[2] a) => (bool d, float[2] e) { d = Identity (c)  e = Neg (a) }> }`)
	s := compileText(t, m, runtime.Options{Threads: 1})
	ctx, cancel := context.WithTimeout(context.Background(), 20_000_000)
	defer cancel()
	_, err := s.Run(ctx, textFeeds(t, m, nil))
	require.True(t, errors.Is(err, context.DeadlineExceeded), "%v", err)
}

func TestTapsAndOutputs(t *testing.T) {
	m := textModel(t, twoLayers)
	feeds := textFeeds(t, m, rows("3"))
	all := run(t, compileText(t, m, runtime.Options{Threads: 1, DisableFusion: true, Taps: []string{"c", "b", "x", "w2"}}), feeds)
	require.Len(t, all, 6)
	require.Equal(t, feeds["x"].Bytes(), all["x"].Bytes())

	tap := compileText(t, m, runtime.Options{Threads: 1, Outputs: []string{"c"}})
	require.Equal(t, "Linear", steps(tap))
	got, err := tap.Run(context.Background(), feeds)
	require.NoError(t, err)
	require.NoError(t, compare(got["c"], all["c"], 1e-6))

	_, err = runtime.Compile(m, runtime.Options{Taps: []string{"nowhere"}})
	require.EqualError(t, err, `the model's graph has no value "nowhere"`)
}

func TestRunOutputs(t *testing.T) {
	m := textModel(t, twoLayers)
	feeds := textFeeds(t, m, rows("3"))
	s := compileText(t, m, runtime.Options{Threads: 1, Profile: true})
	got, err := s.RunOutputs(context.Background(), feeds, "z")
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Len(t, s.Profile().Steps, 2)
	require.Equal(t, run(t, s, feeds)["z"].Bytes(), got["z"].Bytes())
	_, err = s.RunOutputs(context.Background(), feeds, "a")
	require.EqualError(t, err, `the session has no output "a"`)
}

// TestDefaults: an input with an initializer is a constant until it is fed.
func TestDefaults(t *testing.T) {
	m := textModel(t, `g (float[N,8] x, float[8,4] w1) => (float[N,4] y) { y = MatMul (x, w1) }`)
	w := m.Graph.Inits[0]
	m.Graph.Inputs = append(m.Graph.Inputs, w)
	s := compileText(t, m, runtime.Options{Threads: 1})
	require.Len(t, s.Inputs(), 2)
	require.Equal(t, "Linear", steps(s))
	feeds := textFeeds(t, m, rows("3"))
	delete(feeds, "w1")
	byDefault := run(t, s, feeds)
	feeds["w1"] = tensor.Zeros(tensor.Float32, 8, 4)
	require.Equal(t, make([]byte, 48), run(t, s, feeds)["y"].Bytes())
	feeds["w1"] = w.Const.Clone()
	require.NoError(t, compare(run(t, s, feeds)["y"], byDefault["y"], 1e-6))
	feeds["w1"] = tensor.Zeros(tensor.Float32, 8, 5)
	_, err := s.Run(context.Background(), feeds)
	require.EqualError(t, err, `input "w1": want float[8,4], got float[8,5]`)
	delete(feeds, "w1")
	requireSame(t, byDefault, run(t, s, feeds))
}

// TestControlFlow: bodies read values of the graphs around them, sizes change from round to round, and a branch may return what it
// did not compute.
func TestControlFlow(t *testing.T) {
	m := textModel(t, `g (float[N,2] x, bool c) => (float[M,2] y, float[K,2] all, float[N,2] z) <int64 three = {3}, bool yes = {1}> {
		twice = Add (x, x)
		y, all = Loop (three, yes, x) <body = b (int64 i, bool go, float[P,2] a) => (bool on, float[Q,2] grown, float[N,2] part) {
			on = Identity (go)  grown = Concat <axis = 0> (a, twice)
			part = If (c) <then_branch = t () => (float[N,2] p) { p = Mul (twice, x) }, else_branch = e () => (float[N,2] same) { same = Identity (twice) }> }>
		z = If (c) <then_branch = t2 () => (float[N,2] kept) { kept = Identity (x) }, else_branch = e2 () => (float[N,2] n) { n = Neg (twice) }> }`)
	for _, opt := range []runtime.Options{{Threads: 1, Check: true}, {Threads: 1, NoPlan: true}} {
		s := compileText(t, m, opt)
		feeds := textFeeds(t, m, rows("2"))
		x := tensor.Data[float32](feeds["x"])
		for _, c := range []bool{true, false, true} {
			feeds["c"] = tensor.Scalar(c)
			out := run(t, s, feeds)
			require.Equal(t, []int64{8, 2}, out["y"].Shape)
			require.Equal(t, []int64{3, 2, 2}, out["all"].Shape)
			for i, v := range tensor.Data[float32](out["y"]) {
				want := x[i%4]
				if i >= 4 {
					want *= 2
				}
				require.Equal(t, want, v)
			}
			for i, v := range tensor.Data[float32](out["all"]) {
				want := 2 * x[i%4]
				if c {
					want *= x[i%4]
				}
				require.Equal(t, want, v)
			}
			for i, v := range tensor.Data[float32](out["z"]) {
				want := x[i]
				if !c {
					want *= -2
				}
				require.Equal(t, want, v)
			}
		}
	}
}

// TestFunctions: calls of model-local functions run their bodies, with attributes and defaults.
func TestFunctions(t *testing.T) {
	m := textModel(t, `<ir_version: 9, opset_import: ["" : 17, "local" : 1]>
		g (float[N,4] x) => (float[N,4] y) { a = local.Leak (x)  y = local.Leak <slope = 0.5> (a) }
		<domain: "local", opset_import: ["" : 17]>
		Leak <slope: float = 0.25> (v) => (w) { w = LeakyRelu <alpha : float = @slope> (v) }`)
	s := compileText(t, m, runtime.Options{Threads: 1})
	require.Len(t, s.Blocks(), 2)
	require.Equal(t, "body: no kernel for local.Leak", s.Blocks()[0].String())
	feeds := textFeeds(t, m, rows("3"))
	for i, v := range tensor.Data[float32](run(t, s, feeds)["y"]) {
		want := tensor.Data[float32](feeds["x"])[i]
		if want < 0 {
			want *= 0.125
		}
		require.Equal(t, want, v)
	}
}

// TestRunErrorsNameTheNode: what only a run can see is an error of that run, and the session stays usable.
func TestRunErrorsNameTheNode(t *testing.T) {
	m := textModel(t, `g (float[N] x, int64[1] shape) => (float[M] y) { a = Exp (x)  b = Reshape (a, shape)  y = Neg (b) }`)
	s := compileText(t, m, runtime.Options{Threads: 1, Check: true})
	feeds := textFeeds(t, m, rows("4"))
	feeds["shape"] = tensor.Of([]int64{3}, 1)
	_, err := s.Run(context.Background(), feeds)
	var n *graph.NodeError
	require.ErrorAs(t, err, &n)
	require.Equal(t, "b", n.Node)
	feeds["shape"] = tensor.Of([]int64{4}, 1)
	run(t, s, feeds)
}

func TestEvalNode(t *testing.T) {
	g, err := graph.ParseGraph(`g (float[2] x, float[2] z) => (float[2] y) { y = Sub (x, z)  s = Softmax (x) }`, graph.ParseOptions{})
	require.NoError(t, err)
	in := []*tensor.Tensor{tensor.Of([]float32{1, 2}, 2), tensor.Of([]float32{3, 5}, 2)}
	out, err := runtime.EvalNode(g.First(), in)
	require.NoError(t, err)
	require.Equal(t, []float32{-2, -3}, tensor.Data[float32](out[0]))
	require.Equal(t, []float32{1, 2}, tensor.Data[float32](in[0]))
	_, err = runtime.EvalNode(g.First(), in[:1])
	require.EqualError(t, err, `node "y" (Sub): has 2 inputs, 1 were given`)
	_, err = runtime.EvalNode(g.First(), []*tensor.Tensor{in[0], tensor.Of([]float32{1, 2, 3}, 3)})
	require.Error(t, err)

	eval := runtime.Evaluator(graph.NewModel(8, 17))
	out, err = eval(g.Last(), in[:1])
	require.NoError(t, err)
	require.InDelta(t, 0.26894, tensor.Data[float32](out[0])[0], 1e-5)
}

// releasable is storage that notes that its pages are not needed any more.
type releasable struct {
	tensor.Heap
	released *int
}

func (r releasable) Release() { *r.released++ }

// TestPackedWeightsAreReleased: a weight whose every reader has packed it is let go; one that something still reads is not.
func TestPackedWeightsAreReleased(t *testing.T) {
	m := textModel(t, `g (float[N,8] x, int64[N] ids, float[8,8] w1, float[8,8] w2) => (float[N,8] y, float[N,8] z) {
		a = MatMul (x, w1)  b = MatMul (a, w2)  y = MatMul (b, w1)  z = Gather (w2, ids) }`)
	var released [2]int
	for i, v := range m.Graph.Inits {
		v.Const.SetStorage(releasable{tensor.Heap(v.Const.Bytes()), &released[i]})
	}
	s := compileText(t, m, runtime.Options{Threads: 1})
	require.Positive(t, released[0])
	require.Zero(t, released[1])
	feeds := textFeeds(t, m, rows("3"))
	first := run(t, s, feeds)
	clear(m.Graph.Inits[0].Const.Bytes())
	requireSame(t, first, run(t, s, feeds))
}

// TestSteadyRunsAllocateLittle: what a run of a static graph allocates does not grow with its buffers.
func TestSteadyRunsAllocateLittle(t *testing.T) {
	m := textModel(t, `g (float[64,64] x, float[64,256] w1, float[256] w2, float[256,64] w3, float[64,1] w4) => (float[64,1] y) {
		a = MatMul (x, w1)  b = Add (a, w2)  c = Relu (b)  d = MatMul (c, w3)  e = Add (d, x)  f = Softmax (e)  y = MatMul (f, w4) }`)
	s := compileText(t, m, runtime.Options{Threads: 1})
	feeds := textFeeds(t, m, nil)
	run(t, s, feeds)
	allocs := testing.AllocsPerRun(50, func() { run(t, s, feeds) })
	require.Less(t, allocs, 40.0)
}
