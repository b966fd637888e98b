package kernel

// DotRows computes, for every i,
//
//	dst[i] = x · w[idx[i]] + bias[idx[i]]
//
// w is [rows, cols] row-major, one row per neuron; x is [cols]. A nil idx means all rows in order and a nil bias means
// none. len(dst) is at least len(idx) (or rows). An index outside [0, rows) panics, as a slice index would.
//
// Each product is summed in sixteen partial sums (element j goes to sum j mod 16) that are added in one fixed tree, so the
// bits of dst[i] depend neither on the other rows asked for nor on the number of threads, and AVX2 and AVX-512 agree.
func DotRows(dst, x []float32, w []float32, rows, cols int, idx []int32, bias []float32, p *Pool) {
	n := rows
	if idx != nil {
		n = len(idx)
		checkIndices(idx, rows)
	}
	if n == 0 {
		return
	}
	_, _, _ = dst[n-1], w[:rows*cols], x[:cols]
	p.For(ceilDiv(n, neuronGrain), ceilDiv(grainFlops, neuronGrain*max(cols, 1)), func(lo, hi int) {
		lo, hi = lo*neuronGrain, min(hi*neuronGrain, n)
		b := dotBlock{x: x, w: w, ldw: cols, k: cols, dst: dst[lo:hi]}
		if idx != nil {
			b.rows = idx[lo:hi]
		} else {
			b.row0 = lo
		}
		b.run(1, hi-lo)
		addBias(dst[lo:hi], bias, idx, lo)
	})
}

// AxpyRows computes
//
//	dst[j] += Σ_i coef[i] * w[idx[i]][j]
//
// for j in [0, cols): w is row-major with cols columns, i ascends, and every dst element is one chain of fused
// multiply-adds (plain multiply and add on the portable level). The split over threads is by column, so results do not depend on it. An index
// outside w panics.
func AxpyRows(dst []float32, w []float32, cols int, idx []int32, coef []float32, p *Pool) {
	if len(idx) == 0 || cols == 0 {
		return
	}
	checkIndices(idx, len(w)/cols)
	coef, dst = coef[:len(idx)], dst[:cols]
	p.For(ceilDiv(cols, stripCols), ceilDiv(grainFlops, stripCols*len(idx)), func(lo, hi int) {
		lo, hi = lo*stripCols, min(hi*stripCols, cols)
		axpyList(dst[lo:hi], w[lo:], cols, idx, coef)
	})
}

const (
	neuronGrain = 64      // rows per unit of work
	stripCols   = 64      // columns per unit of work
	grainFlops  = 1 << 15 // multiply-adds worth another goroutine
)

// addBias adds bias[idx[i]] (or bias[first+i]) to every dst[i].
func addBias(dst, bias []float32, idx []int32, first int) {
	if bias == nil {
		return
	}
	if idx == nil {
		for i := range dst {
			dst[i] += bias[first+i]
		}
		return
	}
	for i := range dst {
		dst[i] += bias[idx[first+i]]
	}
}

func checkIndices(idx []int32, n int) {
	for _, r := range idx {
		if uint(r) >= uint(n) {
			panic("kernel: row index out of range")
		}
	}
}

func padTo(a, b int) int { return ceilDiv(a, b) * b }

// dotBlock is a block of dot products dst[i*ldd+j] = x[tok(i)] · w[row(j)] over k elements, with
// tok(i) = toks[i], or i without toks, and row(j) = rows[j], or row0+j without rows.
type dotBlock struct {
	x    []float32
	ldx  int
	toks []int32
	w    []float32
	ldw  int
	rows []int32
	row0 int
	k    int
	dst  []float32
	ldd  int
}

func (b *dotBlock) xRow(i int) []float32 {
	if b.toks != nil {
		i = int(b.toks[i])
	}
	return b.x[i*b.ldx:][:b.k]
}

func (b *dotBlock) wRow(j int) []float32 {
	if b.rows != nil {
		j = int(b.rows[j])
	} else {
		j += b.row0
	}
	return b.w[j*b.ldw:][:b.k]
}

// run fills a block of m tokens by n rows.
func (b *dotBlock) run(m, n int) {
	if b.k == 0 {
		for i := range m {
			clear(b.dst[i*b.ldd:][:n])
		}
		return
	}
	if !b.runFast(m, n) {
		b.runGo(m, n)
	}
}

func (b *dotBlock) runGo(m, n int) {
	for j := range n {
		w := b.wRow(j)
		for i := range m {
			b.dst[i*b.ldd+j] = dotGo(b.xRow(i), w)
		}
	}
}

// axpyList adds Σ coef[i]*w[idx[i]*ldw:] to y, columns [0, len(y)).
func axpyList(y, w []float32, ldw int, idx []int32, coef []float32) {
	if len(idx) == 0 || len(y) == 0 {
		return
	}
	if !axpyListFast(y, w, ldw, idx, coef) {
		axpyListGo(y, w, ldw, idx, coef)
	}
}
