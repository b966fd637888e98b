package kernel

import "slices"

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

// selectRow writes the neurons that the rule keeps for one row of scores.
func (r KeepRule) selectRow(score []float32, mask uint32, idx []int32) []int32 {
	switch r.Kind {
	case KeepThreshold:
		return idx[:compactGE(score, r.Threshold, idx, mask)]
	case KeepStat:
		mean, std := meanStd(score, mask)
		return idx[:compactGT(score, float32(mean+float64(r.Threshold)*std), idx, mask)]
	}
	return topK(score, r.K, idx, mask)
}

func (f *FFN) topKBlock(m int, x, y []float32, rule KeepRule, p *Pool) (kept int64) {
	room := CompactRoom(f.size)
	ld := f.pitch()
	buf := getScratch(2*m*ld + m*room)
	defer putScratch(buf)
	ints := buf.ints(2*m + m*room)
	h, tmp := buf.f[:m*ld], buf.f[m*ld:2*m*ld]
	lists := keepLists{m: m, pitch: room, n: ints[:m], idx: ints[m : m+m*room], coef: buf.f[2*m*ld:]}

	score, mask := tmp, absBits
	gated := !f.gate.absent()
	early := rule.On == KeepGateSigned || (rule.On == KeepGate && gated)
	switch {
	case !early:
		f.hiddenAll(h, tmp, m, x, p)
		score = h
	case gated:
		f.projectAll(&f.gate, f.gateBias, tmp, m, x, p)
	default:
		f.projectAll(&f.up, f.upBias, tmp, m, x, p)
	}
	if rule.On == KeepGateSigned {
		mask = allBits
	}
	counts := ints[m+m*room:]
	p.For(m, max(1, 1<<13/max(1, f.size)), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			row := score[t*ld:][:f.size]
			if early && mask == absBits {
				Activate(f.act, row, row)
			}
			n := len(rule.selectRow(row, mask, lists.idx[t*room:][:room]))
			lists.n[t] = int32(n)
			counts[t] = int32(n)
			lists.gather(t, row)
			if mask == allBits {
				_, coef := lists.of(t)
				Activate(f.act, coef, coef)
			}
			lists.dropZeros(t)
		}
	})
	for _, c := range counts {
		kept += int64(c)
	}
	if early && gated {
		f.upKept(&lists, h, x, p)
	}
	f.startOut(m, y)
	f.downKept(&lists, h, y, p)
	return kept
}

// upKept multiplies every coefficient by its neuron's up projection; tmp is [m, pitch].
func (f *FFN) upKept(l *keepLists, tmp, x []float32, p *Pool) {
	dense, _ := denseShare(l.m)
	switch {
	case f.up.rows.w == nil || l.share(f.size) > dense:
		f.projectAll(&f.up, f.upBias, tmp, l.m, x, p)
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
			f.upRows(idx[lo:hi], coef[lo:hi], tmp[lo:hi], x)
		})
	default:
		f.upLists(l, x, p)
	}
}

// upRows multiplies the coefficients of one token's neurons idx; tmp is of their length.
func (f *FFN) upRows(idx []int32, coef, tmp, x []float32) {
	b := dotBlock{x: x, w: f.up.rows.w, ldw: f.up.rows.ld, rows: idx, k: f.in, dst: tmp}
	b.run(1, len(idx))
	addBias(tmp, f.upBias, idx, 0)
	Mul(coef, coef, tmp)
}

func (f *FFN) upLists(l *keepLists, x []float32, p *Pool) {
	f.eachUnit(1, p, func(lo, hi int) {
		end := min(hi*neuronGrain, f.size)
		for n := lo * neuronGrain; n < end; n += upChunk {
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
			f.upRows(idx[a:b], coef[a:b], buf.f[:b-a], x[t*f.in:])
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
		d := dotBlock{x: x, ldx: f.in, toks: tok[a:b], w: f.up.rows.w, ldw: f.up.rows.ld, row0: first + n, k: f.in, dst: dot, ldd: 1}
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

// downKept adds the kept rows of down to y; tmp is [m, pitch].
func (f *FFN) downKept(l *keepLists, tmp, y []float32, p *Pool) {
	if _, dense := denseShare(l.m); l.share(f.size) > dense {
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

func (f *FFN) downLists(l *keepLists, y []float32, p *Pool) {
	work := 1 + int(l.total())*stripCols
	p.For(f.down.panels(), ceilDiv(grainFlops, work), func(lo, hi int) {
		for c := lo; c < hi; c++ {
			f.downPanel(l, y, c*stripCols)
		}
	})
}

// downPanel serves the columns of one panel, by blocks of neurons that stay in cache for all tokens.
func (f *FFN) downPanel(l *keepLists, y []float32, c int) {
	const block = 1024
	w, width := f.down.panel(c)
	if l.m == 1 {
		idx, coef := l.of(0)
		axpyList(y[c:c+width], w, width, idx, coef)
		return
	}
	var at [ffnBlock]int
	for last := block; last < f.size+block; last += block {
		for t := range l.m {
			idx, coef := l.of(t)
			a := at[t]
			b, _ := slices.BinarySearch(idx[a:], int32(last))
			axpyList(y[t*f.down.padded+c:][:width], w, width, idx[a:a+b], coef[a:a+b])
			at[t] = a + b
		}
	}
}

// denseShares are the shares of kept pairs beyond which the whole product is faster, by number of tokens.
var denseShares = [...]struct {
	tokens   int
	up, down float64
}{
	{1, 0.90, 0.35},
	{2, 0.55, 0.20},
	{8, 0.35, 0.14},
	{64, 0.22, 0.16},
	{ffnBlock, 0.32, 0.25},
}

func denseShare(m int) (up, down float64) {
	for _, s := range denseShares {
		if m <= s.tokens {
			return s.up, s.down
		}
	}
	return 1, 1
}
