package kernel

// panelMatrix is [rows, cols] cut into panels of equal width, at most stripCols columns and a multiple of panelAlign; each panel is row-major
// and one stream of memory. Columns beyond cols are zeros.
type panelMatrix struct {
	rows, cols, width int
	padded            int // width times the number of panels
	w                 []float32
}

const panelAlign = 16

func newPanelMatrix(rows, cols int, alloc func(n int) []float32) panelMatrix {
	d := panelMatrix{rows: rows, cols: cols}
	if cols > 0 {
		n := ceilDiv(cols, stripCols)
		d.width = padTo(ceilDiv(cols, n), panelAlign)
		d.padded = n * d.width
	}
	d.w = alloc(rows * d.padded)
	return d
}

// paddedCols is the padded width of a panelMatrix of so many columns.
func paddedCols(cols int) int {
	if cols <= 0 {
		return 0
	}
	n := ceilDiv(cols, stripCols)
	return n * padTo(ceilDiv(cols, n), panelAlign)
}

// fill copies w, [n, cols] row-major, into rows [first, first+n).
func (d *panelMatrix) fill(first int, w []float32, n int) {
	for p := range d.panels() {
		panel, c := d.panel(p), p*d.width
		cols := min(d.width, d.cols-c)
		for i := range n {
			copy(panel[(first+i)*d.width:][:max(cols, 0)], w[i*d.cols+min(c, d.cols):])
		}
	}
}

// panel returns panel p, the columns from p*width on.
func (d *panelMatrix) panel(p int) []float32 {
	size := d.rows * d.width
	return d.w[p*size : (p+1)*size]
}

func (d *panelMatrix) panels() int {
	if d.width == 0 {
		return 0
	}
	return d.padded / d.width
}

// pieces returns the number of pieces of panelAlign columns that hold anything.
func (d *panelMatrix) pieces() int { return ceilDiv(d.cols, panelAlign) }

// piece returns rows [row, ...) of piece q, of pitch width.
func (d *panelMatrix) piece(q, row int) []float32 {
	per := d.width / panelAlign
	return d.panel(q / per)[row*d.width+q%per*panelAlign:]
}

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
	count      []int32 // 0, 1, ... at least m and k of them
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
	width := g.d.width
	if g.m == 1 && g.k > 0 {
		per := width / panelAlign
		first, last := lo*per, min(hi*per, g.d.pieces())
		c := g.cRow(0)
		p := pieces{n: last - first, ldw: width, at: func(q int) (w, y []float32) {
			return g.d.piece(first+q, g.row0), c[(first+q)*panelAlign:]
		}}
		p.run(g.count[:g.k], g.aRow(0))
		return
	}
	for p := lo; p < hi && g.k > 0 && g.m > 0; p++ {
		b := g.d.panel(p)[g.row0*width:]
		c := p * width
		cols := min(width, g.d.cols-c)
		if cols <= 0 {
			break
		}
		step := ceilDiv(g.k, ceilDiv(g.k, panelK))
		for l := 0; l < g.k; l += step {
			kb := min(step, g.k-l)
			if !g.blockFast(c, cols, l, kb, b) {
				g.blockGo(c, cols, l, kb, b)
			}
			b = b[kb*width:]
		}
	}
}

// blockGo adds rows [l, l+kb), which begin at b, to columns [c, c+cols).
func (g *panelGemm) blockGo(c, cols, l, kb int, b []float32) {
	width := g.d.width
	for i := range g.m {
		y := g.cRow(i)[c : c+cols]
		for r, v := range g.aRow(i)[l : l+kb] {
			for j, u := range b[r*width:][:cols] {
				y[j] += float32(v * u)
			}
		}
	}
}
