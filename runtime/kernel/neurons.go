package kernel

import "sync"

// neurons is one set of neurons of a feed-forward block, packed so that what does not act can be skipped.
type neurons struct {
	in, size         int
	gate, up         projection
	gateBias, upBias []float32
	act              Act
	count            []int32 // 0, 1, ...
}

// projection is an [in, size] matrix in one of two layouts: panels, to be read whole, or rows, one contiguous row
// a neuron, to be read where a neuron acts. Without either it is absent.
type projection struct {
	panels panelMatrix
	rows   rowMatrix
}

// rowMatrix has row r at w[r*ld:].
type rowMatrix struct {
	w  []float32
	ld int
}

func (p *projection) absent() bool { return p.panels.w == nil && p.rows.w == nil }

// newProjection packs w, [in, n] row-major.
func newProjection(w []float32, in, n int, byRow bool, alloc func(n int) []float32) projection {
	if !byRow {
		m := newPanelMatrix(in, n, alloc)
		m.fill(0, w, in)
		return projection{panels: m}
	}
	ld := rowPitch(in)
	r := rowMatrix{alloc(n * ld), ld}
	const block = 16
	for j0 := 0; j0 < n; j0 += block {
		for l0 := 0; l0 < in; l0 += block {
			for j := j0; j < min(j0+block, n); j++ {
				for l := l0; l < min(l0+block, in); l++ {
					r.w[j*ld+l] = w[l*n+j]
				}
			}
		}
	}
	return projection{rows: r}
}

// rowPitch is in rounded up to whole vectors, and off the multiples of a page, at which rows would share cache sets.
func rowPitch(in int) int {
	ld := padTo(in, 16)
	if ld%1024 == 0 && ld > 0 {
		ld += 16
	}
	return ld
}

func (p *projection) bytes() int { return 4 * (len(p.panels.w) + len(p.rows.w)) }

// pitch is the distance of the hidden rows of two tokens.
func (n *neurons) pitch() int { return padTo(n.size, panelAlign) }

// units is the number of pieces the neurons are cut into, of neuronGrain each.
func (n *neurons) units() int { return ceilDiv(n.size, neuronGrain) }

// project computes row i of dst = x[tok(i)] · p + bias for m tokens and the neurons of units [lo, hi). dst begins at the first neuron of all, with
// pitch n.pitch(). toks nil means token i.
func (n *neurons) project(p *projection, bias, dst, x []float32, toks []int32, m, lo, hi int) {
	first, end := lo*neuronGrain, min(hi*neuronGrain, n.size)
	if first >= end || m == 0 {
		return
	}
	ld := n.pitch()
	if p.rows.w != nil {
		b := dotBlock{x: x, ldx: n.in, toks: toks, w: p.rows.w, ldw: p.rows.ld, row0: first, k: n.in, dst: dst[first:], ldd: ld}
		b.run(m, end-first)
	} else {
		for i := range m {
			clear(dst[i*ld+first : i*ld+padTo(end, panelAlign)])
		}
		g := panelGemm{d: &p.panels, m: m, k: n.in, a: x, lda: n.in, arow: toks, c: dst, ldc: ld, count: n.count}
		g.run(lo, hi)
	}
	if bias != nil {
		for i := range m {
			row := dst[i*ld+first : i*ld+end]
			Add(row, row, bias[first:end])
		}
	}
}

// activate computes h for units [lo, hi) of m tokens; h and tmp are [m, pitch].
func (n *neurons) activate(h, tmp, x []float32, toks []int32, m, lo, hi int) {
	first, end, ld := lo*neuronGrain, min(hi*neuronGrain, n.size), n.pitch()
	if first >= end {
		return
	}
	if n.gate.absent() {
		n.project(&n.up, n.upBias, h, x, toks, m, lo, hi)
		for i := range m {
			row := h[i*ld+first : i*ld+end]
			Activate(n.act, row, row)
		}
		return
	}
	n.project(&n.gate, n.gateBias, h, x, toks, m, lo, hi)
	n.project(&n.up, n.upBias, tmp, x, toks, m, lo, hi)
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
