package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// scores are n values with ties, zeros and, now and then, a NaN.
func scores(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		switch r.IntN(8) {
		case 0:
			x[i] = 0
		case 1:
			x[i] = float32(r.IntN(5) - 2)
		case 2:
			if r.IntN(20) == 0 {
				x[i] = float32(math.NaN())
			}
		default:
			x[i] = float32(r.NormFloat64())
		}
	}
	return x
}

func everyLevel(t *testing.T, f func(t *testing.T)) {
	for _, l := range Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer SetLevel(l)()
			f(t)
		})
	}
}

// The search ends at the same elements wherever it begins.
func TestKthLargestFromAnyHint(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 9))
		inf := float32(math.Inf(1))
		for _, n := range []int{2, 17, 96, 384, 1027, 5632} {
			x := scores(r, n)
			tmp := make([]float32, selectRoom(n))
			for _, mask := range []uint32{allBits, absBits} {
				y := make([]float32, n)
				for i, v := range x {
					y[i] = masked(v, mask)
				}
				for _, k := range []int{1, n / 12, n / 4, n / 2, n - 1} {
					if k == 0 {
						continue
					}
					want := TopKRef(y, k)
					for _, hint := range []float32{0, 1, -1, 1e-30, 1e30, inf, -inf, float32(math.NaN()), y[n/3]} {
						v, count, ok := kthLargest(x, k, mask, hint, tmp)
						got := make([]int32, CompactRoom(n))
						if !ok {
							got = topKWithNaN(x, k, got)
						} else {
							require.Equal(t, countGEGo(x, v, mask), count)
							got = takeLargest(x, k, v, count, got, mask)
						}
						require.Equal(t, want, got, "n %d k %d hint %v", n, k, hint)
					}
				}
			}
		}
	})
}

// What a rule keeps is the same as a list and as a mask, but for zeros.
func TestKeepMarkListAndMask(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 9))
		nan := float32(math.NaN())
		for range 300 {
			n := 1 + r.IntN(200)
			x := scores(r, n)
			for _, rule := range []KeepRule{{K: 1 + r.IntN(n)}, {Kind: KeepThreshold, Threshold: float32(r.IntN(3) - 1)}, {Kind: KeepThreshold, Threshold: nan}, {Kind: KeepStat, Threshold: 1}} {
				if rule.Kind == KeepExact && rule.K >= n {
					continue
				}
				for _, mask := range []uint32{allBits, absBits} {
					m := rule.mark(x, mask, r.IntN(2) == 0, 0.5, make([]float32, selectRoom(n)))
					idx := m.list(x, mask, make([]int32, CompactRoom(n)))
					h := make([]float32, n)
					for i := range h {
						h[i] = x[i]
						if x[i] != x[i] {
							h[i] = 9
						}
					}
					want := make([]float32, n)
					for _, i := range idx {
						want[i] = h[i]
					}
					m.zero(h, x, mask)
					require.Equal(t, want, h, "%+v mask %x x %v", rule, mask, x)
				}
			}
		}
	})
}

func TestTopFew(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 9))
		for range 2000 {
			n := 1 + r.IntN(20)
			x := append(scores(r, n), make([]float32, 16)...)
			k := 1 + r.IntN(n)
			dst := make([]int32, k)
			topFew(x[:n], k, make([]int32, CompactRoom(n)), dst)
			require.Equal(t, TopKRef(x[:n], k), dst, "x %v", x[:n])
		}
	})
}

func TestMaskAndCompress(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 9))
		for n := range 100 {
			x := scores(r, n)
			for _, mask := range []uint32{allBits, absBits} {
				want, got := append([]float32(nil), x...), append([]float32(nil), x...)
				for i := range x {
					want[i], got[i] = float32(i+1), float32(i+1)
				}
				maskGEGo(want, x, 0.25, mask)
				maskGE(got, x, 0.25, mask)
				require.Equal(t, want, got)
				a, b := make([]float32, n+16), make([]float32, n+16)
				na, nb := compressRangeGo(x, -1, 1, mask, a), compressRange(x, -1, 1, mask, b)
				require.Equal(t, a[:na], b[:nb])
			}
		}
	})
}
