package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/stretchr/testify/require"
)

type moeDims struct{ e, k, in, hidden, out, shared int }

var moeDimsList = []moeDims{{1, 1, 1, 1, 1, 0}, {4, 2, 16, 8, 16, 0}, {3, 1, 17, 5, 63, 7}, {16, 4, 24, 10, 320, 0}, {8, 8, 30, 20, 33, 10}, {7, 0, 9, 4, 5, 3}, {5, 3, 30, 70, 257, 65}}

func randomMoE(r *rand.Rand, d moeDims, gated, biased, mean bool) kernel.MoESpec {
	in, hid := 1/math.Sqrt(float64(d.in)), 1/math.Sqrt(float64(d.e*d.hidden))
	s := kernel.MoESpec{E: d.e, K: d.k, In: d.in, Hidden: d.hidden, Out: d.out, Act: kernel.ActSilu, Shared: d.shared}
	s.Router = randoms(r, d.in*d.e, in)
	s.Up, s.Down = randoms(r, d.e*d.in*d.hidden, in), randoms(r, d.e*d.hidden*d.out, hid)
	s.SharedUp, s.SharedDown = randoms(r, d.in*d.shared, in), randoms(r, d.shared*d.out, hid)
	if gated {
		s.Gate, s.SharedGate = randoms(r, d.e*d.in*d.hidden, in), randoms(r, d.in*d.shared, in)
	}
	if biased {
		s.RouterBias, s.UpBias, s.OutBias = randoms(r, d.e, 0.3), randoms(r, d.e*d.hidden, 0.3), randoms(r, d.out, 0.3)
		if gated {
			s.GateBias = randoms(r, d.e*d.hidden, 0.3)
		}
		s.SharedUpBias = randoms(r, d.shared, 0.3)
	}
	if mean {
		s.Mean = randoms(r, d.e*d.out, 0.1)
	}
	return s
}

func closeLogits(logits []float32, k int) bool {
	s := slices.Sorted(slices.Values(logits))
	n := len(s)
	return k > 0 && k < n && s[n-k]-s[n-k-1] < 1e-5
}

func TestMoE(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 2))
		for _, d := range moeDimsList {
			for variant := range 8 {
				s := randomMoE(r, d, variant&1 != 0, variant&2 != 0, variant&4 != 0)
				x := kernel.NewMoE(s)
				for _, m := range []int{0, 1, 2, 5, 19, 300 / d.in} {
					in := randoms(r, m*d.in, 1)
					want, got := make([]float32, m*d.out), nans(m*d.out+8)
					ties := false
					pairs := s.RunRef(m, in, want, func(_ int, logits []float32, _ []int32) { ties = ties || closeLogits(logits, d.k) })
					require.Equal(t, pairs, x.Run(m, in, got[:m*d.out], nil))
					requireGuard(t, got[m*d.out:])
					if ties {
						continue
					}
					requireNear(t, want, got[:m*d.out], 1e-5, fmt.Sprint(d, variant, m))
					for _, threads := range []int{1, 2, 3} {
						p := kernel.NewPool(threads)
						again := make([]float32, m*d.out)
						x.Run(m, in, again, p)
						require.Equal(t, got[:m*d.out], again)
						p.Close()
					}
					alone := make([]float32, d.out)
					for i := range min(m, 9) {
						x.Run(1, in[i*d.in:(i+1)*d.in], alone, nil)
						require.Equal(t, got[i*d.out:(i+1)*d.out], alone, "row %d alone", i)
					}
				}
			}
		}
	})
}

func TestMoEOfAllExpertsIsTheDenseBlock(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(12, 2))
		const e, size, in, out = 4, 24, 40, 70
		s := randomMoE(r, moeDims{e, e, in, size, out, 0}, true, true, false)
		f := kernel.FFNSpec{In: in, Hidden: e * size, Out: out, Act: s.Act, WholeUp: true, Down: s.Down, UpBias: s.UpBias, GateBias: s.GateBias, OutBias: s.OutBias}
		f.Gate, f.Up = make([]float32, in*e*size), make([]float32, in*e*size)
		for x := range e {
			for l := range in {
				copy(f.Gate[l*e*size+x*size:][:size], s.Gate[(x*in+l)*size:])
				copy(f.Up[l*e*size+x*size:][:size], s.Up[(x*in+l)*size:])
			}
		}
		for _, m := range []int{1, 3, 9} {
			x := randoms(r, m*in, 1)
			want, got := make([]float32, m*out), make([]float32, m*out)
			kernel.NewFFN(f).Dense(m, x, want, nil)
			kernel.NewMoE(s).Run(m, x, got, nil)
			require.Equal(t, want, got)
		}
	})
}

// A NaN logit is the last choice; zero neurons that pad an expert add nothing.
func TestMoENaNLogitsAndPadding(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(13, 2))
		d := moeDims{4, 3, 12, 6, 10, 0}
		s := randomMoE(r, d, true, true, false)
		s.RouterBias[1] = float32(math.NaN())
		for i := range d.in { // the last two neurons of the last expert are padding
			for n := 4; n < 6; n++ {
				s.Gate[(3*d.in+i)*d.hidden+n], s.Up[(3*d.in+i)*d.hidden+n] = 0, 0
			}
		}
		clear(s.Down[(3*d.hidden+4)*d.out:])
		for _, m := range []int{1, 6} {
			in := randoms(r, m*d.in, 1)
			want, got := make([]float32, m*d.out), make([]float32, m*d.out)
			s.RunRef(m, in, want, func(_ int, _ []float32, chosen []int32) { require.Equal(t, []int32{0, 2, 3}, chosen) })
			kernel.NewMoE(s).Run(m, in, got, nil)
			requireNear(t, want, got, 1e-5, "")
		}
		for i := range s.RouterBias {
			s.RouterBias[i] = float32(math.NaN())
		}
		x := kernel.NewMoE(s)
		require.EqualValues(t, 3, x.Run(1, randoms(r, d.in, 1), make([]float32, d.out), nil))
	})
}
