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
	neurons
	experts, k, size, shared int
	router                   rowMatrix
	routerBias               []float32
	mean                     []float32 // [E, padded]
	outBias, base            []float32 // OutBias and OutBias + Σ Mean, [padded]
}

// NewMoE packs a block. The matrices are copied.
func NewMoE(s MoESpec) *MoE {
	gated := s.Gate != nil
	x := &MoE{neurons: newNeurons(s.In, s.E*s.Hidden+s.Shared, s.Out, gated, s.Act),
		experts: s.E, k: max(0, min(s.K, s.E)), size: s.Hidden, shared: s.Shared}
	for e := range s.E {
		from, first := e*s.In*s.Hidden, e*s.Hidden
		x.up.fill(first, s.Up[from:], s.In, s.Hidden, nil)
		if gated {
			x.gate.fill(first, s.Gate[from:], s.In, s.Hidden, nil)
		}
	}
	x.down.fill(0, s.Down, s.E*s.Hidden)
	if s.Shared > 0 {
		x.up.fill(s.E*s.Hidden, s.SharedUp, s.In, s.Shared, nil)
		if gated {
			x.gate.fill(s.E*s.Hidden, s.SharedGate, s.In, s.Shared, nil)
		}
		x.down.fill(s.E*s.Hidden, s.SharedDown, s.Shared)
	}
	x.gateBias = joinBias(s.GateBias, s.E*s.Hidden, s.SharedGateBias, s.Shared)
	x.upBias = joinBias(s.UpBias, s.E*s.Hidden, s.SharedUpBias, s.Shared)
	if x.k < x.experts {
		ld := rowPitch(s.In)
		x.router = rowMatrix{make([]float32, s.E*ld), ld}
		x.router.fill(0, s.Router, s.In, s.E, nil)
		x.routerBias = s.RouterBias
	}
	x.setMean(s)
	return x
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

// joinBias concatenates two biases; nil when both are absent.
func joinBias(a []float32, na int, b []float32, nb int) []float32 {
	if a == nil && (b == nil || nb == 0) {
		return nil
	}
	out := make([]float32, na+nb)
	copy(out[:na], a)
	copy(out[na:], b)
	return out
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

// moeGroup is one expert's share of a block: n tokens toks (nil: all), neurons [first, first+size), hidden rows h from offset at.
type moeGroup struct {
	toks        []int32
	n           int
	first, size int
	at          int
}

func (x *MoE) block(m int, in, y []float32, k int, p *Pool) {
	buf := getScratch(m * x.experts)
	defer putScratch(buf)
	groups := x.route(m, in, k, buf, p)
	total := 0
	for i := range groups {
		groups[i].at = total
		total += groups[i].n * groups[i].size
	}
	hb := getScratch(2 * total)
	defer putScratch(hb)
	h, tmp := hb.f[:total], hb.f[total:2*total]

	chunks := ceilDiv(max(x.size, x.shared), neuronGrain)
	p.For(len(groups)*chunks, ceilDiv(grainFlops*len(groups)*chunks, total*max(1, x.in)+1), func(lo, hi int) {
		for u := lo; u < hi; {
			g := groups[u/chunks]
			c := u % chunks * neuronGrain
			n := min(chunks-u%chunks, hi-u)
			u += n
			if c < g.size && g.n > 0 {
				x.activate(h[g.at+c:], tmp[g.at+c:], g.size, in, g.toks, g.n, g.first+c, min(n*neuronGrain, g.size-c))
			}
		}
	})

	strips := x.down.padded / stripCols
	p.For(strips, ceilDiv(grainFlops, total*stripCols+1), func(lo, hi int) {
		lo, hi = lo*stripCols, hi*stripCols
		x.startOut(m, y, groups, k, lo, hi)
		for _, g := range groups {
			if g.n > 0 && g.size > 0 {
				d := panelGemm{m: g.n, k: g.size, a: h[g.at:], lda: g.size, d: &x.down, row0: g.first, c: y, ldc: x.down.padded, crow: g.toks}
				d.run(lo, hi)
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
	groups := make([]moeGroup, x.experts, x.experts+1)
	for e := range groups {
		groups[e] = moeGroup{n: m, first: e * x.size, size: x.size}
	}
	if k < x.experts {
		x.chooseExperts(m, in, k, buf, groups, p)
	}
	if x.shared > 0 {
		groups = append(groups, moeGroup{n: m, first: x.experts * x.size, size: x.shared})
	}
	return groups
}

func (x *MoE) chooseExperts(m int, in []float32, k int, buf *scratchBuf, groups []moeGroup, p *Pool) {
	e := x.experts
	logits := buf.f[:m*e]
	room := CompactRoom(e)
	ints := buf.ints(m*k + m*k + room)
	lists, chosen, idx := ints[:m*k], ints[m*k:2*m*k], ints[2*m*k:]
	p.For(m, ceilDiv(grainFlops, e*max(1, x.in)), func(lo, hi int) {
		x.project(x.router, x.routerBias, logits[lo*e:], e, in[lo*x.in:], nil, hi-lo, 0, e)
	})
	for i := range groups {
		groups[i].n = 0
	}
	for t := range m {
		for i, c := range TopK(logits[t*e:][:e], k, idx) {
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
