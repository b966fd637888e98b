package opset

import (
	"errors"
	"fmt"
	"sort"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

// converter carries the nodes of one domain after the other.
type converter struct {
	m        *graph.Model
	oldIR    bool // the model is of an IR version whose initializers are all inputs and constant all the same
	domain   string
	to       int
	ir       int64 // IR version that the result needs
	env      *op.Env
	data     func(*graph.Value) *op.Data // contents of small integer values, before anything was edited
	local    map[graph.OpID]bool         // model-local functions: their calls stay
	stated   map[*graph.Value]graph.Type // types as the model states them
	returned map[*graph.Value]bool       // outputs of the graph, its subgraphs and the functions
	// enlarges are the Resize nodes that were Upsample: no scale of theirs is below 1.
	enlarges map[*graph.Node]bool
	refused  []Refusal
	report   Report
	counts   map[Change]int
}

func newConverter(m *graph.Model) *converter {
	c := &converter{m: m.Clone(), oldIR: m.IRVersion < 4, local: map[graph.OpID]bool{}, enlarges: map[*graph.Node]bool{}, counts: map[Change]int{}}
	for _, f := range m.Functions {
		c.local[f.ID.Canonical()] = true
	}
	c.m.Training = nil
	for _, t := range m.Training {
		k := *t
		if t.Initialization != nil {
			k.Initialization = t.Initialization.CloneWith(map[*graph.Value]*graph.Value{})
		}
		if t.Algorithm != nil {
			k.Algorithm = t.Algorithm.CloneWith(map[*graph.Value]*graph.Value{})
		}
		c.m.Training = append(c.m.Training, &k)
	}
	return c
}

// prepare infers types and contents of the model as it stands.
func (c *converter) prepare() {
	_, c.data = op.InferContents(c.m, op.InferOptions{})
	c.env = op.NewEnv(c.m, op.InferOptions{})
}

// model converts the graph, the training graphs and the functions from the versions that they import, and changes the imports.
func (c *converter) model() {
	from := c.m.Opset(c.domain)
	if c.domain == "" && len(c.m.Opsets) == 0 {
		from = 1
		c.m.Opsets = []graph.OpsetID{{Version: 1}}
	}
	if from > 0 && from != int64(c.to) {
		c.graph(c.m.Graph, "", int(from), nil)
		for i, t := range c.m.Training {
			for _, g := range []*graph.Graph{t.Initialization, t.Algorithm} {
				if g != nil {
					c.graph(g, fmt.Sprintf("training %d, ", i), int(from), nil)
				}
			}
		}
		c.imports("", c.m.Opsets)
	}
	for _, f := range c.m.Functions {
		if from := f.Opset(c.domain); from > 0 && from != int64(c.to) && f.Body != nil {
			c.graph(f.Body, "function "+f.ID.String()+", ", int(from), f)
			c.imports(f.ID.String(), f.Opsets)
		}
	}
}

func (c *converter) imports(function string, list []graph.OpsetID) {
	for i := range list {
		if graph.CanonicalDomain(list[i].Domain) == c.domain {
			c.report.Domains = append(c.report.Domains, DomainChange{c.domain, function, list[i].Version, int64(c.to)})
			list[i].Version = int64(c.to)
		}
	}
}

// maxDepth bounds how deep subgraphs may nest.
const maxDepth = 256

func (c *converter) graph(g *graph.Graph, where string, from int, f *graph.Function) {
	c.nested(g, where, from, f, 0)
}

func (c *converter) nested(g *graph.Graph, where string, from int, f *graph.Function, depth int) {
	for n := g.First(); n != nil; {
		next := n.Next()
		for _, a := range n.Attrs {
			subs := a.Graphs
			if a.G != nil {
				subs = append([]*graph.Graph{a.G}, subs...)
			}
			for _, sub := range subs {
				if depth == maxDepth {
					c.refused = append(c.refused, Refusal{Where: where, Node: n.Label(), Operator: n.ID.String(), From: from, To: c.to, Reason: Malformed,
						Detail: "its graphs are nested too deep"})
					continue
				}
				c.nested(sub, fmt.Sprintf("%snode %q, %s: ", where, n.Label(), a.Name), from, f, depth+1)
			}
		}
		id := n.ID.Canonical()
		if id.Domain == c.domain && !c.local[id] {
			label := n.Label()
			if r := c.carry(n, from, f, 0); r != nil {
				r.Where, r.Node = where, label
				c.refused = append(c.refused, *r)
			}
		}
		n = next
	}
}

// inlineFirst is what to do where a function's body says less than its calls.
const inlineFirst = "inline the functions first: onnx-rewrite rewrite --functions inline"

// maxSteps bounds how often what a node became is itself taken apart.
const maxSteps = 64

// carry brings one node from an opset to the target, boundary by boundary.
func (c *converter) carry(n *graph.Node, cur int, f *graph.Function, depth int) *Refusal {
	id := n.ID.Canonical()
	name := graph.OpID{Domain: id.Domain, Op: id.Op}.String()
	at := op.Lookup(c.domain, id.Op, cur)
	if at == nil {
		versions := op.Versions(c.domain, id.Op)
		if len(versions) == 0 {
			return &Refusal{Operator: name, From: cur, To: c.to, Reason: Malformed, Detail: fmt.Sprintf("there is no operator %s in opset %d", name, cur),
				Fix: "optimizers write operators of their runtime into the default domain; convert the model from before"}
		}
		cur = versions[0] // a tool wrote the operator before its time; it means what its first version does
		at = op.Lookup(c.domain, id.Op, cur)
	}
	for step := 0; ; step++ {
		s := site{c: c, g: n.Graph(), n: n, f: f}
		switch {
		case cur < c.to:
			v := nextVersion(c.domain, id.Op, at.Since, c.to)
			if v == 0 {
				return nil
			}
			s.up, s.older, s.newer, s.ver = true, at, op.Lookup(c.domain, id.Op, v), v
		case at.Since > c.to:
			s.newer, s.older, s.ver = at, op.Lookup(c.domain, id.Op, at.Since-1), at.Since-1
		default:
			return nil
		}
		how, err := s.cross()
		change := Change{Operator: name, From: at.Since, To: s.target()}
		if err != nil || depth > maxSteps {
			r := &refusal{reason: Malformed, detail: "is taken apart without end"}
			errors.As(err, &r)
			if f != nil && r.reason == NoShape {
				r.fix = inlineFirst
			}
			return &Refusal{Operator: name, From: change.From, To: change.To, Reason: r.reason, Detail: r.detail, Fix: r.fix}
		}
		change.How = how
		if depth == 0 {
			c.counts[change]++
		}
		for _, k := range s.made {
			if k.Graph() == nil {
				continue
			}
			if r := c.carry(k, s.ver, f, depth+1); r != nil {
				if r.Detail != "" && k != n {
					r.Detail = fmt.Sprintf("would need %s: %s", r.Operator, r.Detail)
				}
				r.Operator, r.From, r.To = name, change.From, c.to
				return r
			}
		}
		if n.Graph() == nil {
			return nil
		}
		cur = s.ver
		if at = op.Lookup(c.domain, id.Op, cur); at == nil {
			return nil
		}
	}
}

// nextVersion is the first version of an operator above since and not above top; 0 when there is none.
func nextVersion(domain, name string, since, top int) int {
	for _, v := range op.Versions(domain, name) {
		if v > since && v <= top {
			return v
		}
	}
	return 0
}

// note counts a node of which the report says something.
func (c *converter) note(operator, detail string) {
	for i := range c.report.Notes {
		if n := &c.report.Notes[i]; n.Operator == operator && n.Detail == detail {
			n.Nodes++
			return
		}
	}
	c.report.Notes = append(c.report.Notes, Note{operator, detail, 1})
}

// changes are the counts in a stable order.
func (c *converter) changes() []Change {
	list := []Change{}
	for k, n := range c.counts {
		k.Nodes = n
		list = append(list, k)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		switch {
		case a.Operator != b.Operator:
			return a.Operator < b.Operator
		case a.From != b.From:
			return a.From < b.From
		case a.To != b.To:
			return a.To < b.To
		}
		return a.How < b.How
	})
	return list
}
