package opset

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

// fit makes the node obey another version whose meaning is the same: explicit values where defaults differ, and nothing that the version
// does not have. What says something that it cannot say is refused.
func (s *site) fit(from, to *op.Schema) error {
	for _, a := range append(graph.Attrs(nil), s.n.Attrs...) {
		mine, its := from.Attr(a.Name), to.Attr(a.Name)
		switch {
		case its != nil && (a.Kind == its.Kind || a.Kind == graph.AttrUndefined):
		case strings.HasPrefix(a.Name, "__"):
		case its != nil:
			return refuse(NoAttr, "", "attribute %s is of kind %s, version %d wants %s", a.Name, a.Kind, to.Since, its.Kind)
		case a.Ref == "" && silent(a, mine):
			s.drop(a.Name)
		default:
			return refuse(NoAttr, "", "attribute %s = %s has no counterpart in version %d", a.Name, attrText(a), to.Since)
		}
	}
	for i := range from.Attrs {
		a := &from.Attrs[i]
		its := to.Attr(a.Name)
		if its == nil || s.n.Attrs.Get(a.Name) != nil || a.Default == nil || sameAttr(a.Default, its.Default) {
			continue
		}
		k := *a.Default
		k.Name = a.Name
		s.set(&k)
	}
	for _, a := range to.Attrs {
		if a.Required && s.n.Attrs.Get(a.Name) == nil {
			return refuse(NoAttr, "", "attribute %s is missing, and version %d requires it", a.Name, to.Since)
		}
	}
	for s.n.NumIn() > to.MaxIn {
		if s.n.In(s.n.NumIn()-1) != nil {
			f := from.Input(s.n.NumIn() - 1)
			if f == nil {
				return refuse(Malformed, "", "has %d inputs, and version %d takes at most %d", s.n.NumIn(), from.Since, from.MaxIn)
			}
			return refuse(NoInput, "", "input %d (%s) has no counterpart in version %d", s.n.NumIn()-1, f.Name, to.Since)
		}
		s.n.DropInput()
		s.edited = true
	}
	for s.edited && s.n.NumIn() > to.MinIn && s.n.NumIn() > 0 && s.n.In(s.n.NumIn()-1) == nil {
		s.n.DropInput()
	}
	for i := range min(to.MinIn, max(s.n.NumIn(), to.MinIn)) {
		if f := to.Input(i); s.n.In(i) == nil && f != nil && f.Option == op.Single {
			return refuse(NoInput, "", "input %d (%s) is omitted, and version %d requires it", i, f.Name, to.Since)
		}
	}
	if s.n.NumIn() < to.MinIn {
		return refuse(NoInput, "", "has %d inputs, and version %d requires %d", s.n.NumIn(), to.Since, to.MinIn)
	}
	if err := s.fitOutputs(to); err != nil {
		return err
	}
	if fault := to.TypeFault(s.n); fault != "" {
		return refuse(NoType, "insert a Cast", "%s", fault)
	}
	return nil
}

// fitOutputs drops outputs beyond the version's last that nobody uses.
func (s *site) fitOutputs(to *op.Schema) error {
	keep := s.n.NumOut()
	for ; keep > to.MaxOut; keep-- {
		if s.used(keep - 1) {
			return refuse(NoOutput, "", "output %d has no counterpart in version %d", keep-1, to.Since)
		}
	}
	if keep < s.n.NumOut() {
		s.shrink(keep)
	}
	for i := range to.MinOut {
		if f := to.Output(i); f != nil && f.Option == op.Single && s.n.Out(i) == nil {
			return refuse(NoOutput, "", "output %d (%s) is omitted, and version %d requires it", i, f.Name, to.Since)
		}
	}
	return nil
}

// silent reports whether an attribute says no more than its absence: its default, what older versions needed for memory, the ones and
// zeros of windows, and what concerns only types and modes that a version without it does not have.
func silent(a *graph.Attr, spec *op.AttrSpec) bool {
	if spec != nil && spec.Default != nil && sameAttr(a, spec.Default) {
		return true
	}
	all := func(v int64) bool {
		for _, x := range a.Ints {
			if x != v {
				return false
			}
		}
		return a.Kind == graph.AttrInts
	}
	switch a.Name {
	case "consumed_inputs", "seed", "saturate", "round_mode", "stash_type":
		return true
	case "dilations", "strides":
		return all(1)
	case "pads", "output_padding":
		return all(0)
	}
	return false
}

// sameAttr reports whether two attributes of simple kinds have the same value.
func sameAttr(a, b *graph.Attr) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.Ref != "" || b.Ref != "" {
		return false
	}
	switch a.Kind {
	case graph.AttrInt, graph.AttrFloat, graph.AttrString, graph.AttrInts, graph.AttrFloats, graph.AttrStrings:
		return attrText(a) == attrText(b)
	}
	return false
}

func attrText(a *graph.Attr) string {
	switch {
	case a.Ref != "":
		return "@" + a.Ref
	case a.Kind == graph.AttrInt:
		return fmt.Sprint(a.I)
	case a.Kind == graph.AttrFloat:
		return fmt.Sprint(a.F)
	case a.Kind == graph.AttrString:
		return fmt.Sprintf("%q", a.S)
	case a.Kind == graph.AttrInts:
		return fmt.Sprint(a.Ints)
	case a.Kind == graph.AttrFloats:
		return fmt.Sprint(a.Floats)
	case a.Kind == graph.AttrStrings:
		return fmt.Sprintf("%q", a.Strings)
	}
	return "a " + a.Kind.String()
}
