package graph

import "strconv"

// parseDim reads a dim_param that is an expression: integers, names, + - * //, Min(a, b), Max(a, b), Mod(a, b), parentheses.
// It is false for any other text. Depth is bounded.
func parseDim(text string) (Dim, bool) {
	p := dimParser{s: text}
	d := p.sum(0)
	p.space()
	if p.bad || p.i != len(text) || !d.known {
		return Dim{}, false
	}
	return d, true
}

type dimParser struct {
	s   string
	i   int
	bad bool
}

const maxDimDepth = 64

func (p *dimParser) space() {
	for p.i < len(p.s) && p.s[p.i] == ' ' {
		p.i++
	}
}

func (p *dimParser) take(tok string) bool {
	p.space()
	if len(p.s)-p.i >= len(tok) && p.s[p.i:p.i+len(tok)] == tok {
		p.i += len(tok)
		return true
	}
	return false
}

func (p *dimParser) sum(depth int) Dim {
	d := p.product(depth)
	for !p.bad {
		switch {
		case p.take("+"):
			d = d.Add(p.product(depth))
		case p.take("-"):
			d = d.Sub(p.product(depth))
		default:
			return d
		}
	}
	return d
}

func (p *dimParser) product(depth int) Dim {
	d := p.unary(depth)
	for !p.bad {
		switch {
		case p.take("//"):
			d = d.FloorDiv(p.unary(depth))
		case p.take("*"):
			d = d.Mul(p.unary(depth))
		default:
			return d
		}
	}
	return d
}

func (p *dimParser) unary(depth int) Dim {
	if depth > maxDimDepth {
		p.bad = true
		return Dim{}
	}
	switch {
	case p.take("-"):
		return Const(0).Sub(p.unary(depth + 1))
	case p.take("("):
		d := p.sum(depth + 1)
		if !p.take(")") {
			p.bad = true
		}
		return d
	}
	return p.leaf(depth)
}

func (p *dimParser) leaf(depth int) Dim {
	p.space()
	start := p.i
	for p.i < len(p.s) && isDimChar(p.s[p.i]) {
		p.i++
	}
	word := p.s[start:p.i]
	if word == "" {
		p.bad = true
		return Dim{}
	}
	if word[0] >= '0' && word[0] <= '9' {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			p.bad = true
		}
		return Const(n)
	}
	var two func(a, b Dim) Dim
	switch word {
	case "Min", "min":
		two = Dim.Min
	case "Max", "max":
		two = Dim.Max
	case "Mod", "mod":
		two = Dim.Mod
	}
	if two == nil || !p.take("(") {
		return ofAtom(atom{text: word})
	}
	a := p.sum(depth + 1)
	if !p.take(",") {
		p.bad = true
		return Dim{}
	}
	b := p.sum(depth + 1)
	if !p.take(")") {
		p.bad = true
	}
	return two(a, b)
}

func isDimChar(c byte) bool {
	return c == '_' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
