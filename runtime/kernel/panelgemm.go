package kernel

// panelMatrix is [rows, cols] cut into panels of stripCols columns; each panel is row-major and one stream of memory. The last panel may
// be narrower; its width is a multiple of 16, filled with zero columns.
type panelMatrix struct {
	rows, cols, padded int
	w                  []float32
}

const panelAlign = 16

func newPanelMatrix(rows, cols int, alloc func(n int) []float32) panelMatrix {
	padded := padTo(cols, panelAlign)
	return panelMatrix{rows: rows, cols: cols, padded: padded, w: alloc(rows * padded)}
}

// fill copies w, [n, cols] row-major, into rows [first, first+n).
func (d *panelMatrix) fill(first int, w []float32, n int) {
	for c := 0; c < d.cols; c += stripCols {
		panel, width := d.panel(c)
		for i := range n {
			copy(panel[(first+i)*width:][:width], w[i*d.cols+c:(i+1)*d.cols])
		}
	}
}

// panel returns the panel that begins at column c, a multiple of stripCols, and its width.
func (d *panelMatrix) panel(c int) (w []float32, width int) {
	width = min(stripCols, d.padded-c)
	return d.w[c*d.rows : (c+width)*d.rows], width
}

func (d *panelMatrix) panels() int { return ceilDiv(d.padded, stripCols) }

// panelGemm adds a[arow(i)] · B to c[crow(i)] for m tokens: a rows have k elements and pitch lda, B is rows [row0, row0+k)
// of d, c rows have pitch ldc. A nil arow or crow means row i.
type panelGemm struct {
	d          *panelMatrix
	row0, m, k int
	a          []float32
	lda        int
	arow       []int32
	c          []float32
	ldc        int
	crow       []int32
	count      []int32 // 0, 1, ... at least k of them
}

const panelK = 256 // most rows of one block of B

func (g *panelGemm) aRow(i int) []float32 {
	if g.arow != nil {
		i = int(g.arow[i])
	}
	return g.a[i*g.lda:]
}

func (g *panelGemm) cRow(i int) []float32 {
	if g.crow != nil {
		i = int(g.crow[i])
	}
	return g.c[i*g.ldc:]
}

// run serves panels [lo, hi). Every element of c is one chain over the rows of B in order, as in [Gemm].
func (g *panelGemm) run(lo, hi int) {
	for p := lo; p < hi && g.k > 0 && g.m > 0; p++ {
		b, width := g.d.panel(p * stripCols)
		b = b[g.row0*width:]
		c := p * stripCols
		if g.m == 1 {
			axpyList(g.cRow(0)[c:c+width], b, width, g.count[:g.k], g.aRow(0)[:g.k])
			continue
		}
		step := ceilDiv(g.k, ceilDiv(g.k, panelK))
		for l := 0; l < g.k; l += step {
			kb := min(step, g.k-l)
			if !g.blockFast(c, width, l, kb, b) {
				g.blockGo(c, width, l, kb, b)
			}
			b = b[kb*width:]
		}
	}
}

// blockGo adds rows [l, l+kb), which begin at b, to columns [c, c+width).
func (g *panelGemm) blockGo(c, width, l, kb int, b []float32) {
	for i := range g.m {
		y := g.cRow(i)[c : c+width]
		for r, v := range g.aRow(i)[l : l+kb] {
			for j, u := range b[r*width:][:width] {
				y[j] += v * u
			}
		}
	}
}
