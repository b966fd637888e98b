package opset

import (
	"fmt"
	"strings"
)

// Reason says why a node cannot be converted; the list is closed.
type Reason string

// The reasons.
const (
	NoOperator Reason = "operator"   // the operator does not exist in the target, and cannot be written with older ones
	NoType     Reason = "type"       // a type that the target's version does not allow
	NoAttr     Reason = "attribute"  // an attribute's value has no counterpart
	NoInput    Reason = "input"      // an input has no counterpart
	NoOutput   Reason = "output"     // an output has no counterpart
	NotConst   Reason = "dynamic"    // an input becomes an attribute and is not constant
	NoShape    Reason = "shape"      // a rank, shape or element type that the change depends on is not known, or does not fit
	Meaning    Reason = "meaning"    // the two versions mean different things, and neither can be written with the other
	Parameter  Reason = "parameter"  // an attribute is a function's parameter, and its value decides how the node is written
	Deprecated Reason = "deprecated" // the operator is deprecated in the target and has no successor that means the same
	Malformed  Reason = "malformed"  // the node does not obey the schema of the opset that it is written for
)

// Reasons lists the reasons, for reports that count them.
var Reasons = []Reason{NoOperator, NoType, NoAttr, NoInput, NoOutput, NotConst, NoShape, Meaning, Parameter, Deprecated, Malformed}

// Refusal is a node that cannot be converted.
type Refusal struct {
	Where    string `json:"where"` // function and subgraphs around it; "" in the main graph
	Node     string `json:"node"`
	Operator string `json:"operator"`
	From     int    `json:"from"` // version of the operator
	To       int    `json:"to"`   // version that it would become; the opset where the operator is missing
	Reason   Reason `json:"reason"`
	Detail   string `json:"detail"`
	Fix      string `json:"fix,omitempty"`
}

// String is one line.
func (r Refusal) String() string {
	s := fmt.Sprintf("%snode %q: %s-%d to %d: %s", r.Where, r.Node, r.Operator, r.From, r.To, r.Detail)
	if r.Fix != "" {
		s += " (" + r.Fix + ")"
	}
	return s
}

// RefusedError lists every node that cannot be converted, in the model's order.
type RefusedError struct{ Refusals []Refusal }

// Error is one line for each of the first refusals.
func (e *RefusedError) Error() string {
	const shown = 20
	lines := []string{fmt.Sprintf("%d of the nodes cannot be converted", len(e.Refusals))}
	for i, r := range e.Refusals {
		if i == shown {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Refusals)-shown))
			break
		}
		lines = append(lines, r.String())
	}
	return strings.Join(lines, "\n  ")
}

// Report says what Convert did.
type Report struct {
	Domains []DomainChange `json:"domains"`
	Changes []Change       `json:"changes"`
	Notes   []Note         `json:"notes,omitempty"`
	IRFrom  int64          `json:"ir_from"`
	IRTo    int64          `json:"ir_to"`
}

// DomainChange is a domain whose import changed, in the model or one of its functions.
type DomainChange struct {
	Domain   string `json:"domain"`
	Function string `json:"function,omitempty"`
	From     int64  `json:"from"`
	To       int64  `json:"to"`
}

// Note says where the converted model differs from the original in what models hardly do.
type Note struct {
	Operator string `json:"operator"`
	Detail   string `json:"detail"`
	Nodes    int    `json:"nodes"`
}

// Change counts the model's nodes of an operator that met the same boundary in the same way.
type Change struct {
	Operator string `json:"operator"`
	From     int    `json:"from"` // version of the operator
	To       int    `json:"to"`
	How      How    `json:"how"`
	Nodes    int    `json:"nodes"`
}

// How says what became of a node at a boundary.
type How string

// What may become of a node.
const (
	Same      How = "same"      // the two versions mean the same for it
	Edited    How = "edited"    // attributes, inputs or outputs changed
	Rewritten How = "rewritten" // other nodes took its place
)

// refusal is what an adapter returns when it cannot go on.
type refusal struct {
	reason      Reason
	detail, fix string
}

func (r *refusal) Error() string { return r.detail }

func refuse(reason Reason, fix, format string, args ...any) error {
	return &refusal{reason, fmt.Sprintf(format, args...), fix}
}
