package graph

// Operands takes apart a dimension that is one operation that does not come out: "//", "*", "min", "max" or "mod" of a and b.
func (d Dim) Operands() (op string, a, b Dim, ok bool) {
	if !d.known || d.c != 0 || len(d.terms) != 1 || d.terms[0].coef != 1 || d.terms[0].expr == nil {
		return "", Dim{}, Dim{}, false
	}
	e := d.terms[0].expr
	return e.op, e.a, e.b, true
}

// NonNegative reports whether d is at least 0 whatever values its symbols have, given that each symbol is at least 0 itself.
func (d Dim) NonNegative() bool {
	if !d.known || d.c < 0 {
		return false
	}
	for _, t := range d.terms {
		if t.coef < 0 || t.expr != nil && !t.expr.nonNegative() {
			return false
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
