package kernel

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
}

// FFN is a feed-forward block packed for [FFN.Dense] and [FFN.TopK]. It is immutable and safe for concurrent use.
type FFN struct {
	neurons
	down    panelMatrix
	outBias []float32
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

// NewFFN packs a block. The matrices are copied; biases are kept by reference.
func NewFFN(s FFNSpec) *FFN {
	f := &FFN{outBias: s.OutBias, down: newPanelMatrix(s.Hidden, s.Out, hugeFloats)}
	f.neurons = neurons{in: s.In, size: s.Hidden, gateBias: s.GateBias, upBias: s.UpBias, act: s.Act, count: counting(max(s.In, s.Hidden))}
	if s.Gate != nil {
		f.gate = newProjection(s.Gate, s.In, s.Hidden, false, hugeFloats)
	}
	f.up = newProjection(s.Up, s.In, s.Hidden, s.Gate != nil && !s.WholeUp, hugeFloats)
	f.down.fill(0, s.Down, s.Hidden)
	return f
}

// Bytes is the size of the packed weights.
func (f *FFN) Bytes() int { return f.gate.bytes() + f.up.bytes() + 4*len(f.down.w) }

// ffnBlock is the number of tokens that share one reading of the weights.
const ffnBlock = 128

// Dense computes y for m tokens with every neuron: x is [m, In], y is [m, Out].
func (f *FFN) Dense(m int, x, y []float32, p *Pool) {
	f.blocks(m, x, y, func(m int, x, y []float32) { f.denseBlock(m, x, y, p) })
}

// TopK computes y for m tokens with the neurons that rule keeps, and returns how many (token, neuron) pairs it kept. The down row of
// a neuron is read only where it is kept, and for scores of the gate so is its up row, unless so many are kept that the dense product is
// faster; y is the same either way as long as the weights are finite.
func (f *FFN) TopK(m int, x, y []float32, rule KeepRule, p *Pool) (kept int64) {
	if rule.Kind == KeepExact && rule.K >= f.size {
		f.Dense(m, x, y, p)
		return int64(m) * int64(f.size)
	}
	if rule.Kind == KeepExact && rule.K <= 0 {
		f.blocks(m, x, y, func(m int, x, y []float32) { f.startOut(m, y) })
		return 0
	}
	f.blocks(m, x, y, func(m int, x, y []float32) { kept += f.topKBlock(m, x, y, rule, p) })
	return kept
}

// blocks runs fn on blocks of tokens. Outputs of a padded width go through a buffer.
func (f *FFN) blocks(m int, x, y []float32, fn func(m int, x, y []float32)) {
	if m <= 0 {
		return
	}
	x, y = x[:m*f.in], y[:m*f.down.cols]
	f.down.padBlocks(m, ffnBlock, y, func(t, mb int, yp []float32) { fn(mb, x[t*f.in:], yp) })
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

// startOut sets m rows of y, pitch padded, to the output bias.
func (f *FFN) startOut(m int, y []float32) {
	for i := range m {
		row := y[i*f.down.padded:][:f.down.padded]
		clear(row[copy(row, f.outBias):])
	}
}

func (f *FFN) denseBlock(m int, x, y []float32, p *Pool) {
	n := m * f.pitch()
	buf := getScratch(2 * n)
	defer putScratch(buf)
	h, tmp := buf.f[:n], buf.f[n:2*n]
	f.startOut(m, y)
	f.hiddenAll(h, tmp, m, x, p)
	f.downDense(m, h, y, p)
}

// hiddenAll computes h, [m, pitch].
func (f *FFN) hiddenAll(h, tmp []float32, m int, x []float32, p *Pool) {
	f.eachUnit(m, p, func(lo, hi int) { f.activate(h, tmp, x, nil, m, lo, hi) })
}

// projectAll computes one projection into dst, [m, pitch].
func (f *FFN) projectAll(w *projection, bias, dst []float32, m int, x []float32, p *Pool) {
	f.eachUnit(m, p, func(lo, hi int) { f.project(w, bias, dst, x, nil, m, lo, hi) })
}

// eachUnit splits the units of the neurons over the threads.
func (f *FFN) eachUnit(m int, p *Pool, fn func(lo, hi int)) {
	p.For(f.units(), ceilDiv(grainFlops, neuronGrain*max(1, f.in*m)), fn)
}

// downDense adds h·Down to y. The work is cut by column, and by token too where there are few columns.
func (f *FFN) downDense(m int, h, y []float32, p *Pool) {
	panels, groups := f.down.panels(), 1
	if panels < 2*p.Threads() {
		groups = min(ceilDiv(m, 12), ceilDiv(2*p.Threads(), panels))
	}
	rows := ceilDiv(m, groups)
	p.For(panels*groups, ceilDiv(grainFlops, stripCols*f.size*rows+1), func(lo, hi int) {
		for u := lo; u < hi; u++ {
			c, t := u/groups, u%groups*rows
			if t < m {
				g := panelGemm{d: &f.down, m: min(rows, m-t), k: f.size, a: h[t*f.pitch():], lda: f.pitch(), c: y[t*f.down.padded:], ldc: f.down.padded, count: f.count}
				g.run(c, c+1)
			}
		}
	})
}
