package sparsify

import (
	"fmt"
	"math/bits"
	"slices"
)

// Mask says which elements of a tensor live. Bit i belongs to element i in row-major order; bits past the last element are zero.
type Mask struct {
	Shape []int
	Bits  []uint64
}

// NewMask returns a mask of the shape with every element dead.
func NewMask(shape ...int) (Mask, error) {
	n, err := elements(shape)
	if err != nil {
		return Mask{}, err
	}
	return Mask{Shape: slices.Clone(shape), Bits: make([]uint64, (n+63)/64)}, nil
}

// FullMask returns a mask of the shape with every element alive.
func FullMask(shape ...int) (Mask, error) {
	m, err := NewMask(shape...)
	if err != nil {
		return m, err
	}
	for i := range m.Bits {
		m.Bits[i] = ^uint64(0)
	}
	if r := m.Len() % 64; r != 0 {
		m.Bits[len(m.Bits)-1] = 1<<r - 1
	}
	return m, nil
}

func elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("mask: negative dimension in %v", shape)
		}
		if d > 0 && n > (1<<48)/d {
			return 0, fmt.Errorf("mask: shape %v is too large", shape)
		}
		n *= d
	}
	return n, nil
}

// Len is the number of elements.
func (m Mask) Len() int { n, _ := elements(m.Shape); return n }

// Get reports whether element i lives.
func (m Mask) Get(i int) bool { return m.Bits[i/64]>>(i%64)&1 == 1 }

// Set makes element i alive or dead.
func (m Mask) Set(i int, alive bool) {
	if alive {
		m.Bits[i/64] |= 1 << (i % 64)
	} else {
		m.Bits[i/64] &^= 1 << (i % 64)
	}
}

// Count is the number of living elements.
func (m Mask) Count() (n int) {
	for _, b := range m.Bits {
		n += bits.OnesCount64(b)
	}
	return n
}

// Density is Count/Len; an empty mask has density 1.
func (m Mask) Density() float64 {
	n := m.Len()
	if n == 0 {
		return 1
	}
	return float64(m.Count()) / float64(n)
}

// And returns the mask of the elements alive in both.
func (m Mask) And(other Mask) (Mask, error) {
	if !slices.Equal(m.Shape, other.Shape) {
		return Mask{}, fmt.Errorf("masks of shapes %v and %v do not combine", m.Shape, other.Shape)
	}
	out := Mask{Shape: slices.Clone(m.Shape), Bits: slices.Clone(m.Bits)}
	for i, b := range other.Bits {
		out.Bits[i] &= b
	}
	return out, nil
}

// Clone returns an independent copy.
func (m Mask) Clone() Mask { return Mask{Shape: slices.Clone(m.Shape), Bits: slices.Clone(m.Bits)} }

// Fits returns an error unless the mask is whole and has exactly this shape.
func (m Mask) Fits(shape []int) error {
	n, err := elements(m.Shape)
	if err != nil {
		return err
	}
	if len(m.Bits) != (n+63)/64 {
		return fmt.Errorf("mask of shape %v has %d words of bits, want %d", m.Shape, len(m.Bits), (n+63)/64)
	}
	if !slices.Equal(m.Shape, shape) {
		return fmt.Errorf("mask of shape %v does not fit a tensor of shape %v", m.Shape, shape)
	}
	return nil
}

// Apply writes x, with dead elements set to +0, to dst; dst may be x. Both must have Len elements.
func (m Mask) Apply(dst, x []float32) error {
	if len(x) != m.Len() || len(dst) != len(x) {
		return fmt.Errorf("mask of shape %v does not fit %d values and room for %d", m.Shape, len(x), len(dst))
	}
	for i, v := range x {
		if !m.Get(i) {
			v = 0
		}
		dst[i] = v
	}
	return nil
}

// NonZero returns the mask of the elements of x that are not zero.
func NonZero(x []float32, shape ...int) (Mask, error) {
	m, err := NewMask(shape...)
	if err != nil {
		return m, err
	}
	if m.Len() != len(x) {
		return m, fmt.Errorf("mask: %d values do not fill shape %v", len(x), shape)
	}
	for i, v := range x {
		if v != 0 {
			m.Set(i, true)
		}
	}
	return m, nil
}
