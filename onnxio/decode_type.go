package onnxio

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

func typeExtra(t *graph.Type) *graph.TypeExtra {
	if t.Extra == nil {
		t.Extra = &graph.TypeExtra{}
	}
	return t.Extra
}

// typ reads a TypeProto into t. Its value is a oneof: a second member replaces the first, the same member again is merged into it.
func (d *decoder) typ(t *graph.Type, v view) error {
	if err := d.spend(v.off, typeSize); err != nil {
		return err
	}
	return d.each(typeSchema, v, func(f *field) error {
		if f.num == typeDenotation {
			t.Denotation = d.str(f.body.b)
			if t.Denotation == "" {
				typeExtra(t).Explicit |= 1 << typeDenotation
			}
			return nil
		}
		kind := kindOf[f.num]
		if t.Kind != kind {
			old := t.Extra
			*t = graph.Type{Kind: kind, Denotation: t.Denotation}
			if old != nil {
				t.Extra = &graph.TypeExtra{Extra: old.Extra}
			}
		}
		d.push(typeSchema.fields[f.num].name, -1)
		defer d.pop()
		return d.inner(t, f.body)
	}, func(wire []byte) {
		x := typeExtra(t)
		x.Unknown = append(x.Unknown, wire...)
	})
}

var kindOf = map[protowire.Number]graph.Kind{
	typeTensor: graph.KindTensor, typeSequence: graph.KindSequence, typeMap: graph.KindMap, typeOpaque: graph.KindOpaque,
	typeSparse: graph.KindSparseTensor, typeOptional: graph.KindOptional,
}

func (d *decoder) inner(t *graph.Type, v view) error {
	mark := func(num int) {
		x := typeExtra(t)
		extraOf(&x.Inner).Explicit |= 1 << num
	}
	unknown := func(wire []byte) { unknownTo(&typeExtra(t).Inner)(wire) }
	sub := func(name string, f *field) error {
		if t.Of == nil {
			t.Of = &graph.Type{}
		}
		d.push(name, -1)
		defer d.pop()
		return d.typ(t.Of, f.body)
	}
	switch t.Kind {
	case graph.KindTensor, graph.KindSparseTensor:
		return d.each(typeTensorSchema, v, func(f *field) error {
			if f.num == innerShape {
				d.push("shape", -1)
				defer d.pop()
				return d.shape(t, f.body)
			}
			if number32(&t.Elem, f) == 0 {
				mark(innerElem)
			}
			return nil
		}, unknown)
	case graph.KindSequence, graph.KindOptional:
		return d.each(typeOfSchema, v, func(f *field) error { return sub("elem_type", f) }, unknown)
	case graph.KindMap:
		return d.each(typeMapSchema, v, func(f *field) error {
			if f.num == innerValue {
				return sub("value_type", f)
			}
			if number32(&t.Key, f) == 0 {
				mark(innerKey)
			}
			return nil
		}, unknown)
	default:
		x := typeExtra(t)
		return d.each(typeOpaqueSchema, v, func(f *field) error {
			dst := &x.OpaqueDomain
			if f.num == opaqueName {
				dst = &x.OpaqueName
			}
			if *dst = d.str(f.body.b); *dst == "" {
				mark(int(f.num))
			}
			return nil
		}, unknown)
	}
}

func number32[T ~int32](dst *T, f *field) T {
	*dst = T(f.u)
	return *dst
}

func (d *decoder) shape(t *graph.Type, v view) error {
	t.Shape.Known = true
	return d.each(shapeSchema, v, func(f *field) error {
		if err := d.spend(f.off, dimSize); err != nil {
			return err
		}
		i := len(t.Shape.Dims)
		d.push("dim", i)
		defer d.pop()
		dim, x, err := d.dim(f.body)
		t.Shape.Dims = append(t.Shape.Dims, dim)
		if x != nil {
			e := typeExtra(t)
			for len(e.Dims) < i {
				e.Dims = append(e.Dims, graph.DimExtra{})
			}
			e.Dims = append(e.Dims, *x)
		}
		return err
	}, func(wire []byte) { unknownTo(&typeExtra(t).ShapeExtra)(wire) })
}

// dim reads a Dimension; the extra is nil when the Dim says all.
func (d *decoder) dim(v view) (dim graph.Dim, x *graph.DimExtra, err error) {
	get := func() *graph.DimExtra {
		if x == nil {
			x = &graph.DimExtra{}
		}
		return x
	}
	clear := func() {
		if x != nil {
			x.Param = ""
			x.Explicit &^= 1 << dimParam
		}
	}
	err = d.each(dimSchema, v, func(f *field) error {
		switch f.num {
		case dimValue:
			clear()
			dim = graph.Const(int64(f.u))
		case dimParam:
			clear()
			name := d.str(f.body.b)
			dim = graph.Sym(name)
			if name == "" {
				get().Explicit |= 1 << dimParam
			} else if _, number := dim.Value(); number || dim.String() != name {
				get().Param = name
			}
		case dimDenotes:
			if get().Denotation = d.str(f.body.b); x.Denotation == "" {
				x.Explicit |= 1 << dimDenotes
			}
		}
		return nil
	}, func(wire []byte) { get().Unknown = append(get().Unknown, wire...) })
	return dim, x, err
}
