package runtime

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// Unsupported is one node that the runtime cannot execute.
type Unsupported struct {
	Node   string
	ID     graph.OpID
	Opset  int
	Reason string
}

// UnsupportedError lists every node of a model that the runtime cannot execute.
type UnsupportedError struct{ Nodes []Unsupported }

// Error names all the nodes, one a line; nodes that differ only in their name are counted.
func (e *UnsupportedError) Error() string {
	type kind struct {
		id     graph.OpID
		opset  int
		reason string
	}
	count := map[kind]int{}
	first := map[kind]string{}
	var order []kind
	for _, u := range e.Nodes {
		k := kind{u.ID, u.Opset, u.Reason}
		if count[k] == 0 {
			order = append(order, k)
			first[k] = u.Node
		}
		count[k]++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d unsupported nodes:", len(e.Nodes))
	if len(e.Nodes) == 1 {
		b.Reset()
		b.WriteString("unsupported node:")
	}
	for _, k := range order {
		b.WriteString("\n  ")
		if n := count[k]; n > 1 {
			fmt.Fprintf(&b, "%d times, first ", n)
		}
		fmt.Fprintf(&b, "node %q (%s, opset %d): %s", first[k], k.id, k.opset, k.reason)
	}
	return b.String()
}

// FeedError says which input of a run does not fit the model.
type FeedError struct {
	Input     string
	Want, Got string
}

// Error implements error.
func (e *FeedError) Error() string {
	if e.Got == "" {
		return fmt.Sprintf("input %q is missing, want %s", e.Input, e.Want)
	}
	return fmt.Sprintf("input %q: want %s, got %s", e.Input, e.Want, e.Got)
}
