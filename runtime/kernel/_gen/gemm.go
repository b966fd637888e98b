package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel.tile; gemm_amd64.go checks them.
const (
	tileA       = 0
	tileLda     = 8
	tileB       = 16
	tileLdb     = 24
	tileC       = 32
	tileLdc     = 40
	tileK       = 48
	tileMask    = 56
	tileMasks   = 64
	tileBias    = 72
	tileRowBias = 80
	tileFlags   = 88
	tileAlpha   = 96
)

// Bits of tile.flags.
const (
	flagLoad  = 1
	flagRelu  = 2
	flagScale = 4
)

func gemmFamily() {
	for mr := 1; mr <= 8; mr++ {
		for nv := 1; nv <= 3; nv++ {
			gemmTile(width512{}, mr, nv, true)
		}
	}
	for mr := 1; mr <= 6; mr++ {
		for nv := 1; nv <= vectors256(mr); nv++ {
			gemmTile(width256{}, mr, nv, false)
			gemmTile(width256{}, mr, nv, true)
		}
	}
	gemv(width512{}, 3, 1)
	gemv(width512{}, 3, 2)
	gemv(width256{}, 6, 1)
	peak(width512{})
	peak(width256{})
	readLoop()
}

// vectors256 is the greatest number of AVX2 vectors in a tile of mr rows: sums,
// one row of B, a broadcast and a mask must fit 16 registers.
func vectors256(mr int) int {
	switch {
	case mr <= 2:
		return 6
	case mr <= 4:
		return 3
	}
	return 2
}

// width is one vector width, the way the tile kernels use it.
type width interface {
	name() string
	bytes() int
	reg() reg.VecVirtual
	zero(reg.VecVirtual)
	broadcast(Mem, reg.VecVirtual)
	mask(t reg.Register) maskReg
	load(m Mem, r reg.VecVirtual, k maskReg) // k nil: whole vector
	store(r reg.VecVirtual, m Mem, k maskReg)
}

type maskReg interface{}

type width512 struct{}

func (width512) name() string                      { return "512" }
func (width512) bytes() int                        { return 64 }
func (width512) reg() reg.VecVirtual               { return ZMM() }
func (width512) zero(r reg.VecVirtual)             { VPXORD(r, r, r) }
func (width512) broadcast(m Mem, r reg.VecVirtual) { VBROADCASTSS(m, r) }
func (width512) mask(t reg.Register) maskReg {
	k := K()
	KMOVW(Mem{Base: t, Disp: tileMask}, k)
	return k
}
func (width512) load(m Mem, r reg.VecVirtual, k maskReg) {
	if k != nil {
		VMOVUPS_Z(m, k.(reg.OpmaskVirtual), r)
		return
	}
	VMOVUPS(m, r)
}
func (width512) store(r reg.VecVirtual, m Mem, k maskReg) {
	if k != nil {
		VMOVUPS(r, k.(reg.OpmaskVirtual), m)
		return
	}
	VMOVUPS(r, m)
}

type width256 struct{}

func (width256) name() string                      { return "256" }
func (width256) bytes() int                        { return 32 }
func (width256) reg() reg.VecVirtual               { return YMM() }
func (width256) zero(r reg.VecVirtual)             { VXORPS(r, r, r) }
func (width256) broadcast(m Mem, r reg.VecVirtual) { VBROADCASTSS(m, r) }
func (width256) mask(t reg.Register) maskReg {
	return field(t, tileMasks)
}
func (width256) load(m Mem, r reg.VecVirtual, k maskReg) {
	if k != nil {
		VMOVUPS(Mem{Base: k.(reg.Register)}, r) // the mask takes no register of its own
		VMASKMOVPS(m, r, r)
		return
	}
	VMOVUPS(m, r)
}
func (width256) store(r reg.VecVirtual, m Mem, k maskReg) {
	if k != nil {
		y := YMM()
		VMOVUPS(Mem{Base: k.(reg.Register)}, y)
		VMASKMOVPS(r, y, m)
		return
	}
	VMOVUPS(r, m)
}

// field loads one 8-byte field of the tile.
func field(t reg.Register, off int) reg.GPVirtual {
	r := GP64()
	MOVQ(Mem{Base: t, Disp: off}, r)
	return r
}

// tileAhead is how far ahead of the multiplication B's rows are prefetched.
const tileAhead = 4096

// gemmTile computes mr rows of nv vectors of C: one chain of FMAs over k for
// each element. A is read by rows of stride lda, B by rows of stride ldb; with
// masked, the last vector of every row of B, C and bias obeys the lane mask.
func gemmTile(v width, mr, nv int, masked bool) {
	name := fmt.Sprintf("tile%s_%dx%d", v.name(), mr, nv)
	if masked && v.name() == "256" {
		name += "m"
	}
	TEXT(name, NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is the GEMM tile of %d rows and %d vectors; t is a *tile.", name, mr, nv))
	t := Load(Param("t"), GP64())
	var mask maskReg
	if masked {
		mask = v.mask(t)
	}
	kOf := func(j int) maskReg {
		if j == nv-1 {
			return mask
		}
		return nil
	}
	at := func(base reg.Register, j int) Mem { return Mem{Base: base, Disp: v.bytes() * j} }
	acc := make([][]reg.VecVirtual, mr)
	for i := range acc {
		acc[i] = make([]reg.VecVirtual, nv)
		for j := range acc[i] {
			acc[i][j] = v.reg()
		}
	}
	c, ldc := field(t, tileC), field(t, tileLdc)
	TESTB(Imm(flagLoad), Mem{Base: t, Disp: tileFlags})
	JZ(LabelRef(name + "_zero"))
	{
		p := GP64()
		MOVQ(c, p)
		for i := range acc {
			for j := range acc[i] {
				v.load(at(p, j), acc[i][j], kOf(j))
			}
			if i+1 < mr {
				ADDQ(ldc, p)
			}
		}
	}
	JMP(LabelRef(name + "_begin"))
	Label(name + "_zero")
	for i := range acc {
		for j := range acc[i] {
			v.zero(acc[i][j])
		}
	}
	Label(name + "_begin")

	a, lda := field(t, tileA), field(t, tileLda)
	b, ldb := field(t, tileB), field(t, tileLdb)
	ldb3 := GP64()
	LEAQ(Mem{Base: ldb, Index: ldb, Scale: 2}, ldb3)
	odd := map[int]reg.GPVirtual{1: lda}
	if mr > 3 {
		odd[3] = GP64()
		LEAQ(Mem{Base: lda, Index: lda, Scale: 2}, odd[3])
	}
	if mr > 5 {
		odd[5] = GP64()
		LEAQ(Mem{Base: lda, Index: lda, Scale: 4}, odd[5])
	}
	if mr > 7 {
		odd[7] = GP64()
		LEAQ(Mem{Base: odd[3], Index: lda, Scale: 4}, odd[7])
	}
	rowA := func(i, disp int) Mem {
		if i == 0 {
			return Mem{Base: a, Disp: disp}
		}
		s := 1
		for i%2 == 0 {
			i, s = i/2, s*2
		}
		return Mem{Base: a, Index: odd[i], Scale: uint8(s), Disp: disp}
	}
	loadB := func(u, j int) reg.VecVirtual {
		m := at(b, j)
		switch u {
		case 1, 2:
			m.Index, m.Scale = ldb, uint8(u)
		case 3:
			m.Index, m.Scale = ldb3, 1
		}
		r := v.reg()
		v.load(m, r, kOf(j))
		return r
	}
	loadA := func(u, i int) reg.VecVirtual {
		r := v.reg()
		v.broadcast(rowA(i, 4*u), r)
		return r
	}
	step := func(u int) { // holds the shorter of a row of B and a column of A
		if mr < nv {
			x := make([]reg.VecVirtual, mr)
			for i := range x {
				x[i] = loadA(u, i)
			}
			for j := range nv {
				y := loadB(u, j)
				for i := range x {
					VFMADD231PS(y, x[i], acc[i][j])
				}
			}
			return
		}
		y := make([]reg.VecVirtual, nv)
		for j := range y {
			y[j] = loadB(u, j)
		}
		for i := range acc {
			x := loadA(u, i)
			for j := range y {
				VFMADD231PS(y[j], x, acc[i][j])
			}
		}
	}
	// Tall tiles compute long enough on a row to be late for the next ones; low
	// ones are served better by the hardware.
	prefetch := nv == 3 && mr >= 5 && v.bytes() == 64
	k := field(t, tileK)
	SUBQ(Imm(4), k)
	JL(LabelRef(name + "_tail"))
	Label(name + "_loop")
	for u := range 4 {
		step(u)
		for l := 0; prefetch && l < nv*v.bytes(); l += 64 {
			PREFETCHT0(Mem{Base: b, Disp: tileAhead + u*nv*v.bytes() + l})
		}
	}
	if v.bytes() == 32 && mr >= 3 { // the strip to the right comes next: fetch its part of these rows
		for u := range 4 {
			m := Mem{Base: b, Disp: 32 * nv}
			switch u {
			case 1, 2:
				m.Index, m.Scale = ldb, uint8(u)
			case 3:
				m.Index, m.Scale = ldb3, 1
			}
			PREFETCHT1(m)
		}
	}
	ADDQ(Imm(16), a)
	LEAQ(Mem{Base: b, Index: ldb, Scale: 4}, b)
	SUBQ(Imm(4), k)
	JGE(LabelRef(name + "_loop"))
	Label(name + "_tail")
	ADDQ(Imm(4), k)
	JZ(LabelRef(name + "_done"))
	Label(name + "_one")
	step(0)
	ADDQ(Imm(4), a)
	ADDQ(ldb, b)
	DECQ(k)
	JNZ(LabelRef(name + "_one"))
	Label(name + "_done")

	TESTB(Imm(flagScale), Mem{Base: t, Disp: tileFlags})
	JZ(LabelRef(name + "_unscaled"))
	{
		s := v.reg()
		v.broadcast(Mem{Base: t, Disp: tileAlpha}, s)
		for i := range acc {
			for j := range acc[i] {
				VMULPS(s, acc[i][j], acc[i][j])
			}
		}
	}
	Label(name + "_unscaled")
	bias := field(t, tileBias)
	TESTQ(bias, bias)
	JZ(LabelRef(name + "_nobias"))
	for j := range nv {
		x := v.reg()
		v.load(at(bias, j), x, kOf(j))
		for i := range acc {
			VADDPS(x, acc[i][j], acc[i][j])
		}
	}
	Label(name + "_nobias")
	rowBias := field(t, tileRowBias)
	TESTQ(rowBias, rowBias)
	JZ(LabelRef(name + "_norowbias"))
	for i := range acc {
		x := v.reg()
		v.broadcast(Mem{Base: rowBias, Disp: 4 * i}, x)
		for j := range acc[i] {
			VADDPS(x, acc[i][j], acc[i][j])
		}
	}
	Label(name + "_norowbias")
	TESTB(Imm(flagRelu), Mem{Base: t, Disp: tileFlags})
	JZ(LabelRef(name + "_norelu"))
	{
		z := v.reg()
		v.zero(z)
		for i := range acc {
			for j := range acc[i] {
				VMAXPS(acc[i][j], z, acc[i][j]) // a NaN stays: the second source wins
			}
		}
	}
	Label(name + "_norelu")
	storeAll := func(kOf func(int) maskReg) {
		for i := range acc {
			for j := range acc[i] {
				v.store(acc[i][j], at(c, j), kOf(j))
			}
			if i+1 < mr {
				ADDQ(ldc, c)
			}
		}
		VZEROUPPER()
		RET()
	}
	if _, ok := mask.(reg.OpmaskVirtual); ok { // whole vectors are cheaper stored without a mask
		CMPW(Mem{Base: t, Disp: tileMask}, I16(-1))
		JNE(LabelRef(name + "_masked"))
		storeAll(func(int) maskReg { return nil })
		Label(name + "_masked")
	}
	storeAll(kOf)
}
