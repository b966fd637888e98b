package kernel

import "sync"

// product is one matrix product on its way: C = alpha*A*B + beta*C with an
// epilogue, m x n x k.
type product struct {
	level   Level
	m, n, k int
	a       []float32
	lda     int
	transA  bool
	b       matrixB
	c       []float32
	ldc     int
	alpha   float32
	beta    float32
	rowBias []float32 // added to every element of row i (convolution)
	ep      *Epilogue
}

// matrixB is a right factor: packed panels of rows rows each, or plain rows of
// stride ld. data starts at row k0, column j0.
type matrixB struct {
	data     []float32
	packed   bool
	rows, ld int
	k0, j0   int
}

// at returns the slice from row k, column j on, the row stride, and how many
// columns can be read from there.
func (b *matrixB) at(k, j, end int) (data []float32, ld, cols int) {
	k, j, end = k-b.k0, j-b.j0, end-b.j0
	if !b.packed {
		return b.data[k*b.ld+j:], b.ld, end - j
	}
	panel, col := j/panelWidth, j%panelWidth
	return b.data[(panel*b.rows+k)*panelWidth+col:], panelWidth, min(panelWidth-col, end-j)
}

// workspace is what one goroutine needs while it computes a part of a product.
type workspace struct {
	tile    tile
	taps    tapRows
	product product
	a, b    []float32
	runs    []convRun
	tmp     [panelWidth]float32
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

func newWorkspace() *workspace { return workspaces.Get().(*workspace) }

// release gives the workspace back without holding on to anybody's matrices.
func (ws *workspace) release() {
	ws.tile, ws.taps, ws.product = tile{}, tapRows{}, product{}
	workspaces.Put(ws)
}

// Scratch is reusable memory for GemmUnpacked. The zero value is ready; it grows
// to what is needed and must not be used by two calls at once.
type Scratch struct{ buf []float32 }

var scratches = sync.Pool{New: func() any { return new(Scratch) }}

// grow returns a buffer of n floats kept in *buf, contents undefined.
func grow(buf *[]float32, n int) []float32 {
	if cap(*buf) < n {
		*buf = NewFloats(n)
	}
	*buf = (*buf)[:n]
	return *buf
}

// part is a rectangle of C and a range of k.
type part struct{ i0, i1, j0, j1, k0, k1 int }

// blocking holds the block sizes of a level: tiles of at most mr rows; kc steps
// of k at a time, so that a tile's rows of A stay in L1 and a panel of B in L2;
// parts of at most mc rows and nc columns, so that A's block and C's part stay
// in L2.
type blocking struct{ mr, kc, mc, nc int }

func blockingOf(l Level) blocking {
	switch l {
	case AVX512:
		return blocking{mr: 8, kc: 384, mc: 128, nc: 384}
	case AVX2:
		return blocking{mr: 6, kc: 384, mc: 120, nc: 384}
	}
	return blocking{mr: 4, kc: 256, mc: 64, nc: 384}
}

// tileCols is the width of tiles of mr rows: what the registers hold.
func tileCols(l Level, mr int) int {
	if l == AVX2 && mr > 2 {
		if mr > 4 {
			return 16
		}
		return 24
	}
	return panelWidth
}

// all is the whole product.
func (g *product) all() part { return part{0, g.m, 0, g.n, 0, g.k} }

// run computes a part of the product, B being ready to read, in parallel over
// smaller parts of C.
func (g *product) run(r part, p *Pool) {
	s := g.split(r, 1, p.Threads())
	p.For(s.rows*s.cols, s.grain, func(lo, hi int) {
		ws := newWorkspace()
		for t := lo; t < hi; t++ {
			ws.part(g, s.part(r, t))
		}
		ws.release()
	})
}

// split is a grid over C: rows x cols parts of at most mb x nb elements. grain
// is the least number of parts worth a thread.
type split struct{ rows, cols, mb, nb, grain int }

// minPartWork is the least number of multiply-adds worth waking a thread for.
const minPartWork = 1 << 17

// split cuts a part of C into cache-sized ones, and into smaller ones (columns
// first) while there are too few to keep the threads evenly busy, copies being
// the number of equal products done together.
func (g *product) split(r part, copies, threads int) split {
	bl := blockingOf(g.level)
	m, n, k := r.i1-r.i0, r.j1-r.j0, r.k1-r.k0
	s := split{mb: min(m, bl.mc), nb: min(n, bl.nc)}
	if m <= bl.mr {
		s.nb = min(n, 4*bl.nc)
	}
	for want := threads * chunksPerShare; threads > 1 && copies*ceilDiv(m, s.mb)*ceilDiv(n, s.nb) < want && s.mb*s.nb*k > 2*minPartWork; {
		switch {
		case s.nb > panelWidth && (s.nb > 4*panelWidth || s.mb <= 2*bl.mr):
			s.nb = roundUp(ceilDiv(s.nb, 2), panelWidth)
		case s.mb > bl.mr:
			s.mb = roundUp(ceilDiv(s.mb, 2), bl.mr)
		default:
			want = 0
		}
	}
	s.rows, s.cols = ceilDiv(m, s.mb), ceilDiv(n, s.nb)
	s.grain = 1 + minPartWork/(s.mb*s.nb*k+1)
	return s
}

// part returns part t of the grid over r; parts that share columns are neighbours.
func (s split) part(r part, t int) part {
	i, j := r.i0+t%s.rows*s.mb, r.j0+t/s.rows*s.nb
	return part{i, min(i+s.mb, r.i1), j, min(j+s.nb, r.j1), r.k0, r.k1}
}

// part computes one part of C over all k, then its epilogue.
func (ws *workspace) part(g *product, r part) {
	kc := g.kcFor(r)
	for k0 := r.k0; k0 < r.k1; k0 += kc {
		b := r
		b.k0, b.k1 = k0, min(k0+kc, r.k1)
		ws.block(g, b)
	}
}

// kcFor returns the block of k for a part: all of it if A's rows are few, so
// that panels are read as one stream.
func (g *product) kcFor(r part) int {
	bl := blockingOf(g.level)
	if r.i1-r.i0 <= bl.mr {
		return 8 * bl.kc
	}
	return bl.kc
}

// block adds A[i0:i1,k0:k1]*B[k0:k1,j0:j1] to C, tile by tile. A block with k0
// = 0 begins the sums, one with k1 = k ends them.
func (ws *workspace) block(g *product, r part) {
	first, last := r.k0 == 0, r.k1 == g.k
	bl := blockingOf(g.level)
	a, lda := ws.rowsOfA(g, r)
	t := &ws.tile
	t.flags, t.alpha = 0, g.alpha
	if !first || g.beta != 0 {
		t.flags |= flagLoad
		if first && g.beta != 1 {
			for i := r.i0; i < r.i1; i++ {
				row := g.c[i*g.ldc+r.j0:][:r.j1-r.j0]
				Scale(row, row, g.beta)
			}
		}
	}
	var bias, rowBias []float32
	var rest *Epilogue
	if last {
		rowBias = g.rowBias
		if g.alpha != 1 && g.beta == 0 {
			t.flags |= flagScale
		}
		if g.ep != nil {
			bias = g.ep.Bias
			if g.ep.Act == ActRelu {
				t.flags |= flagRelu
			}
			if g.ep.Act != ActNone && g.ep.Act != ActRelu || g.ep.Mul != nil || g.ep.Add != nil {
				rest = g.ep
			}
		}
	}
	rows := r.i1 - r.i0
	tiles := ceilDiv(rows, bl.mr)
	width := tileCols(g.level, ceilDiv(rows, tiles))
	for j := r.j0; j < r.j1; {
		b, ldb, w := g.b.at(r.k0, j, r.j1)
		w = min(w, width)
		t.setB(b, ldb, r.k1-r.k0, w)
		t.setBias(from(bias, j))
		for q := range tiles { // rows shared out evenly: 9 are 5+4, not 8+1
			i, end := q*rows/tiles, (q+1)*rows/tiles
			t.setRowBias(from(rowBias, r.i0+i))
			t.run(g.level, end-i, a[i*lda:], lda, g.c[(r.i0+i)*g.ldc+j:], g.ldc)
		}
		j += w
	}
	if rest != nil {
		skipAct := rest.Act == ActRelu
		for i := r.i0; i < r.i1; i++ {
			off := i*g.ldc + r.j0
			rest.tail(g.c[off:][:r.j1-r.j0], off, skipAct)
		}
	}
}

// rowsOfA returns the rows of a block of op(A): in place, or packed where they
// lie transposed or need scaling.
func (ws *workspace) rowsOfA(g *product, r part) (a []float32, lda int) {
	scale := g.alpha != 1 && g.beta != 0
	if !g.transA && !scale {
		return g.a[r.i0*g.lda+r.k0:], g.lda
	}
	rows, cols := r.i1-r.i0, r.k1-r.k0
	lda = cols + 16
	a = grow(&ws.a, rows*lda)
	if g.transA {
		Transpose(a, lda, g.a[r.k0*g.lda+r.i0:], g.lda, cols, rows)
	} else {
		for i := range rows {
			copy(a[i*lda:][:cols], g.a[(r.i0+i)*g.lda+r.k0:])
		}
	}
	if scale {
		Scale(a, a, g.alpha)
	}
	return a, lda
}

// from is x[i:], or nil if x is nil.
func from(x []float32, i int) []float32 {
	if x == nil {
		return nil
	}
	return x[i:]
}
