package kernel

import "sync/atomic"

// FFNSpec describes a feed-forward block by its plain matrices.
//
// Plain (Gate nil): h = act(x·Up + UpBias). Gated: h = act(x·Gate + GateBias) * (x·Up + UpBias). Then y = h·Down + OutBias.
// Nil biases are zero.
type FFNSpec struct {
	In, Hidden, Out int
	Gate, Up        []float32 // [In, Hidden] row-major, the order of MatMul
	Down            []float32 // [Hidden, Out] row-major
	GateBias        []float32 // [Hidden]
	UpBias          []float32 // [Hidden]
	OutBias         []float32 // [Out]
	Act             Act

	// WholeUp lays Up of a gated block out for being read whole: better for KeepHidden and Dense, but then rules on the
	// gate skip no Up row.
	WholeUp bool

	Packed func(w []float32) // is told of each matrix that has been packed and will not be read again; nil: nobody is
}

// FFN is a feed-forward block packed for [FFN.Dense] and [FFN.TopK]. It is immutable and safe for concurrent use.
type FFN struct {
	in, hidden, out           int
	gate, up                  *PackedB  // gate nil: plain
	upRows                    rowMatrix // instead of up: one contiguous row a neuron, to be read where a neuron acts
	down                      *PackedB
	gateBias, upBias, outBias []float32
	act                       Act
	count                     []int32       // 0, 1, ...
	hint                      atomic.Uint32 // where the last search for the k-th score ended: speed only
}

// KeepOn says what scores a neuron.
type KeepOn uint8

const (
	KeepHidden     KeepOn = iota // |h|
	KeepGate                     // |act(gate)|; in a plain block |h|
	KeepGateSigned               // the gate before its activation, signed; in a plain block the up projection before it
)

// KeepKind says how scores select neurons, row by row.
type KeepKind uint8

const (
	KeepExact     KeepKind = iota // the K largest, ties lower index first
	KeepThreshold                 // score >= Threshold
	KeepStat                      // score > mean + Threshold*std of the row, population std; a constant row keeps nothing
)

// KeepRule selects the neurons that act for a token; the others count as zero. A NaN score is below every number: KeepExact takes it last, the
// other kinds never, and under KeepStat a NaN or infinity in the row, which leaves no mean, keeps nothing of that row.
type KeepRule struct {
	On        KeepOn
	Kind      KeepKind
	K         int
	Threshold float32
}

// WholeUp tells whether a gated block is best packed with [FFNSpec].WholeUp for the rule: when no up row is skipped, or so few of a
// matrix that stays in cache that reading all of them as one product is faster.
func (r KeepRule) WholeUp(in, hidden int) bool {
	return r.On == KeepHidden || r.Kind == KeepExact && 2*r.K >= hidden && (in*hidden <= cachedFloats || 4*r.K >= 3*hidden)
}

// NewFFN packs a block. The matrices are copied; biases are kept by reference.
func NewFFN(s FFNSpec) *FFN {
	f := &FFN{in: s.In, hidden: s.Hidden, out: s.Out, act: s.Act, gateBias: s.GateBias, upBias: s.UpBias, outBias: s.OutBias, count: counting(ffnBlock)}
	packed := s.Packed
	if packed == nil {
		packed = func([]float32) {}
	}
	if s.Gate != nil {
		f.gate = PackB(s.In, s.Hidden, s.Gate, s.Hidden, false, nil)
		packed(s.Gate)
	}
	if s.Gate != nil && !s.WholeUp {
		f.upRows = newRowMatrix(s.Up, s.In, s.Hidden)
	} else {
		f.up = PackB(s.In, s.Hidden, s.Up, s.Hidden, false, nil)
	}
	packed(s.Up)
	f.down = PackB(s.Hidden, s.Out, s.Down, s.Out, false, nil)
	packed(s.Down)
	return f
}

// Bytes is the size of the packed weights.
func (f *FFN) Bytes() int {
	n := 4*len(f.upRows.w) + f.down.Bytes()
	for _, b := range []*PackedB{f.gate, f.up} {
		if b != nil {
			n += b.Bytes()
		}
	}
	return n
}

// ffnBlock is the number of tokens that share one reading of the weights.
const ffnBlock = 128

// Dense computes y for m tokens with every neuron: x is [m, In], y is [m, Out].
func (f *FFN) Dense(m int, x, y []float32, p *Pool) {
	f.blocks(m, x, y, func(m int, x, y []float32) {
		n := m * f.pitch()
		buf := getScratch(2 * n)
		defer putScratch(buf)
		h, tmp := buf.f[:n], buf.f[n:2*n]
		f.hiddenAll(h, tmp, m, x, p)
		f.downDense(m, h, y, p)
	})
}

// TopK computes y for m tokens with the neurons that rule keeps, and returns how many (token, neuron) pairs it kept. The down row of
// a neuron is read only where it is kept, and for scores of the gate so is its up row, unless so many are kept that the dense product is
// faster; y is the same either way as long as the weights are finite.
func (f *FFN) TopK(m int, x, y []float32, rule KeepRule, p *Pool) (kept int64) {
	if rule.Kind == KeepExact && rule.K >= f.hidden {
		f.Dense(m, x, y, p)
		return int64(m) * int64(f.hidden)
	}
	f.blocks(m, x, y, func(m int, x, y []float32) {
		if rule.Kind == KeepExact && rule.K <= 0 {
			for i := range m {
				row := y[i*f.out:][:f.out]
				clear(row[copy(row, f.outBias):])
			}
			return
		}
		kept += f.topKBlock(m, x, y, rule, p)
	})
	return kept
}

// blocks runs fn on blocks of tokens.
func (f *FFN) blocks(m int, x, y []float32, fn func(m int, x, y []float32)) {
	if m <= 0 {
		return
	}
	x, y = x[:m*f.in], y[:m*f.out]
	for t := 0; t < m; t += ffnBlock {
		mb := min(ffnBlock, m-t)
		fn(mb, x[t*f.in:][:mb*f.in], y[t*f.out:][:mb*f.out])
	}
}

// pitch is the distance of the hidden rows of two tokens.
func (f *FFN) pitch() int { return rowPitch(f.hidden) }

// hiddenAll computes h, [m, pitch].
func (f *FFN) hiddenAll(h, tmp []float32, m int, x []float32, p *Pool) {
	if f.gate == nil {
		f.upAll(h, m, x, f.act, p)
		return
	}
	f.upAll(tmp, m, x, ActNone, p)
	f.gateAll(h, m, x, f.act, tmp, p)
}

// gateAll computes act(gate) of all neurons, times mul unless nil.
func (f *FFN) gateAll(dst []float32, m int, x []float32, act Act, mul []float32, p *Pool) {
	Gemm(m, x, f.in, f.gate, dst, f.pitch(), false, &Epilogue{Bias: f.gateBias, Act: act, Mul: mul}, p)
}

// upAll computes act(up) of all neurons; act is ActNone in a gated block.
func (f *FFN) upAll(dst []float32, m int, x []float32, act Act, p *Pool) {
	ld := f.pitch()
	if f.up != nil {
		Gemm(m, x, f.in, f.up, dst, ld, false, &Epilogue{Bias: f.upBias, Act: act}, p)
		return
	}
	f.eachUnit(m, p, func(first, end int) {
		b := dotBlock{x: x, ldx: f.in, w: f.upRows.w, ldw: f.upRows.ld, row0: first, k: f.in, dst: dst[first:], ldd: ld}
		b.run(m, end-first)
		for i := range m {
			row := dst[i*ld+first : i*ld+end]
			if f.upBias != nil {
				Add(row, row, f.upBias[first:end])
			}
		}
	})
}

// eachUnit splits the neurons over the threads.
func (f *FFN) eachUnit(m int, p *Pool, fn func(first, end int)) {
	p.For(ceilDiv(f.hidden, neuronGrain), ceilDiv(grainFlops, neuronGrain*max(1, f.in*m)), func(lo, hi int) {
		fn(lo*neuronGrain, min(hi*neuronGrain, f.hidden))
	})
}

// downDense computes y = h·Down + OutBias.
func (f *FFN) downDense(m int, h, y []float32, p *Pool) {
	Gemm(m, h, f.pitch(), f.down, y, f.out, false, &Epilogue{Bias: f.outBias}, p)
}
