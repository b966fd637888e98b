package graph

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func mustModel(t *testing.T, text string) *Model {
	t.Helper()
	if !strings.HasPrefix(strings.TrimSpace(text), "<") {
		text = `<ir_version: 8, opset_import: ["" : 18]>` + text
	}
	m, err := ParseModel(text, ParseOptions{})
	require.NoError(t, err)
	return m
}

func TestNodesMayBeEditedWhileWalked(t *testing.T) {
	m := mustModel(t, `g (float[N] x) => (float[N] c) { a = Relu(x) b = Neg(a) c = Abs(b) }`)
	var seen []string
	for n := range m.Graph.Nodes() {
		seen = append(seen, n.ID.Op)
		if n.Is("Relu") {
			m.Graph.Remove(n.Next()) // ahead of the walk
			id := NewNode(OpID{Op: "Identity"}, []*Value{n.Out(0)}, []*Value{m.Graph.NewValue("b", Type{})})
			m.Graph.InsertAfter(id, n)
			id.Next().SetIn(0, id.Out(0))
		}
		if n.Is("Identity") {
			x := n.In(0)
			n.Out(0).ReplaceUses(x)
			m.Graph.Remove(n) // the current one
		}
	}
	require.Equal(t, []string{"Relu", "Identity", "Abs"}, seen)
	require.Equal(t, 2, m.Graph.NumNodes())
	require.Empty(t, m.Verify())
}

func TestReplaceValueKeepsOutputNames(t *testing.T) {
	m := mustModel(t, `g (float[N] x) => (float[N] y) { a = Relu(x) y = Identity(a) }`)
	g := m.Graph
	a, y := g.Find("a"), g.Find("y")
	require.NoError(t, g.ReplaceValue(y, a))
	g.Remove(g.Last())
	require.Equal(t, "y", g.Outputs[0].Name)
	require.Same(t, a, g.Outputs[0])
	require.Empty(t, m.Verify())
	require.Error(t, g.ReplaceValue(a, g.Inputs[0]), "an input cannot become an output under another name")
}

func TestVerifyFindsAll(t *testing.T) {
	for text, want := range map[string]string{
		`g (float x) => (float y) { y = Relu(z) }`:                                          "not defined",
		`g (float x) => (float y) { y = Relu(a) a = Neg(x) }`:                               "computed only later",
		`g (float x) => (float y) { y = Relu(x) y = Neg(x) }`:                               "defined twice",
		`g (float x, float x) => (float x) { }`:                                             "defined twice",
		`g (float x) => (float q) { y = Relu(x) }`:                                          `output "q" is not computed`,
		`g (float x) => (float y) { y = Relu <a = 1, a = 2> (x) }`:                          "given twice",
		`g (bool c) => (float y) { y = If <then_branch = t () => (r) { r = Neg(u) }> (c) }`: "then_branch",
		`g (float x) => (float y) { a = Relu(b) b = Neg(a) y = Neg(b) }`:                    "computed only later",
	} {
		found := mustModel(t, text).Verify()
		require.NotEmpty(t, found, text)
		require.ErrorContains(t, Err(found), "", text)
		var all []string
		for _, f := range found {
			all = append(all, f.String())
		}
		require.Contains(t, strings.Join(all, "\n"), want, text)
	}
}

func TestSort(t *testing.T) {
	m := mustModel(t, `g (float x, bool c) => (float y) {
		y = Add(a, b)
		b = If <then_branch = t () => (r) { r = Neg(a) }, else_branch = e () => (r2) { r2 = Abs(a) }> (c)
		a = Relu(x)
	}`)
	require.NotEmpty(t, m.Verify())
	require.NoError(t, m.Graph.Sort())
	require.Empty(t, m.Verify())
	var ops []string
	for n := range m.Graph.Nodes() {
		ops = append(ops, n.ID.Op)
	}
	require.Equal(t, []string{"Relu", "If", "Add"}, ops)

	cycle := mustModel(t, `g (float x) => (float y) { a = Add(x, b) b = Neg(a) y = Neg(b) }`)
	require.ErrorContains(t, cycle.Graph.Sort(), "cycle")
}

func TestInline(t *testing.T) {
	m := mustModel(t, `<ir_version: 10, opset_import: ["" : 18, "f" : 1]>
g (float[N] x) => (float[N] y, float[N] z) {
  y = f.Outer <k = 3> (x)
  z = f.Pass (x)
}
<domain: "f", opset_import: ["" : 18, "f" : 1]>
Outer <k, alpha = 0.5> (a, missing) => (c) {
  b = f.Inner <n: int = @k> (a)
  c = Elu <alpha: float = @alpha> (b)
}
<domain: "f", opset_import: ["" : 18]>
Inner <n> (a) => (b) { s = Softmax <axis: int = @n> (a)  b = If <then_branch = t () => (r) { r = Flatten <axis: int = @n> (s) }> (s) }
<domain: "f", opset_import: ["" : 18]>
Pass (a) => (a) { }
`)
	before := m.String()
	require.Empty(t, m.Verify())
	require.NoError(t, Inline(m, nil))
	require.Empty(t, m.Verify())
	require.Empty(t, m.Functions)
	var ops []string
	for n := range m.Graph.Nodes() {
		ops = append(ops, n.ID.Op)
	}
	require.Equal(t, []string{"Softmax", "If", "Elu", "Identity"}, ops)
	require.Equal(t, int64(3), m.Graph.First().Attrs.Int("axis", 0))
	sub := m.Graph.First().Next().Attrs.Graph("then_branch")
	require.Equal(t, int64(3), sub.First().Attrs.Int("axis", 0), "references inside subgraphs are bound too")
	require.Equal(t, "y", m.Graph.Outputs[0].Name)
	require.NotEqual(t, before, m.String())

	kept := mustModel(t, before)
	require.NoError(t, Inline(kept, func(id OpID) bool { return id.Op == "Inner" }))
	require.Len(t, kept.Functions, 1)
	require.Empty(t, kept.Verify())
}

func TestInlineRefuses(t *testing.T) {
	circle := mustModel(t, `<ir_version: 8, opset_import: ["" : 18, "f" : 1]> g (float x) => (float y) { y = f.A(x) }
<domain: "f", opset_import: ["f" : 1]> A (a) => (b) { b = f.B(a) }
<domain: "f", opset_import: ["f" : 1]> B (a) => (b) { b = f.A(a) }`)
	require.ErrorContains(t, Inline(circle, nil), "calls itself")
	other := mustModel(t, `<ir_version: 8, opset_import: ["" : 18, "f" : 1]> g (float x) => (float y) { y = f.A(x) }
<domain: "f", opset_import: ["" : 13]> A (a) => (b) { b = Relu(a) }`)
	require.ErrorContains(t, Inline(other, nil), "version 13")
}

func TestDims(t *testing.T) {
	n, s := Sym("batch"), Sym("seq")
	require.True(t, n.Mul(s).FloorDiv(n).Equal(s))
	require.True(t, n.Add(Const(2)).Sub(n).Is(2))
	require.True(t, n.scale(6).FloorDiv(Const(3)).Equal(n.scale(2)))
	require.True(t, Sym("past + seq").Equal(s.Add(Sym("past"))))
	require.Equal(t, "past + seq", Sym("past + seq").String())
	require.False(t, Unknown().Equal(Unknown()))
	require.True(t, Sym("Max(0, total - Min(past, total))").IsKnown())
	v, ok := Sym("((((samples//5)) - 9)//4) + 1").Bind(map[string]int64{"samples": 1000})
	require.True(t, ok)
	require.Equal(t, int64(48), v)
	require.Equal(t, []string{"past", "total"}, Sym("Max(0, total - Min(past, total))").Symbols(nil))
	require.True(t, n.FloorDiv(Const(0)).Equal(Unknown()) == false)
	require.Equal(t, "weird name!", Sym("weird name!").String())
}
