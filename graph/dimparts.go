package graph

// Operands takes apart a dimension that is one operation that does not come out: "//", "*", "min", "max" or "mod" of a and b.
func (d Dim) Operands() (op string, a, b Dim, ok bool) {
	if !d.known || d.c != 0 || len(d.terms) != 1 || d.terms[0].coef != 1 || d.terms[0].expr == nil {
		return "", Dim{}, Dim{}, false
	}
	e := d.terms[0].expr
	return e.op, e.a, e.b, true
}
