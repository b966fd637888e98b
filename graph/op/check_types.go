package op

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// types checks the known types of a node's inputs and outputs against the schema's constraints.
func (c *checker) types(n *graph.Node, where string, s *Schema) {
	bound := map[string]string{} // type variable -> the type it stands for
	from := map[string]string{}
	one := func(what string, i int, v *graph.Value, f *Formal) {
		if absent(v) || f == nil {
			return
		}
		t := typeName(c.env.typeOf(v))
		if t == "" {
			return
		}
		place := fmt.Sprintf("%s %d (%s)", what, i, f.Name)
		if !f.Types.has(c.env.typeOf(v), t) {
			c.add("op/type", graph.Error, where, "insert a Cast, or convert to an opset whose "+s.Name+" allows it", "%s is %s, which %s does not allow", place, t, s.label())
			return
		}
		if f.Heterogeneous || strings.Contains(f.Type, "(") {
			return
		}
		if old, ok := bound[f.Type]; !ok {
			bound[f.Type], from[f.Type] = t, place
		} else if old != t {
			c.add("op/type", graph.Error, where, "insert a Cast", "%s is %s but %s is %s, and %s wants them alike", place, t, from[f.Type], old, s.label())
		}
	}
	for i := range n.NumIn() {
		one("input", i, n.In(i), s.Input(i))
	}
	for i := range n.NumOut() {
		one("output", i, n.Out(i), s.Output(i))
	}
}

// typeName is a type without its shape, as the standard writes it; "" when not fully known.
func typeName(t graph.Type) string {
	of := ""
	if t.Of != nil {
		of = typeName(*t.Of)
	}
	switch {
	case t.Kind == graph.KindTensor && t.Elem != tensor.Undefined:
		return "tensor(" + t.Elem.String() + ")"
	case t.Kind == graph.KindSparseTensor && t.Elem != tensor.Undefined:
		return "sparse_tensor(" + t.Elem.String() + ")"
	case of == "":
		return ""
	case t.Kind == graph.KindSequence:
		return "seq(" + of + ")"
	case t.Kind == graph.KindOptional:
		return "optional(" + of + ")"
	case t.Kind == graph.KindMap:
		if t.Of.Kind == graph.KindTensor { // the standard writes the bare element type here
			of = t.Of.Elem.String()
		}
		return "map(" + t.Key.String() + "," + of + ")"
	}
	return ""
}

// has reports whether the set holds a type; name is its typeName.
func (s *TypeSet) has(t graph.Type, name string) bool {
	in := func(set ElemSet, t *graph.Type) bool {
		return t != nil && t.Kind == graph.KindTensor && set.Has(t.Elem)
	}
	switch {
	case t.Kind == graph.KindTensor && s.Tensor.Has(t.Elem),
		t.Kind == graph.KindSequence && in(s.Sequence, t.Of),
		t.Kind == graph.KindOptional && in(s.Optional, t.Of),
		t.Kind == graph.KindOptional && t.Of != nil && t.Of.Kind == graph.KindSequence && in(s.OptionalSequence, t.Of.Of):
		return true
	}
	name = strings.ReplaceAll(name, "tensor(", "")
	for _, o := range s.Other {
		if strings.ReplaceAll(o, "tensor(", "") == name {
			return true
		}
	}
	return false
}
