package sparsify

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Shared is the Assign value of a neuron that belongs to no routed expert because it always runs.
const Shared = -1

// Experts is a partition of the hidden neurons of an FFN: neuron n belongs to expert Assign[n], 0..E-1, or to the Shared part.
type Experts struct {
	E      int
	Assign []int
}

// Check verifies that every neuron has a valid expert and no expert is empty.
func (x Experts) Check() error {
	if x.E <= 0 {
		return fmt.Errorf("experts: %d experts", x.E)
	}
	for n, e := range x.Assign {
		if e != Shared && (e < 0 || e >= x.E) {
			return fmt.Errorf("experts: neuron %d has expert %d of %d", n, e, x.E)
		}
	}
	for e, n := range x.Sizes() {
		if n == 0 {
			return fmt.Errorf("experts: expert %d is empty", e)
		}
	}
	return nil
}

// Sizes counts the neurons of each routed expert.
func (x Experts) Sizes() []int {
	out := make([]int, x.E)
	for _, e := range x.Assign {
		if e != Shared {
			out[e]++
		}
	}
	return out
}

// MaxSize is the largest of Sizes: what stacked expert weights [E, in, m] must hold, the smaller ones padded with zero neurons.
func (x Experts) MaxSize() (m int) {
	for _, n := range x.Sizes() {
		m = max(m, n)
	}
	return m
}

// Members lists the neurons of expert e (or of Shared), ascending.
func (x Experts) Members(e int) []int {
	var out []int
	for n, v := range x.Assign {
		if v == e {
			out = append(out, n)
		}
	}
	return out
}

// Order lists all neurons so that each expert is contiguous: the shared ones first, then expert 0, 1, ...; ascending inside.
func (x Experts) Order() []int {
	return sortedBy(len(x.Assign), func(n int) int { return x.Assign[n] })
}

// NeuronMask turns a selection [T, E] of experts into the mask [T, n] of running neurons; shared neurons always run.
func (x Experts) NeuronMask(sel Mask) (Mask, error) {
	if len(sel.Shape) != 2 || sel.Shape[1] != x.E {
		return Mask{}, fmt.Errorf("experts: selection of shape %v for %d experts", sel.Shape, x.E)
	}
	if err := sel.Fits(sel.Shape); err != nil {
		return Mask{}, err
	}
	t, n := sel.Shape[0], len(x.Assign)
	out, err := NewMask(t, n)
	if err != nil {
		return out, err
	}
	for e, a := range x.Assign {
		if a != Shared && (a < 0 || a >= x.E) {
			return out, fmt.Errorf("experts: neuron %d has expert %d of %d", e, a, x.E)
		}
	}
	runs := make([]uint64, x.E+1) // the last is Shared's
	runs[x.E] = 1
	at, word := 0, uint64(0)
	for r := range t {
		for e := range x.E {
			runs[e] = sel.Bits[(r*x.E+e)/64] >> ((r*x.E + e) % 64) & 1
		}
		for _, e := range x.Assign {
			if e < 0 {
				e = x.E
			}
			word |= runs[e] << (at % 64)
			if at++; at%64 == 0 {
				out.Bits[at/64-1], word = word, 0
			}
		}
	}
	if at%64 != 0 {
		out.Bits[at/64] = word
	}
	return out, nil
}

// WithShared makes the listed neurons shared and gives the others, in ascending order, the experts of routed.
func WithShared(shared []int, routed Experts, n int) (Experts, error) {
	rest, err := Complement(shared, n)
	if err != nil {
		return Experts{}, err
	}
	if len(rest) != len(routed.Assign) {
		return Experts{}, fmt.Errorf("experts: %d routed neurons, want %d", len(routed.Assign), len(rest))
	}
	out := Experts{E: routed.E, Assign: make([]int, n)}
	for _, i := range shared {
		out.Assign[i] = Shared
	}
	for k, i := range rest {
		out.Assign[i] = routed.Assign[k]
	}
	return out, nil
}

// SplitContiguous cuts n neurons into e runs; the first n mod e runs are one longer.
func SplitContiguous(n, e int) (Experts, error) {
	if e <= 0 || e > n {
		return Experts{}, fmt.Errorf("experts: cannot cut %d neurons into %d", n, e)
	}
	out := Experts{E: e, Assign: make([]int, n)}
	at := 0
	for k := range e {
		size := n / e
		if k < n%e {
			size++
		}
		for range size {
			out.Assign[at] = k
			at++
		}
	}
	return out, nil
}

// SplitRandom is SplitContiguous after a seeded shuffle.
func SplitRandom(n, e int, seed uint64) (Experts, error) {
	out, err := SplitContiguous(n, e)
	if err != nil {
		return out, err
	}
	r := source{rand.NewPCG(seed, 0x5eed)}
	for i := n - 1; i > 0; i-- {
		j := int(r.unit() * float64(i+1))
		out.Assign[i], out.Assign[j] = out.Assign[j], out.Assign[i]
	}
	return out, nil
}

// source draws floats from a generator whose stream is fixed by its specification.
type source struct{ *rand.PCG }

// unit returns a number in [0, 1).
func (s source) unit() float64 { return float64(s.Uint64()>>11) / (1 << 53) }

// CoactivationFeatures turns hidden activations h [tokens, n] into one point per neuron [n, tokens]: column sign(h)·sqrt|h| scaled to unit
// norm; a neuron that is always zero stays the zero point.
func CoactivationFeatures(h Matrix) Matrix {
	out := h.T()
	for i := range out.Rows {
		r := out.Row(i)
		for j, v := range r {
			r[j] = float32(math.Copysign(math.Sqrt(math.Abs(float64(v))), float64(v)))
		}
		unitNorm(r)
	}
	return out
}

// WeightFeatures turns incoming weights w [inputs, n] into one unit-norm point per neuron [n, inputs] (MoEfication, arXiv 2110.01786).
func WeightFeatures(w Matrix) Matrix {
	out := w.T()
	for i := range out.Rows {
		unitNorm(out.Row(i))
	}
	return out
}

func unitNorm(r []float32) {
	var s float64
	for _, v := range r {
		s += float64(v) * float64(v)
	}
	if s == 0 {
		return
	}
	inv := 1 / math.Sqrt(s)
	for j, v := range r {
		r[j] = float32(float64(v) * inv)
	}
}

// SampleRows lists want row numbers of total, evenly spread: floor(i·total/want). All rows when want is larger.
func SampleRows(total, want int) []int {
	want = max(min(want, total), 0)
	out := make([]int, want)
	for i := range out {
		out[i] = i * total / want
	}
	return out
}
