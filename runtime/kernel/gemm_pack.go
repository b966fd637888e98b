package kernel

// directRows and directFloats bound the products for which a row-major B is read
// where it lies: packing pays when every panel is read by several tiles.
const (
	directRows   = 16
	directFloats = 1 << 16
)

// direct reports whether a B that is not transposed is best read unpacked by a
// part of C.
func direct(r part) bool {
	return r.i1-r.i0 <= directRows || (r.k1-r.k0)*(r.j1-r.j0) <= directFloats
}

// packAndRun computes the product with B given plain. Big ones are packed and
// multiplied by blocks of at most kc x packCols, which bounds the scratch.
func (g *product) packAndRun(b []float32, ldb int, transB bool, p *Pool, s *Scratch) {
	if !transB && direct(g.all()) {
		g.b = matrixB{data: b, ld: ldb}
		g.run(g.all(), p)
		return
	}
	kc := blockingOf(g.level).kc
	const packCols = 3072
	for j0 := 0; j0 < g.n; j0 += packCols {
		for k0 := 0; k0 < g.k; k0 += kc {
			r := part{0, g.m, j0, min(j0+packCols, g.n), k0, min(k0+kc, g.k)}
			g.b = packedPart(&s.buf, b, ldb, transB, r, p)
			g.run(r, p)
		}
	}
}

// packedPart packs the rows and columns of B a part needs into *buf.
func packedPart(buf *[]float32, b []float32, ldb int, transB bool, r part, p *Pool) matrixB {
	rows := r.k1 - r.k0
	data := grow(buf, roundUp(r.j1-r.j0, panelWidth)*rows)
	packPanels(data, b, ldb, transB, r.k0, r.k1, r.j0, r.j1, p)
	return matrixB{data: data, packed: true, rows: rows, k0: r.k0, j0: r.j0}
}

// runBatch computes g for every matrix of a batch, each part of a matrix by one
// goroutine that packs what it needs itself.
func (g *product) runBatch(batch int, a []float32, strideA int, b []float32, strideB, ldb int, transB bool, c []float32, strideC int, p *Pool) {
	s := g.split(g.all(), batch, p.Threads())
	parts := s.rows * s.cols
	p.For(batch*parts, s.grain, func(lo, hi int) {
		ws := newWorkspace()
		q := &ws.product
		*q = *g
		for t := lo; t < hi; t++ {
			i := t / parts
			q.a, q.c = a[i*strideA:], c[i*strideC:]
			ws.packAndCompute(q, s.part(g.all(), t%parts), b[i*strideB:], ldb, transB)
		}
		ws.release()
	})
}

// packAndCompute computes a part of C with B given plain.
func (ws *workspace) packAndCompute(g *product, r part, b []float32, ldb int, transB bool) {
	if !transB && direct(r) {
		g.b = matrixB{data: b, ld: ldb}
		ws.part(g, r)
		return
	}
	bl := blockingOf(g.level)
	cols := r.j1 - r.j0
	if r.i1-r.i0 <= bl.mr { // each panel is used once: while it is in L1
		cols = panelWidth
	}
	for j0 := r.j0; j0 < r.j1; j0 += cols {
		for k0 := r.k0; k0 < r.k1; k0 += bl.kc {
			q := part{r.i0, r.i1, j0, min(j0+cols, r.j1), k0, min(k0+bl.kc, r.k1)}
			g.b = packedPart(&ws.b, b, ldb, transB, q, nil)
			ws.block(g, q)
		}
	}
}
