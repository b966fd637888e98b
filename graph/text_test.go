package graph

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

const everyForm = `<
  ir_version: 10,
  opset_import: ["" : 18, "my.ops" : 1],
  producer_name: "a \"quoted\" name",
  model_version: 3,
  metadata_props: ["k": "v", "k": "again"]
>
"main/graph" (float[N,"(N)//(2)",?,"2*N + 1"] x, int64 n, string[] s, seq(float[2]) q, optional(seq(int32)) o, map(int64, string) m, float[2] d) => (float y, "odd name")
<float[2] d = {1.0, -2.5},
 float[2,2] w = {1.0, 0.1, 1e-09, nan},
 int4[3] i4 = {-8, 7, 1},
 float16[2] h = {14336, 31743},
 string[2] st = {"a", "b\\\"c"},
 float[2,2] t1> {
  ["node/one"] t1, "" = my.ops.Thing:fast <axis = 1, scale = 2.0, mode = "x", pads: ints = [], f: floats = [1.0, 2.0], t = float[1] named = {3.0}, tp = seq(float[2]), ref: int = @outer, bad: float = -inf> (x, "", w)
  "odd name" = If <then_branch = g1 () => (a) {
    a = Identity (t1)
  }, else_branch = g2 () => (b) {
    b = Neg (t1)
  }> (n)
  y = my.ops.F <alpha = 0.5> (t1)
}
<
  domain: "my.ops",
  opset_import: ["" : 18]
>
F <alpha, beta = 2> (a, b) => (c) {
  c = Elu <alpha: float = @alpha> (a)
}
`

func TestTextIsAFixedPoint(t *testing.T) {
	m, err := ParseModel(everyForm, ParseOptions{})
	require.NoError(t, err)
	require.Equal(t, everyForm, m.String())
	again, err := ParseModel(m.Clone().String(), ParseOptions{})
	require.NoError(t, err)
	require.Equal(t, everyForm, again.String())
}

func TestTextMeaning(t *testing.T) {
	m, err := ParseModel(everyForm, ParseOptions{})
	require.NoError(t, err)
	g := m.Graph
	require.Equal(t, int64(18), m.Opset("ai.onnx"))
	n := g.First()
	require.Equal(t, OpID{"my.ops", "Thing", "fast"}, n.ID)
	require.Nil(t, n.In(1))
	require.Nil(t, n.Out(1))
	require.Equal(t, "outer", n.Attrs.Get("ref").Ref)
	require.Empty(t, n.Attrs.Get("pads").Ints)
	require.Equal(t, AttrInts, n.Attrs.Get("pads").Kind)
	i4, err := g.Find("i4").Const.Int64s()
	require.NoError(t, err)
	require.Equal(t, []int64{-8, 7, 1}, i4)
	thenBranch := n.Next().Attrs.Graph("then_branch")
	require.Same(t, n.Out(0), thenBranch.First().In(0), "a subgraph sees the values around it")
	require.Same(t, g, thenBranch.Parent())
	dim := g.Inputs[0].Type.Shape.Dims[1]
	v, ok := dim.Bind(map[string]int64{"N": 7})
	require.True(t, ok)
	require.Equal(t, int64(3), v)
}

func TestLargeTensorsAreFoundByHash(t *testing.T) {
	g := NewGraph("g")
	big := tensor.Of(make([]float32, 100), 10, 10)
	w := g.AddInit("w", big)
	y := g.NewValue("y", Type{})
	g.Append(NewNode(OpID{Op: "Neg"}, []*Value{w}, []*Value{y}))
	g.AddOutput(y)
	m := &Model{IRVersion: 8, Opsets: []OpsetID{{Version: 13}}, Graph: g}
	text := m.String()
	_, err := ParseModel(text, ParseOptions{})
	require.ErrorContains(t, err, "not in the text")
	back, err := ParseModel(text, ParseOptions{Resolve: func(string) (*tensor.Tensor, error) { return big, nil }})
	require.NoError(t, err)
	require.Equal(t, text, back.String())
	require.Equal(t, big.Hash(), back.Graph.Find("w").Const.Hash())
}

func FuzzText(f *testing.F) {
	f.Add(everyForm)
	f.Add(everyNote(f))
	f.Add("<ir_version: 8>\ng (float[N] x) => (float[N] y) { y = Relu(x) }")
	for text := range refusedTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseModel(text, ParseOptions{})
		if err != nil {
			return
		}
		printed := printAll(t, m)
		again, err := ParseModel(printed, ParseOptions{})
		require.NoError(t, err, printed)
		require.Equal(t, printed, printAll(t, again))
		_ = m.String()
		m.Verify()
	})
}

func TestSubgraphsMayReturnOuterValues(t *testing.T) {
	text := `<
  ir_version: 8,
  opset_import: ["" : 18]
>
g (bool c, float x) => (float y) {
  a = Neg (x)
  y = If <then_branch = t () => (a) {
  }, else_branch = e () => (b) {
    b = Abs (x)
  }> (c)
}
`
	m, err := ParseModel(text, ParseOptions{})
	require.NoError(t, err)
	require.Empty(t, m.Verify())
	require.Equal(t, text, m.String())
	require.Same(t, m.Graph.Find("a"), m.Graph.Last().Attrs.Graph("then_branch").Outputs[0])
}
