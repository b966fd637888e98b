package onnxio

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// info writes a ValueInfoProto.
func (e *encoder) info(num protowire.Number, v *graph.Value) {
	e.message(num, func() {
		e.text(infoName, v.Name, v.Extra)
		t := &v.Type
		if t.Kind != graph.KindUnknown && !absent(v.Extra, infoType) || t.Denotation != "" || t.Extra != nil || explicit(v.Extra, infoType) {
			e.message(infoType, func() { e.typ(t) })
		}
		e.text(infoDoc, v.Doc, v.Extra)
		e.props(infoProps, v.Props)
		e.unknown(v.Extra)
	})
}

var typeField = map[graph.Kind]protowire.Number{
	graph.KindTensor: typeTensor, graph.KindSequence: typeSequence, graph.KindMap: typeMap, graph.KindOpaque: typeOpaque,
	graph.KindSparseTensor: typeSparse, graph.KindOptional: typeOptional,
}

func (e *encoder) typ(t *graph.Type) {
	x := t.Extra
	if x == nil {
		x = &graph.TypeExtra{}
	}
	num := typeField[t.Kind]
	if num != 0 && num < typeDenotation {
		e.message(num, func() { e.inner(t, x) })
	}
	e.text(typeDenotation, t.Denotation, &x.Extra)
	if num > typeDenotation {
		e.message(num, func() { e.inner(t, x) })
	}
	e.raw(x.Unknown)
}

func (e *encoder) inner(t *graph.Type, x *graph.TypeExtra) {
	of := func(num protowire.Number) {
		if t.Of != nil {
			e.message(num, func() { e.typ(t.Of) })
		}
	}
	switch t.Kind {
	case graph.KindTensor, graph.KindSparseTensor:
		e.int(innerElem, int64(t.Elem), x.Inner)
		if t.Shape.Known {
			e.message(innerShape, func() { e.shape(t, x) })
		}
	case graph.KindSequence, graph.KindOptional:
		of(innerOf)
	case graph.KindMap:
		e.int(innerKey, int64(t.Key), x.Inner)
		of(innerValue)
	case graph.KindOpaque:
		e.text(opaqueDomain, x.OpaqueDomain, x.Inner)
		e.text(opaqueName, x.OpaqueName, x.Inner)
	}
	e.unknown(x.Inner)
}

func (e *encoder) shape(t *graph.Type, x *graph.TypeExtra) {
	var none graph.DimExtra
	for i, dim := range t.Shape.Dims {
		dx := &none
		if i < len(x.Dims) {
			dx = &x.Dims[i]
		}
		e.message(shapeDim, func() { e.dim(dim, dx) })
	}
	e.unknown(x.ShapeExtra)
}

func (e *encoder) dim(d graph.Dim, x *graph.DimExtra) {
	n, number := d.Value()
	switch {
	case x.Param != "" && graph.Sym(x.Param).Equal(d):
		e.string(dimParam, x.Param)
	case number:
		e.head(dimValue, protowire.VarintType, uint64(n))
	case d.IsKnown():
		e.string(dimParam, d.String())
	case explicit(&x.Extra, dimParam):
		e.string(dimParam, "")
	}
	e.text(dimDenotes, x.Denotation, &x.Extra)
	e.raw(x.Unknown)
}
