package kerneltest

import (
	"fmt"
	"math"
	"testing"
)

// Tolerance is how far a kernel may be from its oracle, stated once per kernel.
// A value passes if any of the bounds holds. The zero bounds demand equality
// (of value: -0 equals 0, any NaN equals any NaN, infinities must match).
type Tolerance struct {
	Name string
	ULP  float64 // units in the last place of the exact result
	Rel  float64 // relative to the exact result
	Abs  float64 // absolute
}

// ulp is the spacing of float32 numbers at x.
func ulp(x float64) float64 {
	_, e := math.Frexp(x)
	return math.Ldexp(1, max(e-24, -149))
}

// Holds reports whether got is close enough to the exact value want.
func (t Tolerance) Holds(want float64, got float32) bool {
	g := float64(got)
	if math.IsNaN(want) || math.IsNaN(g) {
		return math.IsNaN(want) && math.IsNaN(g)
	}
	w32 := float64(float32(want))
	if w32 == g {
		return true
	}
	if math.IsInf(g, 0) {
		// Rounded up to infinity: fine where the bound reaches past the largest float.
		return math.Signbit(g) == math.Signbit(want) && math.Abs(want)*(1+t.Rel)+t.ULP*ulp(want) >= math.MaxFloat32
	}
	if math.IsInf(w32, 0) {
		return math.Signbit(g) == math.Signbit(want) && math.Abs(g)*(1+t.Rel)+t.ULP*ulp(g) >= math.MaxFloat32
	}
	d := math.Abs(g - want)
	return d <= t.ULP*ulp(want) || d <= t.Rel*math.Abs(want) || d <= t.Abs
}

// Compare fails the test at the first element that is out of tolerance.
func (t Tolerance) Compare(tb testing.TB, want []float64, got []float32, context ...any) {
	tb.Helper()
	if len(want) != len(got) {
		tb.Fatalf("%s: %d values, want %d", t.Name, len(got), len(want))
	}
	for i := range want {
		if !t.Holds(want[i], got[i]) {
			tb.Fatalf("%s %s: element %d of %d is %v, want %v (off by %.3g ulp, %.3g relative)", t.Name, fmt.Sprint(context...), i, len(got), got[i], want[i],
				math.Abs(float64(got[i])-want[i])/ulp(want[i]), math.Abs(float64(got[i])-want[i])/math.Abs(want[i]))
		}
	}
}

// SameBits fails the test unless both slices are equal bit for bit.
func SameBits(tb testing.TB, want, got []float32, context ...any) {
	tb.Helper()
	if len(want) != len(got) {
		tb.Fatalf("%d values, want %d", len(got), len(want))
	}
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			tb.Fatalf("%s: element %d of %d is %v (%#x), want %v (%#x)", fmt.Sprint(context...), i, len(got), got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}
