package kerneltest

import (
	"math"
	"testing"
)

// guard is the width of the bands on both sides of a buffer, guardBits what
// they hold: a NaN no computation makes.
const (
	guard     = 37
	guardBits = 0x7fa5_5a5a
)

// Buffer is a slice with guard bands. F starts Offset elements past a cache
// line's likely start, and has no spare capacity.
type Buffer struct {
	F   []float32
	all []float32
}

// NewBuffer returns a buffer of n zeros, moved by offset elements.
func NewBuffer(n, offset int) *Buffer {
	all := make([]float32, 2*guard+n+offset)
	lo := guard + offset
	b := &Buffer{F: all[lo : lo+n : lo+n], all: all}
	g := math.Float32frombits(guardBits)
	for i := range all[:lo] {
		all[i] = g
	}
	for i := range all[lo+n:] {
		all[lo+n+i] = g
	}
	return b
}

// Of returns a buffer holding a copy of x.
func Of(x []float32, offset int) *Buffer {
	b := NewBuffer(len(x), offset)
	copy(b.F, x)
	return b
}

// Check fails the test if a guard value has changed.
func (b *Buffer) Check(t testing.TB) {
	t.Helper()
	lo := len(b.all) - guard - len(b.F)
	for i, v := range b.all {
		if (i < lo || i >= lo+len(b.F)) && math.Float32bits(v) != guardBits {
			t.Fatalf("guard value %d outside [0,%d) overwritten: %v", i-lo, len(b.F), v)
		}
	}
}
