package graph

import "sort"

// Replace is d with every occurrence of the plain symbol replaced; d itself when it does not depend on it.
func (d Dim) Replace(symbol string, with Dim) Dim {
	list := d.Symbols(nil)
	if i := sort.SearchStrings(list, symbol); i == len(list) || list[i] != symbol {
		return d
	}
	sum := Const(d.c)
	for _, t := range d.terms {
		product := Const(t.coef)
		for _, a := range t.atoms {
			product = product.Mul(a.replace(symbol, with))
		}
		sum = sum.Add(product)
	}
	return sum
}

func (a atom) replace(symbol string, with Dim) Dim {
	if a.expr == nil {
		if a.text == symbol {
			return with
		}
		return ofAtom(a)
	}
	x, y := a.expr.a.Replace(symbol, with), a.expr.b.Replace(symbol, with)
	switch a.expr.op {
	case "//":
		return x.FloorDiv(y)
	case "*":
		return x.Mul(y)
	case "min":
		return x.Min(y)
	case "max":
		return x.Max(y)
	case "mod":
		return x.Mod(y)
	}
	return Dim{}
}

// ReplaceSymbol replaces a symbolic dimension everywhere in the types of the model's graph and subgraphs: a constant fixes it, another
// symbol renames it. It returns how many values have another type now. Functions have symbols of their own and stay as they are.
func (m *Model) ReplaceSymbol(symbol string, with Dim) int {
	seen := map[*Value]bool{}
	changed := 0
	visit := func(list []*Value) {
		for _, v := range list {
			if v == nil || seen[v] {
				continue
			}
			seen[v] = true
			if t, ok := v.Type.replace(symbol, with); ok {
				v.Type = t
				changed++
			}
		}
	}
	m.Graph.Walk(func(g *Graph) {
		for _, list := range [][]*Value{g.Inputs, g.Outputs, g.Inits, g.ValueInfo} {
			visit(list)
		}
		for n := range g.Nodes() {
			visit(n.out)
		}
		if g.Extra != nil && len(g.Extra.OutputInfo) > 0 {
			extra := *g.Extra
			extra.OutputInfo = map[string]OutputInfo{}
			for name, said := range g.Extra.OutputInfo {
				info := *said.Info
				info.Type, _ = info.Type.replace(symbol, with)
				said.Info = &info
				extra.OutputInfo[name] = said
			}
			g.Extra = &extra
		}
	})
	return changed
}

// replace is t with the symbol replaced, sharing nothing that differs; false when nothing does.
func (t Type) replace(symbol string, with Dim) (Type, bool) {
	changed := false
	var dims []Dim
	for _, d := range t.Shape.Dims {
		r := d.Replace(symbol, with)
		changed = changed || !r.Equal(d) && (r.IsKnown() || d.IsKnown())
		dims = append(dims, r)
	}
	if changed {
		t.Shape.Dims = dims
	}
	if t.Of != nil {
		if of, ok := t.Of.replace(symbol, with); ok {
			t.Of, changed = &of, true
		}
	}
	return t, changed
}
