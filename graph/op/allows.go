package op

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// TypeFault says which of the node's types, as its values state them, the schema does not allow; "" when all are allowed or unknown.
func (s *Schema) TypeFault(n *graph.Node) string {
	bound := map[string]string{}
	from := map[string]string{}
	one := func(what string, i int, v *graph.Value, f *Formal) string {
		if absent(v) || f == nil || f.Types == nil {
			return ""
		}
		t := typeName(v.Type)
		if t == "" {
			return ""
		}
		place := fmt.Sprintf("%s %d (%s)", what, i, f.Name)
		switch old, ok := bound[f.Type]; {
		case !f.Types.has(v.Type, t):
			return fmt.Sprintf("%s is %s, which %s does not allow", place, t, s.label())
		case f.Heterogeneous || strings.Contains(f.Type, "("):
		case !ok:
			bound[f.Type], from[f.Type] = t, place
		case old != t:
			return fmt.Sprintf("%s is %s but %s is %s, and %s wants them alike", place, t, from[f.Type], old, s.label())
		}
		return ""
	}
	for i := range n.NumIn() {
		if fault := one("input", i, n.In(i), s.Input(i)); fault != "" {
			return fault
		}
	}
	for i := range n.NumOut() {
		if fault := one("output", i, n.Out(i), s.Output(i)); fault != "" {
			return fault
		}
	}
	return ""
}

// FormFault says how the node's counts of inputs and outputs or its attributes contradict the schema; "" when they do not.
func (s *Schema) FormFault(n *graph.Node) string {
	c := checker{}
	c.counts(n, "", s)
	c.attrs(n, "", s)
	for _, f := range c.found {
		if f.Severity == graph.Error {
			return f.Message
		}
	}
	return ""
}
