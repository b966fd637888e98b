package graph

import "fmt"

// NodeError says at which node an error happened.
type NodeError struct {
	Node  string // name, or the first output's name when the node has none
	Op    OpID
	Opset int64 // 0 when not known
	Err   error
}

// AtNode wraps err with where it happened.
func AtNode(n *Node, opset int64, err error) error {
	return &NodeError{Node: n.Label(), Op: n.ID, Opset: opset, Err: err}
}

// Error implements error.
func (e *NodeError) Error() string {
	if e.Opset == 0 {
		return fmt.Sprintf("node %q (%s): %v", e.Node, e.Op, e.Err)
	}
	return fmt.Sprintf("node %q (%s, opset %d): %v", e.Node, e.Op, e.Opset, e.Err)
}

// Unwrap is the cause.
func (e *NodeError) Unwrap() error { return e.Err }

// Label is the node's name, or the name of its first output when it has none.
func (n *Node) Label() string {
	if n.Name != "" {
		return n.Name
	}
	for _, v := range n.out {
		if v != nil {
			return v.Name
		}
	}
	return ""
}

// Severity ranks a finding.
type Severity uint8

// The severities.
const (
	Info Severity = iota
	Warning
	Error
)

// String is "info", "warning" or "error".
func (s Severity) String() string { return [...]string{"info", "warning", "error"}[s] }

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Severity) UnmarshalText(text []byte) error {
	for x := Info; x <= Error; x++ {
		if x.String() == string(text) {
			*s = x
			return nil
		}
	}
	return fmt.Errorf("%q is no severity", text)
}

// Finding is one thing that a check found in a model.
type Finding struct {
	Severity Severity `json:"severity"`
	Rule     string   `json:"rule,omitempty"` // a stable name of what is checked, such as "verify/order"; findings of a rule are alike
	Tool     string   `json:"tool,omitempty"` // the program that stumbles, with the versions that this is known of, where it is one
	Where    string   `json:"where"`          // graph, node, value or tensor by name
	Message  string   `json:"message"`
	Fix      string   `json:"fix,omitempty"`
}

// String is "error: node "x": message".
func (f Finding) String() string {
	s := f.Severity.String() + ": "
	if f.Where != "" {
		s += f.Where + ": "
	}
	return s + f.Message
}
