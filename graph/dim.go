package graph

import (
	"sort"
	"strconv"
	"strings"
)

// Dim is one dimension of a shape: a constant, a linear expression c0 + Σ ci·symbol, or unknown (the zero value). A symbol is a name
// or an opaque expression (a division that does not come out, a product of symbols, min, max), which compares by its text.
type Dim struct {
	known bool
	c     int64
	terms []term // sorted by text, no zero coefficients; never changed after construction
	text  string // as the file wrote it, when that differs from the canonical form
}

type term struct {
	coef int64
	sym  string   // canonical text
	expr *dimExpr // nil for a plain name
}

type dimExpr struct {
	op   string // "//", "*", "min", "max", "mod"
	a, b Dim
}

// Const is the dimension n.
func Const(n int64) Dim { return Dim{known: true, c: n} }

// Sym is the symbolic dimension of that name. A name that is an expression over integers and names (+ - * // Min Max) is taken apart;
// anything else is one opaque name. The text is kept for writing. An empty name is Unknown.
func Sym(name string) Dim {
	if name == "" {
		return Dim{}
	}
	d, ok := parseDim(name)
	if !ok {
		d = atom(name, nil)
	}
	if d.canonical() != name {
		d.text = name
	}
	return d
}

// Unknown is a dimension of which nothing is known, not even that it equals another.
func Unknown() Dim { return Dim{} }

func atom(text string, e *dimExpr) Dim {
	return Dim{known: true, terms: []term{{1, text, e}}}
}

// IsKnown reports whether the dimension is a constant or symbolic.
func (d Dim) IsKnown() bool { return d.known }

// Value is the constant, if d is one.
func (d Dim) Value() (int64, bool) { return d.c, d.known && len(d.terms) == 0 }

// Is reports whether d is the constant n.
func (d Dim) Is(n int64) bool { return d.known && len(d.terms) == 0 && d.c == n }

// Symbol is the name, if d is one plain symbol.
func (d Dim) Symbol() (string, bool) {
	if d.known && d.c == 0 && len(d.terms) == 1 && d.terms[0].coef == 1 {
		return d.terms[0].sym, true
	}
	return "", false
}

// Equal reports whether both dimensions are known to be the same.
func (d Dim) Equal(e Dim) bool {
	if !d.known || !e.known || d.c != e.c || len(d.terms) != len(e.terms) {
		return false
	}
	for i, t := range d.terms {
		if t.coef != e.terms[i].coef || t.sym != e.terms[i].sym {
			return false
		}
	}
	return true
}

// Add is d + e.
func (d Dim) Add(e Dim) Dim { return d.linear(e, 1) }

// Sub is d - e.
func (d Dim) Sub(e Dim) Dim { return d.linear(e, -1) }

func (d Dim) linear(e Dim, k int64) Dim {
	if !d.known || !e.known {
		return Dim{}
	}
	r := Dim{known: true, c: d.c + k*e.c}
	i, j := 0, 0
	for i < len(d.terms) || j < len(e.terms) {
		switch {
		case j == len(e.terms) || i < len(d.terms) && d.terms[i].sym < e.terms[j].sym:
			r.terms = append(r.terms, d.terms[i])
			i++
		case i == len(d.terms) || d.terms[i].sym > e.terms[j].sym:
			t := e.terms[j]
			t.coef *= k
			r.terms = append(r.terms, t)
			j++
		default:
			t := d.terms[i]
			t.coef += k * e.terms[j].coef
			if t.coef != 0 {
				r.terms = append(r.terms, t)
			}
			i, j = i+1, j+1
		}
	}
	return r
}

// Mul is d · e; the product of two symbolic dimensions is an opaque symbol.
func (d Dim) Mul(e Dim) Dim {
	if d.Is(0) || e.Is(0) {
		return Const(0)
	}
	if !d.known || !e.known {
		return Dim{}
	}
	if n, ok := d.Value(); ok {
		return e.scale(n)
	}
	if n, ok := e.Value(); ok {
		return d.scale(n)
	}
	if e.canonical() < d.canonical() {
		d, e = e, d
	}
	return opaque("*", d, e)
}

func (d Dim) scale(n int64) Dim {
	r := Dim{known: true, c: d.c * n}
	for _, t := range d.terms {
		t.coef *= n
		r.terms = append(r.terms, t)
	}
	return r
}

// FloorDiv is ⌊d / e⌋; one that does not come out term by term is an opaque symbol. Division by zero is Unknown.
func (d Dim) FloorDiv(e Dim) Dim {
	if !d.known || !e.known || e.Is(0) {
		return Dim{}
	}
	if d.Equal(e) {
		return Const(1)
	}
	n, constant := e.Value()
	if !constant {
		if q, ok := d.divideProduct(e); ok {
			return q
		}
		return opaque("//", d, e)
	}
	if v, ok := d.Value(); ok {
		return Const(floorDiv(v, n))
	}
	r := Dim{known: true}
	for _, t := range d.terms {
		if t.coef%n != 0 {
			return opaque("//", d, e)
		}
		t.coef /= n
		r.terms = append(r.terms, t)
	}
	r.c = floorDiv(d.c, n)
	return r
}

// divideProduct divides n·e, or a product in which e is one factor, by e.
func (d Dim) divideProduct(e Dim) (Dim, bool) {
	if d.c == 0 && len(d.terms) == 1 {
		t := d.terms[0]
		if x := t.expr; x != nil && x.op == "*" {
			if x.a.Equal(e) {
				return x.b.scale(t.coef), true
			}
			if x.b.Equal(e) {
				return x.a.scale(t.coef), true
			}
			if q, ok := x.a.divideProduct(e); ok {
				return q.Mul(x.b).scale(t.coef), true
			}
			if q, ok := x.b.divideProduct(e); ok {
				return q.Mul(x.a).scale(t.coef), true
			}
		}
		if len(e.terms) == 1 && e.c == 0 && e.terms[0].sym == t.sym && t.coef%e.terms[0].coef == 0 {
			return Const(t.coef / e.terms[0].coef), true
		}
	}
	return Dim{}, false
}

// Min is the smaller of both.
func (d Dim) Min(e Dim) Dim { return d.extreme("min", e) }

// Max is the larger of both.
func (d Dim) Max(e Dim) Dim { return d.extreme("max", e) }

func (d Dim) extreme(op string, e Dim) Dim {
	if !d.known || !e.known {
		return Dim{}
	}
	if v, ok := d.Sub(e).Value(); ok {
		if (v < 0) == (op == "min") {
			return d
		}
		return e
	}
	if e.canonical() < d.canonical() {
		d, e = e, d
	}
	return opaque(op, d, e)
}

// Mod is d - e·⌊d/e⌋.
func (d Dim) Mod(e Dim) Dim {
	a, ok1 := d.Value()
	b, ok2 := e.Value()
	if ok1 && ok2 && b != 0 {
		return Const(a - b*floorDiv(a, b))
	}
	if !d.known || !e.known || e.Is(0) {
		return Dim{}
	}
	return opaque("mod", d, e)
}

func opaque(op string, a, b Dim) Dim {
	a.text, b.text = "", ""
	e := &dimExpr{op, a, b}
	return atom(e.String(), e)
}

// Bind evaluates the dimension with values for its plain symbols; false when one is missing or nothing is known.
func (d Dim) Bind(symbols map[string]int64) (int64, bool) {
	if !d.known {
		return 0, false
	}
	sum := d.c
	for _, t := range d.terms {
		var v int64
		ok := true
		if t.expr != nil {
			v, ok = t.expr.bind(symbols)
		} else {
			v, ok = symbols[t.sym]
		}
		if !ok {
			return 0, false
		}
		sum += t.coef * v
	}
	return sum, true
}

func (e *dimExpr) bind(symbols map[string]int64) (int64, bool) {
	a, ok1 := e.a.Bind(symbols)
	b, ok2 := e.b.Bind(symbols)
	if !ok1 || !ok2 {
		return 0, false
	}
	switch e.op {
	case "*":
		return a * b, true
	case "min":
		return min(a, b), true
	case "max":
		return max(a, b), true
	}
	if b == 0 {
		return 0, false
	}
	if e.op == "mod" {
		return a - b*floorDiv(a, b), true
	}
	return floorDiv(a, b), true
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// Symbols appends the plain symbols that d depends on to list, without repeating one.
func (d Dim) Symbols(list []string) []string {
	for _, t := range d.terms {
		if t.expr != nil {
			list = t.expr.b.Symbols(t.expr.a.Symbols(list))
			continue
		}
		if i := sort.SearchStrings(list, t.sym); i == len(list) || list[i] != t.sym {
			list = append(list, t.sym)
			sort.Strings(list)
		}
	}
	return list
}

// String is the dimension as ONNX text writes it: a number, a symbol or expression, "?" when unknown.
func (d Dim) String() string {
	if !d.known {
		return "?"
	}
	if d.text != "" {
		return d.text
	}
	return d.canonical()
}

func (d Dim) canonical() string {
	var b strings.Builder
	for i, t := range d.terms {
		k := t.coef
		switch {
		case i > 0 && k < 0:
			b.WriteString(" - ")
			k = -k
		case i > 0:
			b.WriteString(" + ")
		case k == -1:
			b.WriteString("-")
			k = 1
		}
		if k != 1 {
			b.WriteString(strconv.FormatInt(k, 10) + "*")
		}
		b.WriteString(t.sym)
	}
	switch {
	case len(d.terms) == 0:
		b.WriteString(strconv.FormatInt(d.c, 10))
	case d.c > 0:
		b.WriteString(" + " + strconv.FormatInt(d.c, 10))
	case d.c < 0:
		b.WriteString(" - " + strconv.FormatInt(-d.c, 10))
	}
	return b.String()
}

func (e *dimExpr) String() string {
	switch e.op {
	case "min":
		return "Min(" + e.a.canonical() + ", " + e.b.canonical() + ")"
	case "max":
		return "Max(" + e.a.canonical() + ", " + e.b.canonical() + ")"
	case "mod":
		return "Mod(" + e.a.canonical() + ", " + e.b.canonical() + ")"
	}
	return "(" + e.a.canonical() + ")" + e.op + "(" + e.b.canonical() + ")"
}
