package kernel_test

import (
	"math"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// sweep is about 2^32/stride float32 numbers spread evenly over all bit patterns (so all exponents, both signs, subnormals, NaN) and
// as many spread evenly over [-12, 12].
func sweep(stride uint64) []float32 {
	var x []float32
	for b := uint64(0); b < 1<<32; b += stride {
		x = append(x, math.Float32frombits(uint32(b)))
	}
	for n, i := len(x), 0; i < n; i++ {
		x = append(x, float32(i)/float32(n)*24-12)
	}
	return x
}

// TestUnarySweep holds the kernels to their bounds over the whole range of float32 and every level to the bits of the portable one.
func TestUnarySweep(t *testing.T) {
	stride := uint64(24_593)
	if testing.Short() {
		stride = 1_000_003
	}
	x := sweep(stride)
	want, got, portable := make([]float64, len(x)), make([]float32, len(x)), make([]float32, len(x))
	for _, c := range unaryCases {
		t.Run(c.tol.Name, func(t *testing.T) {
			for i, v := range x {
				want[i] = c.oracle(float64(v))
			}
			for _, l := range kernel.Levels() {
				restore := kernel.SetLevel(l)
				c.f(got, x)
				restore()
				if l == kernel.Portable {
					copy(portable, got)
					c.tol.Compare(t, want, got, "x at the same place of the sweep")
					continue
				}
				sameOrNaN(t, x, portable, got, l)
			}
			if testing.Verbose() {
				reportWorst(t, x, want, portable)
			}
		})
	}
}

// sameOrNaN fails unless want and got have the same bits, any NaN counting as any other.
func sameOrNaN(t testing.TB, x, want, got []float32, context ...any) {
	t.Helper()
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) && (want[i] == want[i] || got[i] == got[i]) {
			t.Fatalf("%v: element %d (x %v) is %v (%#x), want %v (%#x)", context, i, x[i], got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

func reportWorst(t *testing.T, x []float32, want []float64, got []float32) {
	var worst float64
	var at int
	for i, w := range want {
		if w32 := float32(w); math.IsInf(float64(w32), 0) || w != w || math.Abs(w) < 1e-7 {
			continue
		}
		_, e := math.Frexp(w)
		if d := math.Abs(float64(got[i])-w) / math.Ldexp(1, max(e-24, -149)); d > worst {
			worst, at = d, i
		}
	}
	t.Logf("worst %.3f ulp at %v", worst, x[at])
}
