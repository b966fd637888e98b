package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	schema "github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

// guarded is a Prepare that first holds the node against the operator's schema: required inputs must be there, and every attribute must be
// one of the schema's, of its kind, so that an Exec may rely on both. A wrong attribute would otherwise be read as its default.
func guarded(prepare func(*Prep) (Exec, error)) func(*Prep) (Exec, error) {
	return func(p *Prep) (Exec, error) {
		if s := schema.Lookup(p.Node.ID.Domain, p.Node.ID.Op, p.Opset); s != nil && !s.Deprecated {
			if err := fits(p.Node, s); err != nil {
				return nil, err
			}
		}
		return prepare(p)
	}
}

func fits(n *graph.Node, s *schema.Schema) error {
	if n.NumIn() < s.MinIn || n.NumIn() > s.MaxIn {
		return fmt.Errorf("%d inputs, want %d to %d", n.NumIn(), s.MinIn, s.MaxIn)
	}
	if n.NumOut() < s.MinOut || n.NumOut() > s.MaxOut {
		return fmt.Errorf("%d outputs, want %d to %d", n.NumOut(), s.MinOut, s.MaxOut)
	}
	for i := range n.NumIn() {
		f := s.Input(i)
		if f != nil && f.Option != schema.Optional && n.In(i) == nil {
			return fmt.Errorf("input %d (%s) is missing", i, f.Name)
		}
	}
	for _, a := range n.Attrs {
		spec := s.Attr(a.Name)
		switch {
		case a.Ref != "":
			return fmt.Errorf("attribute %s refers to a parameter of a function that was not filled in", a.Name)
		case spec == nil:
			return fmt.Errorf("attribute %s is none of this version's", a.Name)
		case spec.Kind != a.Kind && a.Kind != graph.AttrUndefined && !emptyList(a):
			return fmt.Errorf("attribute %s is of kind %s, want %s", a.Name, a.Kind, spec.Kind)
		}
	}
	for i := range s.Attrs {
		if spec := &s.Attrs[i]; spec.Required && n.Attrs.Get(spec.Name) == nil {
			return fmt.Errorf("attribute %s is missing", spec.Name)
		}
	}
	return nil
}

// emptyList reports whether a is a list without elements, whose kind some writers get wrong.
func emptyList(a *graph.Attr) bool {
	switch a.Kind {
	case graph.AttrInts, graph.AttrFloats, graph.AttrStrings:
		return len(a.Ints)+len(a.Floats)+len(a.Strings) == 0
	}
	return false
}
