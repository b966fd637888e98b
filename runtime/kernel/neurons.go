package kernel

import "sync"

// neurons is a feed-forward block laid out so that one neuron can be skipped: gate and up hold one contiguous row a
// neuron, down holds one row a neuron cut into panels of columns.
type neurons struct {
	in, hidden, out  int
	gate, up         rowMatrix
	down             panelMatrix
	gateBias, upBias []float32
	act              Act
}

// rowMatrix is hidden rows of in elements with pitch ld; w nil means absent.
type rowMatrix struct {
	w  []float32
	ld int
}

// fill transposes w, [in, n] row-major, into rows [first, first+n) of r.
func (r *rowMatrix) fill(first int, w []float32, in, n int, p *Pool) {
	p.For(ceilDiv(n, 16), 16, func(lo, hi int) {
		lo, hi = lo*16, min(hi*16, n)
		for l0 := 0; l0 < in; l0 += 16 {
			l1 := min(l0+16, in)
			for j := lo; j < hi; j++ {
				row := r.w[(first+j)*r.ld:][:in]
				for l := l0; l < l1; l++ {
					row[l] = w[l*n+j]
				}
			}
		}
	})
}

// rowPitch is in rounded up to whole vectors, and off the multiples of a page, at which rows would share cache sets.
func rowPitch(in int) int {
	ld := padTo(in, 16)
	if ld%1024 == 0 && ld > 0 {
		ld += 16
	}
	return ld
}

// panelMatrix is [rows, cols] cut into panels of panelCols columns, each panel [rows, width] row-major; cols is padded
// with zeros to a multiple of stripCols.
type panelMatrix struct {
	rows, cols, padded int
	w                  []float32
	all                []int32 // 0, 1, ... rows-1
}

const panelCols = 256

// fill copies w, [n, cols] row-major, into rows [first, first+n).
func (d *panelMatrix) fill(first int, w []float32, n int) {
	for c := 0; c < d.cols; c += panelCols {
		pw, ld := d.panel(c)
		for i := range n {
			copy(pw[(first+i)*ld:], w[i*d.cols+c:i*d.cols+min(c+panelCols, d.cols)])
		}
	}
}

// panel returns the weights from column c of the panel that holds column c, and the pitch of their rows.
func (d *panelMatrix) panel(c int) (w []float32, ld int) {
	p := c / panelCols * panelCols
	ld = min(panelCols, d.padded-p)
	return d.w[p*d.rows+c-p:], ld
}

// axpy adds Σ coef[i]*row[idx[i]] to y in columns [lo, hi); y starts at column 0.
func (d *panelMatrix) axpy(y []float32, idx []int32, coef []float32, lo, hi int) {
	for lo < hi {
		w, ld := d.panel(lo)
		n := min(hi, lo/panelCols*panelCols+panelCols) - lo
		axpyList(y[lo:lo+n], w, ld, idx, coef)
		lo += n
	}
}

// newNeurons makes room for hidden neurons.
func newNeurons(in, hidden, out int, gated bool, act Act) neurons {
	n := neurons{in: in, hidden: hidden, out: out, act: act}
	all := make([]int32, hidden)
	for i := range all {
		all[i] = int32(i)
	}
	ld := rowPitch(in)
	n.up = rowMatrix{NewFloats(hidden * ld), ld}
	if gated {
		n.gate = rowMatrix{NewFloats(hidden * ld), ld}
	}
	padded := padTo(out, stripCols)
	n.down = panelMatrix{rows: hidden, cols: out, padded: padded, w: NewFloats(hidden * padded), all: all}
	return n
}

// Bytes is the size of the packed weights.
func (n *neurons) Bytes() int { return 4 * (len(n.gate.w) + len(n.up.w) + len(n.down.w)) }

// project computes dst[i*ldd+j] = x[tok(i)] · row(first+j) + bias[first+j] for m tokens and count neurons.
func (n *neurons) project(r rowMatrix, bias []float32, dst []float32, ldd int, x []float32, toks []int32, m, first, count int) {
	b := dotBlock{x: x, ldx: n.in, toks: toks, w: r.w, ldw: r.ld, row0: first, k: n.in, dst: dst, ldd: ldd}
	b.run(m, count)
	if bias != nil {
		for i := range m {
			row := dst[i*ldd:][:count]
			Add(row, row, bias[first:first+count])
		}
	}
}

// activate computes h for neurons [first, first+count) of m tokens: h is [m, ldh] from neuron first on, tmp is of the same shape.
func (n *neurons) activate(h, tmp []float32, ldh int, x []float32, toks []int32, m, first, count int) {
	if n.gate.w == nil {
		n.project(n.up, n.upBias, h, ldh, x, toks, m, first, count)
		for i := range m {
			row := h[i*ldh:][:count]
			Activate(n.act, row, row)
		}
		return
	}
	n.project(n.gate, n.gateBias, h, ldh, x, toks, m, first, count)
	n.project(n.up, n.upBias, tmp, ldh, x, toks, m, first, count)
	for i := range m {
		row := h[i*ldh:][:count]
		ActivateMul(n.act, row, row, tmp[i*ldh:][:count])
	}
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
