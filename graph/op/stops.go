package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// Cause is a node at which inference stopped, and what came of it.
type Cause struct {
	Node   string     `json:"node"`
	Op     graph.OpID `json:"-"`
	OpName string     `json:"op"`
	Value  string     `json:"value"` // its first output without a type
	Reason string     `json:"reason"`
	Values int        `json:"values"` // that have no type for this reason: its own and those computed from them
}

// Causes is the nodes at which inference stopped first, in the order of the model, with the number of values that have no type because of
// each. A value without a type that follows from several is counted with the first.
func (r InferReport) Causes() []Cause {
	var list []*Cause
	nodes := map[string]*Cause{} // by node, among those of the list
	of := map[string]*Cause{}    // by value
	for _, s := range r.Stopped {
		c := of[s.From]
		if s.From == "" || c == nil {
			if c = nodes[s.Node]; c == nil || c.Op != s.Op {
				c = &Cause{Node: s.Node, Op: s.Op, OpName: s.Op.String(), Value: s.Value, Reason: s.Reason}
				nodes[s.Node] = c
				list = append(list, c)
			}
		}
		c.Values++
		of[s.Value] = c
	}
	causes := make([]Cause, len(list))
	for i, c := range list {
		causes[i] = *c
	}
	return causes
}

// Findings is the causes as notes of a check.
func (r InferReport) Findings() []graph.Finding {
	var list []graph.Finding
	for _, c := range r.Causes() {
		list = append(list, graph.Finding{Severity: graph.Info, Rule: "op/untyped", Where: fmt.Sprintf("node %q (%s)", c.Node, c.Op),
			Message: fmt.Sprintf("inference of types stopped here: %s; %s without a type", c.Reason, plural(c.Values, "value"))})
	}
	return list
}
