package kerneltest

import (
	"fmt"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// EachLevel runs f as a subtest at every level this machine can run, with that
// level active. The subtests must not run in parallel.
func EachLevel(t *testing.T, f func(t *testing.T)) {
	for _, l := range kernel.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer kernel.SetLevel(l)()
			f(t)
		})
	}
}

// EachPool runs f with no pool and with pools of 1, 2 and 3 threads.
func EachPool(t *testing.T, f func(t *testing.T, p *kernel.Pool)) {
	t.Run("nil", func(t *testing.T) { f(t, nil) })
	for n := 1; n <= 3; n++ {
		t.Run(fmt.Sprintf("threads=%d", n), func(t *testing.T) {
			p := kernel.NewPool(n)
			defer p.Close()
			f(t, p)
		})
	}
}

// Case is one combination of the frame: a length, an offset of the buffers and
// a kind of values.
type Case struct {
	N, Offset int
	Kind      Kind
}

// String names the case in failures.
func (c Case) String() string { return fmt.Sprintf("n=%d offset=%d kind=%d", c.N, c.Offset, c.Kind) }

// Input returns a fresh buffer filled for the case; salt tells several inputs
// of one case apart.
func (c Case) Input(salt int) *Buffer {
	b := NewBuffer(c.N, c.Offset+salt%3)
	Fill(b.F, c.Kind, Rand(uint64(salt)<<32|uint64(c.N)<<8|uint64(c.Offset)<<4|uint64(c.Kind)))
	return b
}

// EachCase calls f for all lengths 0..130 and a few longer ones, offsets 0, 1, 3
// and 7 in turn, and all kinds (given kinds, if any).
func EachCase(f func(c Case), only ...Kind) {
	if len(only) == 0 {
		only = Kinds()
	}
	offsets := []int{0, 1, 3, 7}
	var lengths []int
	for n := 0; n <= 130; n++ {
		lengths = append(lengths, n)
	}
	lengths = append(lengths, 255, 1000, 1027)
	for _, n := range lengths {
		for i, kind := range only {
			f(Case{n, offsets[(n+i)%len(offsets)], kind})
		}
	}
}

// Unary tests a kernel dst = f(x) against its scalar oracle at every level, out
// of place and in place.
func Unary(t *testing.T, tol Tolerance, f func(dst, x []float32), oracle func(float64) float64, only ...Kind) {
	EachLevel(t, func(t *testing.T) {
		EachCase(func(c Case) {
			x, dst := c.Input(1), NewBuffer(c.N, c.Offset)
			want := make([]float64, c.N)
			for i, v := range x.F {
				want[i] = oracle(float64(v))
			}
			f(dst.F, x.F)
			tol.Compare(t, want, dst.F, c)
			f(x.F, x.F)
			SameBits(t, dst.F, x.F, tol.Name, " in place ", c)
			dst.Check(t)
			x.Check(t)
		}, only...)
	})
}

// Binary tests a kernel dst = f(a, b) against its scalar oracle at every level,
// out of place and onto either input.
func Binary(t *testing.T, tol Tolerance, f func(dst, a, b []float32), oracle func(a, b float64) float64, only ...Kind) {
	EachLevel(t, func(t *testing.T) {
		EachCase(func(c Case) {
			a, b, dst := c.Input(1), c.Input(2), NewBuffer(c.N, c.Offset)
			want := make([]float64, c.N)
			for i := range want {
				want[i] = oracle(float64(a.F[i]), float64(b.F[i]))
			}
			f(dst.F, a.F, b.F)
			tol.Compare(t, want, dst.F, c)
			onA, onB := Of(a.F, c.Offset), Of(b.F, c.Offset)
			f(onA.F, onA.F, b.F)
			SameBits(t, dst.F, onA.F, tol.Name, " onto a ", c)
			f(onB.F, a.F, onB.F)
			SameBits(t, dst.F, onB.F, tol.Name, " onto b ", c)
			for _, x := range []*Buffer{a, b, dst, onA, onB} {
				x.Check(t)
			}
		}, only...)
	})
}

// Reduce tests a kernel that turns a vector into a number. The tolerance's Abs
// is multiplied by scale(x), for bounds that grow with the data (nil: 1).
func Reduce(t *testing.T, tol Tolerance, f func(x []float32) float32, oracle func(x []float32) float64, scale func(x []float32) float64, only ...Kind) {
	EachLevel(t, func(t *testing.T) {
		EachCase(func(c Case) {
			x := c.Input(1)
			bound := tol
			if scale != nil {
				bound.Abs *= scale(x.F)
			}
			bound.Compare(t, []float64{oracle(x.F)}, []float32{f(x.F)}, c)
			x.Check(t)
		}, only...)
	})
}
