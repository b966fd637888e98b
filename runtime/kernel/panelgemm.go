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

const panelK = 256 // most neurons of one block of B

func (g *panelGemm) cRow(i int) []float32 {
	if g.crow != nil {
		i = int(g.crow[i])
	}
	return g.c[i*g.ldc:]
}

// run adds columns [lo, hi), multiples of stripCols. Every element of c is one chain over the neurons in order.
func (g *panelGemm) run(lo, hi int) {
	if g.k == 0 {
		return
	}
	for lo < hi {
		n := min(hi, lo/panelCols*panelCols+panelCols) - lo
		if g.m == 1 {
			w, ld := g.d.panel(lo)
			axpyList(g.cRow(0)[lo:lo+n], w[g.row0*ld:], ld, g.d.all[:g.k], g.a[:g.k])
		} else {
			g.panel(lo, n)
		}
		lo += n
	}
}

// panel adds n columns of one panel from c on, a block of neurons after the other, each in strips of columns, so that a block is read from
// memory once, while the one before is worked on.
func (g *panelGemm) panel(c, n int) {
	w, ld := g.d.panel(c)
	step := ceilDiv(g.k, ceilDiv(g.k, panelK))
	for l := 0; l < g.k; l += step {
		kb := min(step, g.k-l)
		b := w[(g.row0+l)*ld:]
		for s := 0; s < n; s += stripCols {
			pf := &b[0]
			if l+kb < g.k {
				pf = &b[min(kb*ld+s*kb, len(b)-1)]
			}
			if !g.stripFast(c+s, l, kb, b[s:], ld, pf) {
				g.stripGo(c+s, l, kb, b[s:], ld)
			}
		}
	}
}

func (g *panelGemm) stripGo(c, l, kb int, b []float32, ld int) {
	for i := range g.m {
		y := g.cRow(i)[c : c+stripCols]
		for r, v := range g.a[i*g.lda+l:][:kb] {
			for j, u := range b[r*ld:][:stripCols] {
				y[j] += v * u
			}
		}
	}
}
