package runtime

import "github.com/onnx-rewrite/onnx-rewrite/graph"

// lowerNorm finds, around the Sqrt of n,
//
//	LayerNorm: d = x - mean(x);  d / sqrt(mean(d²) + eps) * gamma + beta
//	RMSNorm:   x / sqrt(mean(x²) + eps) * gamma
//
// over the last axis. The square is Pow(., 2) or a product, the division Div, Reciprocal and Mul, or Div(1, .) and Mul.
func lowerNorm(c *compiler, n *graph.Node) bool {
	if !n.Is("Sqrt") {
		return false
	}
	mean, eps, ok := withScalar(made(n.In(0), "Add"))
	if !ok {
		return false
	}
	variance := made(mean, "ReduceMean")
	if variance == nil || !lastAxis(variance) {
		return false
	}
	d := squared(variance.In(0))
	num, last := c.normalised(n.Out(0))
	if d == nil || num == nil {
		return false
	}
	name, x := "RMSNorm", d
	if y, ok := centred(num); ok && (d == num || isCentred(d, y)) {
		name, x = "LayerNorm", y
	} else if d != num {
		return false
	}
	if !isFloat(x) || !isFloat(last.Out(0)) {
		return false
	}
	gamma, beta := c.scaleAndShift(&last, x, name == "LayerNorm")
	c.fuse(last, name, []*graph.Value{x, gamma, beta}, graph.FloatAttr("epsilon", float32(eps)))
	return true
}

// squared is v's square root as a value: x of Pow(x, 2) or Mul(x, x).
func squared(v *graph.Value) *graph.Value {
	if p := made(v, "Pow"); p != nil && isScalar(p.In(1), 2) {
		return p.In(0)
	}
	if m := made(v, "Mul"); m != nil && m.In(0) == m.In(1) {
		return m.In(0)
	}
	return nil
}

// normalised follows the standard deviation to the quotient: what is divided, and the node that divides.
func (c *compiler) normalised(std *graph.Value) (num *graph.Value, quotient *graph.Node) {
	u := c.reader(std)
	switch {
	case u == nil:
		return nil, nil
	case u.Is("Div") && u.In(1) == std && !isScalar(u.In(0), 1):
		return u.In(0), u
	case u.Is("Reciprocal"), u.Is("Div") && u.In(1) == std:
		if m := c.reads(u.Out(0), "Mul"); m != nil {
			return other(m, u.Out(0)), m
		}
	}
	return nil, nil
}

// centred is x of Sub(x, mean(x)).
func centred(v *graph.Value) (*graph.Value, bool) {
	s := made(v, "Sub")
	if s == nil {
		return nil, false
	}
	m := made(s.In(1), "ReduceMean")
	if m == nil || m.In(0) != s.In(0) || !lastAxis(m) {
		return nil, false
	}
	return s.In(0), true
}

func isCentred(v, x *graph.Value) bool {
	y, ok := centred(v)
	return ok && x == y
}

// scaleAndShift takes a following product with a constant vector, and sum with another, into the normalisation.
func (c *compiler) scaleAndShift(last **graph.Node, x *graph.Value, shift bool) (gamma, beta *graph.Value) {
	shape := typeOf(x).Shape
	cols, ok := shape.Dim(-1).Value()
	if !ok {
		return nil, nil
	}
	take := func(op string) *graph.Value {
		u := c.reads((*last).Out(0), op)
		if u == nil {
			return nil
		}
		v := other(u, (*last).Out(0))
		if vector(v, cols, shape.Rank()) == nil {
			return nil
		}
		*last = u
		return v
	}
	gamma = take("Mul")
	if shift {
		beta = take("Add")
	}
	return gamma, beta
}
