package kernel

import "slices"

// MoESpec describes a feed-forward block cut into E experts of Hidden neurons each, of which K act for a token, by its
// plain matrices. With logits = x·Router + RouterBias and T the K experts of largest logit (ties lower index, a NaN below every number):
//
//	y = OutBias + Σ_e Mean[e] + Σ_{e in T} (Z_e - Mean[e]) + shared
//
// where Z_e is expert e's block without an output bias (see [FFNSpec] for the plain and the gated form) and shared is a block
// of Shared neurons that acts for every token. Experts of unequal size are padded with zero neurons. Nil biases and Mean are zero. K >= E runs every expert and needs no router.
type MoESpec struct {
	E, K            int
	In, Hidden, Out int
	Router          []float32 // [In, E] row-major
	RouterBias      []float32 // [E]
	Gate, Up        []float32 // [E, In, Hidden]; Gate nil: plain
	GateBias        []float32 // [E, Hidden]
	UpBias          []float32 // [E, Hidden]
	Down            []float32 // [E, Hidden, Out]
	OutBias         []float32 // [Out]
	Mean            []float32 // [E, Out]
	Act             Act

	Shared         int       // neurons of the shared expert, 0 for none
	SharedGate     []float32 // [In, Shared], when Gate is set
	SharedUp       []float32 // [In, Shared]
	SharedGateBias []float32 // [Shared]
	SharedUpBias   []float32 // [Shared]
	SharedDown     []float32 // [Shared, Out]
}

// MoE is an expert block packed for [MoE.Run]. It is immutable and safe for concurrent use.
type MoE struct {
	in, out, k    int
	experts       int       // routed ones
	sets          []neurons // the routed experts, then the shared one
	first         []int     // row of down of a set's first neuron
	down          panelMatrix
	router        neurons   // E neurons; only up is used
	mean          []float32 // [E, padded]
	outBias, base []float32 // OutBias and OutBias + Σ Mean, [padded]
}

// NewMoE packs a block. The matrices are copied; biases are kept by reference.
func NewMoE(s MoESpec) *MoE {
	total := s.E*s.Hidden + s.Shared
	x := &MoE{in: s.In, out: s.Out, experts: s.E, k: max(0, min(s.K, s.E)), down: newPanelMatrix(total, s.Out, hugeFloats)}
	count := counting(max(s.In, s.Hidden, s.Shared))
	gated := s.Gate != nil
	add := func(f FFNSpec, first int, alloc func(n int) []float32) {
		n := neurons{in: s.In, size: f.Hidden, act: s.Act, gateBias: f.GateBias, upBias: f.UpBias, count: count}
		if gated {
			n.gate = newProjection(f.Gate, s.In, f.Hidden, false, alloc)
		}
		n.up = newProjection(f.Up, s.In, f.Hidden, false, alloc)
		x.sets, x.first = append(x.sets, n), append(x.first, first)
	}
	alloc := carve(2 * s.E * s.In * padTo(s.Hidden, panelAlign))
	if !gated {
		alloc = carve(s.E * s.In * padTo(s.Hidden, panelAlign))
	}
	for e := range s.E {
		add(s.Expert(e), e*s.Hidden, alloc)
	}
	x.down.fill(0, s.Down, s.E*s.Hidden)
	if s.Shared > 0 {
		add(s.SharedExpert(), s.E*s.Hidden, hugeFloats)
		x.down.fill(s.E*s.Hidden, s.SharedDown, s.Shared)
	}
	if x.k < x.experts {
		x.router = neurons{in: s.In, size: s.E, upBias: s.RouterBias, count: count}
		x.router.up = newProjection(s.Router, s.In, s.E, false, hugeFloats)
	}
	x.setMean(s)
	return x
}

// carve hands out parts of one buffer of n floats.
func carve(n int) func(n int) []float32 {
	s := hugeFloats(n)
	return func(n int) []float32 {
		part := s[:n:n]
		s = s[n:]
		return part
	}
}

// Bytes is the size of the packed weights, the router included.
func (x *MoE) Bytes() int {
	n := x.router.up.bytes() + 4*len(x.down.w)
	for i := range x.sets {
		n += x.sets[i].gate.bytes() + x.sets[i].up.bytes()
	}
	return n
}

func (x *MoE) setMean(s MoESpec) {
	padded := x.down.padded
	x.outBias = make([]float32, padded)
	copy(x.outBias, s.OutBias)
	x.base = x.outBias
	if s.Mean == nil || x.k == x.experts {
		return
	}
	x.base = make([]float32, padded)
	x.mean = make([]float32, s.E*padded)
	for j := range s.Out {
		sum := float64(x.outBias[j])
		for e := range s.E {
			sum += float64(s.Mean[e*s.Out+j])
			x.mean[e*padded+j] = s.Mean[e*s.Out+j]
		}
		x.base[j] = float32(sum)
	}
}

// moeBlock is the number of tokens that are routed together.
const moeBlock = 256

// Run computes y for m tokens: in is [m, In], y is [m, Out]. It returns how many (token, expert) pairs acted, the shared expert not counted.
// Tokens are grouped by expert; y sums the experts in index order, the shared one last.
func (x *MoE) Run(m int, in, y []float32, p *Pool) (activePairs int64) {
	return x.run(m, in, y, x.k, p)
}

// Dense computes y with every expert and no mean compensation.
func (x *MoE) Dense(m int, in, y []float32, p *Pool) { x.run(m, in, y, x.experts, p) }

func (x *MoE) run(m int, in, y []float32, k int, p *Pool) int64 {
	if m <= 0 {
		return 0
	}
	in, y = in[:m*x.in], y[:m*x.out]
	x.down.padBlocks(m, moeBlock, y, func(t, mb int, yp []float32) { x.block(mb, in[t*x.in:], yp, k, p) })
	return int64(m) * int64(k)
}

// moeGroup is one set's share of a block: n tokens toks (nil: all), with hidden rows from offset at.
type moeGroup struct {
	toks []int32
	n    int
	at   int
}

func (x *MoE) block(m int, in, y []float32, k int, p *Pool) {
	buf := getScratch(m * padTo(x.experts, panelAlign))
	defer putScratch(buf)
	groups := x.route(m, in, k, buf, p)
	total, units := 0, 0
	for i := range groups {
		groups[i].at = total
		total += groups[i].n * x.sets[i].pitch()
		units = max(units, x.sets[i].units())
	}
	hb := getScratch(2 * total)
	defer putScratch(hb)
	h, tmp := hb.f[:total], hb.f[total:2*total]

	p.For(len(groups)*units, ceilDiv(grainFlops*len(groups)*units, total*max(1, x.in)+1), func(lo, hi int) {
		for u := lo; u < hi; {
			i, from := u/units, u%units
			to := min(units, from+hi-u)
			u += to - from
			g := groups[i]
			x.sets[i].activate(h[g.at:], tmp[g.at:], in, g.toks, g.n, from, to)
		}
	})

	p.For(x.down.panels(), ceilDiv(grainFlops, total*stripCols+1), func(lo, hi int) {
		x.startOut(m, y, groups, k, lo*stripCols, min(hi*stripCols, x.down.padded))
		for c := lo; c < hi; c++ {
			for i, g := range groups {
				n := &x.sets[i]
				d := panelGemm{d: &x.down, row0: x.first[i], m: g.n, k: n.size, a: h[g.at:], lda: n.pitch(), c: y, ldc: x.down.padded, crow: g.toks, count: n.count}
				d.run(c, c+1)
			}
		}
	})
}

// startOut sets columns [lo, hi) of y to what the sum over the chosen experts starts from.
func (x *MoE) startOut(m int, y []float32, groups []moeGroup, k, lo, hi int) {
	base := x.base
	if k == x.experts {
		base = x.outBias
	}
	for t := range m {
		copy(y[t*x.down.padded+lo:t*x.down.padded+hi], base[lo:hi])
	}
	if x.mean == nil || k == x.experts {
		return
	}
	for e, g := range groups[:x.experts] {
		mean := x.mean[e*x.down.padded+lo : e*x.down.padded+hi]
		for _, t := range g.toks {
			row := y[int(t)*x.down.padded+lo : int(t)*x.down.padded+hi]
			Sub(row, row, mean)
		}
	}
}

// route chooses the experts of m tokens and lists the tokens of each, ascending. The lists live in buf.
func (x *MoE) route(m int, in []float32, k int, buf *scratchBuf, p *Pool) []moeGroup {
	groups := make([]moeGroup, len(x.sets))
	for i := range groups {
		groups[i].n = m
	}
	if k < x.experts {
		x.chooseExperts(m, in, k, buf, groups[:x.experts], p)
	}
	return groups
}

func (x *MoE) chooseExperts(m int, in []float32, k int, buf *scratchBuf, groups []moeGroup, p *Pool) {
	e := x.experts
	ld := x.router.pitch()
	logits := buf.f[:m*ld]
	room := CompactRoom(e)
	ints := buf.ints(m*k + m*k + room)
	lists, chosen, idx := ints[:m*k], ints[m*k:2*m*k], ints[2*m*k:]
	p.For(m, ceilDiv(grainFlops, ld*max(1, x.in)), func(lo, hi int) {
		x.router.project(&x.router.up, x.router.upBias, logits[lo*ld:], in[lo*x.in:], nil, hi-lo, 0, x.router.units())
	})
	for i := range groups {
		groups[i].n = 0
	}
	for t := range m {
		for i, c := range TopK(logits[t*ld:][:e], k, idx) {
			chosen[t*k+i] = c
			groups[c].n++
		}
	}
	at := 0
	for i := range groups {
		groups[i].toks = slices.Clip(lists[at : at+groups[i].n])[:0]
		at += groups[i].n
	}
	for t := range m {
		for _, c := range chosen[t*k : t*k+k] {
			groups[c].toks = append(groups[c].toks, int32(t))
		}
	}
}
