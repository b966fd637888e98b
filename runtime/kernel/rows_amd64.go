//go:build !noasm

package kernel

import "unsafe"

// dotTile is the argument of the dot kernels: w[i] · x[j] over k+rem elements, k a multiple of 16 and rem below 16.
// rem is a count in the AVX2 kernels, as mask the vector mask that goes with it, and a bit mask in the AVX-512 ones.
type dotTile struct {
	k    int
	rem  int
	mask *int32
	w    [8]*float32
	x    [6]*float32
	next int // floats from an element of a row to the one to read ahead
	pf   uintptr
	step int // several rows and more than 3 tokens read ahead two lines at pf, which then moves on by step
	out  [24]float32
}

// axpyArgs is the argument of axpy512; ldw is in bytes.
type axpyArgs struct {
	n    int
	w    *float32
	ldw  int
	idx  *int32
	coef *float32
	y    *float32
	cols int
}

// axpyTile is the argument of the axpy256 kernels.
type axpyTile struct {
	cols int
	mask *int32
	y    *float32
	w    [8]*float32
	coef [8]float32
}

// panelTile is the argument of the panel kernels; ldb, lda and ldc are in bytes.
type panelTile struct {
	k        int
	ldb      int
	b        *float32
	a        *float32
	lda      int
	arow     *int32
	c        *float32
	ldc      int
	crow     *int32
	groups   int
	cols     int     // counted down
	pf       uintptr // two lines are read ahead here for every row of b; then pf moves on by step
	step     int
	pfGroups int // groups until step becomes 0
	work     [3]int
}

// piecesArgs is the argument of the pieces kernels; ldw is in bytes. ahead is n less the distance of a prefetch, or less than 1 for none.
type piecesArgs struct {
	n     int
	ahead int
	idx   *int32
	coef  *float32
	ldw   int
	w     [8]*float32
	y     [8]*float32
}

// The generator knows these offsets.
const (
	_ = -uint(unsafe.Offsetof(dotTile{}.w) ^ 24 | unsafe.Offsetof(dotTile{}.x) ^ 88 | unsafe.Offsetof(dotTile{}.out) ^ 160)
	_ = -uint(unsafe.Offsetof(axpyArgs{}.cols) ^ 48)
	_ = -uint(unsafe.Offsetof(axpyTile{}.w) ^ 24 | unsafe.Offsetof(axpyTile{}.coef) ^ 88)
	_ = -uint(unsafe.Offsetof(panelTile{}.a) ^ 24 | unsafe.Offsetof(panelTile{}.c) ^ 48 | unsafe.Offsetof(panelTile{}.cols) ^ 80 | unsafe.Offsetof(panelTile{}.work) ^ 112)
	_ = -uint(unsafe.Offsetof(piecesArgs{}.w) ^ 40 | unsafe.Offsetof(piecesArgs{}.y) ^ 104)
)

// prefixMasks[16-n:] starts with n lanes set.
var prefixMasks = func() (m [32]int32) {
	for i := range 16 {
		m[i] = -1
	}
	return m
}()

func (t *dotTile) setLength(k int, avx512 bool) {
	rem := k % 16
	t.k, t.rem, t.mask = k-rem, rem, &prefixMasks[16-rem]
	if avx512 {
		t.rem = 1<<rem - 1
	}
}

// dotKernel is a kernel for a tile of rows by toks products.
type dotKernel struct {
	rows, toks int
	most       int // toks of the largest kernel of so many rows
	id         dotID
}

type dotID uint8

const (
	id512x8x1 dotID = iota
	id512x8x3
	id512x8x2
	id512x4x6
	id512x4x5
	id512x4x4
	id512x4x3
	id512x4x2
	id512x4x1
	id512x1x4
	id512x1x1
	id256x4x1
	id256x2x3
	id256x2x1
	id256x1x4
	id256x1x1
)

// Kernels by falling number of rows, then of tokens.
var (
	dotKernels512 = []dotKernel{
		{8, 3, 3, id512x8x3}, {8, 2, 3, id512x8x2}, {8, 1, 3, id512x8x1}, {4, 6, 6, id512x4x6}, {4, 5, 6, id512x4x5}, {4, 4, 6, id512x4x4}, {4, 3, 6, id512x4x3}, {4, 2, 6, id512x4x2}, {4, 1, 6, id512x4x1}, {1, 4, 4, id512x1x4}, {1, 1, 4, id512x1x1},
	}
	dotKernels256 = []dotKernel{
		{4, 1, 1, id256x4x1}, {2, 3, 3, id256x2x3}, {2, 1, 3, id256x2x1}, {1, 4, 4, id256x1x4}, {1, 1, 4, id256x1x1},
	}
)

// run calls the kernel directly, so that the tile can stay on the stack.
func (id dotID) run(tile *dotTile) {
	t := (*byte)(unsafe.Pointer(tile))
	switch id {
	case id512x8x1:
		dot512x8x1(t)
	case id512x8x3:
		dot512x8x3(t)
	case id512x8x2:
		dot512x8x2(t)
	case id512x4x6:
		dot512x4x6(t)
	case id512x4x5:
		dot512x4x5(t)
	case id512x4x4:
		dot512x4x4(t)
	case id512x4x3:
		dot512x4x3(t)
	case id512x4x2:
		dot512x4x2(t)
	case id512x4x1:
		dot512x4x1(t)
	case id512x1x4:
		dot512x1x4(t)
	case id512x1x1:
		dot512x1x1(t)
	case id256x4x1:
		dot256x4x1(t)
	case id256x2x3:
		dot256x2x3(t)
	case id256x2x1:
		dot256x2x1(t)
	case id256x1x4:
		dot256x1x4(t)
	default:
		dot256x1x1(t)
	}
}

// Blocks of rows and tokens that stay in cache together.
const (
	dotRows = 32
	dotToks = 48
)

func (b *dotBlock) runFast(m, n int) bool {
	kernels := dotKernels512
	level := ActiveLevel()
	switch level {
	case Portable:
		return false
	case AVX2:
		kernels = dotKernels256
	}
	var t dotTile
	t.setLength(b.k, level == AVX512)
	if m == 1 {
		b.block(&t, kernels, 0, 1, 0, n)
		return true
	}
	for j := 0; j < n; j += dotRows {
		for i := 0; i < m; i += dotToks {
			b.block(&t, kernels, i, min(i+dotToks, m), j, min(j+dotRows, n))
		}
	}
	return true
}

// block fills tokens [i0, i1) by rows [j0, j1).
func (b *dotBlock) block(t *dotTile, kernels []dotKernel, i0, i1, j0, j1 int) {
	for j := j0; j < j1; {
		rows := 0
		for i := i0; i < i1; {
			k := pickDot(kernels, rows, j1-j, i1-i)
			if rows == 0 {
				rows = k.rows
				for r := range rows {
					t.w[r] = unsafe.SliceData(b.wRow(j + r))
				}
				t.next = rows * b.ldw
				if b.rows != nil {
					t.next = 128
				}
				t.pf, t.step = b.tilePrefetch(j+rows, rows, 0, i1-i)
			} else {
				t.next = 0
				t.pf, t.step = b.tilePrefetch(j+rows, rows, i-i0, i1-i)
			}
			for c := range k.toks {
				t.x[c] = unsafe.SliceData(b.xRow(i + c))
			}
			k.id.run(t)
			for c := range k.toks {
				copy(b.dst[(i+c)*b.ldd+j:][:rows], t.out[c*rows:])
			}
			i += k.toks
		}
		j += rows
	}
}

// tilePrefetch is what to read ahead of the tile of rows from j on, while the tile before takes its tokens after the first done ones: the
// whole with its only tokens, else one half with each of the first two times.
func (b *dotBlock) tilePrefetch(j, rows, done, left int) (pf uintptr, step int) {
	const most = 6
	if b.rows != nil || (b.row0+j+rows)*b.ldw > len(b.w) || done > most {
		return uintptr(unsafe.Pointer(unsafe.SliceData(b.x))), 0
	}
	tile := uintptr(unsafe.Pointer(&b.w[(b.row0+j)*b.ldw]))
	switch {
	case done > 0:
		return tile + uintptr(2*rows*b.ldw), 128
	case left > most:
		return tile, 128
	}
	return tile, 256
}

// pickDot takes the first kernel that fits, in the order of the table, but with the tokens split evenly; 8 rows at once are for up to 3
// tokens. Once rows is set only kernels of that many rows count.
func pickDot(kernels []dotKernel, rows, rowsLeft, toksLeft int) *dotKernel {
	for i := range kernels {
		k := &kernels[i]
		most := kernels[i].most
		switch {
		case k.rows > rowsLeft || (rows != 0 && k.rows != rows):
		case rows == 0 && toksLeft > most && k.rows >= 4 && most <= 3:
		case k.toks <= ceilDiv(toksLeft, ceilDiv(toksLeft, most)):
			return k
		}
	}
	return &kernels[len(kernels)-1]
}

func axpyListFast(y, w []float32, ldw int, idx []int32, coef []float32) bool {
	switch ActiveLevel() {
	case AVX512:
		a := axpyArgs{n: len(idx), w: unsafe.SliceData(w), ldw: 4 * ldw, idx: unsafe.SliceData(idx), coef: unsafe.SliceData(coef), y: unsafe.SliceData(y), cols: len(y)}
		axpy512((*byte)(unsafe.Pointer(&a)))
	case AVX2:
		axpyList256(y, w, ldw, idx, coef)
	default:
		return false
	}
	return true
}

func axpyList256(y, w []float32, ldw int, idx []int32, coef []float32) {
	t := axpyTile{cols: len(y), mask: &prefixMasks[16-len(y)%8], y: unsafe.SliceData(y)}
	for len(idx) > 0 {
		n := 8
		if len(idx) < 8 {
			n = 1
		}
		for i, r := range idx[:n] {
			t.w[i], t.coef[i] = &w[int(r)*ldw], coef[i]
		}
		if n == 8 {
			axpy256x8((*byte)(unsafe.Pointer(&t)))
		} else {
			axpy256x1((*byte)(unsafe.Pointer(&t)))
		}
		idx, coef = idx[n:], coef[n:]
	}
}

const (
	panelRows   = 6    // most tokens of a panel kernel
	panelAhead  = 4096 // bytes from a row of B to what is read ahead meanwhile
	piecesAhead = 8    // rows from a prefetch to its use
)

// blockFast adds neurons [l, l+kb), whose rows of the panel begin at b, to columns [c, c+cols).
func (g *panelGemm) blockFast(c, cols, l, kb int, b []float32) bool {
	level := ActiveLevel()
	if level == Portable {
		return false
	}
	width := g.d.width
	groups := ceilDiv(g.m, panelRows)
	mr := ceilDiv(g.m, groups) // shared out evenly: some groups of mr, the rest of one less
	full := g.m - groups*(mr-1)
	arow, crow := g.arow, g.crow
	if arow == nil {
		arow = g.count
	}
	if crow == nil {
		crow = g.count
	}
	start := uintptr(unsafe.Pointer(&b[0])) // an address only: reading ahead may run past the end
	t := panelTile{ldb: 4 * width, lda: 4 * g.lda, ldc: 4 * g.ldc, pf: start, pfGroups: 2}
	switch {
	case groups == 1: // in step, a little ahead
		t.pf, t.step = start+panelAhead, 4*width
	case l+kb < g.k: // one half of the next block each
		t.pf, t.step = start+uintptr(4*kb*width), 128
	}
	for _, part := range [2][2]int{{mr, full}, {mr - 1, groups - full}} {
		if part[1] == 0 {
			continue
		}
		t.k, t.b, t.a, t.c = kb, &b[0], &g.a[l], &g.c[c]
		t.arow, t.crow, t.groups, t.cols = &arow[0], &crow[0], part[1], padTo(cols, 8)
		t.run(level, part[0])
		if done := part[0] * part[1]; done < len(arow) && done < len(crow) {
			arow, crow = arow[done:], crow[done:]
		}
	}
	return true
}

func (p *pieces) runFast(idx []int32, coef []float32) bool {
	level := ActiveLevel()
	most := 8
	switch level {
	case Portable:
		return false
	case AVX2:
		most = 6
	}
	t := piecesArgs{n: len(idx), idx: &idx[0], coef: &coef[0], ldw: 4 * p.ldw}
	if p.far {
		t.ahead = t.n - piecesAhead
	}
	groups := ceilDiv(p.n, most)
	for i := range groups {
		lo, hi := i*p.n/groups, (i+1)*p.n/groups
		for q := lo; q < hi; q++ {
			w, y := p.at(q)
			t.w[q-lo], t.y[q-lo] = &w[0], &y[0]
		}
		t.run(level, hi-lo)
	}
	return true
}

func (args *piecesArgs) run(level Level, n int) {
	t := (*byte)(unsafe.Pointer(args))
	if level == AVX512 {
		switch n {
		case 8:
			pieces512x8(t)
		case 7:
			pieces512x7(t)
		case 6:
			pieces512x6(t)
		case 5:
			pieces512x5(t)
		case 4:
			pieces512x4(t)
		case 3:
			pieces512x3(t)
		case 2:
			pieces512x2(t)
		default:
			pieces512x1(t)
		}
		return
	}
	switch n {
	case 6:
		pieces256x6(t)
	case 5:
		pieces256x5(t)
	case 4:
		pieces256x4(t)
	case 3:
		pieces256x3(t)
	case 2:
		pieces256x2(t)
	default:
		pieces256x1(t)
	}
}

func (tile *panelTile) run(level Level, mr int) {
	t := (*byte)(unsafe.Pointer(tile))
	if level == AVX512 {
		switch mr {
		case 6:
			panel512x6(t)
		case 5:
			panel512x5(t)
		case 4:
			panel512x4(t)
		case 3:
			panel512x3(t)
		case 2:
			panel512x2(t)
		default:
			panel512x1(t)
		}
		return
	}
	switch mr {
	case 6:
		panel256x6(t)
	case 5:
		panel256x5(t)
	case 4:
		panel256x4(t)
	case 3:
		panel256x3(t)
	case 2:
		panel256x2(t)
	default:
		panel256x1(t)
	}
}
