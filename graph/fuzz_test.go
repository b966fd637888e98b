package graph

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzDim reads two expressions over dimensions. What is read prints as it was written; the canonical text means the same; sums undo, and
// a value for each symbol gives the same number before and after arithmetic.
func FuzzDim(f *testing.F) {
	for _, text := range []string{
		"N", "batch", "2*N + 1", "(N)//(2)", "Min(512, seq)", "Max(a, -b)", "Mod(n, 3)*4", "-(a - b)*(a + b)", "((((x))))", "9223372036854775807 + 1",
		"a*a*a*a*a*a*a*a*a", "(h + 1)//2 - (h - 1)//2", "odd name", "floor(h/2)", "-9223372036854775808", "0*x", "x//0", "Mod(x, 0)", "3//-2", "",
	} {
		f.Add(text, "n + 1", int64(3), int64(5))
	}
	f.Fuzz(func(t *testing.T, a, b string, x, y int64) {
		d, e := Sym(a), Sym(b)
		if a != "" {
			require.Equal(t, a, d.String())
			require.True(t, d.Equal(Sym(a)))
			again := Sym(d.canonical())
			require.True(t, again.Equal(d) || len(d.canonical()) > maxDimText, "%q is %q", d.canonical(), again.canonical())
		}
		x, y = x%1000, y%1000
		values := map[string]int64{}
		for i, s := range e.Symbols(d.Symbols(nil)) {
			values[s] = max(x, -x) + int64(i)*max(y, -y)
		}
		v, known := d.Bind(values)
		w, _ := e.Bind(values)
		for name, c := range map[string]struct {
			of   Dim
			want func() (int64, bool)
		}{
			"sum":        {d.Add(e), func() (int64, bool) { return v + w, true }},
			"difference": {d.Sub(e), func() (int64, bool) { return v - w, true }},
			"product":    {d.Mul(e), func() (int64, bool) { return v * w, true }},
			"least":      {d.Min(e), func() (int64, bool) { return min(v, w), true }},
			"greatest":   {d.Max(e), func() (int64, bool) { return max(v, w), true }},
			"quotient":   {d.FloorDiv(e), func() (int64, bool) { return floorDiv(v, max(w, 1)), w > 0 }},
			"remainder":  {d.Mod(e), func() (int64, bool) { return v - max(w, 1)*floorDiv(v, max(w, 1)), w > 0 }},
		} {
			got, ok := c.of.Bind(values)
			if want, defined := c.want(); ok && known && defined && bounded(v) && bounded(w) {
				require.Equal(t, want, got, "%s of %q and %q is %q", name, a, b, c.of)
			}
			if c.of.NonNegative() && ok && bounded(v) && bounded(w) {
				require.GreaterOrEqual(t, got, int64(0), "%s of %q and %q is %q", name, a, b, c.of)
			}
		}
		if sum := d.Add(e).Sub(e); sum.IsKnown() {
			require.True(t, sum.Equal(d), "%q + %q - %q is %q", a, b, b, sum)
		}
		if s, ok := e.Symbol(); ok {
			if r := d.Replace(s, Const(7)); r.IsKnown() {
				require.NotContains(t, r.Symbols(nil), s)
			}
		}
	})
}

// bounded keeps clear of numbers whose products do not fit.
func bounded(n int64) bool { return n > -1<<30 && n < 1<<30 }

// FuzzInline reads a model in text, copies every function's body into its callers, and demands that a sound model stays sound, that no
// call is left, and that a refusal changes nothing.
func FuzzInline(f *testing.F) {
	for _, text := range []string{
		`g (float x) => (float y) { y = l.f (x) }
<domain: "l", opset_import: ["" : 18]> f (a) => (b) { b = Neg (a) }`,
		`g (float x) => (float y) { y = l.f <n = 2> (x) }
<domain: "l", opset_import: ["" : 18, "l" : 1]> f <n, m: int = 3> (a, w) => (b, a) { c = l.h (a)  b = Thing <axis: int = @n, z: int = @m> (c, w) }
<domain: "l", opset_import: ["" : 18]> h (a) => (b) { b = Neg (a) }`,
		`g (float x) => (float y) { y = l.f (x) }
<domain: "l", opset_import: ["l" : 1]> f (a) => (b) { b = l.h (a) }
<domain: "l", opset_import: ["l" : 1]> h (a) => (b) { b = l.f (a) }`,
		`g (float x, bool c) => (float y) { y = If (c) <then_branch = t () => (p) { p = l.f (x) }, else_branch = e () => (q) { q = Neg (x) }> }
<domain: "l", opset_import: ["" : 18]> f (a) => (b) { k = Constant <value_float = 1.0> ()  b = If (k) <then_branch = t () => (p) { p = Neg (a) }, else_branch = e () => (q) { q = Abs (a) }> }`,
		`g (float x) => (float y) { y, z = l.f (x, x)  y2 = l.f:o (y) }
<domain: "l", opset_import: ["" : 18]> f (a, b) => (a, a) { }
<domain: "l", overload: "o", opset_import: ["" : 18]> f (a) => (b) { b = Neg (a) }`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseModel(`<ir_version: 10, opset_import: ["" : 18, "l" : 1]>`+text, ParseOptions{})
		if err != nil || m.Graph == nil {
			return
		}
		sound := Err(m.Verify()) == nil
		if nodes := callWeight(m); nodes > 10_000 {
			return
		}
		before := m.String()
		clone := m.Clone()
		if err := Inline(clone, nil); err != nil {
			if sound {
				require.Equal(t, before, m.String(), "a clone shares nothing that an edit changes")
			}
			return
		}
		require.Equal(t, before, m.String(), "a clone shares nothing that an edit changes")
		require.Empty(t, clone.Functions)
		clone.Walk(func(g *Graph) {
			for n := range g.Nodes() {
				require.Nil(t, m.Function(n.ID), "a call of %s is left", n.ID)
			}
		})
		if sound {
			require.NoError(t, Err(clone.Verify()), "%s\n%s", before, clone)
		}
		again, err := ParseModel(clone.String(), ParseOptions{})
		require.NoError(t, err)
		require.Equal(t, clone.String(), again.String())
	})
}

// callWeight bounds what inlining makes: nodes, times the largest function's size once for each level of calls.
func callWeight(m *Model) int {
	most, total := 1, 0
	m.Walk(func(g *Graph) { total += g.NumNodes() })
	for range m.Functions {
		most *= max(total, 1)
		if most > 1<<20 {
			break
		}
	}
	return total * most
}
