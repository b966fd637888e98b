package graph

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func TestAttrsGiveTheirValueOrTheDefault(t *testing.T) {
	sub, one := NewGraph("sub"), tensor.Scalar(float32(1))
	n := NewNode(OpID{Op: "A"}, nil, nil, IntAttr("i", 3), FloatAttr("f", 1.5), StringAttr("s", "x"), IntsAttr("is", 1, 2), FloatsAttr("fs", 1, 2),
		TensorAttr("t", one), GraphAttr("g", sub), &Attr{Name: "ref", Kind: AttrInt, Ref: "outer"})
	a := n.Attrs
	require.Equal(t, int64(3), a.Int("i", 7))
	require.Equal(t, float32(1.5), a.Float("f", 7))
	require.Equal(t, "x", a.String("s", "no"))
	require.Equal(t, []int64{1, 2}, a.Ints("is"))
	require.Equal(t, []float32{1, 2}, a.Floats("fs"))
	require.Same(t, one, a.Tensor("t"))
	require.Same(t, sub, a.Graph("g"))
	// Another kind, an absent one, and a reference are not it.
	for _, name := range []string{"f", "none", "ref"} {
		require.Equal(t, int64(7), a.Int(name, 7), name)
	}
	for _, name := range []string{"i", "none", "ref"} {
		require.Equal(t, float32(7), a.Float(name, 7), name)
		require.Equal(t, "no", a.String(name, "no"), name)
		require.Nil(t, a.Ints(name), name)
		require.Nil(t, a.Floats(name), name)
		require.Nil(t, a.Tensor(name), name)
		require.Nil(t, a.Graph(name), name)
	}
	n.SetAttr(IntAttr("i", 4))
	n.SetAttr(IntAttr("j", 5))
	require.Equal(t, int64(4), n.Attrs.Int("i", 0))
	require.Equal(t, int64(5), n.Attrs.Int("j", 0))
	require.Len(t, n.Attrs, 9)
	require.Equal(t, "unknown", AttrKind(77).String())
}

func graphOf(t *testing.T, text string) *Graph {
	g, err := ParseGraph(text, ParseOptions{})
	require.NoError(t, err)
	return g
}

// chain is x -> a -> b -> y.
func chain(t *testing.T) (*Graph, [3]*Node) {
	g := graphOf(t, `g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { a = Neg (x)  b = Add (a, w)  y = Abs (b) }`)
	return g, [3]*Node{g.First(), g.First().Next(), g.Last()}
}

func TestNodesMoveAndLeave(t *testing.T) {
	g, n := chain(t)
	require.Same(t, n[1], n[2].Prev())
	g.MoveBefore(n[2], n[2])
	g.MoveBefore(n[2], n[0])
	require.Same(t, n[2], g.First())
	require.NotEmpty(t, (&Model{Graph: g}).Verify(), "an input that comes later")
	require.NoError(t, g.Sort())
	require.Same(t, n[2], g.Last())

	c := g.NewValue("c", Type{})
	late := NewNode(OpID{Op: "Exp"}, []*Value{n[0].Out(0)}, []*Value{c})
	g.InsertAfter(late, n[0])
	require.Same(t, n[1], late.Next())
	end := NewNode(OpID{Op: "Exp"}, []*Value{c}, []*Value{g.NewValue("d", Type{})})
	g.InsertAfter(end, g.Last())
	require.Same(t, end, g.Last())
	require.Equal(t, 5, g.NumNodes())
	require.Empty(t, (&Model{Graph: g}).Verify())
	require.Panics(t, func() { g.Append(end) }, "it is in a graph already")
	other, m := chain(t)
	require.Panics(t, func() { other.InsertBefore(NewNode(OpID{Op: "A"}, nil, nil), end) })
	require.Panics(t, func() { other.InsertAfter(NewNode(OpID{Op: "A"}, nil, nil), end) })
	require.Panics(t, func() { other.Remove(end) })
	require.Equal(t, 3, other.NumNodes())
	require.Same(t, m[0], other.FindNode(m[0].Name))
	require.Nil(t, other.FindNode("none"))
	require.Nil(t, other.Find("none"))

	// Nodes that are removed while they are walked are not visited.
	var seen []string
	for x := range g.Nodes() {
		seen = append(seen, x.ID.Op)
		if x == late {
			g.Remove(end)
		}
	}
	require.Equal(t, []string{"Neg", "Exp", "Add", "Abs"}, seen)
	require.Zero(t, c.NumUses())
	require.Equal(t, []*Value{n[0].Out(0), g.Find("w")}, n[1].Reads())
}

func TestValuesKnowTheirUses(t *testing.T) {
	g, n := chain(t)
	a, w, y := n[0].Out(0), g.Find("w"), n[2].Out(0)
	require.Same(t, g, a.Graph())
	require.True(t, w.IsConst())
	require.False(t, a.IsConst())
	require.Equal(t, int64(8), w.ConstBytes())
	require.Zero(t, a.ConstBytes())
	use, ok := a.SoleUse()
	require.True(t, ok)
	require.Equal(t, Use{n[1], 0}, use)
	_, ok = y.SoleUse()
	require.False(t, ok)
	p, i := y.Producer()
	require.Same(t, n[2], p)
	require.Zero(t, i)
	p, _ = (*Value)(nil).Producer()
	require.Nil(t, p)
	a.ReplaceUses(a)
	require.Equal(t, 1, a.NumUses())
	n[1].AddInput(nil)
	n[1].AddInput(a)
	require.Equal(t, 2, a.NumUses())
	n[1].DropInput()
	n[1].DropInput()
	require.Equal(t, 1, a.NumUses())
	require.Nil(t, n[1].In(-1))
	require.Nil(t, n[1].Out(5))

	n[1].SetIn(1, a)
	g.RemoveInit(w)
	require.Nil(t, g.Find("w"))
	require.Nil(t, w.Graph())
	require.Empty(t, (&Model{Graph: g}).Verify())

	// An output's place is taken under its name; by an input it cannot be.
	require.Error(t, g.ReplaceValue(y, g.Inputs[0]))
	require.NoError(t, g.ReplaceValue(y, y))
	require.NoError(t, g.ReplaceValue(y, a))
	require.Equal(t, "y", g.Outputs[0].Name)
	require.Same(t, a, g.Outputs[0])
	require.NotEqual(t, "y", y.Name)
	moved := g.NewValue("moved", Type{})
	n[2].MoveOutput(0, moved)
	require.Nil(t, y.producer)
	require.Same(t, moved, n[2].Out(0))
}

func TestSubgraphsKnowTheirNode(t *testing.T) {
	g := graphOf(t, `g (bool c, float x) => (float y) { y = If <then_branch = t () => (x) {}, else_branch = e () => (b) { b = Abs (x) }> (c) }`)
	n := g.First()
	branch := n.Attrs.Graph("else_branch")
	require.Same(t, n, branch.Owner())
	require.Same(t, g, branch.Parent())
	require.Nil(t, g.Parent())
	x := g.Find("x")
	require.Equal(t, 1, x.NumUses())
	g.Remove(n)
	require.Zero(t, x.NumUses(), "the nodes of a removed node's subgraphs use nothing")
	loose := NewGraph("loose")
	loose.SetOwner(n)
	require.Same(t, n, loose.Owner())
}

func TestTypesAndShapes(t *testing.T) {
	s := ShapeOf(Const(2), Sym("N"), Unknown())
	require.Equal(t, 3, s.Rank())
	require.Equal(t, -1, Shape{}.Rank())
	require.Equal(t, "[2,N,?]", s.String())
	require.Equal(t, "[...]", Shape{}.String())
	require.True(t, s.Dim(-2).Equal(Sym("N")))
	require.False(t, s.Dim(5).IsKnown())
	require.False(t, s.Equal(s), "an unknown dim equals nothing")
	require.True(t, ShapeOf(Sym("N")).Equal(ShapeOf(Sym("N"))))
	require.False(t, ShapeOf(Sym("N")).Equal(ShapeOf(Sym("M"))))
	require.False(t, s.Equal(Shape{}))
	_, ok := s.Ints()
	require.False(t, ok)
	_, ok = Shape{}.Ints()
	require.False(t, ok)
	require.True(t, TensorType(tensor.Float32, s).IsTensor())
	require.False(t, Type{Kind: KindTensor}.IsTensor())
	require.Equal(t, "?", Type{}.String())
	require.Equal(t, "float[2*N]", TensorType(tensor.Float32, ShapeOf(Sym("2*N"))).String())
	op, a, b, ok := Sym("N//2").Operands()
	require.True(t, ok)
	require.Equal(t, "// N 2", op+" "+a.String()+" "+b.String())
	_, _, _, ok = Sym("N").Operands()
	require.False(t, ok)
}

func TestModelsAndErrors(t *testing.T) {
	m := NewModel(8, 17)
	m.Import("ai.onnx", 18)
	m.Import("local", 1)
	m.Import("local", 2)
	require.Equal(t, int64(17), m.Opset("ai.onnx"))
	require.Equal(t, int64(1), m.Opset("local"))
	require.Zero(t, m.Opset("none"))
	f, err := ParseFunction(`<domain: "local", opset_import: ["" : 17]> f (x) => (y) { y = Neg (x) }`, ParseOptions{})
	require.NoError(t, err)
	require.Equal(t, int64(17), f.Opset(""))
	m.Functions = append(m.Functions, f)
	require.Same(t, f, m.Function(f.ID))
	require.Nil(t, m.Function(OpID{Op: "f"}))
	require.Contains(t, f.String(), "f (x) => (y) {")
	require.Contains(t, f.Body.First().String(), "y = Neg (x)")
	for _, id := range []OpID{{"local", "f", "o"}, {"", "f", ""}, {"a.b", "f", ""}} {
		require.Equal(t, id, ParseOpID(id.String()))
	}

	var closed closer
	require.NoError(t, m.Close())
	m.SetSource(&closed)
	require.Same(t, &closed, m.Source())
	require.NoError(t, m.Close())
	require.NoError(t, m.Close())
	require.Equal(t, 1, closed.times)

	cause := errors.New("cause")
	err = AtNode(f.Body.First(), 17, cause)
	require.ErrorIs(t, err, cause)
	require.Equal(t, `node "y" (Neg, opset 17): cause`, err.Error())
	require.Equal(t, `node "y" (Neg): cause`, AtNode(f.Body.First(), 0, cause).Error())
	require.Empty(t, NewNode(OpID{Op: "A"}, nil, nil).Label())
	text, err := json.Marshal(Warning)
	require.NoError(t, err)
	require.Equal(t, `"warning"`, string(text))
}

type closer struct{ times int }

func (c *closer) Close() error {
	c.times++
	return nil
}

func TestCompareSeesSparseAndTraining(t *testing.T) {
	const text = `<ir_version: 8> g () => () <sparse_tensor(float[9]) s = (float[1] {1.0}, int64[1] {3})> {
  y = A <a = sparse_tensor(float[9]) (float[1] {1.0}, int64[1] {3}), f: float = @r> ()
}
<domain: "d"> f <a, b = 1> (x) => (x) {}
training_info { algorithm: t () => () {}, update_binding: ["a": "b"] }`
	a, err := ParseModel(text, ParseOptions{})
	require.NoError(t, err)
	same, err := ParseModel(text, ParseOptions{})
	require.NoError(t, err)
	require.True(t, Compare(a, same).Equal())
	for _, change := range [][2]string{
		{"A <a = sparse_tensor(float[9]) (float[1] {1.0}", "A <a = sparse_tensor(float[9]) (float[1] {2.0}"}, {`["a": "b"]`, `["a": "c"]`}, {"b = 1", "b = 2"}, {"@r", "@q"},
	} {
		b, err := ParseModel(strings.Replace(text, change[0], change[1], 1), ParseOptions{})
		require.NoError(t, err)
		require.False(t, Compare(a, b).Equal(), change[1])
	}
}
