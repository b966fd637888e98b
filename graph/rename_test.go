package graph

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const renameModel = `g (float[N,4] x, bool c) => (float[N,4] y) <float[4] b = {1,2,3,4}, float[N,4] a> {
	a = Add(x, b)
	y = If(c) <then_branch = yes () => (float[N,4] t) { t = Neg(a) }, else_branch = no () => (float[N,4] e) { e = Abs(x) }>
}`

func TestRenameValue(t *testing.T) {
	m := mustModel(t, renameModel)
	for _, r := range [][2]string{{"x", "input.0"}, {"a", "sum"}, {"y", "out"}, {"b", "bias"}, {"c", "c"}} {
		require.NoError(t, m.RenameValue(r[0], r[1]))
	}
	require.Empty(t, m.Verify())
	require.Equal(t, mustModel(t, `g (float[N,4] "input.0", bool c) => (float[N,4] out) <float[4] bias = {1,2,3,4}, float[N,4] sum> {
	sum = Add("input.0", bias)
	out = If(c) <then_branch = yes () => (float[N,4] t) { t = Neg(sum) }, else_branch = no () => (float[N,4] e) { e = Abs("input.0") }>
}`).String(), m.String())
}

func TestRenameValueRefuses(t *testing.T) {
	m := mustModel(t, renameModel)
	before := m.String()
	require.ErrorIs(t, m.RenameValue("q", "r"), ErrNoValue)
	require.NoError(t, m.RenameValue("t", "r"), "a value of a subgraph")
	require.Contains(t, m.String(), "=> (float[N,4] r) {")
	require.NoError(t, m.RenameValue("r", "t"))
	require.ErrorIs(t, m.RenameValue("x", "b"), ErrNameTaken)
	require.ErrorIs(t, m.RenameValue("x", "t"), ErrNameTaken, "a subgraph's value would hide it")
	require.Error(t, m.RenameValue("x", ""))
	m.Graph.Extra = &Extra{Kept: []Field{{Number: 14, Value: []byte("\x0a\x01x")}}}
	require.ErrorContains(t, m.RenameValue("x", "r"), "annotation")
	m.Graph.Extra = nil
	m.Training = []*Training{{}}
	require.ErrorContains(t, m.RenameValue("x", "r"), "training")
	m.Training = nil
	require.Equal(t, before, m.String())
}

func TestRenameValueThatIsDeclaredOtherwise(t *testing.T) {
	m := mustModel(t, `g (float[N] x) => (float[N] x) { }`)
	x := m.Graph.Inputs[0]
	said := *x
	old := &Extra{OutputInfo: map[string]OutputInfo{"x": {Info: &said, Elem: x.Type.Elem}, "z": {}}}
	m.Graph.Extra = old
	require.NoError(t, m.RenameValue("x", "y"))
	require.Equal(t, "y", m.Graph.Extra.OutputInfo["y"].Info.Name)
	require.Len(t, m.Graph.Extra.OutputInfo, 2)
	require.Equal(t, "x", old.OutputInfo["x"].Info.Name, "clones share it")
}

func TestProps(t *testing.T) {
	list := []Prop{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}, {Key: "a", Value: "3"}}
	require.Equal(t, []Prop{{Key: "a", Value: "4"}, {Key: "b", Value: "2"}}, SetProp(list, "a", "4"))
	require.Equal(t, append(list[:3:3], Prop{Key: "c"}), SetProp(list, "c", ""))
	rest, ok := RemoveProp(list, "a")
	require.True(t, ok)
	require.Equal(t, list[1:2], rest)
	_, ok = RemoveProp(list, "z")
	require.False(t, ok)
}

func TestReplaceSymbol(t *testing.T) {
	for _, c := range []struct{ dim, symbol, with, want string }{
		{"N", "N", "batch", "batch"},
		{"N", "N", "3", "3"},
		{"M", "N", "3", "M"},
		{"2*N + M + 1", "N", "3", "M + 7"},
		{"N*N", "N", "3", "9"},
		{"(N + 1)//2", "N", "4", "2"},
		{"(N + 1)//M", "N", "K", "(K + 1)//M"},
		{"Max(N, M)", "N", "M", "M"},
		{"Min(N, 4)", "N", "9", "4"},
	} {
		require.True(t, Sym(c.want).Equal(Sym(c.dim).Replace(c.symbol, Sym(c.with))), "%v: %s", c, Sym(c.dim).Replace(c.symbol, Sym(c.with)))
	}
	require.False(t, Unknown().Replace("N", Const(1)).IsKnown())

	m := mustModel(t, `g (float[N,4] x, seq(float[N]) s) => (float[2*N,4] y) <float[N,4] a> { a = Abs(x) y = Concat<axis = 0>(a, x) }`)
	c := m.Clone()
	require.Equal(t, 4, c.ReplaceSymbol("N", Const(3)))
	require.Equal(t, mustModel(t, `g (float[3,4] x, seq(float[3]) s) => (float[6,4] y) <float[3,4] a> { a = Abs(x) y = Concat<axis = 0>(a, x) }`).String(), c.String())
	require.Contains(t, m.String(), "seq(float[N])", "the original is not changed")
	require.Zero(t, m.ReplaceSymbol("Q", Const(3)))
}

func TestRenameInSeveralSubgraphs(t *testing.T) {
	m := mustModel(t, `g (float x, bool c) => (float y) {
		["one"] y = If (c) <then_branch = t () => (r) { ["two"] r = Neg (x) }, else_branch = e () => (r) { ["two"] r = Abs (x) }>
	}`)
	require.ErrorIs(t, m.RenameValue("r", "q"), ErrManySuch)
	require.ErrorIs(t, m.RenameNode("two", "q"), ErrManyNodes)
	require.ErrorIs(t, m.RenameNode("three", "q"), ErrNoNode)
	require.ErrorIs(t, m.RenameNode("one", "two"), ErrNameTaken)
	require.Error(t, m.RenameNode("one", ""))
	require.NoError(t, m.RenameNode("one", "four"))
	require.Equal(t, "four", m.Graph.First().Name)
}
