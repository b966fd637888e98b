package op_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// infer returns the inferred types of the named values of a graph in opset 18.
func infer(t *testing.T, body string, opt op.InferOptions) (*graph.Model, op.InferReport) {
	t.Helper()
	m := parse(t, `<ir_version: 9, opset_import: ["" : 18]>`+"\n"+body)
	report, err := op.Infer(m, opt)
	require.NoError(t, err)
	return m, report
}

func typeOf(t *testing.T, m *graph.Model, name string) string {
	t.Helper()
	v := m.Graph.Find(name)
	require.NotNil(t, v, name)
	return v.Type.String()
}

func TestInferIdioms(t *testing.T) {
	for _, c := range []struct{ name, graph, value, want string }{
		{"split heads and merge them",
			`g (float[batch,seq,64] x) => (float[a,b,c] y) {
				s = Shape (x)  zero = Constant <value_int = 0> ()  one = Constant <value_int = 1> ()
				b = Gather (s, zero)  n = Gather (s, one)
				axis = Constant <value_ints = [0]> ()
				b1 = Unsqueeze (b, axis)  n1 = Unsqueeze (n, axis)
				h = Constant <value_ints = [4]> ()  d = Constant <value_ints = [16]> ()
				to = Concat <axis = 0> (b1, n1, h, d)
				r = Reshape (x, to)  p = Transpose <perm = [0, 2, 1, 3]> (r)  q = Transpose <perm = [0, 2, 1, 3]> (p)
				rest = Constant <value_ints = [-1]> ()
				back = Concat <axis = 0> (b1, n1, rest)
				y = Reshape (q, back) }`, "p y", "float[batch,4,seq,16] float[a,b,c]"},
		{"flatten the batch and restore it",
			`g (float[batch,seq,64] x) => (float[a,b] y) {
				flat = Constant <value_ints = [-1, 64]> ()  f = Reshape (x, flat)
				s = Shape (x)  r = Reshape (f, s)  y = Reshape (r, flat) }`, "r", "float[batch,seq,64]"},
		{"arithmetic on lengths",
			`g (float[batch,past,8] p, float[batch,seq,8] x) => (float[a,b,c] y) {
				k = Concat <axis = 1> (p, x)
				s = Shape <start = 1, end = 2> (k)  one = Constant <value_ints = [1]> ()
				m = Sub (s, one)  zero = Constant <value_ints = [0]> ()
				cut = Slice (k, zero, m, one)
				y = Identity (k) }`, "k cut", "float[batch,past + seq,8] float[batch,past + seq - 1,8]"},
		{"expand by a computed shape with -1 for keep",
			`g (float[1,seq] x, float[batch,seq] z) => (float[a,b] y) {
				s = Shape (z)  minus = Constant <value_ints = [-1, -1]> ()
				keep = Equal (s, minus)
				two = Constant <value_ints = [2]> ()  ones = ConstantOfShape <value = int64[1] {1}> (two)
				w = Where (keep, ones, s)  v = Expand (x, w)  y = Identity (v) }`, "v", "float[batch,seq]"},
		{"range over a length",
			`g (float[batch,seq] x) => (int64[a] y) {
				s = Shape (x)  one = Constant <value_int = 1> ()  n = Gather (s, one)  zero = Constant <value_int = 0> ()
				r = Range (zero, n, one)  y = Identity (r) }`, "r", "int64[seq]"},
		{"position table cut to a length",
			`g (float[batch,seq,8] x, float[1,512,8] table) => (float[a,b,c] y) {
				s = Shape <start = 1, end = 2> (x)  zero = Constant <value_ints = [0]> ()  one = Constant <value_ints = [1]> ()
				pos = Slice (table, zero, s, one)  sum = Add (x, pos)  y = Identity (sum) }`,
			"pos sum", "float[1,Min(512, seq),8] float[batch,seq,8]"},
		{"size of a window",
			`g (float[batch,3,h,w] x, float[8,3,3,3] k) => (float[a,b,c,d] y) {
				z = Conv <pads = [1,1,1,1], strides = [2,2]> (x, k)  y = Identity (z) }`, "z", "float[batch,8,(h + 1)//2,(w + 1)//2]"},
		{"pads computed by reshape and transpose, as the legacy exporter writes them",
			`g (float[n,4] x) => (float[a,b] y) {
				p = Constant <value_ints = [1, 2]> ()  zeros = Constant <value_ints = [0, 0]> ()
				all = Concat <axis = 0> (p, zeros)
				two = Constant <value_ints = [-1, 2]> ()  m = Reshape (all, two)
				from = Constant <value_ints = [-1]> ()  to = Constant <value_ints = [-9223372036854775807]> ()
				axis = Constant <value_ints = [0]> ()
				r = Slice (m, from, to, axis, from)  t = Transpose <perm = [1, 0]> (r)
				flat = Reshape (t, from)  pads = Cast <to = 7> (flat)
				z = Pad (x, pads)  y = Identity (z) }`, "z", "float[n,7]"},
		{"number of elements",
			`g (float[batch,seq,4] x) => (int64 y) { n = Size (x)  z = Flatten <axis = 2> (x)  y = Identity (n) }`, "n z", "int64 float[batch*seq,4]"},
		{"contents reach through sequences of one element and back",
			`g (float[2,3] x) => (float[a,b] y) { s = SplitToSequence <axis = 0, keepdims = 0> (x)  zero = Constant <value_int = 0> ()
				e = SequenceAt (s, zero)  y = Identity (x) }`, "s e", "seq(float[3]) float[3]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, report := infer(t, c.graph, op.InferOptions{})
			require.Empty(t, report.Stopped)
			require.Empty(t, report.Conflicts)
			var got []string
			for _, name := range strings.Fields(c.value) {
				got = append(got, typeOf(t, m, name))
			}
			require.Equal(t, c.want, strings.Join(got, " "))
		})
	}
}

func TestInferPolicies(t *testing.T) {
	build := func() *graph.Model {
		m := parse(t, opset11+`g (float[N,3] x) => (float[A,3] y) { h = Relu (x)  k = Abs (x)  y = Neg (k) }`)
		m.Graph.Find("h").Type = graph.TensorType(tensor.Float32, graph.ShapeOf(graph.Sym("M"), graph.Unknown()))
		m.Graph.Find("k").Type = graph.TensorType(tensor.Float32, graph.ShapeOf(graph.Sym("N"), graph.Const(4)))
		return m
	}
	m := build()
	report, err := op.Infer(m, op.InferOptions{})
	require.NoError(t, err)
	require.Equal(t, "float[M,3]", typeOf(t, m, "h"), "stated symbols stay, unknown dims are filled")
	require.Equal(t, "float[N,4]", typeOf(t, m, "k"), "a wrong statement stays, and is reported")
	require.Equal(t, "float[A,3]", typeOf(t, m, "y"), "a stated output stays")
	require.Equal(t, `error: value "k": stated shape [N,4], inferred [N,3]`, report.Conflicts[0].String())

	m = build()
	_, err = op.Infer(m, op.InferOptions{Policy: op.Strict})
	require.ErrorContains(t, err, `value "k": stated shape [N,4], inferred [N,3]`)

	m = build()
	_, err = op.Infer(m, op.InferOptions{Policy: op.Override, Outputs: true})
	require.NoError(t, err)
	require.Equal(t, "float[N,3] float[N,3] float[N,3]", typeOf(t, m, "h")+" "+typeOf(t, m, "k")+" "+typeOf(t, m, "y"))
}

func TestInferRecords(t *testing.T) {
	m, report := infer(t, `g (float[N,3] x) => (float[N,3] y) { h = Relu (x)  y = Neg (h) }`, op.InferOptions{Record: true})
	require.Equal(t, op.InferReport{Values: 2, Typed: 2}, report)
	require.Equal(t, []*graph.Value{m.Graph.Find("h")}, m.Graph.ValueInfo)
	_, err := op.Infer(m, op.InferOptions{Record: true})
	require.NoError(t, err)
	require.Len(t, m.Graph.ValueInfo, 1)
}

func TestInferControlFlow(t *testing.T) {
	m, report := infer(t, `g (bool c, float[N,4] x, int64 trips) => (float[?,?] y) {
		i = If (c) <then_branch = t () => (float[a,b] u) { u = Relu (x) }, else_branch = e () => (float[a,b] v) { v = Concat <axis = 0> (x, x) }>
		count = Constant <value_int = 5> ()
		true = Constant <value = bool {1}> ()
		kept, rows = Loop (count, true, x) <body = b (int64 k, bool on, float[p,q] s) => (bool more, float[p,q] s1, float[r] row) {
			more = Identity (on)  s1 = Abs (s)  axes = Constant <value_ints = [0]> ()  row = ReduceSum <keepdims = 0> (s, axes) }>
		grown = Loop (trips, true, x) <body = b2 (int64 k2, bool on2, float[p,q] w) => (bool more2, float[p,q] w1) {
			more2 = Identity (on2)  w1 = Concat <axis = 0> (w, x) }>
		sum, parts = Scan <num_scan_inputs = 1, body = b3 (float[4] st, float[4] el) => (float[4] st1, float[1,4] part) {
			st1 = Add (st, el)  ax = Constant <value_ints = [0]> ()  part = Unsqueeze (el, ax) }> (first, x)
		zeros = Constant <value_floats = [0.0, 0.0, 0.0, 0.0]> ()
		y = Identity (x) }`, op.InferOptions{})
	require.Len(t, report.Stopped, 1) // "first" is nowhere defined
	require.Equal(t, "float[?,4]", typeOf(t, m, "i"))
	require.Equal(t, "float[N,4]", typeOf(t, m, "kept"))
	require.Equal(t, "float[5,4]", typeOf(t, m, "rows"))
	require.Equal(t, "float[?,4]", typeOf(t, m, "grown"))
	require.Equal(t, "float[N,1,4]", typeOf(t, m, "parts"))
}

func TestInferFunctions(t *testing.T) {
	m := parse(t, `<ir_version: 9, opset_import: ["" : 18, "my" : 1]>
		g (float[N,8] x, float[8,4] w, float[4,2] v) => (float[a,b] y) { h = my.linear <act = 1> (x, w)  k = my.linear <act = 0> (h, v)  y = Identity (k) }
		<domain: "my", opset_import: ["" : 18, "my" : 1]> linear <act> (a, b) => (c) { p = MatMul (a, b)  c = my.pick <keepdims : int = @act> (p) }
		<domain: "my", opset_import: ["" : 18]> pick <keepdims : int = 1> (a) => (b) { b = Relu (a) }`)
	report, err := op.Infer(m, op.InferOptions{})
	require.NoError(t, err)
	require.Empty(t, report.Stopped)
	require.Equal(t, "float[N,4] float[N,2]", typeOf(t, m, "h")+" "+typeOf(t, m, "k"))
	for _, f := range m.Functions {
		for n := range f.Body.Nodes() {
			require.Equal(t, graph.KindUnknown, n.Out(0).Type.Kind, "a function's own values belong to no single call")
		}
	}
}

func TestInferStops(t *testing.T) {
	_, report := infer(t, `g (float[N,3] x, int64[K] shape) => (float[a] y) {
		s = Reshape (x, shape)  r = Relu (s)  q = other.Op (x)  z = MatMul (x, x2)  x2 = Constant <value = float[5,2] {1,2,3,4,5,6,7,8,9,10}> ()
		y = Identity (x) }`, op.InferOptions{})
	reasons := map[string]string{}
	for _, s := range report.Stopped {
		reasons[s.Value] = s.Reason
	}
	require.Equal(t, "output 0 depends on values that are only known when the model runs", reasons["s"])
	require.Equal(t, `input "s" has no full type`, reasons["r"])
	require.Equal(t, "operator other.Op is not one of the standard, and no function of the model", reasons["q"])
}

func TestInferKnownContents(t *testing.T) {
	const text = `g (float[N,6] x, int64[2] shape) => (float[a,b] y) { z = Reshape (x, shape)  y = Identity (z) }`
	m, _ := infer(t, text, op.InferOptions{})
	require.Equal(t, "float[?,?]", typeOf(t, m, "z"))
	m, _ = infer(t, text, op.InferOptions{Known: map[string]*tensor.Tensor{"shape": tensor.Of([]int64{-1, 3}, 2)}})
	require.Equal(t, "float[2*N,3]", typeOf(t, m, "z"))
}

func TestUpdate(t *testing.T) {
	m, _ := infer(t, `g (float[N,6] x) => (float[a,b] y) {
		left = Abs (x)  h = Relu (x)  s = Shape (h)  z = Add (h, left)  r = Reshape (z, s)  q = Neg (r)  y = Identity (q) }`, op.InferOptions{})
	require.Equal(t, "float[N,6]", typeOf(t, m, "q"))
	// Relu becomes a product that widens the rows: z no longer fits, so make both sides alike.
	w := m.Graph.AddInit("w", tensor.Zeros(tensor.Float32, 6, 9))
	n, _ := m.Graph.Find("h").Producer()
	n.ID.Op = "MatMul"
	n.AddInput(w)
	l, _ := m.Graph.Find("left").Producer()
	l.ID.Op = "MatMul"
	l.AddInput(w)
	m.Graph.Find("left").Doc = "kept"
	report, err := op.Update(m, op.InferOptions{}, n, l)
	require.NoError(t, err)
	require.Empty(t, report.Stopped)
	for _, v := range []string{"left", "h", "z", "r", "q"} {
		require.Equal(t, "float[N,9]", typeOf(t, m, v), v)
	}
	require.Equal(t, "float[a,b]", typeOf(t, m, "y"))
	require.Equal(t, 7, report.Values)

	// An edit that changes no type goes no further than its node.
	a, _ := m.Graph.Find("q").Producer()
	a.ID.Op = "Abs"
	report, err = op.Update(m, op.InferOptions{}, a)
	require.NoError(t, err)
	require.Equal(t, 1, report.Values)
}

func TestInferNode(t *testing.T) {
	m := parse(t, opset11+`g (float[N,M,8] x) => (float[a] y) { s = Shape (x)  two = Constant <value = int64[2] {0, 1}> ()  d = Gather (s, two)
		last = Constant <value = int64[1] {4}> ()  to = Concat <axis = 0> (d, last)  y = Identity (x) }`)
	env := op.NewEnv(m, op.InferOptions{})
	x, y := m.Graph.Find("x"), m.Graph.Find("y")
	to := m.Graph.Find("to")
	to.Type = graph.TensorType(tensor.Int64, graph.ShapeOf(graph.Const(3)))
	for _, v := range []string{"s", "two", "d", "last"} {
		p, _ := m.Graph.Find(v).Producer()
		require.NoError(t, op.InferNode(p, 0, env))
	}
	env = op.NewEnv(m, op.InferOptions{}) // knows nothing of what those hold
	w := m.Graph.AddInit("w", tensor.Zeros(tensor.Float32, 8, 4))
	h := m.Graph.NewValue("h", graph.Type{})
	n := graph.NewNode(graph.OpID{Op: "MatMul"}, []*graph.Value{x, w}, []*graph.Value{h})
	last, _ := y.Producer()
	m.Graph.InsertBefore(n, last)
	require.NoError(t, op.InferNode(n, 0, env))
	require.Equal(t, "float[N,M,4]", h.Type.String())

	r := m.Graph.NewValue("r", graph.Type{})
	n = graph.NewNode(graph.OpID{Op: "Reshape"}, []*graph.Value{h, to}, []*graph.Value{r})
	m.Graph.InsertBefore(n, last)
	require.NoError(t, op.InferNode(n, 11, env))
	require.Equal(t, "float[N,M,4]", r.Type.String())

	bad := graph.NewNode(graph.OpID{Op: "MatMul"}, []*graph.Value{h, w}, []*graph.Value{m.Graph.NewValue("z", graph.Type{})})
	m.Graph.InsertBefore(bad, last)
	require.ErrorContains(t, op.InferNode(bad, 0, env), "dims 4 and 8 differ")
}

// Nested branches, loops and calls stay cheap, also where each level doubles the work.
func TestInferIsBounded(t *testing.T) {
	inner := "r30 = Relu (x)"
	for i := 29; i >= 0; i-- {
		n := string(rune('a'+i%26)) + string(rune('a'+i/26))
		inner = "r" + itoa(i) + " = If (c) <then_branch = t" + n + " () => (float[q] " + "r" + itoa(i+1) + ") {" + inner +
			"}, else_branch = e" + n + " () => (float[q] " + "e" + itoa(i+1) + ") { e" + itoa(i+1) + " = Relu (x) }>"
	}
	start := time.Now()
	m, _ := infer(t, "g (bool c, float[N] x) => (float[q] y) {"+inner+" y = Identity (r0) }", op.InferOptions{Policy: op.Override})
	require.Equal(t, "float[N]", typeOf(t, m, "r0"))
	require.Less(t, time.Since(start), time.Second)

	functions := ""
	for i := range 60 {
		functions += "<domain: \"f\", opset_import: [\"\" : 18, \"f\" : 1]> f" + itoa(i) + " (a) => (b) { c = f.f" + itoa(i+1) + " (a)  b = f.f" + itoa(i+1) + " (c) }\n"
	}
	bomb := parse(t, "<ir_version: 9, opset_import: [\"\" : 18, \"f\" : 1]>\ng (float[N] x) => (float[q] y) { y = f.f0 (x) }\n"+functions+
		"<domain: \"f\", opset_import: [\"\" : 18]> f60 (a) => (b) { b = Relu (a) }")
	start = time.Now()
	_, err := op.Infer(bomb, op.InferOptions{})
	require.NoError(t, err)
	require.Less(t, time.Since(start), 10*time.Second)
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + string(rune('0'+i%10))
}

// A dimension that grows with every node does not grow without end.
func TestInferDimsAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("g (float[N,M] x) => (float[q] y) { x0 = Flatten <axis = 0> (x)  ")
	for i := range 200 {
		b.WriteString("s" + itoa(i) + " = Shape (x" + itoa(i) + ")  x" + itoa(i+1) + " = Tile (x" + itoa(i) + ", s" + itoa(i) + ")  ")
	}
	b.WriteString("y = Identity (x0) }")
	start := time.Now()
	m, report := infer(t, b.String(), op.InferOptions{})
	require.Empty(t, report.Stopped)
	require.Less(t, len(typeOf(t, m, "x200")), 500)
	require.Less(t, time.Since(start), time.Second)
}
