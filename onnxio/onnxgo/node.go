package onnxgo

import (
	"errors"
	"slices"

	gonum "gonum.org/v1/gonum/graph"
	gorgonia "gorgonia.org/tensor"

	onnx "github.com/owulveryck/onnx-go"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

var (
	_ onnx.Namer       = (*Node)(nil)
	_ onnx.DataCarrier = (*Node)(nil)
)

// Node is one value of the model, under the name that onnx-go gives it. Nodes of one name are one value: onnx-go makes two of an input that is
// an output as well.
type Node struct {
	g       *Graph
	id      int64
	name    string
	v       *value
	in, out []gonum.WeightedEdge
	sets    int // calls of SetTensor before the first operation
}

// value is what the nodes of one name share.
type value struct {
	name    string
	nodes   []*Node
	omitted bool       // the empty name, by which ONNX leaves an input or output out
	by      *operation // that computes it; nil for inputs and initializers
	t       gorgonia.Tensor
	c       *tensor.Tensor // t of an initializer, converted
	set     bool           // SetTensor was called after the first operation: not by the decoder
	elem    tensor.DType   // the declared element type; Undefined when there is none
	wanted  bool           // Run computes it for the caller
	key     string         // its name in the compiled model
}

// ID implements graph.Node.
func (n *Node) ID() int64 { return n.id }

// GetName is the value's name.
func (n *Node) GetName() string { return n.name }

// SetName names the value. The empty name is ONNX's omitted input or output.
func (n *Node) SetName(name string) {
	n.name = name
	n.v.nodes = slices.DeleteFunc(n.v.nodes, func(m *Node) bool { return m == n })
	v := n.g.byName[name]
	if v == nil {
		v = &value{name: name, omitted: name == "", by: n.v.by, t: n.v.t, set: n.v.set}
		n.g.byName[name] = v
	}
	n.g.attach(n, v)
}

// attach makes n a node of v.
func (g *Graph) attach(n *Node, v *value) {
	if len(v.nodes) == 0 {
		g.values = append(g.values, v)
	}
	n.v = v
	v.nodes = append(v.nodes, n)
}

// SetTensor gives an input its tensor, or replaces an initializer's. The tensor is read by Run, not here, and must not be changed while Run
// works. An initializer is read by the first Run only: to change it later, set another tensor.
func (n *Node) SetTensor(t gorgonia.Tensor) error {
	if t == nil {
		return errors.New("onnxgo: value " + quoted(n.v) + ": the tensor is nil")
	}
	n.v.t, n.v.c = t, nil
	if len(n.g.ops) == 0 {
		if n.sets == 0 {
			n.v.elem = formats[t.Dtype().Type].elem
		}
		n.sets++
	} else {
		n.v.set = true
	}
	return nil
}

// GetTensor is the value's tensor: what SetTensor gave an input or initializer, what the last Run computed otherwise. A value that Run did not
// return so far, because it lies within the model, is computed now and by every Run from then on. Before the first Run it is what the decoder
// put there as a declaration of type and shape, or nil. It is the caller's.
func (n *Node) GetTensor() gorgonia.Tensor {
	if v := n.v; v.by != nil && !v.wanted && n.g.ran {
		n.g.want(v)
	}
	return n.v.t
}

// declared reports whether the decoder gave a type for the value: an input, an output, or an entry of value_info.
func (v *value) declared() bool {
	return slices.ContainsFunc(v.nodes, func(n *Node) bool { return n.sets > 0 })
}

// initializer reports whether the decoder declared the value and then gave it contents.
func (v *value) initializer() bool {
	return slices.ContainsFunc(v.nodes, func(n *Node) bool { return n.sets > 1 })
}

// read reports whether an operation reads the value.
func (v *value) read() bool {
	return slices.ContainsFunc(v.nodes, func(n *Node) bool { return len(n.out) > 0 })
}
