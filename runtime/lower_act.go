package runtime

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// product is a value written as constant * factors.
type product struct {
	constant float64
	factors  []*graph.Value
}

// factorise takes Mul, Div by a constant and Pow by a small integer apart, but nothing of the values in leaves.
func factorise(v *graph.Value, leaves ...*graph.Value) product {
	p := product{constant: 1}
	p.collect(v, leaves, 0)
	return p
}

const maxFactorDepth = 6

func (p *product) collect(v *graph.Value, leaves []*graph.Value, depth int) {
	for _, l := range leaves {
		if l == v {
			p.factors = append(p.factors, v)
			return
		}
	}
	if s, ok := scalar(v); ok {
		p.constant *= s
		return
	}
	if depth < maxFactorDepth {
		if m := made(v, "Mul"); m != nil {
			p.collect(m.In(0), leaves, depth+1)
			p.collect(m.In(1), leaves, depth+1)
			return
		}
		if d := made(v, "Div"); d != nil {
			if s, ok := scalar(d.In(1)); ok && s != 0 {
				p.constant /= s
				p.collect(d.In(0), leaves, depth+1)
				return
			}
		}
		if w := made(v, "Pow"); w != nil {
			if s, ok := scalar(w.In(1)); ok && (s == 2 || s == 3) {
				for range int(s) {
					p.collect(w.In(0), leaves, depth+1)
				}
				return
			}
		}
	}
	p.factors = append(p.factors, v)
}

// is reports whether the product is constant times exactly these factors, in any order.
func (p product) is(constant float64, want ...*graph.Value) bool {
	if !near(p.constant, constant) || len(p.factors) != len(want) {
		return false
	}
	used := make([]bool, len(want))
next:
	for _, f := range p.factors {
		for i, w := range want {
			if !used[i] && w == f {
				used[i] = true
				continue next
			}
		}
		return false
	}
	return true
}

// climb follows products upwards from v, the only reader of each, until one is half of v times x.
func (c *compiler) climb(v, x *graph.Value) *graph.Node {
	at := v
	for range 3 {
		u := c.reader(at)
		if u == nil || !u.Is("Mul") && !u.Is("Div") {
			return nil
		}
		at = u.Out(0)
		if factorise(at, v, x).is(0.5, v, x) {
			return u
		}
	}
	return nil
}

// activate replaces last by an activation of x.
func (c *compiler) activate(last *graph.Node, x *graph.Value, act kernel.Act) bool {
	if last == nil || !isFloat(x) || !sameShape(x, last.Out(0)) {
		return false
	}
	c.fuse(last, "Activate", []*graph.Value{x}, graph.StringAttr("act", act.String()))
	return true
}

func lowerGeluErf(c *compiler, n *graph.Node) bool {
	if !n.Is("Erf") {
		return false
	}
	x := scaledBy(n.In(0), math.Sqrt2/2)
	one := c.reads(n.Out(0), "Add")
	if x == nil || one == nil || !isScalar(other(one, n.Out(0)), 1) {
		return false
	}
	return c.activate(c.climb(one.Out(0), x), x, kernel.ActGelu)
}

// scaledBy is x if v is k*x or x divided by 1/k.
func scaledBy(v *graph.Value, k float64) *graph.Value {
	if m := made(v, "Mul"); m != nil {
		if x, s, ok := withScalar(m); ok && near(s, k) {
			return x
		}
	}
	if d := made(v, "Div"); d != nil {
		if s, ok := scalar(d.In(1)); ok && near(s, 1/k) {
			return d.In(0)
		}
	}
	return nil
}

func lowerGeluTanh(c *compiler, n *graph.Node) bool {
	if !n.Is("Tanh") {
		return false
	}
	one := c.reads(n.Out(0), "Add")
	if one == nil || !isScalar(other(one, n.Out(0)), 1) {
		return false
	}
	for _, x := range geluInputs(n.In(0)) {
		if c.activate(c.climb(one.Out(0), x), x, kernel.ActGeluTanh) {
			return true
		}
	}
	return false
}

const (
	geluScale = 0.7978845608028654 // √(2/π)
	geluCube  = 0.044715
)

// geluInputs are the values x for which v is √(2/π) (x + 0.044715 x³), or √(2/π) x (1 + 0.044715 x²).
func geluInputs(v *graph.Value) []*graph.Value {
	p := factorise(v)
	if !near(p.constant, geluScale) {
		return nil
	}
	var found []*graph.Value
	for i, f := range p.factors {
		sum := made(f, "Add")
		if sum == nil {
			continue
		}
		for k := range 2 {
			a, b := sum.In(k), sum.In(1-k)
			switch {
			case len(p.factors) == 1 && factorise(b, a).is(geluCube, a, a, a):
				found = append(found, a)
			case len(p.factors) == 2 && isScalar(a, 1):
				if x := p.factors[1-i]; factorise(b, x).is(geluCube, x, x) {
					found = append(found, x)
				}
			}
		}
	}
	return found
}

func lowerSilu(c *compiler, n *graph.Node) bool {
	if !n.Is("Sigmoid") {
		return false
	}
	m := c.reads(n.Out(0), "Mul")
	if m == nil {
		return false
	}
	x := other(m, n.Out(0))
	switch {
	case x == nil:
		return false
	case x == n.In(0):
		return c.activate(m, x, kernel.ActSilu)
	case scaledBy(n.In(0), 1.702) == x:
		return c.activate(m, x, kernel.ActQuickGelu)
	}
	return false
}
