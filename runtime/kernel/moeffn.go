package kernel

import mathbits "math/bits"

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
	router        rowMatrix // one row an expert
	routerBias    []float32
	count         []int32   // 0, 1, ...
	mean          []float32 // [E, padded]
	outBias, base []float32 // OutBias and OutBias + Σ Mean, [padded]
}

// NewMoE packs a block. The matrices are copied; biases are kept by reference.
func NewMoE(s MoESpec) *MoE {
	total := s.E*s.Hidden + s.Shared
	x := &MoE{in: s.In, out: s.Out, experts: s.E, k: max(0, min(s.K, s.E)), down: newPanelMatrix(total, s.Out, NewFloats)}
	x.count = counting(max(s.In, total, moeBlock))
	add := func(f FFNSpec, first int, alloc func(n int) []float32) {
		n := neurons{in: s.In, size: f.Hidden, act: s.Act, gateBias: f.GateBias, upBias: f.UpBias}
		if s.Gate != nil {
			n.gate = newPanelMatrix(s.In, f.Hidden, alloc)
			n.gate.fill(0, f.Gate, s.In)
		}
		n.up = newPanelMatrix(s.In, f.Hidden, alloc)
		n.up.fill(0, f.Up, s.In)
		x.sets, x.first = append(x.sets, n), append(x.first, first)
	}
	size := s.E * s.In * paddedCols(s.Hidden)
	if s.Gate != nil {
		size *= 2
	}
	alloc := carve(size)
	for e := range s.E {
		add(s.Expert(e), e*s.Hidden, alloc)
	}
	x.down.fill(0, s.Down, s.E*s.Hidden)
	if s.Shared > 0 {
		add(s.SharedExpert(), s.E*s.Hidden, NewFloats)
		x.down.fill(s.E*s.Hidden, s.SharedDown, s.Shared)
	}
	if x.k < x.experts {
		x.router, x.routerBias = newRowMatrix(s.Router, s.In, s.E), s.RouterBias
	}
	x.setMean(s)
	return x
}

// carve hands out parts of one buffer of n floats.
func carve(n int) func(n int) []float32 {
	s := NewFloats(n)
	return func(n int) []float32 {
		part := s[:n:n]
		s = s[n:]
		return part
	}
}

// Bytes is the size of the packed weights, the router included.
func (x *MoE) Bytes() int {
	n := len(x.router.w) + len(x.down.w)
	for i := range x.sets {
		n += len(x.sets[i].gate.w) + len(x.sets[i].up.w)
	}
	return 4 * n
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
	var chosen []int32 // k experts a token, unless every one acts
	if k < x.experts {
		chosen = x.chooseExperts(m, in, k, buf, p)
	}
	if m == 1 {
		x.one(in, y, k, chosen, p)
		return
	}
	groups := x.group(m, k, chosen, buf)
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
			if g.n > 0 {
				x.sets[i].activate(h[g.at:], tmp[g.at:], in, g.toks, g.n, from, to, x.count)
			}
		}
	})

	p.For(x.down.panels(), ceilDiv(grainFlops, total*stripCols+1), func(lo, hi int) {
		first, end := lo*x.down.width, hi*x.down.width
		for t := range m {
			clear(y[t*x.down.padded+first : t*x.down.padded+end])
		}
		for c := lo; c < hi; c++ {
			for i, g := range groups {
				n := &x.sets[i]
				d := panelGemm{d: &x.down, row0: x.first[i], m: g.n, k: n.size, a: h[g.at:], lda: n.pitch(), c: y, ldc: x.down.padded, crow: g.toks, count: x.count}
				d.run(c, c+1)
			}
		}
		x.addBase(m, y, k, chosen, first, end)
	})
}

// one computes a single token, all its experts side by side.
func (x *MoE) one(in, y []float32, k int, chosen []int32, p *Pool) {
	sets := chosen
	if chosen == nil {
		sets = x.count[:x.experts]
	}
	routed := x.sets[0].pitch()
	rows, total := len(sets)*x.sets[0].size, len(sets)*routed
	for _, s := range x.sets[x.experts:] {
		rows, total = rows+s.size, total+s.pitch()
	}
	buf := getScratch(2*total + rows)
	defer putScratch(buf)
	h, tmp, coef := buf.f[:total], buf.f[total:2*total], buf.f[2*total:][:0]
	idx := buf.ints(rows)[:0]
	clear(buf.f[:2*total])

	x.oneHidden(sets, h[:len(sets)*routed], tmp, in, p)
	for e := x.experts; e < len(x.sets); e++ {
		at := len(sets) * routed
		x.oneHidden(x.count[e:e+1], h[at:], tmp[at:], in, p)
	}
	add := func(e, at int) {
		n, first := x.sets[e].size, x.first[e]
		idx = append(idx, x.count[first:first+n]...)
		coef = append(coef, h[at:at+n]...)
	}
	for i, e := range sets {
		add(int(e), i*routed)
	}
	for e := x.experts; e < len(x.sets); e++ {
		add(e, len(sets)*routed)
	}

	clear(y[:x.down.padded])
	x.eachPieces(x.down.pieces(), len(idx), p, func(lo, hi int) {
		p := pieces{n: hi - lo, ldw: x.down.width, far: len(x.down.w) > farFloats, at: func(q int) (w, out []float32) {
			return x.down.piece(lo+q, 0), y[(lo+q)*panelAlign:]
		}}
		p.run(idx, coef)
	})
	x.addBase(1, y, k, chosen, 0, x.down.padded)
}

// eachPieces splits n pieces of so many rows over the threads.
func (x *MoE) eachPieces(n, rows int, p *Pool, fn func(lo, hi int)) {
	const unit = 8
	p.For(ceilDiv(n, unit), ceilDiv(grainFlops, unit*panelAlign*max(1, rows)), func(lo, hi int) { fn(lo*unit, min(hi*unit, n)) })
}

// oneHidden computes the hidden values of sets of equal size for one token; h and tmp are zeros.
func (x *MoE) oneHidden(sets []int32, h, tmp, in []float32, p *Pool) {
	if len(sets) == 0 || x.sets[sets[0]].size == 0 {
		return
	}
	first := &x.sets[sets[0]]
	per, pitch := first.up.pieces(), first.pitch()
	n := len(sets) * per
	all := n
	gated := first.gate.w != nil
	if gated {
		all = 2 * n
	}
	x.eachPieces(all, x.in, p, func(lo, hi int) {
		p := pieces{n: hi - lo, ldw: first.up.width, far: x.in*all*panelAlign > farFloats, at: func(q int) (w, y []float32) {
			q += lo
			dst, second := h, gated && q >= n
			if second {
				q, dst = q-n, tmp
			}
			slot, piece := int(uint32(q)/uint32(per)), int(uint32(q)%uint32(per))
			s := &x.sets[sets[slot]]
			m := &s.up
			if gated && !second {
				m = &s.gate
			}
			return m.piece(piece, 0), dst[slot*pitch+piece*panelAlign:]
		}}
		p.run(x.count[:x.in], in)
	})
	bias := func(dst []float32, i int, b []float32) {
		if b != nil {
			row := dst[i*pitch:][:len(b)]
			Add(row, row, b)
		}
	}
	for i, e := range sets {
		s := &x.sets[e]
		if gated {
			bias(h, i, s.gateBias)
			bias(tmp, i, s.upBias)
		} else {
			bias(h, i, s.upBias)
		}
	}
	h = h[:len(sets)*pitch]
	if gated {
		ActivateMul(first.act, h, h, tmp[:len(h)])
	} else {
		Activate(first.act, h, h)
	}
}

// addBase adds the output bias and what the experts that do not act contribute to columns [lo, hi) of y.
func (x *MoE) addBase(m int, y []float32, k int, chosen []int32, lo, hi int) {
	padded := x.down.padded
	if x.mean == nil || chosen == nil {
		base := x.outBias
		if chosen != nil {
			base = x.base
		}
		for t := range m {
			row := y[t*padded+lo : t*padded+hi]
			Add(row, row, base[lo:hi])
		}
		return
	}
	buf := getScratch(hi - lo)
	defer putScratch(buf)
	sum := buf.f[:hi-lo]
	for t := range m {
		copy(sum, x.base[lo:hi])
		for _, e := range chosen[t*k : t*k+k] {
			Sub(sum, sum, x.mean[int(e)*padded+lo:int(e)*padded+hi])
		}
		row := y[t*padded+lo : t*padded+hi]
		Add(row, row, sum)
	}
}

// chooseExperts lists the k experts of each of m tokens, ascending. The list lives in buf.
func (x *MoE) chooseExperts(m int, in []float32, k int, buf *scratchBuf, p *Pool) []int32 {
	e := x.experts
	ld := padTo(e, panelAlign)
	logits := buf.f[:m*ld]
	chosen := buf.ints(2*m*k + 1)[: m*k : m*k] // never nil; room for the lists by expert, too
	p.For(m, ceilDiv(grainFlops, ld*max(1, x.in)), func(lo, hi int) {
		b := dotBlock{x: in[lo*x.in:], ldx: x.in, w: x.router.w, ldw: x.router.ld, k: x.in, dst: logits[lo*ld:], ldd: ld}
		b.run(hi-lo, e)
		room := getScratch(0)
		defer putScratch(room)
		idx := room.ints(CompactRoom(e))
		for t := lo; t < hi; t++ {
			row := logits[t*ld:][:e]
			addBias(row, x.routerBias, nil, 0)
			topFew(row, k, idx, chosen[t*k:t*k+k])
		}
	})
	return chosen
}

// topFew is [TopK] into dst, of length k, for a few elements; x can be read to a multiple of 16.
func topFew(x []float32, k int, idx, dst []int32) {
	const most = 16
	if len(x) > most {
		copy(dst, TopK(x, k, idx))
		return
	}
	numbers := true
	for _, v := range x {
		numbers = numbers && v == v
	}
	bits, ok := uint64(0), false
	if numbers {
		bits, ok = topBitsFast(x, k)
	}
	if !ok {
		copy(dst, TopK(x, k, idx))
		return
	}
	for i := range dst {
		dst[i] = int32(mathbits.TrailingZeros64(bits))
		bits &= bits - 1
	}
}

// group lists the tokens of each expert, ascending.
func (x *MoE) group(m, k int, chosen []int32, buf *scratchBuf) []moeGroup {
	groups := make([]moeGroup, len(x.sets))
	for i := range groups {
		groups[i].n = m
	}
	if chosen == nil {
		return groups
	}
	lists := buf.i[m*k : 2*m*k]
	routed := groups[:x.experts]
	for i := range routed {
		routed[i].n = 0
	}
	for _, c := range chosen {
		routed[c].n++
	}
	at := 0
	for i := range routed {
		routed[i].toks = lists[at : at : at+routed[i].n]
		at += routed[i].n
	}
	for t := range m {
		for _, c := range chosen[t*k : t*k+k] {
			g := &routed[c]
			g.toks = append(g.toks, int32(t))
		}
	}
	return groups
}

// padBlocks hands out rows of y, m by step, with the padded width as pitch, and copies the results back if that is not the width of y.
func (d *panelMatrix) padBlocks(m, step int, y []float32, fn func(t, mb int, yp []float32)) {
	var buf *scratchBuf
	if d.padded != d.cols {
		buf = getScratch(min(m, step) * d.padded)
		defer putScratch(buf)
	}
	for t := 0; t < m; t += step {
		mb := min(step, m-t)
		if buf == nil {
			fn(t, mb, y[t*d.cols:][:mb*d.cols])
			continue
		}
		fn(t, mb, buf.f[:mb*d.padded])
		for i := range mb {
			copy(y[(t+i)*d.cols:][:d.cols], buf.f[i*d.padded:])
		}
	}
}
