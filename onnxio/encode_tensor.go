package onnxio

import (
	"fmt"
	"io"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// tensor writes a TensorProto. name, when it is given, stands for the name that the tensor itself remembers.
func (e *encoder) tensor(num protowire.Number, t *tensor.Tensor, name *string) {
	if e.visit != nil {
		e.visit(t, name != nil)
	}
	e.message(num, func() { e.tensorFields(t, name) })
}

func (e *encoder) tensorFields(t *tensor.Tensor, name *string) {
	m := t.Meta
	if m == nil {
		m = &tensor.Meta{}
	}
	if name == nil {
		name = &m.Name
	}
	text := func(num protowire.Number, s string) {
		if s != "" || m.Explicit&(1<<num) != 0 {
			e.string(num, s)
		}
	}
	c := e.carrier(t, m)
	typed := func(num protowire.Number) {
		if c.typed != nil && c.typed.num == num {
			e.raw(c.typed.wire)
		}
	}
	for _, d := range t.Shape {
		e.head(tensorDims, protowire.VarintType, uint64(d))
	}
	if t.Elem != 0 || m.Explicit&(1<<tensorType) != 0 {
		e.head(tensorType, protowire.VarintType, uint64(int64(t.Elem)))
	}
	if m.Segment != nil {
		e.message(tensorSegment, func() { e.segment(m.Segment) })
	}
	typed(tensorFloats)
	typed(tensorInt32s)
	for _, s := range t.Strs {
		e.bytes(tensorStrings, s)
	}
	typed(tensorInt64s)
	text(tensorName, *name)
	if c.raw != nil {
		e.head(tensorRaw, protowire.BytesType, uint64(c.raw.Len()))
		e.payload(c.raw)
	} else if c.typed != nil && m.Explicit&(1<<tensorRaw) != 0 {
		e.bytes(tensorRaw, nil)
	}
	typed(tensorDoubles)
	typed(tensorUint64s)
	text(tensorDoc, m.Doc)
	e.props(tensorExternal, c.external)
	if c.isExternal {
		e.head(tensorLocation, protowire.VarintType, 1)
	} else if m.Explicit&(1<<tensorLocation) != 0 {
		e.head(tensorLocation, protowire.VarintType, 0)
	}
	e.props(tensorProps, m.Props)
	e.raw(m.Unknown)
}

func (e *encoder) segment(s *tensor.Segment) {
	if s.Begin != 0 || s.Explicit&(1<<segmentBegin) != 0 {
		e.head(segmentBegin, protowire.VarintType, uint64(s.Begin))
	}
	if s.End != 0 || s.Explicit&(1<<segmentEnd) != 0 {
		e.head(segmentEnd, protowire.VarintType, uint64(s.End))
	}
	e.raw(s.Unknown)
}

// carried is where a tensor's values are written.
type carried struct {
	raw        tensor.Storage
	typed      *typedData
	external   []tensor.KeyValue
	isExternal bool
}

func (e *encoder) carrier(t *tensor.Tensor, m *tensor.Meta) carried {
	if p := e.places[t]; p != nil {
		return carried{external: p.keys(m.External), isExternal: true}
	}
	var c carried
	if m.Carrier != tensor.CarrierExternal {
		c.external = m.External // keys that do not count, beside other data
	}
	if t.Elem == tensor.String && t.Strs != nil {
		return c
	}
	s := t.Storage()
	if isReference(t) {
		if s != nil && e.places != nil {
			return carried{raw: s}
		}
		return carried{external: m.External, isExternal: true}
	}
	switch x := s.(type) {
	case nil:
	case *typedData:
		c.typed = x
	default:
		if m.Carrier == tensor.CarrierTyped {
			if c.typed = typedOf(t); c.typed != nil {
				break
			}
		}
		if m.Carrier != tensor.CarrierNone || s.Len() > 0 {
			c.raw = s
		}
	}
	return c
}

// isReference reports whether the tensor's values are, or would be, in a data file that its external_data names.
func isReference(t *tensor.Tensor) bool {
	if t.Meta == nil || t.Meta.Carrier != tensor.CarrierExternal {
		return false
	}
	r, mapped := t.Storage().(*region)
	return t.Storage() == nil || mapped && r.external
}

// payload writes the bytes of a tensor. Pages of mapped files are given back behind the writer.
func (e *encoder) payload(s tensor.Storage) {
	if e.counting {
		e.n += s.Len()
		return
	}
	n, err := copyStorage(e.w, s)
	e.n += n
	if err == nil && n != s.Len() {
		err = fmt.Errorf("a tensor of %d bytes gave %d", s.Len(), n)
	}
	if err != nil {
		e.fail(err)
	}
}

const (
	copyChunk = 4 << 20
	readAhead = 32 << 20
)

func copyStorage(w io.Writer, s tensor.Storage) (int64, error) {
	if from, ok := s.(io.WriterTo); ok {
		return from.WriteTo(w)
	}
	b := s.Bytes()
	r, mapped := s.(*region)
	lasting, lasts := w.(lastingWriter)
	total := int64(0)
	for len(b) > 0 {
		chunk := b[:min(len(b), copyChunk)]
		then := func() {
			if mapped {
				r.drop(chunk)
			}
		}
		if mapped {
			if total == 0 {
				r.soon(b[:min(len(b), readAhead)])
			} else if len(b) > readAhead-copyChunk {
				r.soon(b[readAhead-copyChunk : min(len(b), readAhead)])
			}
			r.want(chunk)
		}
		var n int
		var err error
		if lasts {
			n, err = lasting.writeLasting(chunk, then)
		} else {
			n, err = w.Write(chunk)
			then()
		}
		total += int64(n)
		if err != nil {
			return total, err
		}
		b = b[len(chunk):]
	}
	return total, nil
}

// lastingWriter is a writer that may look at what it was given after it returned, until it calls then.
type lastingWriter interface {
	writeLasting(b []byte, then func()) (int, error)
}

// sparse writes a SparseTensorProto; name as in tensor.
func (e *encoder) sparse(num protowire.Number, s *tensor.Sparse, name *string) {
	e.message(num, func() { e.sparseFields(s, name) })
}

func (e *encoder) sparseFields(s *tensor.Sparse, name *string) {
	if s.Values != nil {
		e.part(sparseValues, s.Values, name)
	}
	if s.Indices != nil {
		e.part(sparseIndices, s.Indices, nil)
	}
	for _, d := range s.Dims {
		e.head(sparseDims, protowire.VarintType, uint64(d))
	}
	e.raw(s.Unknown)
}

// part writes a tensor that is no initializer by itself, and may yet take its name from outside.
func (e *encoder) part(num protowire.Number, t *tensor.Tensor, name *string) {
	if e.visit != nil {
		e.visit(t, false)
	}
	e.message(num, func() { e.tensorFields(t, name) })
}

// place is a tensor's range of the data file.
type place struct {
	location       *string
	checksum       *string // SHA-1 of the whole data file, in hex, as the format defines it
	offset, length int64
}

// keys is the external_data of a tensor that lies at p: the keys that were read, with new values where they say where the data is.
func (p *place) keys(old []tensor.KeyValue) []tensor.KeyValue {
	fresh := map[string]string{"location": *p.location, "offset": strconv.FormatInt(p.offset, 10), "length": strconv.FormatInt(p.length, 10), "checksum": *p.checksum}
	var list []tensor.KeyValue
	seen := map[string]bool{}
	for _, kv := range old {
		if v, ok := fresh[kv.Key]; ok {
			kv.Value = v
		} else if kv.Key == "basepath" {
			continue // of the file that the data was in
		}
		if !seen[kv.Key] {
			seen[kv.Key] = true
			list = append(list, kv)
		}
	}
	for _, key := range []string{"location", "offset", "length", "checksum"} {
		if !seen[key] && (len(old) == 0 || key == "location" || key == "checksum" || key == "offset" && p.offset != 0) {
			list = append(list, tensor.KeyValue{Key: key, Value: fresh[key]})
		}
	}
	return list
}
