package op

import (
	"context"
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// Call is one execution of one node: its inputs, and where its outputs go. It is used by one goroutine.
type Call struct {
	Ctx  context.Context
	In   []*tensor.Tensor // nil: omitted. Not to be written into.
	Pool *kernel.Pool
	Mem  Memory // where buffers come from that were not planned
	Outs []Slot // one per output of the node
	View bool   // the node's OpDef.View
	Env  any    // the session's own state, for SubExec

	scratch *Scratch
}

// Memory hands out buffers.
type Memory interface {
	// Dynamic is n bytes with arbitrary contents, which stay valid until the value that they are for is dead.
	Dynamic(n int) []byte
	// Fresh is n bytes that no later run reuses.
	Fresh(n int) []byte
}

// Slot is the place of one output of a call: a planned range, if there is one, and a header that every run reuses.
type Slot struct {
	Wanted  bool
	Escapes bool   // the value leaves the run: it gets fresh memory and a header of its own
	Share   bool   // with Escapes: what Alias makes it a view of is fresh memory already, so nothing is copied
	Planned []byte // the arena range; nil when the plan has none
	InPlace int    // the input that Planned overlaps; -1 for none
	Dynamic []byte // what Memory.Dynamic gave; the session takes it back when the value is dead

	value  *tensor.Tensor
	header tensor.Tensor
	dims   [6]int64
	buf    buffer
}

// buffer is storage whose bytes are replaced from run to run.
type buffer struct{ b []byte }

func (b *buffer) Bytes() []byte { return b.b }
func (b *buffer) Len() int64    { return int64(len(b.b)) }

// Value is the output that Out or Alias made; nil before that.
func (s *Slot) Value() *tensor.Tensor { return s.value }

// Clear forgets the output of the last run.
func (s *Slot) Clear() { s.value = nil }

// Wanted reports whether output i is used.
func (c *Call) Wanted(i int) bool { return i < len(c.Outs) && c.Outs[i].Wanted }

// Out is the buffer for output i: the planned range if it fits, memory of the run's pool otherwise. The contents are arbitrary; Run
// writes every element. An output that is not wanted gets a buffer all the same. A shape without a size ends the run with an error. For
// strings, the elements are nil.
func (c *Call) Out(i int, elem tensor.DType, shape ...int64) *tensor.Tensor {
	n, ok := countOf(shape)
	bits := elem.Bits()
	if !ok || bits == 0 && elem != tensor.String || n > (math.MaxInt64-7)/max(bits, 1) {
		panic(&Failure{fmt.Errorf("output %d: %s%v has no size", i, elem, append([]int64{}, shape...))})
	}
	s := &c.Outs[i]
	t := s.head(elem, shape)
	if elem == tensor.String {
		t.Strs = make([][]byte, n)
		t.SetStorage(nil)
		s.value = t
		return t
	}
	size := (n*bits + 7) / 8
	switch {
	case s.Escapes:
		t.SetStorage(tensor.Heap(c.Mem.Fresh(size)))
	case size <= len(s.Planned) && c.mayOverlap(s, size):
		s.buf.b = s.Planned[:size]
		t.SetStorage(&s.buf)
	default:
		if cap(s.Dynamic) < size {
			s.Dynamic = c.Mem.Dynamic(size)
		}
		s.buf.b = s.Dynamic[:size]
		t.SetStorage(&s.buf)
	}
	s.value = t
	return t
}

// mayOverlap reports whether the planned range, if it is that of an input, has the size that the plan counted on.
func (c *Call) mayOverlap(s *Slot, size int) bool {
	if s.InPlace < 0 {
		return true
	}
	in := c.In[s.InPlace]
	return in != nil && in.Storage() != nil && in.Storage().Len() == int64(size)
}

// head is the header for a value of this type and shape, without storage.
func (s *Slot) head(elem tensor.DType, shape []int64) *tensor.Tensor {
	if s.Escapes || len(shape) > len(s.dims) {
		return &tensor.Tensor{Elem: elem, Shape: append(make([]int64, 0, len(shape)), shape...)}
	}
	t := &s.header
	t.Elem, t.Strs = elem, nil
	t.Shape = append(s.dims[:0], shape...)
	return t
}

func countOf(shape []int64) (int, bool) {
	n, zero := int64(1), false
	for _, d := range shape {
		switch {
		case d < 0:
			return 0, false
		case d == 0:
			zero = true
		case n > math.MaxInt64/d:
			return 0, false
		default:
			n *= d
		}
	}
	if zero {
		n = 0
	}
	return int(n), true
}

// Alias makes output i a view of from under another shape of the same size: of In[0] in an operator declared View, or of memory that
// this call owns (a result of SubExec, a tensor made by Run). An input aliased by an operator that is not declared View, or into an output
// that leaves the run, is copied.
func (c *Call) Alias(i int, from *tensor.Tensor, shape ...int64) {
	s := &c.Outs[i]
	if s.Escapes && !s.Share || !c.View && c.isInput(from) {
		t := c.Out(i, from.Elem, shape...)
		copy(t.Bytes(), from.Bytes())
		copy(t.Strs, from.Strs)
		return
	}
	t := s.head(from.Elem, shape)
	t.Strs = from.Strs
	t.SetStorage(from.Storage())
	s.value = t
}

func (c *Call) isInput(t *tensor.Tensor) bool {
	for _, in := range c.In {
		if in != nil && (in == t || sameStart(in.Bytes(), t.Bytes())) {
			return true
		}
	}
	return false
}

func sameStart(a, b []byte) bool { return len(a) > 0 && len(b) > 0 && &a[0] == &b[0] }

// Give makes t output i without a copy. t must be memory that this call made and keeps no other hold on.
func (c *Call) Give(i int, t *tensor.Tensor) { c.Outs[i].value = t }

// Scratch is n float32 with arbitrary contents, valid until Run returns. Several calls give distinct memory. Take it before going
// parallel.
func (c *Call) Scratch(n int) []float32 {
	return tensor.Cast[float32](c.ScratchBytes(4 * n))[:n:n]
}

// ScratchInts is the same for int32.
func (c *Call) ScratchInts(n int) []int32 {
	return tensor.Cast[int32](c.ScratchBytes(4 * n))[:n:n]
}

// ScratchBytes is the same for bytes; the start is aligned to 64.
func (c *Call) ScratchBytes(n int) []byte {
	if c.scratch == nil {
		c.scratch = &Scratch{}
	}
	return c.scratch.take(n)
}

// UseScratch makes the call take its scratch from s, which is reset.
func (c *Call) UseScratch(s *Scratch) {
	s.used = 0
	c.scratch = s
}

// Scratch is memory for intermediate results of one call after another. The zero value is ready.
type Scratch struct {
	buf  []byte
	used int
}

func (s *Scratch) take(n int) []byte {
	if n < 0 {
		panic(&Failure{fmt.Errorf("scratch of %d bytes", n)})
	}
	size := (n + 63) &^ 63
	if s.used+size > len(s.buf) {
		s.buf = AlignedBytes(max(size, 2*len(s.buf)))
		s.used = 0
	}
	b := s.buf[s.used : s.used+n : s.used+size]
	s.used += size
	return b
}

// Failure is what a Call panics with when a run cannot go on, such as an output without a size. The session turns it into an error.
type Failure struct{ Err error }

// Error implements error.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap is the cause.
func (f *Failure) Unwrap() error { return f.Err }
