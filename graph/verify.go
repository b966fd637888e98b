package graph

import (
	"errors"
	"fmt"
)

// Verify checks the structure: every name has one definition in sight, every input is defined before it is used, links between values
// and nodes agree both ways, attributes are not given twice, outputs exist. All findings are returned at once; none means sound.
// Operators are not looked at: graph/op.Check does that.
func (m *Model) Verify() []Finding {
	v := verifier{}
	if m.Graph == nil {
		v.add("model", "has no graph")
		return v.found
	}
	domains := map[string]bool{}
	for _, o := range m.Opsets {
		d := CanonicalDomain(o.Domain)
		if domains[d] {
			v.add("model", "imports domain %q twice", o.Domain)
		}
		domains[d] = true
	}
	v.graph(m.Graph, "graph", nil)
	seen := map[OpID]bool{}
	for _, f := range m.Functions {
		where := "function " + f.ID.String()
		if seen[f.ID.Canonical()] {
			v.add(where, "is defined twice")
		}
		seen[f.ID.Canonical()] = true
		if len(f.Body.Inits) > 0 {
			v.add(where, "has initializers, which the format has no place for")
		}
		v.graph(f.Body, where, nil)
	}
	return v.found
}

// Err is nil when no finding is an error, else one error that names the first and counts the rest.
func Err(findings []Finding) error {
	var first *Finding
	n := 0
	for i, f := range findings {
		if f.Severity == Error {
			if first == nil {
				first = &findings[i]
			}
			n++
		}
	}
	switch n {
	case 0:
		return nil
	case 1:
		return errors.New(first.Where + ": " + first.Message)
	}
	return fmt.Errorf("%s: %s (and %d more)", first.Where, first.Message, n-1)
}

type verifier struct{ found []Finding }

func (v *verifier) add(where, format string, args ...any) {
	v.found = append(v.found, Finding{Severity: Error, Where: where, Message: fmt.Sprintf(format, args...)})
}

// scope is what is defined so far in a graph and the graphs around it.
type scope struct {
	parent  *scope
	values  map[*Value]bool
	names   map[string]bool
	pending map[*Value]bool // outputs of nodes further down
}

func (s *scope) defined(x *Value) bool {
	for ; s != nil; s = s.parent {
		if s.values[x] {
			return true
		}
	}
	return false
}

func (s *scope) comesLater(x *Value) bool {
	for ; s != nil; s = s.parent {
		if s.pending[x] {
			return true
		}
	}
	return false
}

func (s *scope) named(name string) bool {
	for ; s != nil; s = s.parent {
		if s.names[name] {
			return true
		}
	}
	return false
}

func (v *verifier) graph(g *Graph, where string, parent *scope) {
	s := &scope{parent: parent, values: map[*Value]bool{}, names: map[string]bool{}, pending: map[*Value]bool{}}
	define := func(x *Value, what string) {
		if x.Name == "" {
			v.add(where, "%s has no name", what)
		} else if !s.values[x] && s.named(x.Name) {
			v.add(where, "%s %q: the name is defined twice", what, x.Name)
		}
		s.values[x], s.names[x.Name] = true, true
	}
	for _, x := range g.Inputs {
		if s.values[x] {
			v.add(where, "input %q is listed twice", x.Name)
		}
		define(x, "input")
	}
	inits := map[*Value]bool{}
	for _, x := range g.Inits {
		if inits[x] {
			v.add(where, "initializer %q is listed twice", x.Name)
		}
		inits[x] = true
		define(x, "initializer")
		if x.Const == nil && x.Sparse == nil {
			v.add(where, "initializer %q has no value", x.Name)
		}
	}
	for n := range g.Nodes() {
		for _, x := range n.out {
			if x != nil {
				s.pending[x] = true
			}
		}
	}
	for n := range g.Nodes() {
		v.node(g, n, where, s)
		for i, x := range n.out {
			if x == nil {
				continue
			}
			if x.producer != n || x.index != i {
				v.add(where, "node %q: output %q does not know its producer", n.Label(), x.Name)
			}
			define(x, fmt.Sprintf("node %q: output", n.Label()))
		}
	}
	for _, x := range g.Outputs {
		if !s.defined(x) {
			v.add(where, "output %q is not computed", x.Name)
		}
	}
}

func (v *verifier) node(g *Graph, n *Node, where string, s *scope) {
	label := fmt.Sprintf("%s: node %q (%s)", where, n.Label(), n.ID)
	if n.ID.Op == "" {
		v.add(label, "has no operator")
	}
	if n.graph != g {
		v.add(label, "does not know its graph")
	}
	for i, x := range n.in {
		if x == nil {
			continue
		}
		switch {
		case s.defined(x):
		case s.comesLater(x):
			v.add(label, "input %d, %q, is computed only later", i, x.Name)
		default:
			v.add(label, "input %d, %q, is not defined", i, x.Name)
		}
		if !x.hasUse(n, i) {
			v.add(label, "input %d, %q, does not know this use", i, x.Name)
		}
	}
	attrs := map[string]bool{}
	for _, a := range n.Attrs {
		if attrs[a.Name] {
			v.add(label, "attribute %q is given twice", a.Name)
		}
		attrs[a.Name] = true
		for _, sub := range attrGraphs(a) {
			if sub.owner != n {
				v.add(label, "subgraph %q does not know its node", a.Name)
			}
			v.graph(sub, label+"."+a.Name, s)
		}
	}
}

func (v *Value) hasUse(n *Node, i int) bool {
	for _, u := range v.uses {
		if u.Node == n && u.Index == i {
			return true
		}
	}
	return false
}
