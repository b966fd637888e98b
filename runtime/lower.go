package runtime

import (
	"sort"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// lowering is one rule that replaces a group of nodes by one fused node of the domain op.Lowered. What lowering makes is never saved.
type lowering struct {
	Name, Doc string
	// Apply tries the rule at node n of the graph and reports whether it fired. It may remove n.
	Apply func(*compiler, *graph.Node) bool
}

// lowerings are the rules in the order in which they are tried; each goes over the whole graph before the next.
var lowerings = []lowering{}

// RuleCount says how often a lowering rule fired.
type RuleCount struct {
	Rule  string
	Count int
}

// Lowered lists the lowering rules that fired, by name.
func (s *Session) Lowered() []RuleCount { return append([]RuleCount(nil), s.rules...) }

func (c *compiler) ruleCounts() []RuleCount {
	var list []RuleCount
	for name, n := range c.rules {
		list = append(list, RuleCount{name, n})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Rule < list[j].Rule })
	return list
}

// lower applies the rules to the graph and its subgraphs.
func (c *compiler) lower() {
	for _, rule := range lowerings {
		c.model.Graph.Walk(func(g *graph.Graph) {
			for n := range g.Nodes() {
				if rule.Apply(c, n) {
					c.rules[rule.Name]++
				}
			}
		})
	}
}
