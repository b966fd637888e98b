package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of kernel.dotTile; rows_amd64.go checks them.
const (
	dotK    = 0
	dotRem  = 8
	dotMask = 16
	dotW    = 24
	dotX    = 88
	dotNext = 136
	dotPf   = 144
	dotStep = 152
	dotOut  = 160
)

// Offsets of kernel.axpyArgs.
const (
	axN    = 0
	axW    = 8
	axLdw  = 16
	axIdx  = 24
	axCoef = 32
	axY    = 40
	axCols = 48
)

// Offsets of kernel.axpyTile.
const (
	atCols = 0
	atMask = 8
	atY    = 16
	atW    = 24
	atCoef = 88
)

// Offsets of kernel.panelTile.
const (
	ptK = 8 * iota
	ptLdb
	ptB
	ptA
	ptLda
	ptARow
	ptC
	ptLdc
	ptCRow
	ptGroups
	ptCols
	ptPf
	ptStep
	ptPfGroups
	ptAAt
	ptCAt
	ptLeft
)

// Offsets of kernel.piecesArgs.
const (
	pcN     = 0
	pcAhead = 8
	pcIdx   = 16
	pcCoef  = 24
	pcLdw   = 32
	pcW     = 40
	pcY     = 104
)

func rowsFamily() {
	for _, s := range [][2]int{{4, 6}, {4, 5}, {4, 4}, {4, 3}, {4, 2}, {4, 1}, {8, 1}, {8, 2}, {8, 3}, {1, 4}, {1, 1}} {
		dot512(s[0], s[1])
	}
	for _, s := range [][2]int{{2, 3}, {2, 1}, {4, 1}, {1, 4}, {1, 1}} {
		dot256(s[0], s[1])
	}
	axpy512()
	axpy256(8)
	axpy256(1)
	for mr := panelRows; mr > 0; mr-- {
		panel512(mr)
		panel256(mr)
	}
	for pieces := 1; pieces <= 8; pieces++ {
		piecesKernel("512", pieces)
	}
	for pieces := 1; pieces <= 6; pieces++ {
		piecesKernel("256", pieces)
	}
}

func tileArg(name, doc string) reg.GPVirtual {
	TEXT(name, NOSPLIT, "func(t *byte)")
	Doc(doc)
	Pragma("noescape")
	return Load(Param("t"), GP64()).(reg.GPVirtual)
}

func memAt(t reg.Register, off int) Mem { return Mem{Base: t, Disp: off} }

func loadField(t reg.Register, off int) reg.GPVirtual {
	r := GP64()
	MOVQ(memAt(t, off), r)
	return r
}

// dot512 sums rows x toks products of k elements, 16 lanes each.
func dot512(rows, toks int) {
	t := tileArg(fmt.Sprintf("dot512x%dx%d", rows, toks),
		fmt.Sprintf("dot512x%dx%d: t.out[j*%d+i] = t.w[i] · t.x[j] over t.k elements (AVX-512).", rows, toks, rows))
	acc := make([]reg.VecVirtual, rows*toks)
	for i := range acc {
		acc[i] = ZMM()
		VPXORD(acc[i], acc[i], acc[i])
	}
	var w, x []reg.GPVirtual
	for i := range rows {
		w = append(w, loadField(t, dotW+8*i))
	}
	for j := range toks {
		x = append(x, loadField(t, dotX+8*j))
	}
	id := fmt.Sprintf("d512x%dx%d", rows, toks)
	ahead := dotNext
	tiled := rows > 1 && toks > 3
	if tiled {
		ahead = dotPf
	}
	i, n, next := GP64(), loadField(t, dotK), loadField(t, ahead)
	XORQ(i, i)
	at := func(p reg.GPVirtual) Mem { return Mem{Base: p, Index: i, Scale: 4} }
	step := func(load func(m Mem, r reg.VecVirtual)) {
		var wv []reg.VecVirtual
		if rows > toks {
			var xv []reg.VecVirtual
			for j := range toks {
				v := ZMM()
				load(at(x[j]), v)
				xv = append(xv, v)
			}
			for r := range rows {
				v := ZMM()
				load(at(w[r]), v)
				for j := range toks {
					VFMADD231PS(v, xv[j], acc[j*rows+r])
				}
			}
			return
		}
		for r := range rows {
			v := ZMM()
			load(at(w[r]), v)
			wv = append(wv, v)
		}
		for j := range toks {
			xv := ZMM()
			load(at(x[j]), xv)
			for r := range rows {
				VFMADD231PS(xv, wv[r], acc[j*rows+r])
			}
		}
	}
	Label(id + "_loop")
	CMPQ(i, n)
	JGE(LabelRef(id + "_tail"))
	if tiled {
		for r := range 2 {
			PREFETCHT1(memAt(next, 64*r))
		}
	} else {
		for r := range rows {
			PREFETCHT1(Mem{Base: w[r], Index: next, Scale: 4})
		}
	}
	step(func(m Mem, r reg.VecVirtual) { VMOVUPS(m, r) })
	ADDQ(Imm(16), i)
	if tiled {
		ADDQ(memAt(t, dotStep), next)
	} else {
		ADDQ(Imm(16), next)
	}
	JMP(LabelRef(id + "_loop"))
	Label(id + "_tail")
	rem := loadField(t, dotRem)
	TESTQ(rem, rem)
	JZ(LabelRef(id + "_sum"))
	k := K()
	KMOVW(rem.As32(), k)
	step(func(m Mem, r reg.VecVirtual) { VMOVUPS_Z(m, k, r) })
	Label(id + "_sum")
	halves := make([]reg.VecVirtual, len(acc))
	for i, a := range acc {
		hi := YMM()
		VEXTRACTF32X8(Imm(1), a, hi)
		VADDPS(hi, a.AsY(), a.AsY())
		halves[i] = a
	}
	sum4(t, halves, true)
}

// sum4 adds the eight lanes of every vector in one fixed tree and stores the sums at dotOut.
func sum4(t reg.Register, v []reg.VecVirtual, evex bool) {
	for i := 0; i < len(v); i += 4 {
		q := make([]reg.VecVirtual, 4)
		for j := range q {
			if i+j >= len(v) {
				q[j] = q[j-1]
				continue
			}
			q[j] = v[i+j].AsX().(reg.VecVirtual)
			hi := XMM()
			if evex {
				VEXTRACTF32X4(Imm(1), v[i+j].AsY(), hi)
			} else {
				VEXTRACTF128(Imm(1), v[i+j].AsY(), hi)
			}
			VADDPS(hi, q[j].AsX(), q[j].AsX())
		}
		a, b := XMM(), XMM()
		pairSums(q[0].AsX(), q[1].AsX(), a)
		pairSums(q[2].AsX(), q[3].AsX(), b)
		pairSums(a, b, a)
		VMOVUPS(a, memAt(t, dotOut+4*i))
	}
	VZEROUPPER()
	RET()
}

// pairSums sets dst to a0+a1, a2+a3, b0+b1, b2+b3.
func pairSums(a, b, dst reg.Register) {
	odd := XMM()
	VSHUFPS(Imm(0xdd), b, a, odd)
	VSHUFPS(Imm(0x88), b, a, dst)
	VADDPS(odd, dst, dst)
}

// dot256 is dot512 with two vectors of eight lanes for each product.
func dot256(rows, toks int) {
	t := tileArg(fmt.Sprintf("dot256x%dx%d", rows, toks),
		fmt.Sprintf("dot256x%dx%d: t.out[j*%d+i] = t.w[i] · t.x[j] over t.k elements (AVX2, FMA).", rows, toks, rows))
	acc := make([][2]reg.VecVirtual, rows*toks)
	for i := range acc {
		for h := range 2 {
			acc[i][h] = YMM()
			VXORPS(acc[i][h], acc[i][h], acc[i][h])
		}
	}
	var w, x []reg.GPVirtual
	for i := range rows {
		w = append(w, loadField(t, dotW+8*i))
	}
	for j := range toks {
		x = append(x, loadField(t, dotX+8*j))
	}
	id := fmt.Sprintf("d256x%dx%d", rows, toks)
	i, n := GP64(), loadField(t, dotK)
	XORQ(i, i)
	step := func(load func(h int, m Mem, r reg.VecVirtual)) {
		for h := range 2 {
			at := func(p reg.GPVirtual) Mem { return Mem{Base: p, Index: i, Scale: 4, Disp: 32 * h} }
			if toks == 1 {
				xv := YMM()
				load(h, at(x[0]), xv)
				for r := range rows {
					v := YMM()
					load(h, at(w[r]), v)
					VFMADD231PS(v, xv, acc[r][h])
				}
				continue
			}
			var wv []reg.VecVirtual
			for r := range rows {
				v := YMM()
				load(h, at(w[r]), v)
				wv = append(wv, v)
			}
			for j := range toks {
				xv := YMM()
				load(h, at(x[j]), xv)
				for r := range rows {
					VFMADD231PS(xv, wv[r], acc[j*rows+r][h])
				}
			}
		}
	}
	Label(id + "_loop")
	CMPQ(i, n)
	JGE(LabelRef(id + "_tail"))
	step(func(_ int, m Mem, r reg.VecVirtual) { VMOVUPS(m, r) })
	ADDQ(Imm(16), i)
	JMP(LabelRef(id + "_loop"))
	Label(id + "_tail")
	rem := loadField(t, dotRem)
	TESTQ(rem, rem)
	JZ(LabelRef(id + "_sum"))
	masks := loadField(t, dotMask)
	step(func(h int, m Mem, r reg.VecVirtual) {
		VMOVDQU(memAt(masks, 32*h), r)
		VMASKMOVPS(m, r, r)
	})
	Label(id + "_sum")
	var v []reg.VecVirtual
	for _, a := range acc {
		VADDPS(a[1], a[0], a[0])
		v = append(v, a[0])
	}
	sum4(t, v, false)
}

// axpy512 keeps up to 256 columns of y in registers while it runs down the list.
func axpy512() {
	t := tileArg("axpy512", "axpy512: t.y[j] += Σ_i t.coef[i] * t.w[t.idx[i]*t.ldw + j] for j < t.cols, i ascending (AVX-512).")
	y, w := loadField(t, axY), loadField(t, axW)
	cols, ldw := loadField(t, axCols), loadField(t, axLdw)
	n, idx, coef := loadField(t, axN), loadField(t, axIdx), loadField(t, axCoef)
	ahead := GP64()
	MOVQ(n, ahead)
	SUBQ(Imm(axpyAhead), ahead)
	for _, vecs := range []int{16, 4, 1} {
		id := fmt.Sprintf("ax%d", vecs)
		Label(id)
		CMPQ(cols, U32(16*vecs))
		JLT(LabelRef(id + "_end"))
		axpy512Strip(id, vecs, n, ahead, idx, coef, w, ldw, y, nil)
		ADDQ(U32(64*vecs), y)
		ADDQ(U32(64*vecs), w)
		SUBQ(U32(16*vecs), cols)
		JMP(LabelRef(id))
		Label(id + "_end")
	}
	TESTQ(cols, cols)
	JZ(LabelRef("ax_done"))
	ones, k := GP64(), K()
	MOVQ(I32(-1), ones)
	BZHIQ(cols, ones, ones)
	KMOVW(ones.As32(), k)
	axpy512Strip("axTail", 1, n, ahead, idx, coef, w, ldw, y, k)
	Label("ax_done")
	VZEROUPPER()
	RET()
}

const axpyAhead = 8 // rows between a prefetch and its use

func axpy512Strip(id string, vecs int, n, ahead, idx, coef, w, ldw, y reg.GPVirtual, k reg.Register) {
	acc := make([]reg.VecVirtual, vecs)
	for v := range acc {
		acc[v] = ZMM()
		if k != nil {
			VMOVUPS_Z(memAt(y, 64*v), k, acc[v])
		} else {
			VMOVUPS(memAt(y, 64*v), acc[v])
		}
	}
	i, row, c := GP64(), GP64(), ZMM()
	XORQ(i, i)
	Label(id + "_row")
	if vecs > 1 {
		CMPQ(i, ahead)
		JGE(LabelRef(id + "_near"))
		MOVLQSX(Mem{Base: idx, Index: i, Scale: 4, Disp: 4 * axpyAhead}, row)
		IMULQ(ldw, row)
		ADDQ(w, row)
		for v := range vecs {
			PREFETCHT1(memAt(row, 64*v))
		}
		Label(id + "_near")
	}
	MOVLQSX(Mem{Base: idx, Index: i, Scale: 4}, row)
	IMULQ(ldw, row)
	ADDQ(w, row)
	VBROADCASTSS(Mem{Base: coef, Index: i, Scale: 4}, c)
	for v := range acc {
		if k != nil {
			u := ZMM()
			VMOVUPS_Z(memAt(row, 64*v), k, u)
			VFMADD231PS(u, c, acc[v])
		} else {
			VFMADD231PS(memAt(row, 64*v), c, acc[v])
		}
	}
	INCQ(i)
	CMPQ(i, n)
	JLT(LabelRef(id + "_row"))
	for v := range acc {
		if k != nil {
			VMOVUPS(acc[v], k, memAt(y, 64*v))
		} else {
			VMOVUPS(acc[v], memAt(y, 64*v))
		}
	}
}

// axpy256 adds a few rows to y at a time.
func axpy256(rows int) {
	t := tileArg(fmt.Sprintf("axpy256x%d", rows),
		fmt.Sprintf("axpy256x%d: t.y[j] += Σ_i t.coef[i] * t.w[i][j] for j < t.cols, i < %d ascending (AVX2, FMA).", rows, rows))
	y, cols := loadField(t, atY), loadField(t, atCols)
	var w []reg.GPVirtual
	var c []reg.VecVirtual
	for i := range rows {
		w = append(w, loadField(t, atW+8*i))
		v := YMM()
		VBROADCASTSS(memAt(t, atCoef+4*i), v)
		c = append(c, v)
	}
	id := fmt.Sprintf("ax256x%d", rows)
	j := GP64()
	XORQ(j, j)
	SUBQ(Imm(16), cols)
	step := func(vecs int) {
		acc := make([]reg.VecVirtual, vecs)
		for v := range acc {
			acc[v] = YMM()
			VMOVUPS(Mem{Base: y, Index: j, Scale: 4, Disp: 32 * v}, acc[v])
		}
		for i := range rows {
			for v := range acc {
				VFMADD231PS(Mem{Base: w[i], Index: j, Scale: 4, Disp: 32 * v}, c[i], acc[v])
			}
		}
		for v := range acc {
			VMOVUPS(acc[v], Mem{Base: y, Index: j, Scale: 4, Disp: 32 * v})
		}
		ADDQ(Imm(uint64(8*vecs)), j)
	}
	Label(id + "_loop")
	CMPQ(j, cols)
	JG(LabelRef(id + "_eight"))
	step(2)
	JMP(LabelRef(id + "_loop"))
	Label(id + "_eight")
	ADDQ(Imm(8), cols)
	CMPQ(j, cols)
	JG(LabelRef(id + "_tail"))
	step(1)
	Label(id + "_tail")
	ADDQ(Imm(8), cols)
	CMPQ(j, cols)
	JGE(LabelRef(id + "_done"))
	masks, mask, acc := loadField(t, atMask), YMM(), YMM()
	VMOVDQU(memAt(masks, 0), mask)
	VMASKMOVPS(Mem{Base: y, Index: j, Scale: 4}, mask, acc)
	for i := range rows {
		u := YMM()
		VMASKMOVPS(Mem{Base: w[i], Index: j, Scale: 4}, mask, u)
		VFMADD231PS(u, c[i], acc)
	}
	VMASKMOVPS(acc, mask, Mem{Base: y, Index: j, Scale: 4})
	Label(id + "_done")
	VZEROUPPER()
	RET()
}

// panelRows are the rows of A a panel kernel takes together, most of them at once.
const panelRows = 6

// strip is the columns a panel kernel takes together: whole vectors and, at AVX-512, half a one.
type strip struct {
	vecs int
	half bool
}

func (s strip) columns(lanes int) int {
	n := s.vecs * lanes
	if s.half {
		n += lanes / 2
	}
	return n
}

// panel512 multiplies groups of mr rows of A by k rows of B, up to 64 columns at a time.
func panel512(mr int) {
	strips := []strip{{4, false}, {3, false}, {2, false}, {1, true}, {1, false}, {0, true}}
	panelKernel(fmt.Sprintf("panel512x%d", mr), "AVX-512", mr, strips, 16, func() reg.VecVirtual { return ZMM() })
}

// panel256 is panel512 on as many columns as the registers hold sums for: up to 32 with two rows, 24 with four, else 16.
func panel256(mr int) {
	strips := []strip{{4, false}, {3, false}, {2, false}, {1, false}}
	switch {
	case mr > 4:
		strips = strips[2:]
	case mr > 2:
		strips = strips[1:]
	}
	panelKernel(fmt.Sprintf("panel256x%d", mr), "AVX2, FMA", mr, strips, 8, func() reg.VecVirtual { return YMM() })
}

func panelKernel(name, level string, mr int, strips []strip, lanes int, vec func() reg.VecVirtual) {
	t := tileArg(name, fmt.Sprintf("%s: t.c[crow[i]][j] += Σ_l t.a[arow[i]][l] * t.b[l*t.ldb + j] for %d*t.groups rows i, j < t.cols, a multiple of 8 (%s).", name, mr, level))
	at := GP64() // offset of the columns in bytes
	XORQ(at, at)
	for s, kind := range strips {
		id := fmt.Sprintf("%s_%d", name, s)
		Label(id)
		CMPQ(memAt(t, ptCols), Imm(uint64(kind.columns(lanes))))
		JLT(LabelRef(id + "_end"))
		panelStrip(id, t, at, mr, kind, 4*lanes, vec)
		ADDQ(U32(4*kind.columns(lanes)), at)
		SUBQ(Imm(uint64(kind.columns(lanes))), memAt(t, ptCols))
		JMP(LabelRef(id))
		Label(id + "_end")
	}
	VZEROUPPER()
	RET()
}

func panelStrip(id string, t, at reg.GPVirtual, mr int, kind strip, bytes int, vec func() reg.VecVirtual) {
	vecs := kind.vecs
	if kind.half {
		vecs++
	}
	one := func(v int) reg.VecVirtual {
		if v == kind.vecs {
			return YMM()
		}
		return vec()
	}
	for _, f := range [][2]int{{ptARow, ptAAt}, {ptCRow, ptCAt}, {ptGroups, ptLeft}} {
		MOVQ(loadField(t, f[0]), memAt(t, f[1]))
	}
	// row is the address of row i of the group, through the index list at list.
	row := func(list reg.GPVirtual, i, base, ld int) reg.GPVirtual {
		r := GP64()
		MOVLQSX(memAt(list, 4*i), r)
		IMULQ(memAt(t, ld), r)
		ADDQ(memAt(t, base), r)
		return r
	}
	eachC := func(f func(i, v int, m Mem)) {
		list := loadField(t, ptCAt)
		for i := range mr {
			c := row(list, i, ptC, ptLdc)
			for v := range vecs {
				f(i, v, Mem{Base: c, Index: at, Scale: 1, Disp: bytes * v})
			}
		}
	}
	Label(id + "_group")
	acc := make([][]reg.VecVirtual, mr)
	eachC(func(i, v int, m Mem) {
		r := one(v)
		VMOVUPS(m, r)
		acc[i] = append(acc[i], r)
	})
	var a []reg.GPVirtual
	list := loadField(t, ptAAt)
	for i := range mr {
		a = append(a, row(list, i, ptA, ptLda))
	}
	b, l, pf := loadField(t, ptB), GP64(), loadField(t, ptPf)
	ADDQ(at, b)
	XORQ(l, l)
	Label(id + "_loop")
	for i := range 2 {
		PREFETCHT1(memAt(pf, 64*i))
	}
	ADDQ(memAt(t, ptStep), pf)
	bv := make([]reg.VecVirtual, vecs)
	for v := range bv {
		bv[v] = one(v)
		VMOVUPS(memAt(b, bytes*v), bv[v])
	}
	ADDQ(memAt(t, ptLdb), b)
	for i := range a {
		s := vec()
		VBROADCASTSS(Mem{Base: a[i], Index: l, Scale: 4}, s)
		for v := range bv {
			m := s
			if v == kind.vecs {
				m = s.AsY().(reg.VecVirtual)
			}
			VFMADD231PS(bv[v], m, acc[i][v])
		}
	}
	INCQ(l)
	CMPQ(l, memAt(t, ptK))
	JLT(LabelRef(id + "_loop"))
	eachC(func(i, v int, m Mem) { VMOVUPS(acc[i][v], m) })
	MOVQ(pf, memAt(t, ptPf))
	DECQ(memAt(t, ptPfGroups))
	JNZ(LabelRef(id + "_on"))
	MOVQ(I32(0), memAt(t, ptStep))
	Label(id + "_on")
	ADDQ(Imm(uint64(4*mr)), memAt(t, ptAAt))
	ADDQ(Imm(uint64(4*mr)), memAt(t, ptCAt))
	DECQ(memAt(t, ptLeft))
	JNZ(LabelRef(id + "_group"))
}

// piecesKernel sums a list of rows into pieces of 16 columns that may lie anywhere, all in registers.
func piecesKernel(level string, pieces int) {
	wide := level == "512"
	name := fmt.Sprintf("pieces%sx%d", level, pieces)
	t := tileArg(name, fmt.Sprintf("%s: t.y[p][j] += Σ_i t.coef[i] * t.w[p][t.idx[i]*t.ldw + j] for i < t.n ascending, j < 16, p < %d (%s).", name, pieces,
		map[bool]string{true: "AVX-512", false: "AVX2, FMA"}[wide]))
	halves, vec := 2, func() reg.VecVirtual { return YMM() }
	if wide {
		halves, vec = 1, func() reg.VecVirtual { return ZMM() }
	}
	acc := make([]reg.VecVirtual, pieces*halves)
	eachY := func(f func(v int, m Mem)) {
		for p := range pieces {
			y := loadField(t, pcY+8*p)
			for h := range halves {
				f(p*halves+h, memAt(y, 32*h))
			}
		}
	}
	eachY(func(v int, m Mem) {
		acc[v] = vec()
		VMOVUPS(m, acc[v])
	})
	var w []reg.GPVirtual
	for p := range pieces {
		w = append(w, loadField(t, pcW+8*p))
	}
	n, idx, coef := loadField(t, pcN), loadField(t, pcIdx), loadField(t, pcCoef)
	i, row, c := GP64(), GP64(), vec()
	XORQ(i, i)
	Label(name + "_row")
	CMPQ(i, memAt(t, pcAhead))
	JGE(LabelRef(name + "_near"))
	MOVLQSX(Mem{Base: idx, Index: i, Scale: 4, Disp: 4 * axpyAhead}, row)
	IMULQ(memAt(t, pcLdw), row)
	for p := range pieces {
		PREFETCHT1(Mem{Base: w[p], Index: row, Scale: 1})
	}
	Label(name + "_near")
	MOVLQSX(Mem{Base: idx, Index: i, Scale: 4}, row)
	IMULQ(memAt(t, pcLdw), row)
	VBROADCASTSS(Mem{Base: coef, Index: i, Scale: 4}, c)
	for p := range pieces {
		for h := range halves {
			VFMADD231PS(Mem{Base: w[p], Index: row, Scale: 1, Disp: 32 * h}, c, acc[p*halves+h])
		}
	}
	INCQ(i)
	CMPQ(i, n)
	JLT(LabelRef(name + "_row"))
	eachY(func(v int, m Mem) { VMOVUPS(acc[v], m) })
	VZEROUPPER()
	RET()
}
