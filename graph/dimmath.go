package graph

import (
	"math"
	"math/bits"
	"sort"
	"strings"
)

// Add is d + e. A sum or product that overflows is Unknown.
func (d Dim) Add(e Dim) Dim { return d.linear(e, 1) }

// Sub is d - e.
func (d Dim) Sub(e Dim) Dim { return d.linear(e, -1) }

func (d Dim) linear(e Dim, k int64) Dim {
	if !d.known || !e.known {
		return Dim{}
	}
	ok := true
	r := Dim{known: true, c: sum(d.c, times(k, e.c, &ok), &ok)}
	i, j := 0, 0
	for i < len(d.terms) || j < len(e.terms) {
		switch {
		case j == len(e.terms) || i < len(d.terms) && d.terms[i].key < e.terms[j].key:
			r.terms = append(r.terms, d.terms[i])
			i++
		case i == len(d.terms) || d.terms[i].key > e.terms[j].key:
			t := e.terms[j]
			t.coef = times(k, t.coef, &ok)
			r.terms = append(r.terms, t)
			j++
		default:
			t := d.terms[i]
			t.coef = sum(t.coef, times(k, e.terms[j].coef, &ok), &ok)
			if t.coef != 0 {
				r.terms = append(r.terms, t)
			}
			i, j = i+1, j+1
		}
	}
	if !ok || len(r.terms) > 4*maxDimTerms {
		return Dim{}
	}
	return r
}

// Mul is d · e.
func (d Dim) Mul(e Dim) Dim {
	if d.Is(0) || e.Is(0) {
		return Const(0)
	}
	if !d.known || !e.known {
		return Dim{}
	}
	if len(d.terms) > 0 && len(e.terms) > 0 && (len(d.terms)+1)*(len(e.terms)+1) > maxDimTerms {
		return opaqueProduct(d, e)
	}
	r := d.scale(e.c)
	for _, t := range e.terms {
		part := Dim{known: true, terms: make([]term, 0, len(d.terms)+1)}
		ok := true
		for _, u := range d.terms {
			if len(t.atoms)+len(u.atoms) > maxDimAtoms {
				return opaqueProduct(d, e)
			}
			part.terms = append(part.terms, newTerm(times(t.coef, u.coef, &ok), t.atoms, u.atoms))
		}
		if d.c != 0 {
			part.terms = append(part.terms, newTerm(times(t.coef, d.c, &ok), t.atoms, nil))
		}
		if !ok {
			return Dim{}
		}
		sort.Slice(part.terms, func(i, j int) bool { return part.terms[i].key < part.terms[j].key })
		r = r.Add(part)
	}
	return r
}

func newTerm(coef int64, a, b []atom) term {
	t := term{coef: coef, atoms: make([]atom, 0, len(a)+len(b))}
	t.atoms = append(append(t.atoms, a...), b...)
	sort.Slice(t.atoms, func(i, j int) bool { return t.atoms[i].text < t.atoms[j].text })
	texts := make([]string, len(t.atoms))
	for i, x := range t.atoms {
		texts[i] = x.text
	}
	t.key = strings.Join(texts, "\x00")
	return t
}

func (d Dim) scale(n int64) Dim {
	if n == 0 {
		return Const(0)
	}
	ok := true
	r := Dim{known: true, c: times(d.c, n, &ok)}
	for _, t := range d.terms {
		t.coef = times(t.coef, n, &ok)
		r.terms = append(r.terms, t)
	}
	if !ok {
		return Dim{}
	}
	return r
}

// FloorDiv is ⌊d / e⌋, brought into a form in which equal quotients look alike. Division by zero, and of an expression by a negative
// number, is Unknown. A symbol in e is taken not to be 0.
func (d Dim) FloorDiv(e Dim) Dim {
	if !d.known || !e.known || e.Is(0) {
		return Dim{}
	}
	if d.Is(0) {
		return d
	}
	n, constant := e.Value()
	v, whole := d.Value()
	switch {
	case constant && whole:
		if v == math.MinInt64 {
			return Dim{}
		}
		return Const(floorDiv(v, n))
	case constant && n > 0:
		return d.divideBy(n)
	case constant:
		return Dim{}
	}
	if q, ok := d.divideExactly(e); ok {
		return q
	}
	return opaque("//", d, e)
}

// divideBy is ⌊d / n⌋ for n > 0: what n divides leaves the quotient, common factors are cancelled, and a quotient of a quotient is one
// division.
func (d Dim) divideBy(n int64) Dim {
	if n == 1 {
		return d
	}
	out, rest := Dim{known: true, c: floorDiv(d.c, n)}, Dim{known: true}
	rest.c = d.c - n*out.c
	common := n
	for _, t := range d.terms {
		q := floorDiv(t.coef, n)
		if r := t.coef - q*n; r != 0 {
			rest.terms = append(rest.terms, term{r, t.key, t.atoms})
			common = gcd(common, r)
		}
		if q != 0 {
			out.terms = append(out.terms, term{q, t.key, t.atoms})
		}
	}
	if len(rest.terms) == 0 {
		return out
	}
	if common > 1 {
		rest.c /= common
		for i := range rest.terms {
			rest.terms[i].coef /= common
		}
		return out.Add(rest.divideBy(n / common))
	}
	if len(rest.terms) == 1 && rest.terms[0].coef == 1 && len(rest.terms[0].atoms) == 1 {
		if x := rest.terms[0].atoms[0].expr; x != nil && x.op == "//" {
			if m, ok := x.b.Value(); ok && m > 0 {
				if both := Const(m).Mul(Const(n)); both.known {
					return out.Add(x.a.Add(Const(rest.c).Mul(x.b)).FloorDiv(both))
				}
			}
		}
	}
	return out.Add(opaque("//", rest, Const(n)))
}

// divideExactly is the polynomial q with q·e = d, if there is one.
func (d Dim) divideExactly(e Dim) (Dim, bool) {
	lead := e.lead()
	q, left := Const(0), d
	for range maxDimTerms {
		if left.Is(0) {
			return q, true
		}
		if !left.known || len(left.terms) == 0 {
			return Dim{}, false
		}
		t, ok := left.lead().over(lead)
		if !ok {
			return Dim{}, false
		}
		part := Dim{known: true, terms: []term{t}}
		if len(t.atoms) == 0 {
			part = Const(t.coef)
		}
		q, left = q.Add(part), left.Sub(part.Mul(e))
	}
	return Dim{}, false
}

// lead is the term of most atoms, the last of them by key.
func (d Dim) lead() term {
	best := d.terms[0]
	for _, t := range d.terms[1:] {
		if len(t.atoms) >= len(best.atoms) {
			best = t
		}
	}
	return best
}

// over is t / u, if that is a term.
func (t term) over(u term) (term, bool) {
	if t.coef%u.coef != 0 {
		return term{}, false
	}
	left := append([]atom(nil), t.atoms...)
next:
	for _, a := range u.atoms {
		for i, b := range left {
			if a.text == b.text {
				left = append(left[:i], left[i+1:]...)
				continue next
			}
		}
		return term{}, false
	}
	return newTerm(t.coef/u.coef, left, nil), true
}

// Min is the smaller of both.
func (d Dim) Min(e Dim) Dim { return d.extreme("min", e) }

// Max is the larger of both.
func (d Dim) Max(e Dim) Dim { return d.extreme("max", e) }

func (d Dim) extreme(op string, e Dim) Dim {
	if !d.known || !e.known {
		return Dim{}
	}
	high, low := e, d
	ordered := e.Sub(d).NonNegative()
	if !ordered && d.Sub(e).NonNegative() {
		high, low, ordered = d, e, true
	}
	switch {
	case ordered && op == "max":
		return high
	case ordered:
		return low
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
	if ok1 && ok2 && b != 0 && b != -1 {
		return Const(a - b*floorDiv(a, b))
	}
	if !d.known || !e.known || e.Is(0) {
		return Dim{}
	}
	return opaque("mod", d, e)
}

func opaqueProduct(d, e Dim) Dim {
	if e.canonical() < d.canonical() {
		d, e = e, d
	}
	return opaque("*", d, e)
}

func opaque(op string, a, b Dim) Dim {
	a.text, b.text = "", ""
	e := &dimExpr{op, a, b}
	return ofAtom(atom{e.String(), e})
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// sum is a + b; ok becomes false when that overflows.
func sum(a, b int64, ok *bool) int64 {
	s := a + b
	if (a > 0) == (b > 0) && (s > 0) != (a > 0) && a != 0 && b != 0 {
		*ok = false
	}
	return s
}

// times is a · b; ok becomes false when that overflows.
func times(a, b int64, ok *bool) int64 {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	if hi != 0 || lo > math.MaxInt64 {
		*ok = false
	}
	return a * b
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}
