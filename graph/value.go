package graph

import (
	"iter"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Value is one named value of a graph: an input, an initializer, or the output of a node. Uses are tracked across subgraphs.
type Value struct {
	Name   string
	Type   Type           // Kind is KindUnknown while nobody stated or inferred it
	Const  *tensor.Tensor // the initializer's value; nil for all others
	Sparse *tensor.Sparse // the value of a sparse initializer
	Doc    string
	Props  []Prop // metadata of its value_info
	Extra  *Extra // of its value_info

	graph    *Graph
	producer *Node
	index    int // of the producer's outputs
	uses     []Use
}

// Use is one place where a value is an input.
type Use struct {
	Node  *Node
	Index int
}

// Graph is the graph that owns the value; nil for one that belongs to none yet.
func (v *Value) Graph() *Graph { return v.graph }

// Producer is the node that computes v and which of its outputs v is; nil for inputs, initializers and undefined names, and for nil, an
// omitted input.
func (v *Value) Producer() (*Node, int) {
	if v == nil {
		return nil, 0
	}
	return v.producer, v.index
}

// IsInput reports whether v is a formal input of its graph.
func (v *Value) IsInput() bool { return v.graph != nil && contains(v.graph.Inputs, v) }

// IsOutput reports whether v is a formal output of its graph.
func (v *Value) IsOutput() bool { return v.graph != nil && contains(v.graph.Outputs, v) }

// IsConst reports whether v is a dense initializer that no input can override.
func (v *Value) IsConst() bool { return v.Const != nil && !v.IsInput() }

// Uses yields the places where v is an input, in the order in which they were made. Graph outputs are not among them. The list may be
// edited while it is walked: the walk is over a copy.
func (v *Value) Uses() iter.Seq[Use] {
	uses := append([]Use(nil), v.uses...)
	return func(yield func(Use) bool) {
		for _, u := range uses {
			if !yield(u) {
				return
			}
		}
	}
}

// NumUses is the number of places where v is an input; being a graph output does not count.
func (v *Value) NumUses() int { return len(v.uses) }

// SoleUse is the only place where v is used, if there is just one and v is no graph output.
func (v *Value) SoleUse() (Use, bool) {
	if len(v.uses) != 1 || v.IsOutput() {
		return Use{}, false
	}
	return v.uses[0], true
}

// ReplaceUses makes every node that uses v use with instead. Graph outputs stay; see Graph.ReplaceValue for both.
func (v *Value) ReplaceUses(with *Value) {
	if v == with {
		return
	}
	for u := range v.Uses() {
		u.Node.SetIn(u.Index, with)
	}
}

func (v *Value) dropUse(n *Node, i int) {
	for k, u := range v.uses {
		if u.Node == n && u.Index == i {
			v.uses = append(v.uses[:k], v.uses[k+1:]...)
			return
		}
	}
}

func contains(list []*Value, v *Value) bool {
	for _, w := range list {
		if w == v {
			return true
		}
	}
	return false
}

// ConstBytes is the size of v's constant in bytes; 0 when it is none.
func (v *Value) ConstBytes() int64 {
	if v.Const == nil || v.Const.Storage() == nil {
		return 0
	}
	return v.Const.Storage().Len()
}
