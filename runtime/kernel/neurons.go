package kernel

import "sync"

// neurons is one set of neurons of a feed-forward block; gate is empty in a plain one.
type neurons struct {
	in, size         int
	gate, up         panelMatrix
	gateBias, upBias []float32
	act              Act
}

// rowMatrix has row r at w[r*ld:].
type rowMatrix struct {
	w  []float32
	ld int
}

// newRowMatrix packs w, [in, n] row-major, one row a column.
func newRowMatrix(w []float32, in, n int) rowMatrix {
	ld := rowPitch(in)
	r := rowMatrix{NewFloats(n * ld), ld}
	Transpose(r.w, ld, w, n, in, n)
	return r
}

// rowPitch is in rounded up to whole vectors, and off the multiples of a page, at which rows would share cache sets.
func rowPitch(in int) int {
	ld := padTo(in, 16)
	if ld%1024 == 0 && ld > 0 {
		ld += 16
	}
	return ld
}

// pitch is the distance of the hidden rows of two tokens.
func (n *neurons) pitch() int { return paddedCols(n.size) }

// units is the number of pieces the neurons are cut into.
func (n *neurons) units() int { return n.up.panels() }

// project computes row i of dst = x[tok(i)] · w + bias for m tokens and the neurons of units [lo, hi). dst begins at the first neuron of all, with
// pitch n.pitch(). toks nil means token i. count counts to m at least.
func (n *neurons) project(w *panelMatrix, bias, dst, x []float32, toks []int32, m, lo, hi int, count []int32) {
	first, end := lo*w.width, min(hi*w.width, n.size)
	if first >= end || m == 0 {
		return
	}
	ld := n.pitch()
	for i := range m {
		clear(dst[i*ld+first : i*ld+min(hi*w.width, ld)])
	}
	g := panelGemm{d: w, m: m, k: n.in, a: x, lda: n.in, arow: toks, c: dst, ldc: ld, count: count}
	g.run(lo, hi)
	if bias != nil {
		for i := range m {
			row := dst[i*ld+first : i*ld+end]
			Add(row, row, bias[first:end])
		}
	}
}

// activate computes h for units [lo, hi) of m tokens; h and tmp are [m, pitch].
func (n *neurons) activate(h, tmp, x []float32, toks []int32, m, lo, hi int, count []int32) {
	first, end, ld := lo*n.up.width, min(hi*n.up.width, n.size), n.pitch()
	if first >= end {
		return
	}
	if n.gate.w == nil {
		n.project(&n.up, n.upBias, h, x, toks, m, lo, hi, count)
		if first == 0 && end == n.size { // the padding holds zeros
			Activate(n.act, h[:m*ld], h[:m*ld])
			return
		}
		for i := range m {
			row := h[i*ld+first : i*ld+end]
			Activate(n.act, row, row)
		}
		return
	}
	n.project(&n.gate, n.gateBias, h, x, toks, m, lo, hi, count)
	n.project(&n.up, n.upBias, tmp, x, toks, m, lo, hi, count)
	if first == 0 && end == n.size {
		ActivateMul(n.act, h[:m*ld], h[:m*ld], tmp[:m*ld])
		return
	}
	for i := range m {
		row := h[i*ld+first : i*ld+end]
		ActivateMul(n.act, row, row, tmp[i*ld+first:i*ld+end])
	}
}

func counting(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = int32(i)
	}
	return s
}

// scratchBuf is a reusable buffer.
type scratchBuf struct {
	f []float32
	i []int32
}

var scratchPool = sync.Pool{New: func() any { return new(scratchBuf) }}

// getScratch returns a buffer whose f has room for n floats, not cleared.
func getScratch(n int) *scratchBuf {
	s := scratchPool.Get().(*scratchBuf)
	if cap(s.f) < n {
		s.f = make([]float32, n)
	}
	s.f = s.f[:cap(s.f)]
	return s
}

// ints makes room for n indices in s.i, not cleared.
func (s *scratchBuf) ints(n int) []int32 {
	if cap(s.i) < n {
		s.i = make([]int32, n)
	}
	return s.i[:n]
}

func putScratch(s *scratchBuf) { scratchPool.Put(s) }
