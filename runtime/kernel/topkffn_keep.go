package kernel

import (
	"math"
	"slices"
)

// keepLists holds the kept neurons of a block of tokens: token t keeps idx[t*pitch:][:n[t]], ascending, with the coefficients
// coef[t*pitch:][:n[t]] of their down rows.
type keepLists struct {
	m, pitch int
	n        []int32
	idx      []int32
	coef     []float32
}

func (l *keepLists) of(t int) (idx []int32, coef []float32) {
	n := int(l.n[t])
	return l.idx[t*l.pitch:][:n], l.coef[t*l.pitch:][:n]
}

func (l *keepLists) total() int64 {
	var s int64
	for _, n := range l.n {
		s += int64(n)
	}
	return s
}

// share is the part of all pairs of tokens and neurons that is kept.
func (l *keepLists) share(neurons int) float64 {
	return float64(l.total()) / float64(l.m*max(1, neurons))
}

// gather takes coefficient v[idx] for every kept neuron.
func (l *keepLists) gather(t int, v []float32) {
	idx, coef := l.of(t)
	for i, r := range idx {
		coef[i] = v[r]
	}
}

// dropZeros forgets the kept neurons that add nothing.
func (l *keepLists) dropZeros(t int) {
	idx, coef := l.of(t)
	n := 0
	for i, c := range coef {
		idx[n], coef[n] = idx[i], c
		if c != 0 {
			n++
		}
	}
	l.n[t] = int32(n)
}

// keepMark is what a rule keeps of one row of scores: the n scores >= t, less the last ties of t beyond k.
type keepMark struct {
	t    float32
	n, k int
	nans bool // fewer numbers than k: all of them are kept, and the first NaNs
}

// least is the smallest positive number: scores of absolute value at or above it are not zero.
const least = math.SmallestNonzeroFloat32

// mark finds what the rule keeps of a row, with the search for the k-th score beginning at hint; zeros says that many
// scores may be zero. Of absolute scores zeros are left out, as their
// neurons add nothing.
func (r KeepRule) mark(score []float32, mask uint32, zeros bool, hint float32, tmp []float32) keepMark {
	var m keepMark
	switch r.Kind {
	case KeepExact:
		m.k = r.K
		if zeros && mask == absBits {
			if m.t, m.n = least, countGE(score, least, mask); m.n <= r.K && countGE(score, 0, mask) >= r.K {
				return m
			}
		}
		var ok bool
		m.t, m.n, ok = kthLargest(score, r.K, mask, hint, tmp)
		if !ok {
			return keepMark{n: r.K, k: r.K, nans: true}
		}
		if m.t == 0 && mask == absBits {
			m.t = least
			m.n = countGE(score, least, mask)
		}
		return m
	case KeepThreshold:
		m.t = r.Threshold
	default:
		mean, std := meanStd(score, mask)
		m.t = float32(mean + float64(r.Threshold)*std)
		if math.IsInf(float64(m.t), 1) {
			m.t = float32(math.NaN())
		}
		m.t = math.Nextafter32(m.t, float32(math.Inf(1)))
	}
	m.n = countGE(score, m.t, mask)
	m.k = m.n
	if mask == absBits && m.t <= 0 {
		m.t = least
		m.n = countGE(score, least, mask)
	}
	return m
}

// list writes the kept neurons in ascending order.
func (m *keepMark) list(score []float32, mask uint32, idx []int32) []int32 {
	switch {
	case m.nans:
		return topKWithNaN(score, m.k, idx)
	case m.n > m.k:
		return takeLargest(score, m.k, m.t, m.n, idx, mask)
	}
	return idx[:compactGE(score, m.t, idx, mask)]
}

// zero clears the elements of h that are not kept; h may be the scores.
func (m *keepMark) zero(h, score []float32, mask uint32) {
	if m.nans {
		nans := m.k
		for _, v := range score {
			if v == v {
				nans--
			}
		}
		for i, v := range score {
			if v != v {
				if nans <= 0 {
					h[i] = 0
				}
				nans--
			}
		}
		return
	}
	for i, drop := len(score)-1, m.n-m.k; drop > 0; i-- {
		if masked(score[i], mask) == m.t {
			h[i] = 0
			drop--
		}
	}
	maskGE(h, score, m.t, mask)
}

// topKBlock finds the scores, what is kept of them, and then goes by lists of what is kept or by the whole product of what is left,
// whichever is faster.
func (f *FFN) topKBlock(m int, x, y []float32, rule KeepRule, p *Pool) (kept int64) {
	ld := f.pitch()
	buf := getScratch(2 * m * ld)
	defer putScratch(buf)
	h, tmp := buf.f[:m*ld], buf.f[m*ld:2*m*ld]

	score, mask := tmp, absBits
	early := rule.On == KeepGateSigned || (rule.On == KeepGate && f.gate != nil)
	act := f.act
	if rule.On == KeepGateSigned {
		mask, act = allBits, ActNone
	}
	switch {
	case !early:
		f.hiddenAll(h, tmp, m, x, p)
		score = h
	case f.gate != nil:
		f.gateAll(tmp, m, x, act, nil, p)
	default:
		f.upAll(tmp, m, x, act, p)
	}

	marks := make([]keepMark, m)
	zeros := f.act == ActRelu || f.act == ActReluSquared
	p.For(m, max(1, 1<<14/max(1, f.hidden)), func(lo, hi int) {
		room := getScratch(selectRoom(f.hidden))
		hint := math.Float32frombits(f.hint.Load())
		for t := lo; t < hi; t++ {
			marks[t] = rule.mark(score[t*ld:][:f.hidden], mask, zeros, hint, room.f)
			if rule.Kind == KeepExact && marks[t].t > least {
				hint = marks[t].t
			}
		}
		f.hint.Store(math.Float32bits(hint))
		putScratch(room)
	})
	acting := int64(0) // less the zeros
	for i := range marks {
		acting += int64(min(marks[i].n, marks[i].k))
		kept += int64(marks[i].k)
	}
	share := float64(acting) / float64(m*f.hidden)
	up, down := f.denseShare(m)
	skipUp := early && f.gate != nil && f.up == nil && share <= up
	if !skipUp && share > down {
		f.downMasked(m, x, y, h, score, mask, early, marks, p)
		return kept
	}
	f.byLists(m, x, y, h, score, mask, early, marks, p)
	return kept
}

// downMasked clears what is not kept and takes the whole product.
func (f *FFN) downMasked(m int, x, y, h, score []float32, mask uint32, early bool, marks []keepMark, p *Pool) {
	ld := f.pitch()
	if early && f.gate != nil {
		f.upAll(h, m, x, ActNone, p)
	}
	p.For(m, max(1, 1<<15/max(1, f.hidden)), func(lo, hi int) {
		buf := getScratch(f.hidden)
		defer putScratch(buf)
		act := buf.f[:f.hidden]
		for t := lo; t < hi; t++ {
			row, s := h[t*ld:][:f.hidden], score[t*ld:][:f.hidden]
			switch {
			case early && f.gate == nil:
				Activate(f.act, row, s)
			case early && mask == allBits:
				Activate(f.act, act, s)
				Mul(row, act, row)
			case early:
				Mul(row, s, row)
			}
			marks[t].zero(row, s, mask)
		}
	})
	f.downDense(m, h, y, p)
}

// byLists lists what is kept and reads only its rows.
func (f *FFN) byLists(m int, x, y, h, score []float32, mask uint32, early bool, marks []keepMark, p *Pool) {
	room, ld := CompactRoom(f.hidden), f.pitch()
	buf := getScratch(m * room)
	defer putScratch(buf)
	ints := buf.ints(m + m*room)
	l := keepLists{m: m, pitch: room, n: ints[:m], idx: ints[m:], coef: buf.f}
	p.For(m, max(1, 1<<14/max(1, f.hidden)), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			row := score[t*ld:][:f.hidden]
			l.n[t] = int32(len(marks[t].list(row, mask, l.idx[t*room:][:room])))
			l.gather(t, row)
			if mask == allBits {
				_, coef := l.of(t)
				Activate(f.act, coef, coef)
				l.dropZeros(t)
			}
		}
	})
	if early && f.gate != nil {
		f.upKept(&l, h, x, p)
	}
	f.downKept(&l, h, y, p)
}

// upKept multiplies every coefficient by its neuron's up projection; tmp is [m, pitch].
func (f *FFN) upKept(l *keepLists, tmp, x []float32, p *Pool) {
	dense, _ := f.denseShare(l.m)
	switch {
	case f.up != nil || l.share(f.hidden) > dense:
		f.upAll(tmp, l.m, x, ActNone, p)
		for t := range l.m {
			idx, coef := l.of(t)
			row := tmp[t*f.pitch():]
			for i, r := range idx {
				coef[i] *= row[r]
			}
		}
	case l.m == 1:
		idx, coef := l.of(0)
		p.For(ceilDiv(len(idx), 16), ceilDiv(grainFlops, 16*max(1, f.in)), func(lo, hi int) {
			lo, hi = lo*16, min(hi*16, len(idx))
			f.upTimes(idx[lo:hi], coef[lo:hi], tmp[lo:hi], x)
		})
	default:
		f.upLists(l, x, p)
	}
}

// upTimes multiplies the coefficients of one token's neurons idx; tmp is of their length.
func (f *FFN) upTimes(idx []int32, coef, tmp, x []float32) {
	b := dotBlock{x: x, w: f.upRows.w, ldw: f.upRows.ld, rows: idx, k: f.in, dst: tmp}
	b.run(1, len(idx))
	addBias(tmp, f.upBias, idx, 0)
	Mul(coef, coef, tmp)
}

func (f *FFN) upLists(l *keepLists, x []float32, p *Pool) {
	f.eachUnit(1, p, func(first, end int) {
		for n := first; n < end; n += upChunk {
			f.upChunk(l, x, n, min(upChunk, end-n))
		}
	})
}

const upChunk = 128 // neurons whose rows stay in cache for all tokens

// upChunk serves neurons [first, first+count): where tokens share neurons, those that keep one take its row together, else one token
// after the other takes its rows.
func (f *FFN) upChunk(l *keepLists, x []float32, first, count int) {
	var start [upChunk + 1]int32
	var from, to [ffnBlock]int32
	for t := range l.m {
		idx, _ := l.of(t)
		a, _ := slices.BinarySearch(idx, int32(first))
		b, _ := slices.BinarySearch(idx[a:], int32(first+count))
		from[t], to[t] = int32(a), int32(a+b)
		for _, n := range idx[a : a+b] {
			start[int(n)-first+1]++
		}
	}
	used := 0
	for n := range count {
		if start[n+1] > 0 {
			used++
		}
		start[n+1] += start[n]
	}
	pairs := int(start[count])
	buf := getScratch(pairs)
	defer putScratch(buf)
	if pairs < 3*used {
		for t := range l.m {
			idx, coef := l.of(t)
			a, b := from[t], to[t]
			f.upTimes(idx[a:b], coef[a:b], buf.f[:b-a], x[t*f.in:])
		}
		return
	}
	ints := buf.ints(2 * pairs)
	tok, pos, next := ints[:pairs], ints[pairs:], start
	for t := range l.m {
		for i := from[t]; i < to[t]; i++ {
			n := int(l.idx[t*l.pitch+int(i)]) - first
			tok[next[n]], pos[next[n]] = int32(t), i
			next[n]++
		}
	}
	for n := range count {
		a, b := start[n], start[n+1]
		if a == b {
			continue
		}
		dot := buf.f[:b-a]
		d := dotBlock{x: x, ldx: f.in, toks: tok[a:b], w: f.upRows.w, ldw: f.upRows.ld, row0: first + n, k: f.in, dst: dot, ldd: 1}
		d.run(len(dot), 1)
		var bias float32
		if f.upBias != nil {
			bias = f.upBias[first+n]
		}
		for i, v := range dot {
			l.coef[int(tok[int(a)+i])*l.pitch+int(pos[int(a)+i])] *= v + bias
		}
	}
}

// downKept computes y from the kept rows of down; tmp is [m, pitch].
func (f *FFN) downKept(l *keepLists, tmp, y []float32, p *Pool) {
	if _, dense := f.denseShare(l.m); l.share(f.hidden) > dense {
		clear(tmp)
		for t := range l.m {
			idx, coef := l.of(t)
			for i, r := range idx {
				tmp[t*f.pitch()+int(r)] = coef[i]
			}
		}
		f.downDense(l.m, tmp, y, p)
		return
	}
	f.downLists(l, y, p)
}

const (
	listPieces = 8       // pieces of down that tokens take one after the other, while its rows stay in cache
	listBlock  = 1 << 16 // floats of them
)

// downLists cuts the work by column, and by token too where there are few columns.
func (f *FFN) downLists(l *keepLists, y []float32, p *Pool) {
	all := ceilDiv(f.out, panelAlign)
	strips := ceilDiv(all, listPieces)
	groups := 1
	if strips < 2*p.Threads() {
		groups = min(l.m, ceilDiv(2*p.Threads(), strips))
	}
	rows := ceilDiv(l.m, groups)
	work := 1 + int(l.total())*f.out/(strips*groups)
	p.For(strips*groups, ceilDiv(grainFlops, work), func(lo, hi int) {
		for u := lo; u < hi; u++ {
			s, t := u/groups, u%groups*rows
			f.downStrip(l, y, s*all/strips, (s+1)*all/strips, t, min(t+rows, l.m))
		}
	})
}

// downStrip serves pieces [lo, hi) of tokens [t0, t1), by blocks of neurons that stay in cache for all of them.
func (f *FFN) downStrip(l *keepLists, y []float32, lo, hi, t0, t1 int) {
	if t0 >= t1 {
		return
	}
	width := (hi - lo) * panelAlign
	block := f.hidden
	if l.m > 1 && f.hidden*width > 2*listBlock {
		block = ceilDiv(f.hidden, ceilDiv(f.hidden*width, listBlock))
	}
	buf := getScratch((t1 - t0) * width)
	defer putScratch(buf)
	sums := buf.f[:(t1-t0)*width]
	clear(sums)
	var at [ffnBlock]int
	const per = panelWidth / panelAlign
	row := sums
	p := pieces{n: hi - lo, ldw: panelWidth, far: f.hidden*f.out > farFloats, at: func(q int) (w, y []float32) {
		return f.down.Panel((lo + q) / per)[(lo+q)%per*panelAlign:], row[q*panelAlign:]
	}}
	for last := block; last < f.hidden+block; last += block {
		for t := t0; t < t1; t++ {
			idx, coef := l.of(t)
			a, b := at[t-t0], len(idx)
			if last < f.hidden {
				n, _ := slices.BinarySearch(idx[a:], int32(last))
				b = a + n
			}
			row = sums[(t-t0)*width:]
			p.run(idx[a:b], coef[a:b])
			at[t-t0] = b
		}
	}
	first, end := lo*panelAlign, min(hi*panelAlign, f.out)
	for t := t0; t < t1; t++ {
		dst, src := y[t*f.out+first:t*f.out+end], sums[(t-t0)*width:][:end-first]
		if f.outBias != nil {
			Add(dst, src, f.outBias[first:end])
		} else {
			copy(dst, src)
		}
	}
}

// denseShares are the shares of kept pairs beyond which the whole product is faster, by number of tokens: measured with 96x384 to 576x1536
// blocks, whose down matrix stays in cache, and with 2048x5632, which does not. AVX2 and AVX-512 cross over at the same places.
var denseShares = [...]struct {
	tokens                int
	up, down, downFromRAM float64
}{
	{1, 0.90, 0.60, 0.28},
	{2, 0.55, 0.33, 0.15},
	{4, 0.35, 0.33, 0.10},
	{8, 0.35, 0.33, 0.02},
	{64, 0.22, 0.31, 0.08},
	{ffnBlock, 0.32, 0.31, 0.20},
}

// cachedFloats is the size of a matrix beyond which it is taken to come from memory.
const cachedFloats = 1 << 22

func (f *FFN) denseShare(m int) (up, down float64) {
	for _, s := range denseShares {
		if m <= s.tokens {
			if f.hidden*f.out > cachedFloats {
				return s.up, s.downFromRAM
			}
			return s.up, s.down
		}
	}
	return 1, 1
}
