package graph

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Random expressions have the value that arithmetic on numbers gives, whatever form they were brought into, and survive printing.
func TestDimArithmetic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"batch", "seq", "h"}
	for range 20000 {
		values := map[string]int64{"batch": 1 + r.Int64N(9), "seq": 1 + r.Int64N(50), "h": 1 + r.Int64N(300)}
		var build func(depth int) (Dim, int64)
		build = func(depth int) (Dim, int64) {
			if depth == 0 || r.IntN(5) == 0 {
				if r.IntN(3) == 0 {
					n := r.Int64N(13) - 3
					return Const(n), n
				}
				s := names[r.IntN(len(names))]
				return Sym(s), values[s]
			}
			a, x := build(depth - 1)
			b, y := build(depth - 1)
			switch r.IntN(7) {
			case 0:
				return a.Add(b), x + y
			case 1:
				return a.Sub(b), x - y
			case 2:
				return a.Mul(b), x * y
			case 3:
				return a.Min(b), min(x, y)
			case 4:
				return a.Max(b), max(x, y)
			case 5:
				n := 1 + r.Int64N(8)
				return a.FloorDiv(Const(n)), floorDiv(x, n)
			}
			s := names[r.IntN(len(names))]
			return a.FloorDiv(Sym(s)), floorDiv(x, values[s])
		}
		d, want := build(4)
		if !d.IsKnown() {
			continue
		}
		got, ok := d.Bind(values)
		require.True(t, ok)
		require.Equal(t, want, got, "%s with %v", d, values)
		again := Sym(d.String())
		if n, constant := d.Value(); constant {
			again = Const(n)
		}
		require.True(t, again.Equal(d), "%s is read back as %s", d, again)
	}
}

func TestDimForms(t *testing.T) {
	for _, c := range [][2]string{
		{"((((samples//5)) - 9)//4) + 1", "(samples - 25)//20"},
		{"(((samples - 10)//5 - 7)//4 - 3)//2 + 1", "((((((((samples//5)) - 9)//4)) - 3)//2)) + 1"},
		{"(((width - 1)//2)//2)//2 + 1", "(width + 7)//8"},
		{"2*seq*batch", "batch*2*seq"},
		{"(batch*seq)//batch", "seq"},
		{"(32*n + 32)//(n + 1)", "32"},
		{"(batch*seq + batch)//(seq + 1)", "batch"},
		{"(batch + 1)*(seq + 2)", "batch*seq + 2*batch + seq + 2"},
		{"(4*h)//6", "(2*h)//3"},
		{"(h - 1)//2 + 1", "(h + 1)//2"},
		{"Max(0, total)", "total"},
		{"Min(n, n + 3)", "n"},
		{"0 - (h//2)", "0 - (2*h)//4"},
	} {
		a, b := Sym(c[0]), Sym(c[1])
		require.True(t, a.Equal(b), "%s: %s, %s: %s", c[0], a.canonical(), c[1], b.canonical())
	}
	require.Equal(t, "batch*seq + 4*(h//2)", Const(4).Mul(Sym("h").FloorDiv(Const(2))).Add(Sym("seq").Mul(Sym("batch"))).String())
	require.Equal(t, "-(h//2)", Const(0).Sub(Sym("h").FloorDiv(Const(2))).String())
}

// What does not fit into 64 bits is unknown, not wrong.
func TestDimOverflow(t *testing.T) {
	big := Const(1 << 40)
	require.False(t, big.Mul(big).IsKnown())
	require.False(t, big.Mul(Sym("n")).Mul(big).IsKnown())
	require.False(t, Const(math.MaxInt64).Add(Const(1)).IsKnown())
	require.False(t, Const(math.MinInt64).Sub(Const(1)).IsKnown())
	require.False(t, Const(math.MinInt64).FloorDiv(Const(-1)).IsKnown())
	d := Sym("n")
	for range 60 {
		d = d.Mul(d.Add(Sym("m")))
		if len(d.String()) > 1000 {
			d = Sym("n")
		}
	}
}
