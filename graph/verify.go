package graph

import (
	"errors"
	"fmt"
	"slices"
)

// Verify checks the structure: every name has one definition in sight, every input is defined before it is used, nodes are in order and
// without cycles, links between values and nodes agree both ways, attributes are not given twice, outputs exist. All findings are
// returned at once, each with its place and rule; none means sound. It takes time in proportion to the model's nodes and links.
// Operators are not looked at: graph/op.Check does that.
//
// The rules: verify/graph, verify/import, verify/function, verify/name, verify/ssa, verify/duplicate, verify/initializer, verify/order,
// verify/cycle, verify/undefined, verify/output, verify/operator, verify/attribute, verify/link.
func (m *Model) Verify() []Finding {
	v := verifier{nodes: map[*Node]bool{}, uses: map[*Value]map[Use]bool{}}
	if m.Graph == nil {
		v.add("graph", "model", "", "has no graph")
		return v.found
	}
	domains := map[string]int64{}
	for _, o := range m.Opsets {
		d := CanonicalDomain(o.Domain)
		switch version, twice := domains[d]; {
		case twice && version == o.Version:
			v.warn("import", "model", "keep one", "imports domain %q twice", o.Domain)
		case twice:
			v.add("import", "model", "keep one", "imports versions %d and %d of domain %q: tools differ in which counts", version, o.Version, o.Domain)
		}
		domains[d] = o.Version
	}
	v.graph(m.Graph, "graph", nil)
	seen := map[OpID]bool{}
	for _, f := range m.Functions {
		where := "function " + f.ID.String()
		if seen[f.ID.Canonical()] {
			v.add("function", where, "remove or rename one", "is defined twice")
		}
		seen[f.ID.Canonical()] = true
		v.function(f, where)
	}
	v.strayUses()
	return v.found
}

func (v *verifier) function(f *Function, where string) {
	attrs := map[string]bool{}
	for _, a := range f.Attrs {
		if attrs[a.Name] {
			v.add("duplicate", where, "remove one", "declares attribute %q twice", a.Name)
		}
		attrs[a.Name] = true
	}
	if f.Body == nil {
		v.add("function", where, "", "has no body")
		return
	}
	if len(f.Body.Inits) > 0 {
		v.add("function", where, "make them Constant nodes or inputs", "has initializers, which the format has no place for")
	}
	outputs := map[*Value]bool{}
	for _, x := range f.Body.Outputs {
		if outputs[x] {
			v.add("duplicate", where, "return an Identity of it", "output %q is listed twice", x.Name)
		}
		outputs[x] = true
	}
	v.graph(f.Body, where, nil)
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

type verifier struct {
	found  []Finding
	nodes  map[*Node]bool          // visited
	values []*Value                // visited, in order
	uses   map[*Value]map[Use]bool // of the values with many
}

func (v *verifier) add(rule, where, fix, format string, args ...any) {
	v.found = append(v.found, Finding{Severity: Error, Rule: "verify/" + rule, Where: where, Message: fmt.Sprintf(format, args...), Fix: fix})
}

func (v *verifier) warn(rule, where, fix, format string, args ...any) {
	v.add(rule, where, fix, format, args...)
	v.found[len(v.found)-1].Severity = Warning
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
	v.formals(g, where, s)
	for n := range g.Nodes() {
		for _, x := range n.out {
			if x != nil {
				s.pending[x] = true
			}
		}
	}
	ordered := true
	for n := range g.Nodes() {
		ordered = v.node(g, n, where, s) && ordered
		for i, x := range n.out {
			if x == nil {
				continue
			}
			what := fmt.Sprintf("node %q: output", n.Label())
			if x.producer != n || x.index != i {
				v.add("link", where, "", "%s %q does not know its producer", what, x.Name)
			}
			v.define(x, where, what, s, false)
		}
	}
	if !ordered {
		v.cycles(g, where)
	}
	for _, x := range g.Outputs {
		if !s.defined(x) {
			v.add("output", where, "remove it from the outputs, or compute it", "output %q is not computed", x.Name)
		}
	}
}

func (v *verifier) formals(g *Graph, where string, s *scope) {
	for _, x := range g.Inputs {
		if s.values[x] {
			v.add("duplicate", where, "remove one", "input %q is listed twice", x.Name)
		}
		v.define(x, where, "input", s, true)
	}
	inits := map[*Value]bool{}
	for _, x := range g.Inits {
		if inits[x] {
			v.add("duplicate", where, "remove one", "initializer %q is listed twice", x.Name)
		}
		inits[x] = true
		v.define(x, where, "initializer", s, true)
		if x.Const == nil && x.Sparse == nil {
			v.add("initializer", where, "", "initializer %q has no value", x.Name)
		}
	}
}

// define brings x into sight. An initializer may be the input of the same name, which is one Value here; nothing else is defined twice.
func (v *verifier) define(x *Value, where, what string, s *scope, again bool) {
	switch {
	case x.Name == "":
		v.add("name", where, "", "%s has no name", what)
	case s.values[x] && again:
	case s.named(x.Name):
		v.add("ssa", where, "rename one", "%s %q: the name is defined twice", what, x.Name)
	}
	if !s.values[x] {
		v.values = append(v.values, x)
	}
	s.values[x], s.names[x.Name] = true, true
}

// node checks one node and what it holds. It reports whether all inputs that the graph computes come before it.
func (v *verifier) node(g *Graph, n *Node, where string, s *scope) bool {
	v.nodes[n] = true
	label := fmt.Sprintf("%s: node %q (%s)", where, n.Label(), n.ID)
	if n.ID.Op == "" {
		v.add("operator", label, "", "has no operator")
	}
	if n.graph != g {
		v.add("link", label, "", "does not know its graph")
	}
	before := len(v.found)
	ordered := true
	for i, x := range n.in {
		if x == nil {
			continue
		}
		switch {
		case s.defined(x):
		case s.comesLater(x):
			ordered = false
			v.add("order", label, "sort the nodes", "input %d, %q, is computed only later", i, x.Name)
		default:
			v.add("undefined", label, "", "input %d, %q, is not defined", i, x.Name)
		}
		if !v.knows(x, Use{n, i}) {
			v.add("link", label, "", "input %d, %q, does not know this use", i, x.Name)
		}
	}
	attrs := map[string]bool{}
	for _, a := range n.Attrs {
		if attrs[a.Name] {
			v.add("attribute", label, "remove one", "attribute %q is given twice", a.Name)
		}
		attrs[a.Name] = true
		for _, sub := range attrGraphs(a) {
			if sub.owner != n {
				v.add("link", label, "", "subgraph %q does not know its node", a.Name)
			}
			v.graph(sub, label+"."+a.Name, s)
		}
	}
	for _, f := range v.found[before:] { // a node inside may read what this graph computes only later
		ordered = ordered && f.Rule != "verify/order"
	}
	return ordered
}

// fewUses is how long a list of uses may be to be searched; a longer one is made a set once, so that no value costs more than its list.
const fewUses = 8

// knows reports whether x has recorded the use.
func (v *verifier) knows(x *Value, use Use) bool {
	if len(x.uses) <= fewUses {
		return slices.Contains(x.uses, use)
	}
	set, ok := v.uses[x]
	if !ok {
		set = make(map[Use]bool, len(x.uses))
		for _, u := range x.uses {
			set[u] = true
		}
		v.uses[x] = set
	}
	return set[use]
}

// strayUses finds recorded uses that no node of the model makes.
func (v *verifier) strayUses() {
	for _, x := range v.values {
		var seen map[Use]bool
		if len(x.uses) > fewUses {
			seen = make(map[Use]bool, len(x.uses))
		}
		for i, u := range x.uses {
			switch {
			case !v.nodes[u.Node]:
				v.add("link", fmt.Sprintf("value %q", x.Name), "", "is recorded as an input of node %q, which is not in the model", u.Node.Label())
			case u.Index >= len(u.Node.in) || u.Node.in[u.Index] != x:
				v.add("link", fmt.Sprintf("value %q", x.Name), "", "is recorded as input %d of node %q, which it is not", u.Index, u.Node.Label())
			case seen[u] || seen == nil && slices.Contains(x.uses[:i], u):
				v.add("link", fmt.Sprintf("value %q", x.Name), "", "is recorded twice as input %d of node %q", u.Index, u.Node.Label())
			}
			if seen != nil {
				seen[u] = true
			}
		}
	}
}

// cycles lists the sets of nodes that need each other's outputs.
func (v *verifier) cycles(g *Graph, where string) {
	_, cycles := g.order()
	for _, c := range cycles {
		v.add("cycle", fmt.Sprintf("%s: node %q (%s)", where, c[0].Label(), c[0].ID), "", "is part of a cycle: %s", cycleText(c))
	}
}
