package op

import "github.com/onnx-rewrite/onnx-rewrite/graph"

// unify is one dim that two dims must both be.
func unify(a, b graph.Dim) (graph.Dim, error) {
	x, ok1 := a.Value()
	y, ok2 := b.Value()
	switch {
	case ok1 && ok2 && x != y:
		return a, contradict("dims %d and %d differ", x, y)
	case ok1 || !b.IsKnown():
		return a, nil
	case ok2 || !a.IsKnown():
		return b, nil
	}
	return a, nil
}

// broadcastDim is the dim of an elementwise result. Two dims that are neither equal nor known to be 1 give an unknown one, except that
// a constant other than 1 wins, and Min(a, b) against a can only be a.
func broadcastDim(a, b graph.Dim) (graph.Dim, error) {
	x, ok1 := a.Value()
	y, ok2 := b.Value()
	switch {
	case a.Equal(b) || ok2 && y == 1:
		return a, nil
	case ok1 && x == 1:
		return b, nil
	case ok1 && ok2:
		return a, contradict("dims %d and %d do not broadcast", x, y)
	case ok1:
		return a, nil
	case ok2:
		return b, nil
	case isMinOf(a, b):
		return b, nil
	case isMinOf(b, a):
		return a, nil
	}
	return graph.Unknown(), nil
}

// isMinOf reports whether d is the minimum of e and a constant above 1.
func isMinOf(d, e graph.Dim) bool {
	op, a, b, ok := d.Operands()
	if !ok || op != "min" {
		return false
	}
	if b.Equal(e) {
		a, b = b, a
	}
	n, constant := b.Value()
	return a.Equal(e) && constant && n > 1
}

func broadcast(shapes ...graph.Shape) (graph.Shape, error) {
	rank := 0
	for _, s := range shapes {
		if !s.Known {
			return graph.Shape{}, nil
		}
		rank = max(rank, len(s.Dims))
	}
	dims := make([]graph.Dim, rank)
	for i := range dims {
		dims[i] = graph.Const(1)
	}
	for _, s := range shapes {
		for i, d := range s.Dims {
			k := rank - len(s.Dims) + i
			var err error
			if dims[k], err = broadcastDim(dims[k], d); err != nil {
				return graph.Shape{}, contradict("shapes %s do not broadcast: %v", shapes, err)
			}
		}
	}
	return graph.ShapeOf(dims...), nil
}

// product is the number of elements of dims.
func product(dims []graph.Dim) graph.Dim {
	p := graph.Const(1)
	for _, d := range dims {
		p = p.Mul(d)
	}
	return p
}
