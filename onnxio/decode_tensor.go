package onnxio

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// tensorParts is a TensorProto before anybody decided where its values are.
type tensorParts struct {
	t        *tensor.Tensor
	meta     tensor.Meta
	name     string
	raw      view
	hasRaw   bool
	typed    []typedField
	strs     [][]byte
	location uint64
	segment  single
}

// typedField is all occurrences of one of float_data, int32_data, int64_data, double_data and uint64_data, as the wire has them.
type typedField struct {
	num  protowire.Number
	wire view
}

// tensor reads a TensorProto. Its values stay where they are: in the input, in another file, or, for numbers that the wire stores as
// varints, in the input until they are asked for. initializer says that the name goes to the value and not into Meta.
func (d *decoder) tensor(v view, initializer bool) (*tensor.Tensor, string, error) {
	if d.tensors++; d.tensors > d.lim.Tensors {
		return nil, "", d.fail(v.off, &LimitError{Name: "tensors", Limit: int64(d.lim.Tensors)})
	}
	if err := d.spend(v.off, tensorSize); err != nil {
		return nil, "", err
	}
	p := tensorParts{t: &tensor.Tensor{}}
	err := d.each(tensorSchema, v, func(f *field) error { return d.tensorField(&p, f) },
		func(wire []byte) { p.meta.Unknown = append(p.meta.Unknown, wire...) })
	if err == nil && p.segment.set {
		err = d.segment(&p)
	}
	if err != nil {
		return nil, "", err
	}
	if err := d.place(&p); err != nil {
		if !d.opt.Lenient {
			return nil, "", d.fail(v.off, fmt.Errorf("tensor %s: %w", quote(p.name), err))
		}
		d.report(graph.Finding{Severity: graph.Error, Where: "tensor " + quote(p.name), Message: err.Error()})
	}
	if !initializer {
		p.meta.Name = p.name
	}
	if p.meta.Carrier == tensor.CarrierRaw && p.meta.Name == "" && p.meta.Doc == "" && p.meta.Explicit == 0 && p.meta.Unknown == nil &&
		p.meta.Props == nil && p.meta.Segment == nil && p.meta.External == nil {
		return p.t, p.name, nil
	}
	meta := p.meta
	p.t.Meta = &meta
	return p.t, p.name, nil
}

func (d *decoder) report(f graph.Finding) {
	if d.opt.Report != nil {
		d.opt.Report(f)
	}
}

func (d *decoder) tensorField(p *tensorParts, f *field) error {
	mark := func(zero bool) {
		if zero {
			p.meta.Explicit |= 1 << f.num
		}
	}
	switch f.num {
	case tensorDims:
		err := d.varints(tensorSchema, f, func(u uint64) { p.t.Shape = append(p.t.Shape, int64(u)) })
		if len(p.t.Shape) > d.lim.Rank {
			return d.fail(f.off, &LimitError{Name: "rank", Limit: int64(d.lim.Rank)})
		}
		return err
	case tensorType:
		mark(number32(&p.t.Elem, f) == 0)
	case tensorSegment:
		p.segment.add(f.body)
	case tensorFloats, tensorInt32s, tensorInt64s, tensorDoubles, tensorUint64s:
		p.addTyped(f)
	case tensorStrings:
		p.strs = append(p.strs, f.body.b)
	case tensorName:
		p.name = d.str(f.body.b)
		mark(p.name == "")
	case tensorDoc:
		p.meta.Doc = d.long(f.body.b)
		mark(p.meta.Doc == "")
	case tensorRaw:
		p.raw, p.hasRaw = f.body, true
	case tensorExternal:
		return d.prop(&p.meta.External, "external_data", f.body)
	case tensorLocation:
		if f.u > 1 {
			p.meta.Unknown = append(p.meta.Unknown, f.wire...)
			break
		}
		p.location = f.u
		mark(f.u == 0)
	case tensorProps:
		return d.prop(&p.meta.Props, "metadata_props", f.body)
	}
	return nil
}

func (p *tensorParts) addTyped(f *field) {
	for i := range p.typed {
		if t := &p.typed[i]; t.num == f.num {
			t.wire.b = append(t.wire.b[:len(t.wire.b):cap(t.wire.b)], f.wire...)
			return
		}
	}
	p.typed = append(p.typed, typedField{f.num, view{f.wire, f.off}})
}

func (d *decoder) segment(p *tensorParts) error {
	s := &tensor.Segment{}
	p.meta.Segment = s
	d.push("segment", -1)
	defer d.pop()
	return d.each(segmentSchema, p.segment.view, func(f *field) error {
		dst := &s.Begin
		if f.num == segmentEnd {
			dst = &s.End
		}
		if *dst = int64(f.u); *dst == 0 {
			s.Explicit |= 1 << f.num
		}
		return nil
	}, func(wire []byte) { s.Unknown = append(s.Unknown, wire...) })
}

var (
	errNoData  = errors.New("has no data")
	errStrings = errors.New("strings that are not in string_data")
)

// place finds the tensor's values and checks that they fit its type and shape. What it does not use goes to the unknown fields, so that
// it is written back.
func (d *decoder) place(p *tensorParts) error {
	var err error
	used := typedField{}
	want := typedFieldOf(p.t.Elem)
	for _, t := range p.typed {
		if t.num == want {
			used = t
		}
	}
	m := &p.meta
	switch {
	case p.location == 1:
		m.Carrier = tensor.CarrierExternal
		used = typedField{}
		err = d.placeExternal(p)
	case p.t.Elem == tensor.String && !p.hasRaw:
		m.Carrier = tensor.CarrierTyped
		if len(p.strs) == 0 {
			m.Carrier = tensor.CarrierNone
		}
		p.t.Strs = p.strs
		if p.t.Strs == nil {
			p.t.Strs = [][]byte{}
		}
		p.strs = nil
		if n, e := tensor.NumElements(p.t.Shape); e != nil {
			err = e
		} else if n != int64(len(p.t.Strs)) {
			err = fmt.Errorf("shape %v needs %d strings, has %d", p.t.Shape, n, len(p.t.Strs))
		}
	case p.hasRaw && (len(p.raw.b) > 0 || used.num == 0):
		m.Carrier = tensor.CarrierRaw
		p.hasRaw, used = false, typedField{}
		p.t.SetStorage(&region{b: p.raw.b, m: d.src})
		err = checkSize(p.t, int64(len(p.raw.b)))
	case used.num != 0:
		m.Carrier = tensor.CarrierTyped
		var s *typedData
		if s, err = newTypedData(p.t.Elem, p.t.Shape, used); err != nil {
			used = typedField{}
			break
		}
		p.t.SetStorage(s)
		if p.hasRaw { // an empty raw_data beside them
			m.Explicit |= 1 << tensorRaw
			p.hasRaw = false
		}
	default:
		m.Carrier = tensor.CarrierNone
		if n, e := tensor.NumElements(p.t.Shape); e != nil {
			err = e
		} else if n > 0 {
			err = errNoData
		} else {
			p.t.SetStorage(tensor.Heap(nil))
		}
	}
	p.keepRest(used)
	if n, e := tensor.NumElements(p.t.Shape); e == nil && n > d.lim.Elements {
		err = &LimitError{Name: "elements", Limit: d.lim.Elements}
	}
	return err
}

// keepRest puts the data fields that do not count among the unknown fields.
func (p *tensorParts) keepRest(used typedField) {
	m := &p.meta
	if p.hasRaw {
		m.Unknown = protowire.AppendTag(m.Unknown, tensorRaw, protowire.BytesType)
		m.Unknown = protowire.AppendBytes(m.Unknown, p.raw.b)
	}
	for _, t := range p.typed {
		if t.num != used.num {
			m.Unknown = append(m.Unknown, t.wire.b...)
		}
	}
	for _, s := range p.strs {
		m.Unknown = protowire.AppendTag(m.Unknown, tensorStrings, protowire.BytesType)
		m.Unknown = protowire.AppendBytes(m.Unknown, s)
	}
}

// checkSize compares a number of bytes with what type and shape say. A type that this version does not know may have any size.
func checkSize(t *tensor.Tensor, n int64) error {
	if t.Elem == tensor.String {
		return errStrings
	}
	if t.Elem.Bits() == 0 {
		if t.Elem == tensor.Undefined && n > 0 {
			return errors.New("has data and no element type")
		}
		_, err := tensor.NumElements(t.Shape)
		return err
	}
	want, err := tensor.ByteSize(t.Elem, t.Shape)
	if err == nil && want != n {
		err = fmt.Errorf("%s%v needs %d bytes, has %d", t.Elem, t.Shape, want, n)
	}
	return err
}

func (d *decoder) sparse(v view) (*tensor.Sparse, string, error) {
	if err := d.spend(v.off, tensorSize); err != nil {
		return nil, "", err
	}
	s := &tensor.Sparse{}
	var parts [2]single
	err := d.each(sparseSchema, v, func(f *field) error {
		switch f.num {
		case sparseValues:
			parts[0].add(f.body)
		case sparseIndices:
			parts[1].add(f.body)
		case sparseDims:
			err := d.varints(sparseSchema, f, func(u uint64) { s.Dims = append(s.Dims, int64(u)) })
			if len(s.Dims) > d.lim.Rank {
				return d.fail(f.off, &LimitError{Name: "rank", Limit: int64(d.lim.Rank)})
			}
			return err
		}
		return nil
	}, func(wire []byte) { s.Unknown = append(s.Unknown, wire...) })
	var name string
	for i, dst := range []**tensor.Tensor{&s.Values, &s.Indices} {
		if err == nil && parts[i].set {
			d.push([]string{"values", "indices"}[i], -1)
			var n string
			*dst, n, err = d.tensor(parts[i].view, false)
			if i == 0 {
				name = n
			}
			d.pop()
		}
	}
	return s, name, err
}
