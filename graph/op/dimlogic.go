package op

import "github.com/onnx-rewrite/onnx-rewrite/graph"

// The contents of tensors: arithmetic on dimensions.

func addDims(a, b graph.Dim, _ bool) graph.Dim { return a.Add(b) }
func subDims(a, b graph.Dim, _ bool) graph.Dim { return a.Sub(b) }
func mulDims(a, b graph.Dim, _ bool) graph.Dim { return a.Mul(b) }
func negDim(a graph.Dim) graph.Dim             { return graph.Const(0).Sub(a) }

// divDims divides as the element type does: integers toward zero, floats only when the quotient is whole.
func divDims(a, b graph.Dim, whole bool) graph.Dim {
	x, ok1 := a.Value()
	y, ok2 := b.Value()
	switch {
	case ok2 && y == 0:
		return graph.Unknown()
	case ok1 && ok2 && whole:
		return graph.Const(x / y)
	case ok2 && y < 0:
		return graph.Unknown()
	}
	q := a.FloorDiv(b)
	if !whole && !q.Mul(b).Equal(a) {
		return graph.Unknown()
	}
	return q
}

// modDims follows Mod of numbers that are not negative, where all its definitions agree.
func modDims(a, b graph.Dim, whole bool) graph.Dim {
	y, ok := b.Value()
	if !ok || y <= 0 || !nonNegative(a) || !whole {
		return graph.Unknown()
	}
	return a.Mod(b)
}

func powDims(a, b graph.Dim, _ bool) graph.Dim {
	n, ok := b.Value()
	if !ok || n < 0 || n > 4 {
		return graph.Unknown()
	}
	r := graph.Const(1)
	for range n {
		r = r.Mul(a)
	}
	return r
}

func absDim(a graph.Dim) graph.Dim {
	switch {
	case nonNegative(a):
		return a
	case nonNegative(negDim(a)):
		return negDim(a)
	}
	return graph.Unknown()
}

func signDim(a graph.Dim) graph.Dim {
	v, ok := a.Value()
	switch {
	case !ok:
		return graph.Unknown()
	case v > 0:
		return graph.Const(1)
	case v < 0:
		return graph.Const(-1)
	}
	return a
}

func sqrtDim(a graph.Dim) graph.Dim {
	v, ok := a.Value()
	if !ok || v < 0 || v > 1<<40 {
		return graph.Unknown()
	}
	r := int64(0)
	for step := int64(1) << 20; step > 0; step >>= 1 {
		if (r+step)*(r+step) <= v {
			r += step
		}
	}
	if r*r != v {
		return graph.Unknown()
	}
	return graph.Const(r)
}

func sameDim(a graph.Dim) graph.Dim { return a }

// nonNegative reports whether d cannot be below 0, given that symbols are dimensions.
func nonNegative(d graph.Dim) bool { return d.IsKnown() && d.NonNegative() }

func truthOf(b bool) graph.Dim {
	if b {
		return graph.Const(1)
	}
	return graph.Const(0)
}

func truth(a graph.Dim) graph.Dim {
	if v, ok := a.Value(); ok {
		return truthOf(v != 0)
	}
	if a.IsKnown() && nonNegative(a.Sub(graph.Const(1))) {
		return graph.Const(1)
	}
	return graph.Unknown()
}

func notDim(a graph.Dim) graph.Dim {
	if v, ok := a.Value(); ok {
		return truthOf(v == 0)
	}
	return graph.Unknown()
}

func andDims(a, b graph.Dim) graph.Dim {
	if a.Is(0) || b.Is(0) {
		return graph.Const(0)
	}
	if a.Is(1) {
		return b
	}
	if b.Is(1) {
		return a
	}
	return graph.Unknown()
}

func orDims(a, b graph.Dim) graph.Dim { return notDim(andDims(notDim(a), notDim(b))) }

func xorDims(a, b graph.Dim) graph.Dim {
	x, ok1 := a.Value()
	y, ok2 := b.Value()
	if ok1 && ok2 {
		return truthOf((x != 0) != (y != 0))
	}
	return graph.Unknown()
}

func equalDims(a, b graph.Dim) graph.Dim {
	if !a.IsKnown() || !b.IsKnown() {
		return graph.Unknown()
	}
	if a.Equal(b) {
		return graph.Const(1)
	}
	if nonNegative(a.Sub(b).Sub(graph.Const(1))) || nonNegative(b.Sub(a).Sub(graph.Const(1))) {
		return graph.Const(0)
	}
	return graph.Unknown()
}

// lessDims answers a < b where the difference of the two has a sign that does not depend on the symbols.
func lessDims(a, b graph.Dim) graph.Dim {
	switch {
	case !a.IsKnown() || !b.IsKnown():
		return graph.Unknown()
	case nonNegative(b.Sub(a).Sub(graph.Const(1))):
		return graph.Const(1)
	case nonNegative(a.Sub(b)):
		return graph.Const(0)
	}
	return graph.Unknown()
}

func greaterDims(a, b graph.Dim) graph.Dim        { return lessDims(b, a) }
func lessOrEqualDims(a, b graph.Dim) graph.Dim    { return notDim(lessDims(b, a)) }
func greaterOrEqualDims(a, b graph.Dim) graph.Dim { return notDim(lessDims(a, b)) }
