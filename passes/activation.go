package passes

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
)

// product is a value written as coef · Π factors, with the Mul, Div and Pow nodes that compute it. Exporters associate the factors of a
// GELU or SwiGLU in every order, so patterns look at the set.
type product struct {
	coef    float64
	factors []*graph.Value
	nodes   []*graph.Node
}

// productOf takes v apart. The values inside must have no other use: they go away with the block.
func productOf(v *graph.Value) product {
	p := product{coef: 1}
	p.collect(v, true)
	return p
}

func (p *product) collect(v *graph.Value, root bool) {
	if v == nil { // an operator lacks an input: nothing is known
		p.coef = math.NaN()
		return
	}
	n, _ := v.Producer()
	if n == nil || len(p.nodes) > 8 {
		p.factors = append(p.factors, v)
		return
	}
	if !root {
		if _, sole := v.SoleUse(); !sole {
			p.factors = append(p.factors, v)
			return
		}
	}
	switch {
	case n.Is("Mul"):
		p.nodes = append(p.nodes, n)
		for _, x := range n.Inputs() {
			if c, ok := scalarOf(x); ok {
				p.coef *= c
				continue
			}
			p.collect(x, false)
		}
	case n.Is("Div"):
		c, ok := scalarOf(n.In(1))
		if !ok || c == 0 {
			p.factors = append(p.factors, v)
			return
		}
		p.nodes = append(p.nodes, n)
		p.coef /= c
		p.collect(n.In(0), false)
	case passesThrough(n) && n.In(0) != nil:
		p.nodes = append(p.nodes, n)
		p.collect(n.In(0), false)
	default:
		p.factors = append(p.factors, v)
	}
}

// passesThrough reports whether a node gives its input unchanged, element for element.
func passesThrough(n *graph.Node) bool {
	switch {
	case n.Is("Identity"):
		return true
	case n.Is("Dropout"):
		training, ok := scalarOf(n.In(2))
		return n.In(2) == nil || ok && training == 0
	case n.Is("Cast"):
		return false
	}
	return false
}

// activated is what matchActivation found: h = act(Pre) · Up, or h = act(Pre) when Up is nil.
type activated struct {
	Act   block.Act
	Pre   *graph.Value
	Up    *graph.Value
	Out   *graph.Value // act(Pre) where it is a value of its own
	Nodes []*graph.Node
	// Bias is added to Pre by the activation's own node Biased; nil for most.
	Bias   *graph.Value
	Biased *graph.Node
}

// matchActivation reads h as an activation, or as an activation times another value. When h is more than that, the reason comes with the
// Pre of the activation that is part of it.
func matchActivation(h *graph.Value) (activated, string) {
	p := productOf(h)
	var reason string
	for i, f := range p.factors {
		t, why := termOf(f)
		if why != "" {
			reason = why
			continue
		}
		rest := without(p.factors, i)
		if t.selfGated { // act(g) = g · t(g): g itself must be among the factors
			j := indexOfSame(rest, t.pre)
			if j < 0 {
				if t.alone == "" {
					continue
				}
				t.act = t.alone // a bare Sigmoid or Tanh
			} else {
				rest = without(rest, j)
			}
		}
		if t.act == block.Relu && len(rest) == 1 && rest[0] == f {
			t.act, rest = block.Relu2, nil
		}
		if len(rest) > 1 {
			return activated{Pre: t.pre}, fmt.Sprintf("%q is a product of more than an activation and another value", h.Name)
		}
		if !near(p.coef*t.scale, 1) {
			return activated{Pre: t.pre}, fmt.Sprintf("%q is scaled by %.4g beside its activation", h.Name, p.coef*t.scale)
		}
		a := activated{Act: t.act, Pre: t.pre, Bias: t.bias, Biased: t.nodes[0], Nodes: append(append([]*graph.Node(nil), p.nodes...), t.nodes...)}
		if len(rest) == 1 {
			a.Up = rest[0]
			if n, _ := h.Producer(); n.Is("Mul") && (n.In(0) == a.Up || n.In(1) == a.Up) {
				a.Out = n.In(0)
				if a.Out == a.Up {
					a.Out = n.In(1)
				}
			}
		}
		return a, ""
	}
	if reason == "" {
		reason = fmt.Sprintf("no activation is known in front of %q", h.Name)
	}
	return activated{}, reason
}

func without(list []*graph.Value, i int) []*graph.Value {
	return append(append([]*graph.Value(nil), list[:i]...), list[i+1:]...)
}

func indexOfSame(list []*graph.Value, v *graph.Value) int {
	for i, w := range list {
		if w == v {
			return i
		}
	}
	return -1
}

// term is the part of an activation that is no product: Relu(g), Sigmoid(g), 1 + Erf(g/√2), …. selfGated ones must be multiplied by g;
// scale is what the coefficient of the product has to make up for.
type term struct {
	act       block.Act
	pre       *graph.Value
	selfGated bool
	alone     block.Act // what it is without the factor g
	scale     float64
	nodes     []*graph.Node
	bias      *graph.Value // that the first node adds to pre; nil for most
}

func termOf(v *graph.Value) (term, string) {
	n, _ := v.Producer()
	if n == nil || n.In(0) == nil {
		return term{}, fmt.Sprintf("no activation is known in front of %q", v.Name)
	}
	t := term{pre: n.In(0), scale: 1, nodes: []*graph.Node{n}}
	switch {
	case n.Is("Relu"):
		t.act = block.Relu
		return t, ""
	case n.ID.Op == "Gelu":
		t.act = block.Gelu
		if n.Attrs.String("approximate", "none") == "tanh" {
			t.act = block.GeluTanh
		}
		return t, ""
	case n.ID.Op == "BiasGelu" && n.ID.Domain == microsoft:
		t.act, t.bias = block.Gelu, n.In(1)
		return t, ""
	case n.ID.Op == "FastGelu" && n.ID.Domain == microsoft:
		t.act, t.bias = block.GeluTanh, n.In(1)
		return t, ""
	case n.Is("Swish"):
		return swishTerm(t, n, 1)
	case n.ID.Op == "QuickGelu" && n.ID.Domain == microsoft:
		return swishTerm(t, n, 1.702)
	case n.Is("Sigmoid"):
		return sigmoidTerm(n)
	case n.Is("Tanh"):
		t.act = block.Tanh
		return t, ""
	case n.Is("Pow"):
		if e, ok := scalarOf(n.In(1)); ok && e == 2 {
			if r, _ := n.In(0).Producer(); r != nil && r.Is("Relu") {
				return term{act: block.Relu2, pre: r.In(0), scale: 1, nodes: []*graph.Node{n, r}}, ""
			}
		}
	case n.Is("Add"):
		return geluTerm(v, n)
	}
	return term{}, fmt.Sprintf("activation not known: node %q is a %s", n.Label(), n.ID)
}

// microsoft is the domain of ONNX Runtime's own operators.
const microsoft = "com.microsoft"

// swishTerm: x·Sigmoid(alpha·x) as one operator.
func swishTerm(t term, n *graph.Node, alpha float32) (term, string) {
	switch a := float64(n.Attrs.Float("alpha", alpha)); {
	case near(a, 1.702):
		t.act = block.QuickGelu
	case a == 1:
		t.act = block.Silu
	default:
		return term{}, fmt.Sprintf("activation not known: node %q is a %s with alpha %g", n.Label(), n.ID, a)
	}
	return t, ""
}

// sigmoidTerm: Sigmoid(g) belongs to SiLU, Sigmoid(1.702 g) to QuickGelu; without the factor g it is the sigmoid itself.
func sigmoidTerm(n *graph.Node) (term, string) {
	t := term{act: block.Silu, selfGated: true, alone: block.Sigmoid, scale: 1, pre: n.In(0), nodes: []*graph.Node{n}}
	in := productOf(n.In(0))
	if len(in.factors) == 1 && len(in.nodes) > 0 && near(in.coef, 1.702) {
		t.act, t.alone = block.QuickGelu, ""
		t.pre = in.factors[0]
		t.nodes = append(t.nodes, in.nodes...)
	}
	return t, ""
}

// geluTerm: a·(1 + Erf(g/√2)) or a·(1 + Tanh(√(2/π)(g + 0.044715 g³))), the ½ being either in front or inside.
func geluTerm(v *graph.Value, n *graph.Node) (term, string) {
	no := func() (term, string) {
		return term{}, fmt.Sprintf("activation not known: node %q is an Add", n.Label())
	}
	for i := range 2 {
		one, ok := scalarOf(n.In(i))
		if !ok {
			continue
		}
		p := productOf(n.In(1 - i))
		if len(p.factors) != 1 || !near(p.coef, one) {
			return no()
		}
		f, _ := p.factors[0].Producer()
		if f == nil {
			return no()
		}
		t := term{selfGated: true, scale: 2 * one, nodes: append([]*graph.Node{n, f}, p.nodes...)}
		switch {
		case f.Is("Erf"):
			in := productOf(f.In(0))
			if len(in.factors) != 1 || !near(in.coef, math.Sqrt2/2) {
				return no()
			}
			t.act, t.pre = block.Gelu, in.factors[0]
			t.nodes = append(t.nodes, in.nodes...)
			return t, ""
		case f.Is("Tanh"):
			pre, nodes, ok := geluTanhInput(f.In(0))
			if !ok {
				return no()
			}
			t.act, t.pre = block.GeluTanh, pre
			t.nodes = append(t.nodes, nodes...)
			return t, ""
		}
	}
	return no()
}

// geluTanhInput reads √(2/π)·(g + 0.044715·g³), also as √(2/π)·g·(1 + 0.044715·g²).
func geluTanhInput(v *graph.Value) (*graph.Value, []*graph.Node, bool) {
	p := productOf(v)
	if !near(p.coef, math.Sqrt(2/math.Pi)) || len(p.factors) == 0 || len(p.factors) > 2 {
		return nil, nil, false
	}
	for i, f := range p.factors {
		sum, _ := f.Producer()
		if sum == nil || !sum.Is("Add") {
			continue
		}
		nodes := append(append([]*graph.Node(nil), p.nodes...), sum)
		rest := without(p.factors, i)
		for j := range 2 {
			q := productOf(sum.In(1 - j))
			if !near(q.coef, 0.044715) {
				continue
			}
			g, power, more, ok := powerOf(q.factors)
			if !ok {
				continue
			}
			nodes := append(append(nodes, q.nodes...), more...)
			if len(rest) == 0 && power == 3 && sum.In(j) == g {
				return g, nodes, true
			}
			if one, isOne := scalarOf(sum.In(j)); len(rest) == 1 && rest[0] == g && power == 2 && isOne && near(one, 1) {
				return g, nodes, true
			}
		}
	}
	return nil, nil, false
}

// powerOf reads factors that are all the same value, or one Pow of it, as that value to a power.
func powerOf(factors []*graph.Value) (g *graph.Value, power int, nodes []*graph.Node, ok bool) {
	for _, f := range factors {
		e := 1
		if n, _ := f.Producer(); n != nil && n.Is("Pow") {
			c, isConst := scalarOf(n.In(1))
			if !isConst || c != math.Trunc(c) || c < 1 || c > 3 {
				return nil, 0, nil, false
			}
			e, f = int(c), n.In(0)
			nodes = append(nodes, n)
		}
		if g != nil && f != g {
			return nil, 0, nil, false
		}
		g, power = f, power+e
	}
	return g, power, nodes, g != nil
}
