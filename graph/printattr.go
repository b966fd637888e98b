package graph

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// attr writes "name = value", with the kind where the value does not show it; values of other kinds that the attribute carries as well
// follow as "& kind = value".
func (p *printer) attr(a *Attr) {
	n := &noteText{kind: "attr"}
	n.text("doc_string", a.Doc)
	mask := empties("attr", "name", a.Name, "ref_attr_name", a.Ref, "doc_string", a.Doc)
	if a.Kind == AttrUndefined {
		mask |= 1 << fieldNames["attr"]["type"]
	}
	n.extra(a.Extra, mask)
	p.note(n)
	p.s(plainIdent(a.Name))
	main := a.Kind
	switch {
	case a.Ref != "" && a.Kind == AttrUndefined:
		p.s(" = @" + plainIdent(a.Ref))
	case a.Ref != "":
		p.s(": " + attrKindText(a.Kind) + " = @" + plainIdent(a.Ref))
		main = AttrUndefined
	case !a.has(a.Kind) && singleKinds[a.Kind] == AttrUndefined:
		p.s(": " + attrKindText(a.Kind))
	default:
		if a.needsKind() {
			p.s(": " + attrKindText(a.Kind))
		}
		p.s(" = ")
		p.value(a, a.Kind)
	}
	for k := AttrFloat; k <= AttrTypeProtos; k++ {
		if k != main && a.has(k) {
			p.s(" & " + attrKindText(k) + " = ")
			p.value(a, k)
		}
	}
}

// attrKindText is the kind's name, or "kind(n)" for a number that this version does not know.
func attrKindText(k AttrKind) string {
	if k >= 0 && int(k) < len(attrKindNames) {
		return attrKindNames[k]
	}
	return fmt.Sprintf("kind(%d)", int32(k))
}

// singleKinds is the kind of the elements of the lists.
var singleKinds = map[AttrKind]AttrKind{AttrFloats: AttrFloat, AttrInts: AttrInt, AttrStrings: AttrString, AttrTensors: AttrTensor,
	AttrGraphs: AttrGraph, AttrTypeProtos: AttrTypeProto, AttrSparseTensors: AttrSparseTensor}

func (a *Attr) needsKind() bool {
	switch a.Kind {
	case AttrInt, AttrString, AttrTensor, AttrGraph, AttrTypeProto, AttrSparseTensor:
		return false
	case AttrFloat:
		return a.F != a.F || math.IsInf(float64(a.F), 0)
	}
	return true
}

// has reports whether the attribute carries a value of a kind, as far as a writer would write it.
func (a *Attr) has(k AttrKind) bool {
	scalar := func(zero bool, field string) bool {
		if !zero || a.Extra.isExplicit("attr", field) {
			return true
		}
		return a.Kind == k && a.Ref == "" && (a.Extra == nil || a.Extra.Absent&(1<<fieldNames["attr"][field]) == 0)
	}
	switch k {
	case AttrFloat:
		return scalar(math.Float32bits(a.F) == 0, "f")
	case AttrInt:
		return scalar(a.I == 0, "i")
	case AttrString:
		return scalar(len(a.S) == 0, "s")
	case AttrTensor:
		return a.T != nil
	case AttrGraph:
		return a.G != nil
	case AttrTypeProto:
		return a.TP != nil
	case AttrSparseTensor:
		return a.Sparse != nil
	}
	return a.count(k) > 0
}

func (a *Attr) count(k AttrKind) int {
	switch k {
	case AttrFloats:
		return len(a.Floats)
	case AttrInts:
		return len(a.Ints)
	case AttrStrings:
		return len(a.Strings)
	case AttrTensors:
		return len(a.Tensors)
	case AttrGraphs:
		return len(a.Graphs)
	case AttrTypeProtos:
		return len(a.Types)
	case AttrSparseTensors:
		return len(a.Sparses)
	}
	return 0
}

// value writes the attribute's value of one kind.
func (p *printer) value(a *Attr, k AttrKind) {
	switch k {
	case AttrFloat:
		p.s(float32Text(a.F))
	case AttrInt:
		p.f("%d", a.I)
	case AttrString:
		p.s(quote(string(a.S)))
	case AttrTensor:
		p.part(a.T, nil)
	case AttrGraph:
		p.graph(a.G)
	case AttrTypeProto:
		p.typeNote(a.TP)
		p.typ(a.TP)
	case AttrSparseTensor:
		p.sparse(a.Sparse, nil)
	default:
		p.s("[")
		for i := range a.count(k) {
			p.comma(i)
			p.valueAt(a, k, i)
		}
		p.s("]")
	}
}

func (p *printer) valueAt(a *Attr, k AttrKind, i int) {
	switch k {
	case AttrFloats:
		p.s(float32Text(a.Floats[i]))
	case AttrInts:
		p.f("%d", a.Ints[i])
	case AttrStrings:
		p.s(quote(string(a.Strings[i])))
	case AttrTensors:
		p.part(a.Tensors[i], nil)
	case AttrGraphs:
		p.graph(a.Graphs[i])
	case AttrTypeProtos:
		p.typeNote(a.Types[i])
		p.typ(a.Types[i])
	case AttrSparseTensors:
		p.sparse(a.Sparses[i], nil)
	}
}

// part writes a tensor that is no dense initializer: "type name = values"; '?' for nil. An initializer's name is not written.
func (p *printer) part(t *tensor.Tensor, initializer *string) {
	if t == nil {
		p.s("?")
		return
	}
	p.tensorNote(t, initializer)
	p.tensorType(t)
	switch {
	case initializer == nil && t.Meta != nil && t.Meta.Name != "":
		p.s(" " + plainIdent(t.Meta.Name) + " = ")
	case p.inBraces(t):
		p.s(" ")
	default:
		p.s(" = ")
	}
	p.data(t)
}
