package kerneltest

import (
	"math"
	"math/rand/v2"
)

// Kind says which values a buffer is filled with.
type Kind int

// The kinds of values.
const (
	Ordinary  Kind = iota // normal distribution
	Wide                  // magnitudes from 1e-6 to 1e6, both signs
	Subnormal             // subnormals and the smallest normals
	Special               // ordinary values mixed with NaN, both infinities, both zeros, the largest and smallest numbers
	kinds
)

// Kinds lists all kinds.
func Kinds() []Kind { return []Kind{Ordinary, Wide, Subnormal, Special} }

var specials = []float32{
	float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)),
	math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 1, -1,
}

// Rand returns the generator of a test: the same numbers for the same seed.
func Rand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)) }

// Fill fills x with values of a kind.
func Fill(x []float32, kind Kind, r *rand.Rand) {
	for i := range x {
		v := float32(r.NormFloat64())
		switch kind {
		case Wide:
			v = float32(math.Copysign(math.Pow(10, r.Float64()*12-6), float64(v)))
		case Subnormal:
			v = math.Float32frombits(r.Uint32N(0x0100_0000) | r.Uint32()&0x8000_0000)
		case Special:
			if r.IntN(3) == 0 {
				v = specials[r.IntN(len(specials))]
			}
		}
		x[i] = v
	}
}

// Random returns n ordinary values.
func Random(n int, seed uint64) []float32 {
	x := make([]float32, n)
	Fill(x, Ordinary, Rand(seed))
	return x
}
