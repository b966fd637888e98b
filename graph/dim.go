package graph

import (
	"sort"
	"strconv"
	"strings"
)

// Dim is one dimension of a shape: a constant, a polynomial c0 + Σ ci·s1·s2… with integer coefficients, or unknown (the zero value). The
// s are symbols, each at least 0, or expressions that do not come out (a division, min, max), which compare by their text.
type Dim struct {
	known bool
	c     int64
	terms []term // sorted by key, no zero coefficients; never changed after construction
	text  string // as the file wrote it, when that differs from the canonical form
}

// term is a coefficient and a product of atoms.
type term struct {
	coef  int64
	key   string // the atoms' texts, joined
	atoms []atom // sorted by text
}

type atom struct {
	text string
	expr *dimExpr // nil for a plain symbol
}

type dimExpr struct {
	op   string // "//", "*", "min", "max", "mod"
	a, b Dim
}

// Bounds on what is kept as a polynomial; a product beyond them is an atom.
const (
	maxDimTerms = 32
	maxDimAtoms = 8
	maxDimText  = 1024 // a longer name is not read as an expression
)

// Const is the dimension n.
func Const(n int64) Dim { return Dim{known: true, c: n} }

// Sym is the symbolic dimension of that name. A name that is an expression over integers and names (+ - * // Min Max) is taken apart;
// anything else is one opaque name. The text is kept for writing. An empty name is Unknown.
func Sym(name string) Dim {
	if name == "" {
		return Dim{}
	}
	var d Dim
	ok := false
	if len(name) <= maxDimText {
		d, ok = parseDim(name)
	}
	if !ok {
		d = ofAtom(atom{text: name})
	}
	if d.canonical() != name {
		d.text = name
	}
	return d
}

// Unknown is a dimension of which nothing is known, not even that it equals another.
func Unknown() Dim { return Dim{} }

func ofAtom(a atom) Dim {
	return Dim{known: true, terms: []term{{1, a.text, []atom{a}}}}
}

// IsKnown reports whether the dimension is a constant or symbolic.
func (d Dim) IsKnown() bool { return d.known }

// Value is the constant, if d is one.
func (d Dim) Value() (int64, bool) { return d.c, d.known && len(d.terms) == 0 }

// Is reports whether d is the constant n.
func (d Dim) Is(n int64) bool { return d.known && len(d.terms) == 0 && d.c == n }

// atom is the only atom that d is, if it is one.
func (d Dim) atom() (atom, bool) {
	if d.known && d.c == 0 && len(d.terms) == 1 && d.terms[0].coef == 1 && len(d.terms[0].atoms) == 1 {
		return d.terms[0].atoms[0], true
	}
	return atom{}, false
}

// Symbol is the name, if d is one plain symbol.
func (d Dim) Symbol() (string, bool) {
	a, ok := d.atom()
	return a.text, ok && a.expr == nil
}

// Operands takes apart a dimension that is one operation that does not come out: "//", "*", "min", "max" or "mod" of a and b.
func (d Dim) Operands() (op string, a, b Dim, ok bool) {
	x, ok := d.atom()
	if !ok || x.expr == nil {
		return "", Dim{}, Dim{}, false
	}
	return x.expr.op, x.expr.a, x.expr.b, true
}

// NonNegative reports whether d is at least 0 whatever values its symbols have. False says nothing.
func (d Dim) NonNegative() bool {
	if !d.known || d.c < 0 {
		return false
	}
	for _, t := range d.terms {
		if t.coef < 0 {
			return false
		}
		for _, a := range t.atoms {
			if a.expr != nil && !a.expr.nonNegative() {
				return false
			}
		}
	}
	return true
}

func (e *dimExpr) nonNegative() bool {
	a, b := e.a.NonNegative(), e.b.NonNegative()
	if e.op == "max" {
		return a || b
	}
	return a && b
}

// Equal reports whether both dimensions are known to be the same.
func (d Dim) Equal(e Dim) bool {
	if !d.known || !e.known || d.c != e.c || len(d.terms) != len(e.terms) {
		return false
	}
	for i, t := range d.terms {
		if t.coef != e.terms[i].coef || t.key != e.terms[i].key {
			return false
		}
	}
	return true
}

// Bind evaluates the dimension with values for its plain symbols; false when one is missing, nothing is known, or a number is beyond 63 bits.
func (d Dim) Bind(symbols map[string]int64) (int64, bool) {
	if !d.known {
		return 0, false
	}
	total, fits := d.c, true
	for _, t := range d.terms {
		product := t.coef
		for _, a := range t.atoms {
			v, ok := symbols[a.text]
			if a.expr != nil {
				v, ok = a.expr.bind(symbols)
			}
			if !ok {
				return 0, false
			}
			product = times(product, v, &fits)
		}
		total = sum(total, product, &fits)
	}
	return total, fits
}

func (e *dimExpr) bind(symbols map[string]int64) (int64, bool) {
	a, ok1 := e.a.Bind(symbols)
	b, ok2 := e.b.Bind(symbols)
	if !ok1 || !ok2 {
		return 0, false
	}
	fits := true
	switch e.op {
	case "*":
		product := times(a, b, &fits)
		return product, fits
	case "min":
		return min(a, b), true
	case "max":
		return max(a, b), true
	}
	if b == 0 {
		return 0, false
	}
	if e.op == "mod" {
		whole := times(b, floorDiv(a, b), &fits)
		return a - whole, fits
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
		for _, a := range t.atoms {
			if a.expr != nil {
				list = a.expr.b.Symbols(a.expr.a.Symbols(list))
				continue
			}
			if i := sort.SearchStrings(list, a.text); i == len(list) || list[i] != a.text {
				list = append(list, a.text)
				sort.Strings(list)
			}
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
		case k < 0:
			b.WriteString("-")
			k = -k
		}
		if k != 1 {
			b.WriteString(strconv.FormatInt(k, 10) + "*")
		}
		alone := len(t.atoms) == 1 && k == 1 && (i > 0 || t.coef > 0)
		for j, a := range t.atoms {
			if j > 0 {
				b.WriteByte('*')
			}
			if a.expr != nil && !alone && (a.expr.op == "//" || a.expr.op == "*") {
				b.WriteString("(" + a.text + ")")
				continue
			}
			b.WriteString(a.text)
		}
	}
	switch {
	case len(d.terms) == 0:
		b.WriteString(strconv.FormatInt(d.c, 10))
	case d.c > 0:
		b.WriteString(" + " + strconv.FormatInt(d.c, 10))
	case d.c < 0:
		b.WriteString(" - " + strings.TrimPrefix(strconv.FormatInt(d.c, 10), "-"))
	}
	return b.String()
}

// operand is the dimension as a part of a product or quotient.
func (d Dim) operand() string {
	text := d.canonical()
	if _, ok := d.Symbol(); ok || len(d.terms) == 0 && d.c >= 0 {
		return text
	}
	return "(" + text + ")"
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
	return e.a.operand() + e.op + e.b.operand()
}
