package onnxgo_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/owulveryck/onnx-go"
	"github.com/stretchr/testify/require"
	gonum "gonum.org/v1/gonum/graph"
	"gorgonia.org/tensor"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio/onnxgo"
)

// encode is a model in ONNX's textual syntax as a file.
func encode(t *testing.T, text string) []byte {
	t.Helper()
	m, err := graph.ParseModel(text, graph.ParseOptions{})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, onnxio.Encode(&b, m))
	return b.Bytes()
}

// load decodes a model of opset 13 into a new Graph.
func load(t *testing.T, body string) (*onnxgo.Graph, *onnx.Model) {
	t.Helper()
	g := onnxgo.NewGraph()
	m := onnx.NewModel(g)
	require.NoError(t, m.UnmarshalBinary(encode(t, `<ir_version: 8, opset_import: ["" : 13]> `+body)))
	return g, m
}

func vector(x ...float32) *tensor.Dense {
	return tensor.New(tensor.WithShape(len(x)), tensor.WithBacking(x))
}

// run sets the inputs, runs and returns the outputs.
func run(t *testing.T, g *onnxgo.Graph, m *onnx.Model, inputs ...tensor.Tensor) []tensor.Tensor {
	t.Helper()
	for i, x := range inputs {
		require.NoError(t, m.SetInput(i, x))
	}
	require.NoError(t, g.Run())
	out, err := m.GetOutputTensors()
	require.NoError(t, err)
	return out
}

func TestOneValueTwice(t *testing.T) {
	g, m := load(t, `g (float[3] x) => (float[3] y) { y = Mul (x, x) }`)
	require.Equal(t, []float32{1, 4, 9}, run(t, g, m, vector(1, 2, 3))[0].Data())
}

func TestOmittedInputAndOutput(t *testing.T) {
	g, m := load(t, `g (float[3] x, float max) => (float[3] y) { y = Clip (x, , max) }`)
	require.Equal(t, []float32{-5, 2, 2}, run(t, g, m, vector(-5, 2, 3), tensor.New(tensor.FromScalar(float32(2))))[0].Data())

	g, m = load(t, `g (float[3] x) => (int64[2] i) <int64[1] k = {2}> { "", i = TopK (x, k) }`)
	require.Equal(t, []int64{2, 0}, run(t, g, m, vector(5, 2, 7))[0].Data())
}

func TestOperatorsWithoutInput(t *testing.T) {
	g, m := load(t, `g (float[2] x) => (float[2] y) { a = Constant <value_floats = [1.0, 2.0]> () b = Constant <value = float[2] {10, 20}> ()
		s = Add (a, b) y = Add (s, x) }`)
	require.Equal(t, []float32{111, 222}, run(t, g, m, vector(100, 200))[0].Data())
}

// Every output is there, though another operator reads it, or it is an input; interior values are there on request.
func TestOutputsWithinTheModel(t *testing.T) {
	g, m := load(t, `g (float[2] x) => (float[2] a, float[2] y, float[2] b, float[2] x) <float[2] w = {1, 2}> { a = Add (x, w) b = Mul (a, w) c = Neg (b) y = Abs (c) }`)
	for _, x := range [][]float32{{1, 2}, {10, 20}} {
		out := run(t, g, m, vector(x...))
		a := []float32{x[0] + 1, x[1] + 2}
		b := []float32{a[0], 2 * a[1]}
		require.Equal(t, a, out[0].Data())
		require.Equal(t, b, out[1].Data())
		require.Equal(t, b, out[2].Data())
		require.Equal(t, x, out[3].Data())
		c, ok := m.GetNodeByName("c")
		require.True(t, ok)
		require.Equal(t, []float32{-b[0], -b[1]}, c.(onnx.DataCarrier).GetTensor().Data())
	}
}

func TestShapesThatChange(t *testing.T) {
	g, m := load(t, `g (float[N,2] x) => (float[N,1] y) <float[2,1] w = {1, 10}> { y = MatMul (x, w) }`)
	for _, rows := range []int{1, 3, 2, 3, 1} {
		x, want := []float32{}, []float32{}
		for i := range rows {
			x, want = append(x, float32(i), 2), append(want, float32(i+20))
		}
		out := run(t, g, m, tensor.New(tensor.WithShape(rows, 2), tensor.WithBacking(x)))
		require.Equal(t, tensor.Shape{rows, 1}, out[0].Shape())
		got := numbers(t, out[0])
		for i := range want {
			require.Equal(t, float64(want[i]), got[i])
		}
	}
}

func TestWeightReplaced(t *testing.T) {
	g, m := load(t, `g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Mul (x, w) }`)
	require.Equal(t, []float32{3, 6}, run(t, g, m, vector(3, 3))[0].Data())
	w, _ := m.GetNodeByName("w")
	require.NoError(t, w.(onnx.DataCarrier).SetTensor(vector(5, 7)))
	require.Equal(t, []float32{15, 21}, run(t, g, m)[0].Data())
}

// What a caller does to an output reaches neither inputs nor weights.
func TestOutputsAreTheCallers(t *testing.T) {
	g, m := load(t, `g (float[2] x) => (float[2] y, float[2] v) <float[2] w = {1, 2}> { y = Identity (x) v = Identity (w) }`)
	x := vector(3, 4)
	for range 2 {
		out := run(t, g, m, x)
		require.Equal(t, []float32{3, 4}, out[0].Data())
		require.Equal(t, []float32{1, 2}, out[1].Data())
		out[0].Data().([]float32)[0] = 99
		out[1].Data().([]float32)[0] = 99
		require.Equal(t, []float32{3, 4}, x.Data())
	}
}

func TestInputNotSet(t *testing.T) {
	g, m := load(t, `g (float[2] x, float[2] y) => (float[2] z) { z = Add (x, y) }`)
	require.NoError(t, m.SetInput(0, vector(1, 2)))
	require.ErrorContains(t, g.Run(), `input "y" (node 1) has no tensor`)
	out, err := m.GetOutputTensors()
	require.NoError(t, err)
	require.Nil(t, out[0])
	require.Equal(t, []float32{4, 6}, run(t, g, m, vector(1, 2), vector(3, 4))[0].Data())
	// Filling the declared tensor in place counts as setting it.
	g, m = load(t, `g (float[2] x) => (float[2] z) { z = Neg (x) }`)
	copy(m.GetInputTensors()[0].Data().([]float32), []float32{7, 8})
	require.Equal(t, []float32{-7, -8}, run(t, g, m)[0].Data())
}

// After a Run that failed there is no output of the one before.
func TestNoStaleOutput(t *testing.T) {
	g, m := load(t, `g (float[2] x, float[2] y) => (float[2] z) { z = Add (x, y) }`)
	run(t, g, m, vector(1, 2), vector(3, 4))
	require.NoError(t, m.SetInput(0, vector(1, 2, 3)))
	require.Error(t, g.Run())
	out, err := m.GetOutputTensors()
	require.NoError(t, err)
	require.Nil(t, out[0])
}

func TestImageScaler(t *testing.T) {
	b := encode(t, `<ir_version: 3, opset_import: ["" : 8]> g (float[1,2,1,2] x) => (float[1,2,1,2] y) { y = ImageScaler <bias = [1.0, 2.0], scale = 0.5> (x) }`)
	g := onnxgo.NewGraph()
	m := onnx.NewModel(g)
	require.NoError(t, m.UnmarshalBinary(b))
	x := tensor.New(tensor.WithShape(1, 2, 1, 2), tensor.WithBacking([]float32{2, 4, 6, 8}))
	require.Equal(t, []float32{2, 3, 5, 6}, run(t, g, m, x)[0].Data())
}

func TestRefusals(t *testing.T) {
	decode := func(text string) error {
		return onnx.NewModel(onnxgo.NewGraph()).UnmarshalBinary(encode(t, text))
	}
	var not *onnx.ErrNotImplemented
	err := decode(`<ir_version: 8, opset_import: ["" : 13, "mine" : 1]> g (float[2] x) => (float[2] y) { y = mine.Frobnicate (x) }`)
	require.ErrorAs(t, err, &not)
	require.Equal(t, "Frobnicate", not.Operator)
	err = decode(`<ir_version: 8, opset_import: ["" : 13]> g (bool c, float[2] x) => (float[2] y) {
		y = If (c) <then_branch = a () => (float[2] p) { p = Neg (x) }, else_branch = b () => (float[2] q) { q = Abs (x) }> }`)
	require.ErrorAs(t, err, &not)

	g, m := load(t, `g (float[2] x, bool t) => (float[2] y) <float r = {0.5}> { y = Dropout (x, r, t) }`)
	require.NoError(t, m.SetInput(0, vector(1, 2)))
	require.NoError(t, m.SetInput(1, tensor.New(tensor.FromScalar(true))))
	err = g.Run()
	require.IsType(t, not, err, "onnx-go's runner does not unwrap")
	require.ErrorContains(t, err, "Dropout")

	// onnx-go does not pass an operator's domain: it is found by the name.
	g = onnxgo.NewGraph()
	m = onnx.NewModel(g)
	require.NoError(t, m.UnmarshalBinary(encode(t, `<ir_version: 8, opset_import: ["" : 13, "com.microsoft" : 1]> g (float[2] x) => (float[2] y) { y = com.microsoft.QuickGelu (x) }`)))
	require.NoError(t, m.SetInput(0, vector(1, 2)))
	err = g.Run()
	require.IsType(t, not, err)
	require.ErrorContains(t, err, "com.microsoft.QuickGelu, opset 1")

	g, m = load(t, `g (float[2] x) => (float[2] y) { y = Neg (x) }`)
	require.Error(t, m.SetInput(0, nil))
	require.NoError(t, m.SetInput(0, tensor.New(tensor.WithShape(2), tensor.WithBacking([]string{"a", "b"}))))
	require.ErrorContains(t, g.Run(), `input "x": the model declares float, the tensor is string`)
	require.Error(t, m.UnmarshalBinary(encode(t, `<ir_version: 8, opset_import: ["" : 13]> g (float[2] x) => (float[2] y) { y = Neg (x) }`)), "one model in a Graph")
	require.ErrorContains(t, onnxgo.NewGraph().Run(), "no operation")
}

// A tensor of another type is taken when each value stays what it is.
func TestOtherElementTypes(t *testing.T) {
	g, m := load(t, `g (int64[2] x) => (int64[2] y) { y = Neg (x) }`)
	require.Equal(t, []int64{-3, 4}, run(t, g, m, vector(3, -4))[0].Data())
	require.Equal(t, []int64{-5, -6}, run(t, g, m, tensor.New(tensor.WithShape(2), tensor.WithBacking([]int{5, 6})))[0].Data())
	require.NoError(t, m.SetInput(0, vector(3.5, 4)))
	require.ErrorContains(t, g.Run(), "the model declares int64")
	require.NoError(t, m.SetInput(0, vector(1e30, 4)))
	require.ErrorContains(t, g.Run(), "53 bits")

	g, m = load(t, `g (float[1] x) => (float[1] y) { y = Neg (x) }`)
	require.NoError(t, m.SetInput(0, tensor.New(tensor.WithShape(1), tensor.WithBacking([]float64{0.1}))))
	require.ErrorContains(t, g.Run(), "values that the declared type has not")
}

func TestOpset(t *testing.T) {
	// Softmax over the first of two axes that are left: at 13 each column sums to 1, before all elements do.
	b := encode(t, `<ir_version: 8, opset_import: ["" : 13]> g (float[1,2,2] x) => (float[1,2,2] y) { y = Softmax <axis = 1> (x) }`)
	x := tensor.New(tensor.WithShape(1, 2, 2), tensor.WithBacking(make([]float32, 4)))
	for _, told := range []bool{false, true} {
		g := onnxgo.NewGraph()
		want := []float32{0.25, 0.25, 0.25, 0.25}
		if told {
			var err error
			g.Opset, err = onnxgo.OpsetOf(b)
			require.NoError(t, err)
			require.EqualValues(t, 13, g.Opset)
			want = []float32{0.5, 0.5, 0.5, 0.5}
		}
		m := onnx.NewModel(g)
		require.NoError(t, m.UnmarshalBinary(b))
		require.Equal(t, want, run(t, g, m, x)[0].Data())
	}
	// Unsqueeze with its axes as an input is of 13, and so is Softmax beside it.
	g, m := load(t, `g (float[2,2] x) => (float[1,2,2] y) <int64[1] axes = {0}> { u = Unsqueeze (x, axes) y = Softmax <axis = 1> (u) }`)
	require.Equal(t, []float32{0.5, 0.5, 0.5, 0.5}, run(t, g, m, tensor.New(tensor.WithShape(2, 2), tensor.WithBacking(make([]float32, 4))))[0].Data())
	_, err := onnxgo.OpsetOf([]byte("not a model"))
	require.Error(t, err)
}

// Graphs run side by side, and after Close.
func TestGraphsSideBySide(t *testing.T) {
	var wait sync.WaitGroup
	for i := range 4 {
		g, m := load(t, `g (float[64,64] x) => (float[64,64] y) { h = MatMul (x, x) y = Relu (h) }`)
		wait.Go(func() {
			data := make([]float32, 64*64)
			for j := range 64 {
				data[j*65] = float32(i)
			}
			for k := range 8 {
				if k == 4 {
					g.Close()
				}
				if m.SetInput(0, tensor.New(tensor.WithShape(64, 64), tensor.WithBacking(data))) != nil || g.Run() != nil {
					t.Error("the run failed")
					return
				}
				out, err := m.GetOutputTensors()
				if err != nil || out[0].Data().([]float32)[65] != float32(i*i) {
					t.Error("another result")
				}
			}
		})
	}
	wait.Wait()
}

// The graph by hand, as gonum sees it.
func TestByHand(t *testing.T) {
	g := onnxgo.NewGraph()
	node := func() gonum.Node {
		n := g.NewNode()
		g.AddNode(n)
		return n
	}
	x, w, y := node(), node(), node()
	require.NoError(t, x.(*onnxgo.Node).SetTensor(vector(1, 2)))
	require.NoError(t, w.(*onnxgo.Node).SetTensor(vector(0, 5)))
	require.NoError(t, g.ApplyOperation(onnx.Operation{Name: "Sub"}, y))
	g.SetWeightedEdge(g.NewWeightedEdge(y, w, 1))
	g.SetWeightedEdge(g.NewWeightedEdge(y, x, 0))
	require.NoError(t, g.Run())
	require.Equal(t, []float32{1, -3}, y.(*onnxgo.Node).GetTensor().Data())

	require.Equal(t, 3, g.Nodes().Len())
	require.Equal(t, 2, g.From(y.ID()).Len())
	require.Equal(t, 1, g.To(x.ID()).Len())
	require.Zero(t, g.To(y.ID()).Len())
	require.Zero(t, g.From(99).Len())
	require.True(t, g.HasEdgeBetween(x.ID(), y.ID()))
	require.False(t, g.HasEdgeFromTo(x.ID(), y.ID()))
	require.Nil(t, g.Edge(x.ID(), w.ID()))
	require.Equal(t, 1.0, g.WeightedEdge(y.ID(), w.ID()).Weight())
	require.Nil(t, g.Node(99))

	require.Error(t, g.ApplyOperation(onnx.Operation{Name: "Neg"}, y), "computed twice")
	g.SetWeightedEdge(g.NewWeightedEdge(y, x, -1))
	require.ErrorContains(t, g.Run(), "position of the input")
	g.AddNode(onnxgo.NewGraph().NewNode())
	require.ErrorContains(t, g.Run(), "not a node of this graph")
}

// An operator that the model does not order, or that waits for itself.
func TestOrder(t *testing.T) {
	g, m := load(t, `g (float[2] x) => (float[2] y) { y = Neg (h) h = Abs (x) }`)
	require.Equal(t, []float32{-1, -2}, run(t, g, m, vector(1, -2))[0].Data())
	g, m = load(t, `g (float[2] x) => (float[2] y) { h = Add (x, k) k = Neg (h) y = Abs (k) }`)
	require.NoError(t, m.SetInput(0, vector(1, 2)))
	require.Error(t, g.Run())
	g, m = load(t, `g (float[2] x) => (float[2] y) { y = Add (x, nowhere) }`)
	require.NoError(t, m.SetInput(0, vector(1, 2)))
	require.ErrorContains(t, g.Run(), `"nowhere"`)
}
