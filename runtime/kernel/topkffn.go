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
}

// FFN is a feed-forward block packed for [FFN.Dense] and [FFN.TopK]. It is immutable and safe for concurrent use.
type FFN struct {
	neurons
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
	f := &FFN{neurons: newNeurons(s.In, s.Hidden, s.Out, s.Gate != nil, s.Act), outBias: s.OutBias}
	f.gateBias, f.upBias = s.GateBias, s.UpBias
	f.up.fill(0, s.Up, s.In, s.Hidden, nil)
	if s.Gate != nil {
		f.gate.fill(0, s.Gate, s.In, s.Hidden, nil)
	}
	f.down.fill(0, s.Down, s.Hidden)
	return f
}

// ffnBlock is the number of tokens that share one reading of the weights.
const ffnBlock = 128

// Dense computes y for m tokens with every neuron: x is [m, In], y is [m, Out].
func (f *FFN) Dense(m int, x, y []float32, p *Pool) {
	f.blocks(m, x, y, func(m int, x, y []float32) { f.denseBlock(m, x, y, p) })
}

// TopK computes y for m tokens with the neurons that rule keeps, and returns how many (token, neuron) pairs it kept. The down row of
// a neuron is read only where it is kept, and for scores of the gate so is its up row, unless so many are kept that the dense product is
// faster; y is the same either way.
func (f *FFN) TopK(m int, x, y []float32, rule KeepRule, p *Pool) (kept int64) {
	if rule.Kind == KeepExact && rule.K >= f.hidden {
		f.Dense(m, x, y, p)
		return int64(m) * int64(f.hidden)
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
	x, y = x[:m*f.in], y[:m*f.out]
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
	buf := getScratch(2 * m * f.hidden)
	defer putScratch(buf)
	h, tmp := buf.f[:m*f.hidden], buf.f[m*f.hidden:2*m*f.hidden]
	f.startOut(m, y)
	f.hiddenAll(h, tmp, m, x, p)
	f.downDense(m, h, y, p)
}

// hiddenAll computes h, [m, hidden].
func (f *FFN) hiddenAll(h, tmp []float32, m int, x []float32, p *Pool) {
	f.eachChunk(m, p, func(first, count int) {
		f.activate(h[first:], tmp[first:], f.hidden, x, nil, m, first, count)
	})
}

// eachChunk splits the neurons in ranges that start at multiples of neuronGrain.
func (f *FFN) eachChunk(m int, p *Pool, fn func(first, count int)) {
	p.For(ceilDiv(f.hidden, neuronGrain), ceilDiv(grainFlops, neuronGrain*max(1, f.in*m)), func(lo, hi int) {
		lo *= neuronGrain
		fn(lo, min(hi*neuronGrain, f.hidden)-lo)
	})
}

// downDense adds h·Down to y. The work is cut by column, and by token too where there are few columns.
func (f *FFN) downDense(m int, h, y []float32, p *Pool) {
	unit, groups := f.down.columnUnit(p), 1
	if units := ceilDiv(f.down.padded, unit); units < 2*p.Threads() {
		groups = min(ceilDiv(m, 12), ceilDiv(2*p.Threads(), units))
	}
	rows := ceilDiv(m, groups)
	p.For(ceilDiv(f.down.padded, unit)*groups, ceilDiv(grainFlops, unit*f.hidden*rows+1), func(lo, hi int) {
		for u := lo; u < hi; u++ {
			c, t := u/groups*unit, u%groups*rows
			if t >= m {
				continue
			}
			g := panelGemm{m: min(rows, m-t), k: f.hidden, a: h[t*f.hidden:], lda: f.hidden, d: &f.down, c: y[t*f.down.padded:], ldc: f.down.padded}
			g.run(c, min(c+unit, f.down.padded))
		}
	})
}

// columnUnit is the width of the pieces that threads take: panels if there are enough of them.
func (d *panelMatrix) columnUnit(p *Pool) int {
	if ceilDiv(d.padded, panelCols) >= 2*p.Threads() {
		return panelCols
	}
	return stripCols
}
