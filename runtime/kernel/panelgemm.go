package kernel

// panelGemm adds a[i] · B to c[crow(i)] for m tokens: a is [m, k] with pitch lda, B is rows [row0, row0+k) of a
// panelMatrix, c has pitch ldc and column 0 of the matrix first. crow nil means row i.
type panelGemm struct {
	m, k int
	a    []float32
	lda  int
	d    *panelMatrix
	row0 int
	c    []float32
	ldc  int
	crow []int32
}

const (
	panelK   = 256 // neurons a block of B covers
	panelRow = 4   // from this many tokens on, tiles beat one token after the other
)

func (g *panelGemm) cRow(i int) []float32 {
	if g.crow != nil {
		i = int(g.crow[i])
	}
	return g.c[i*g.ldc:]
}

// run adds columns [lo, hi), multiples of stripCols. Every element of c is one chain over the neurons in order.
func (g *panelGemm) run(lo, hi int) {
	if g.m < panelRow {
		g.rows(lo, hi)
		return
	}
	g.tiles(lo, hi)
}

// tiles takes several tokens at once through strips of columns.
func (g *panelGemm) tiles(lo, hi int) {
	for c := lo; c < hi; c += stripCols {
		w, ld := g.d.panel(c)
		for l := 0; l < g.k; l += panelK {
			kb := min(panelK, g.k-l)
			b := w[(g.row0+l)*ld:]
			if !g.stripFast(c, l, kb, b, ld) {
				for i := range g.m {
					y := g.cRow(i)[c : c+stripCols]
					for r, v := range g.a[i*g.lda+l:][:kb] {
						for j, u := range b[r*ld:][:stripCols] {
							y[j] += v * u
						}
					}
				}
			}
		}
	}
}

// rows takes one token after the other through blocks of neurons that stay in cache.
func (g *panelGemm) rows(lo, hi int) {
	for lo < hi {
		w, ld := g.d.panel(lo)
		n := min(hi, lo/panelCols*panelCols+panelCols) - lo
		step := g.k
		if g.m > 1 {
			step = panelK
		}
		for l := 0; l < g.k; l += step {
			kb := min(step, g.k-l)
			for i := range g.m {
				axpyList(g.cRow(i)[lo:lo+n], w[(g.row0+l)*ld:], ld, g.d.all[:kb], g.a[i*g.lda+l:][:kb])
			}
		}
		lo += n
	}
}
