package onnxio

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

func (e *encoder) node(n *graph.Node) {
	x := n.Extra
	name := func(num protowire.Number, v *graph.Value) {
		if v == nil {
			e.string(num, "")
			return
		}
		e.string(num, v.Name)
	}
	for i := range n.NumIn() {
		name(nodeInput, n.In(i))
	}
	for i := range n.NumOut() {
		name(nodeOutput, n.Out(i))
	}
	e.text(nodeName, n.Name, x)
	e.text(nodeOp, n.ID.Op, x)
	for _, a := range n.Attrs {
		e.message(nodeAttr, func() { e.attr(a) })
	}
	e.text(nodeDoc, n.Doc, x)
	e.text(nodeDomain, n.ID.Domain, x)
	e.text(nodeOverload, n.ID.Overload, x)
	e.props(nodeProps, n.Props)
	e.kept(nodeDevice, x)
	e.unknown(x)
}

func (e *encoder) attr(a *graph.Attr) {
	x := a.Extra
	// A value that is a default is written when the attribute's kind says that it has one.
	present := func(num protowire.Number) bool {
		return explicit(x, num) || scalarField(a.Kind) == num && a.Ref == "" && !absent(x, num)
	}
	e.text(attrName, a.Name, x)
	if math.Float32bits(a.F) != 0 || present(attrF) {
		e.fixed32(attrF, a.F)
	}
	if a.I != 0 || present(attrI) {
		e.head(attrI, protowire.VarintType, uint64(a.I))
	}
	if len(a.S) > 0 || present(attrS) {
		e.bytes(attrS, a.S)
	}
	if a.T != nil {
		e.tensor(attrT, a.T, nil)
	}
	if a.G != nil {
		e.message(attrG, func() { e.graph(a.G) })
	}
	for _, f := range a.Floats {
		e.fixed32(attrFloats, f)
	}
	for _, i := range a.Ints {
		e.head(attrInts, protowire.VarintType, uint64(i))
	}
	for _, s := range a.Strings {
		e.bytes(attrStrings, s)
	}
	for _, t := range a.Tensors {
		e.tensor(attrTensors, t, nil)
	}
	for _, g := range a.Graphs {
		e.message(attrGraphs, func() { e.graph(g) })
	}
	e.text(attrDoc, a.Doc, x)
	if a.TP != nil {
		e.message(attrTP, func() { e.typ(a.TP) })
	}
	for _, t := range a.Types {
		e.message(attrTPs, func() { e.typ(t) })
	}
	e.int(attrType, int64(a.Kind), x)
	e.text(attrRef, a.Ref, x)
	if a.Sparse != nil {
		e.sparse(attrSparse, a.Sparse, nil)
	}
	for _, s := range a.Sparses {
		e.sparse(attrSparses, s, nil)
	}
	e.unknown(x)
}

func (e *encoder) fixed32(num protowire.Number, f float32) {
	e.raw(protowire.AppendFixed32(protowire.AppendTag(e.buf[:0], num, protowire.Fixed32Type), math.Float32bits(f)))
}
