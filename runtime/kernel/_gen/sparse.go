package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of kernel.csrArgs; sparse_amd64.go checks them.
const (
	csN   = 0
	csCol = 8
	csVal = 16
	csX   = 24
	csDst = 32
	csLdx = 40
	csPtr = 48
	csMsk = 56
)

func sparseFamily() {
	for _, v := range []int{4, 2, 1} {
		csrRow("512", v, 64, func() reg.VecVirtual { return ZMM() })
	}
	for _, v := range []int{4, 2} {
		csrRow("256", v, 32, func() reg.VecVirtual { return YMM() })
	}
	csrGemv512()
	csrGemv256()
}

// csrRow multiplies one sparse row by a block of tokens: chains over its even and its odd nonzeros.
func csrRow(level string, vecs, bytes int, vec func() reg.VecVirtual) {
	name := fmt.Sprintf("csrRow%sx%d", level, vecs)
	t := tileArg(name, fmt.Sprintf("%s: t.dst[j] = Σ_i t.val[i] * t.x[t.col[i]*t.ldx + j] over t.n nonzeros for j < %d.", name, vecs*bytes/4))
	n, col, val := loadField(t, csN), loadField(t, csCol), loadField(t, csVal)
	x, ldx, dst := loadField(t, csX), loadField(t, csLdx), loadField(t, csDst)
	var acc [2][]reg.VecVirtual
	for c := range acc {
		for range vecs {
			r := vec()
			if level == "512" {
				VPXORD(r, r, r)
			} else {
				VXORPS(r, r, r)
			}
			acc[c] = append(acc[c], r)
		}
	}
	one := func(c int) {
		row, v := GP64(), vec()
		MOVLQSX(Mem{Base: col, Disp: 4 * c}, row)
		IMULQ(ldx, row)
		VBROADCASTSS(Mem{Base: val, Disp: 4 * c}, v)
		for j, a := range acc[c] {
			VFMADD231PS(Mem{Base: x, Index: row, Scale: 1, Disp: bytes * j}, v, a)
		}
	}
	Label(name + "_loop")
	CMPQ(n, Imm(2))
	JLT(LabelRef(name + "_last"))
	one(0)
	one(1)
	ADDQ(Imm(8), col)
	ADDQ(Imm(8), val)
	SUBQ(Imm(2), n)
	JMP(LabelRef(name + "_loop"))
	Label(name + "_last")
	TESTQ(n, n)
	JZ(LabelRef(name + "_done"))
	one(0)
	Label(name + "_done")
	for j, a := range acc[0] {
		VADDPS(acc[1][j], a, a)
		VMOVUPS(a, memAt(dst, bytes*j))
	}
	VZEROUPPER()
	RET()
}

// csrGemv512 gathers 16 elements of x at a time.
func csrGemv512() {
	t := tileArg("csrGemv512", "csrGemv512: t.dst[r] = Σ_i t.val[i] * t.x[t.col[i]] over t.ptr[r] <= i < t.ptr[r+1] for r < t.n (AVX-512).")
	n, col, val := loadField(t, csN), loadField(t, csCol), loadField(t, csVal)
	x, dst, ptr := loadField(t, csX), loadField(t, csDst), loadField(t, csPtr)
	ones := GP64()
	MOVQ(I32(-1), ones)
	Label("g512_row")
	i, end := GP64(), GP64()
	MOVLQSX(memAt(ptr, 0), i)
	MOVLQSX(memAt(ptr, 4), end)
	acc := ZMM()
	VPXORD(acc, acc, acc)
	gather := func(load func(m Mem, r reg.VecVirtual), k reg.Register) {
		c, v, u := ZMM(), ZMM(), ZMM()
		load(Mem{Base: col, Index: i, Scale: 4}, c)
		load(Mem{Base: val, Index: i, Scale: 4}, v)
		VPXORD(u, u, u)
		VGATHERDPS(Mem{Base: x, Index: c, Scale: 4}, k, u)
		VFMADD231PS(u, v, acc)
	}
	Label("g512_loop")
	SUBQ(Imm(16), end)
	CMPQ(i, end)
	JG(LabelRef("g512_tail"))
	k := K()
	KXNORW(k, k, k)
	gather(func(m Mem, r reg.VecVirtual) { VMOVUPS(m, r) }, k)
	ADDQ(Imm(16), end)
	ADDQ(Imm(16), i)
	JMP(LabelRef("g512_loop"))
	Label("g512_tail")
	ADDQ(Imm(16), end)
	SUBQ(i, end)
	JZ(LabelRef("g512_sum"))
	bits, kt, kg := GP64(), K(), K()
	BZHIQ(end, ones, bits)
	KMOVW(bits.As32(), kt)
	KMOVW(bits.As32(), kg)
	gather(func(m Mem, r reg.VecVirtual) { VMOVUPS_Z(m, kt, r) }, kg)
	Label("g512_sum")
	hi := YMM()
	VEXTRACTF32X8(Imm(1), acc, hi)
	VADDPS(hi, acc.AsY(), acc.AsY())
	h, s, o := XMM(), XMM(), XMM()
	VEXTRACTF32X4(Imm(1), acc.AsY(), h)
	VADDPS(h, acc.AsX(), s)
	pairSums(s, s, o)
	pairSums(o, o, s)
	VMOVSS(s, memAt(dst, 0))
	ADDQ(Imm(4), ptr)
	ADDQ(Imm(4), dst)
	DECQ(n)
	JNZ(LabelRef("g512_row"))
	VZEROUPPER()
	RET()
}

// csrGemv256 is csrGemv512 with two vectors of eight lanes.
func csrGemv256() {
	t := tileArg("csrGemv256", "csrGemv256: t.dst[r] = Σ_i t.val[i] * t.x[t.col[i]] over t.ptr[r] <= i < t.ptr[r+1] for r < t.n (AVX2, FMA).")
	n, col, val := loadField(t, csN), loadField(t, csCol), loadField(t, csVal)
	x, dst, ptr, masks := loadField(t, csX), loadField(t, csDst), loadField(t, csPtr), loadField(t, csMsk)
	Label("g256_row")
	i, end := GP64(), GP64()
	MOVLQSX(memAt(ptr, 0), i)
	MOVLQSX(memAt(ptr, 4), end)
	acc := [2]reg.VecVirtual{YMM(), YMM()}
	for _, a := range acc {
		VXORPS(a, a, a)
	}
	Label("g256_loop")
	SUBQ(Imm(16), end)
	CMPQ(i, end)
	JG(LabelRef("g256_tail"))
	for h, a := range acc {
		c, u, m := YMM(), YMM(), YMM()
		VMOVDQU(Mem{Base: col, Index: i, Scale: 4, Disp: 32 * h}, c)
		VPCMPEQD(m, m, m)
		VXORPS(u, u, u)
		VGATHERDPS(m, Mem{Base: x, Index: c, Scale: 4}, u)
		VFMADD231PS(Mem{Base: val, Index: i, Scale: 4, Disp: 32 * h}, u, a)
	}
	ADDQ(Imm(16), end)
	ADDQ(Imm(16), i)
	JMP(LabelRef("g256_loop"))
	Label("g256_tail")
	ADDQ(Imm(16), end)
	SUBQ(i, end)
	JZ(LabelRef("g256_sum"))
	at := GP64()
	MOVQ(U32(16), at)
	SUBQ(end, at)
	for h, a := range acc {
		c, u, v, m := YMM(), YMM(), YMM(), YMM()
		VMOVDQU(Mem{Base: masks, Index: at, Scale: 4, Disp: 32 * h}, m)
		VPMASKMOVD(Mem{Base: col, Index: i, Scale: 4, Disp: 32 * h}, m, c)
		VMASKMOVPS(Mem{Base: val, Index: i, Scale: 4, Disp: 32 * h}, m, v)
		VXORPS(u, u, u)
		VGATHERDPS(m, Mem{Base: x, Index: c, Scale: 4}, u)
		VFMADD231PS(v, u, a)
	}
	Label("g256_sum")
	VADDPS(acc[1], acc[0], acc[0])
	h, s, o := XMM(), XMM(), XMM()
	VEXTRACTF128(Imm(1), acc[0].AsY(), h)
	VADDPS(h, acc[0].AsX(), s)
	pairSums(s, s, o)
	pairSums(o, o, s)
	VMOVSS(s, memAt(dst, 0))
	ADDQ(Imm(4), ptr)
	ADDQ(Imm(4), dst)
	DECQ(n)
	JNZ(LabelRef("g256_row"))
	VZEROUPPER()
	RET()
}
