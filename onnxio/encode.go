package onnxio

import (
	"bufio"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Encode writes the model to w. Fields come in the order of their numbers, so a model that was read from bytes in that order and not
// edited gives the same bytes. Tensors whose values lie in a data file stay references to it, with the keys that were read: Save is
// what moves such values.
func Encode(w io.Writer, m *graph.Model) error { return encodeModel(w, m, nil) }

// EncodedSize is the number of bytes that Encode writes. The values of the tensors are not read for it.
func EncodedSize(m *graph.Model) (int64, error) {
	e := &encoder{counting: true}
	e.model(m)
	return e.n, e.err
}

func encodeModel(w io.Writer, m *graph.Model, places map[*tensor.Tensor]*place) error {
	e := &encoder{counting: true, places: places}
	e.model(m)
	if e.err != nil {
		return e.err
	}
	e.start(w)
	e.model(m)
	return e.finish()
}

// encoder walks a model twice with the same code: first it counts, and notes the size of every message; then it writes, and takes the
// sizes from the notes.
type encoder struct {
	counting bool
	n        int64   // bytes so far
	sizes    []int64 // of messages, in the order in which they begin
	next     int
	w        *bufio.Writer
	err      error
	places   map[*tensor.Tensor]*place         // tensors that go to a data file; nil: references stay as they were read
	visit    func(t *tensor.Tensor, init bool) // sees every tensor
	buf      [2 * 10]byte
}

func (e *encoder) start(w io.Writer) {
	e.counting, e.n, e.next = false, 0, 0
	e.w = bufio.NewWriterSize(w, 1<<16)
}

func (e *encoder) finish() error {
	if err := e.w.Flush(); e.err == nil {
		e.err = err
	}
	return e.err
}

// message writes a length-delimited field with what body writes.
func (e *encoder) message(num protowire.Number, body func()) {
	if e.counting {
		i := len(e.sizes)
		e.sizes = append(e.sizes, 0)
		before := e.n
		body()
		size := e.n - before
		e.sizes[i] = size
		e.n += int64(protowire.SizeTag(num) + protowire.SizeVarint(uint64(size)))
		return
	}
	size := e.sizes[e.next]
	e.next++
	e.head(num, protowire.BytesType, uint64(size))
	body()
}

// head writes a tag and the varint behind it.
func (e *encoder) head(num protowire.Number, typ protowire.Type, u uint64) {
	b := protowire.AppendVarint(protowire.AppendTag(e.buf[:0], num, typ), u)
	e.raw(b)
}

func (e *encoder) raw(b []byte) {
	e.n += int64(len(b))
	if !e.counting {
		e.w.Write(b) // keeps the first error for Flush
	}
}

func (e *encoder) bytes(num protowire.Number, b []byte) {
	e.head(num, protowire.BytesType, uint64(len(b)))
	e.raw(b)
}

func (e *encoder) string(num protowire.Number, s string) {
	e.head(num, protowire.BytesType, uint64(len(s)))
	e.n += int64(len(s))
	if !e.counting {
		e.w.WriteString(s)
	}
}

func explicit(x *graph.Extra, num protowire.Number) bool { return x != nil && x.Explicit&(1<<num) != 0 }
func absent(x *graph.Extra, num protowire.Number) bool   { return x != nil && x.Absent&(1<<num) != 0 }

// text writes a string field unless it is empty and was not written so.
func (e *encoder) text(num protowire.Number, s string, x *graph.Extra) {
	if s != "" || explicit(x, num) {
		e.string(num, s)
	}
}

func (e *encoder) int(num protowire.Number, i int64, x *graph.Extra) {
	if i != 0 || explicit(x, num) {
		e.head(num, protowire.VarintType, uint64(i))
	}
}

func (e *encoder) kept(num int, x *graph.Extra) {
	if x == nil {
		return
	}
	for _, f := range x.Kept {
		if f.Number == num {
			e.bytes(protowire.Number(num), f.Value)
		}
	}
}

func (e *encoder) unknown(x *graph.Extra) {
	if x != nil {
		e.raw(x.Unknown)
	}
}

func (e *encoder) props(num protowire.Number, list []graph.Prop) {
	for i := range list {
		p := &list[i]
		e.message(num, func() {
			if p.Key != "" || p.Explicit&(1<<entryKey) != 0 {
				e.string(entryKey, p.Key)
			}
			// A new entry has a value, if an empty one.
			if p.Value != "" || p.Explicit&(1<<entryValue) != 0 {
				e.string(entryValue, p.Value)
			}
			e.raw(p.Unknown)
		})
	}
}

func (e *encoder) model(m *graph.Model) {
	x := m.Extra
	e.int(modelIRVersion, m.IRVersion, x)
	e.text(modelProducer, m.Producer, x)
	e.text(modelProducerVersion, m.ProducerVersion, x)
	e.text(modelDomain, m.Domain, x)
	e.int(modelVersion, m.ModelVersion, x)
	e.text(modelDoc, m.Doc, x)
	if m.Graph != nil && !absent(x, modelGraph) {
		e.message(modelGraph, func() { e.graph(m.Graph) })
	}
	e.opsets(modelOpset, m.Opsets)
	e.props(modelProps, m.Props)
	for _, t := range m.Training {
		e.message(modelTraining, func() {
			if t.Initialization != nil {
				e.message(trainInit, func() { e.graph(t.Initialization) })
			}
			if t.Algorithm != nil {
				e.message(trainStep, func() { e.graph(t.Algorithm) })
			}
			e.props(trainInitBind, t.InitBinding)
			e.props(trainUpdate, t.UpdateBinding)
			e.unknown(t.Extra)
		})
	}
	for _, f := range m.Functions {
		e.message(modelFunctions, func() { e.function(f) })
	}
	e.kept(modelConfiguration, x)
	e.unknown(x)
}

func (e *encoder) opsets(num protowire.Number, list []graph.OpsetID) {
	for _, o := range list {
		e.message(num, func() {
			e.text(opsetDomain, o.Domain, o.Extra)
			e.int(opsetVersion, o.Version, o.Extra)
			e.unknown(o.Extra)
		})
	}
}

func (e *encoder) graph(g *graph.Graph) {
	x := g.Extra
	for n := range g.Nodes() {
		e.message(graphNode, func() { e.node(n) })
	}
	e.text(graphName, g.Name, x)
	for _, v := range g.Inits {
		switch {
		case v.Const != nil:
			e.tensor(graphInit, v.Const, &v.Name)
		case v.Sparse == nil:
			e.fail(fmt.Errorf("initializer %q has no value", v.Name))
		}
	}
	e.text(graphDoc, g.Doc, x)
	for _, v := range g.Inputs {
		e.info(graphInput, v)
	}
	for _, v := range g.Outputs {
		e.info(graphOutput, declared(g, v))
	}
	for _, v := range g.ValueInfo {
		e.info(graphValueInfo, v)
	}
	e.kept(graphQuant, x)
	for _, v := range g.Inits {
		if v.Sparse != nil {
			e.sparse(graphSparseInit, v.Sparse, &v.Name)
		}
	}
	e.props(graphProps, g.Props)
	e.unknown(x)
}

// declared is what the output list says of v, if that is not what v says itself.
func declared(g *graph.Graph, v *graph.Value) *graph.Value {
	if g.Extra == nil || v.Graph() == nil {
		return v
	}
	other, ok := g.Extra.OutputInfo[v.Name]
	if !ok || other.Elem != v.Type.Elem {
		return v
	}
	return other.Info
}

func (e *encoder) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

func (e *encoder) function(f *graph.Function) {
	x := f.Extra
	e.text(funcName, f.ID.Op, x)
	for _, v := range f.Body.Inputs {
		e.string(funcInput, v.Name)
	}
	for _, v := range f.Body.Outputs {
		e.string(funcOutput, v.Name)
	}
	for _, a := range f.Attrs {
		if a.Default == nil {
			e.string(funcAttr, a.Name)
		}
	}
	for n := range f.Body.Nodes() {
		e.message(funcNode, func() { e.node(n) })
	}
	e.text(funcDoc, f.Doc, x)
	e.opsets(funcOpset, f.Opsets)
	e.text(funcDomain, f.ID.Domain, x)
	for _, a := range f.Attrs {
		if a.Default != nil {
			e.message(funcAttrProto, func() { e.attr(a.Default) })
		}
	}
	for _, v := range f.Body.ValueInfo {
		e.info(funcValueInfo, v)
	}
	e.text(funcOverload, f.ID.Overload, x)
	e.props(funcProps, f.Props)
	e.unknown(x)
	if len(f.Body.Inits) > 0 {
		e.fail(fmt.Errorf("function %s has initializers, which the format has no place for", f.ID))
	}
}
