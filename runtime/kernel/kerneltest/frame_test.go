package kerneltest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestToleranceHolds(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	exact, ulps, rel, abs := Tolerance{}, Tolerance{ULP: 1}, Tolerance{Rel: 1e-3}, Tolerance{Abs: 0.5}
	for _, c := range []struct {
		reason string
		tol    Tolerance
		want   float64
		got    float32
		holds  bool
	}{
		{"equal", exact, 1, 1, true},
		{"rounds to the same", exact, 1 + 1e-9, 1, true},
		{"one ulp off is not exact", exact, 1, math.Nextafter32(1, 2), false},
		{"one ulp off", ulps, 1, math.Nextafter32(1, 2), true},
		{"two ulps off", ulps, 1, math.Nextafter32(math.Nextafter32(1, 2), 2), false},
		{"the least subnormal for 0", ulps, 0, math.SmallestNonzeroFloat32, true},
		{"signed zeros are equal", exact, 0, float32(math.Copysign(0, -1)), true},
		{"NaN for NaN", exact, nan, float32(nan), true},
		{"number for NaN", abs, nan, 0, false},
		{"NaN for number", abs, 0, float32(nan), false},
		{"infinity for infinity", exact, inf, float32(inf), true},
		{"wrong infinity", rel, -inf, float32(inf), false},
		{"infinity for a small number", rel, 5, float32(inf), false},
		{"largest float for what overflows", ulps, 2 * math.MaxFloat32, math.MaxFloat32, true},
		{"relative", rel, 1000, 1000.9, true},
		{"too far, relative", rel, 1000, 1001.1, false},
		{"absolute", abs, 1, 1.4, true},
		{"too far, absolute", abs, 1, 1.6, false},
	} {
		require.Equal(t, c.holds, c.tol.Holds(c.want, c.got), c.reason)
	}
}

// fake catches the failure of a check under test.
type fake struct {
	testing.TB
	failed bool
}

func (f *fake) Helper()                   {}
func (f *fake) Errorf(string, ...any)     { f.failed = true }
func (f *fake) FailNow()                  { f.failed = true }
func (f *fake) Fatalf(_ string, _ ...any) { f.failed = true }

func TestBufferGuards(t *testing.T) {
	for n := range 4 {
		for offset := range 3 {
			b := NewBuffer(n, offset)
			require.Len(t, b.F, n)
			ok := &fake{TB: t}
			b.Check(ok)
			require.False(t, ok.failed)
			for _, at := range []int{guard + offset - 1, guard + offset + n} {
				c := Of(make([]float32, n), offset)
				c.all[at] = 0
				bad := &fake{TB: t}
				c.Check(bad)
				require.True(t, bad.failed, "n=%d offset=%d at=%d", n, offset, at)
			}
		}
	}
}

func TestCompareAndSameBits(t *testing.T) {
	bad := &fake{TB: t}
	Tolerance{ULP: 1}.Compare(bad, []float64{1, 2}, []float32{1, 3})
	require.True(t, bad.failed)
	bad = &fake{TB: t}
	SameBits(bad, []float32{0}, []float32{float32(math.Copysign(0, -1))})
	require.True(t, bad.failed)
}
