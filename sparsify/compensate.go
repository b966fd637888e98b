package sparsify

import "fmt"

// MaskedMean gathers µ_n = E[h_n | neuron n is masked], which stands in for a masked neuron under mean compensation.
type MaskedMean struct {
	sum   []float64
	count []int64
}

// NewMaskedMean returns the empty accumulator for n neurons.
func NewMaskedMean(n int) *MaskedMean {
	return &MaskedMean{sum: make([]float64, n), count: make([]int64, n)}
}

// Observe adds activations h [T, n] with the mask [T, n] of the entries that are kept.
func (m *MaskedMean) Observe(h Matrix, keep Mask) error {
	if err := keep.Fits([]int{h.Rows, h.Cols}); err != nil {
		return err
	}
	if h.Cols != len(m.sum) {
		return fmt.Errorf("masked mean: %d neurons, want %d", h.Cols, len(m.sum))
	}
	for r := range h.Rows {
		at := r * h.Cols
		for j, v := range h.Row(r) {
			if !keep.Get(at + j) {
				m.sum[j] += float64(v)
				m.count[j]++
			}
		}
	}
	return nil
}

// Mean returns µ; 0 for a neuron that was never masked.
func (m *MaskedMean) Mean() []float64 {
	out := make([]float64, len(m.sum))
	for j, c := range m.count {
		if c > 0 {
			out[j] = m.sum[j] / float64(c)
		}
	}
	return out
}

// MaskRows writes m·(h - µ) to dst, which may be h: kept entries less µ, masked entries 0. mu nil means 0. These are the features of the
// references' refits: "ls" with mu nil, "mls" with mu from MaskedMean; the target is the dense FFN's output.
func MaskRows(dst, h Matrix, keep Mask, mu []float64) error {
	if err := keep.Fits([]int{h.Rows, h.Cols}); err != nil {
		return err
	}
	if dst.Rows != h.Rows || dst.Cols != h.Cols || mu != nil && len(mu) != h.Cols {
		return fmt.Errorf("mask rows: %d x %d into %d x %d with %d means", h.Rows, h.Cols, dst.Rows, dst.Cols, len(mu))
	}
	parallel(h.Rows, 64, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			maskRow(dst.Row(r), h.Row(r), keep.Bits, r*h.Cols, mu)
		}
	})
	return nil
}

// maskRow does one row whose first bit is at.
func maskRow(dst, src []float32, bits []uint64, at int, mu []float64) {
	if mu == nil {
		for j, v := range src {
			if bits[(at+j)/64]>>((at+j)%64)&1 == 0 {
				v = 0
			}
			dst[j] = v
		}
		return
	}
	for j, v := range src {
		if bits[(at+j)/64]>>((at+j)%64)&1 == 0 {
			dst[j] = 0
		} else {
			dst[j] = float32(float64(v) - mu[j])
		}
	}
}

// MeanTable returns M_e = Σ_{n in S_e} µ_n·down[n] as [E, outputs]: with µ from MaskedMean under the routing, the mean output of expert e over
// the tokens that do not select it. A layer with mean compensation is
//
//	y = (b + Σ_e M_e) + Σ_{e selected} (Z_e - M_e)
//
// and after a refit (W, B) on m·(h - µ) the same form holds with down = W and b = B - Σ_e M_e, because then y = B + Σ_{selected} (Z_e - M_e).
func MeanTable(mu []float64, down Matrix, x Experts) (Matrix, error) {
	if len(mu) != down.Rows || len(x.Assign) != down.Rows {
		return Matrix{}, fmt.Errorf("mean table: %d means, %d neurons in experts, %d outgoing rows", len(mu), len(x.Assign), down.Rows)
	}
	sum := NewMatrix64(x.E, down.Cols)
	for n, e := range x.Assign {
		if e == Shared {
			continue
		}
		dst := sum.Row(e)
		for j, v := range down.Row(n) {
			dst[j] += mu[n] * float64(v)
		}
	}
	return sum.Float32(), nil
}
