package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const cmpGE = 0x1d // ordered, quiet: false for NaN

func topkFamily() {
	countGE512()
	compactGE512()
	sumF64("512", true, false)
	sumF64("512", true, true)
	countGE256()
	compactGE256()
	sumF64("256", false, false)
	sumF64("256", false, true)
}

func countGE512() {
	TEXT("countGE512", NOSPLIT, "func(x *float32, n int, t float32, mask uint32) int")
	Doc("countGE512 counts x[i]&mask >= t for i < n, n a multiple of 16 (AVX-512).")
	Pragma("noescape")
	x, n := Load(Param("x"), GP64()), Load(Param("n"), GP64())
	t, mask := broadcastParams(func() reg.VecVirtual { return ZMM() })
	count := GP64()
	XORQ(count, count)
	forSixteen("count512", x, n, func() {
		v, k, bits := ZMM(), K(), GP32()
		VPANDD(Mem{Base: x.(reg.GPVirtual)}, mask, v)
		VCMPPS(Imm(cmpGE), t, v, k)
		KMOVW(k, bits)
		POPCNTL(bits, bits)
		ADDQ(bits.As64(), count)
	})
	VZEROUPPER()
	Store(count, ReturnIndex(0))
	RET()
}

func compactGE512() {
	TEXT("compactGE512", NOSPLIT, "func(x *float32, n int, t float32, mask uint32, idx *int32) int")
	Doc("compactGE512 writes the i < n with x[i]&mask >= t to idx and returns their number; n is a multiple of 16, idx has room for 16 more (AVX-512).")
	Pragma("noescape")
	x, n, idx := Load(Param("x"), GP64()), Load(Param("n"), GP64()), Load(Param("idx"), GP64())
	t, mask := broadcastParams(func() reg.VecVirtual { return ZMM() })
	i, step := ZMM(), ZMM()
	VMOVDQU32(sixteenIndices(), i)
	s := GP32()
	MOVL(U32(16), s)
	VPBROADCASTD(s, step)
	first := GP64()
	MOVQ(idx, first)
	forSixteen("compact512", x, n, func() {
		v, k, bits, out := ZMM(), K(), GP32(), ZMM()
		VPANDD(Mem{Base: x.(reg.GPVirtual)}, mask, v)
		VCMPPS(Imm(cmpGE), t, v, k)
		VPCOMPRESSD_Z(i, k, out)
		VMOVDQU32(out, Mem{Base: idx.(reg.GPVirtual)})
		KMOVW(k, bits)
		POPCNTL(bits, bits)
		LEAQ(Mem{Base: idx.(reg.GPVirtual), Index: bits.As64(), Scale: 4}, idx)
		VPADDD(step, i, i)
	})
	VZEROUPPER()
	SUBQ(first, idx)
	SHRQ(Imm(2), idx)
	Store(idx, ReturnIndex(0))
	RET()
}

func countGE256() {
	TEXT("countGE256", NOSPLIT, "func(x *float32, n int, t float32, mask uint32) int")
	Doc("countGE256 counts x[i]&mask >= t for i < n, n a multiple of 16 (AVX2).")
	Pragma("noescape")
	x, n := Load(Param("x"), GP64()), Load(Param("n"), GP64())
	t, mask := broadcastParams(func() reg.VecVirtual { return YMM() })
	count := GP64()
	XORQ(count, count)
	forSixteen("count256", x, n, func() {
		for h := range 2 {
			v, bits := YMM(), GP32()
			VPAND(Mem{Base: x.(reg.GPVirtual), Disp: 32 * h}, mask, v)
			VCMPPS(Imm(cmpGE), t, v, v)
			VMOVMSKPS(v, bits)
			POPCNTL(bits, bits)
			ADDQ(bits.As64(), count)
		}
	})
	VZEROUPPER()
	Store(count, ReturnIndex(0))
	RET()
}

func compactGE256() {
	lut := GLOBL("compactLanes", RODATA|NOPTR)
	for m := range 256 {
		var lanes uint64
		n := 0
		for l := range 8 {
			if m>>l&1 != 0 {
				lanes |= uint64(l) << (8 * n)
				n++
			}
		}
		DATA(8*m, U64(lanes))
	}
	TEXT("compactGE256", NOSPLIT, "func(x *float32, n int, t float32, mask uint32, idx *int32) int")
	Doc("compactGE256 writes the i < n with x[i]&mask >= t to idx and returns their number; n is a multiple of 16, idx has room for 16 more (AVX2).")
	Pragma("noescape")
	x, n, idx := Load(Param("x"), GP64()), Load(Param("n"), GP64()), Load(Param("idx"), GP64())
	t, mask := broadcastParams(func() reg.VecVirtual { return YMM() })
	i, step := YMM(), YMM()
	VPXOR(i, i, i)
	s, sx := GP32(), XMM()
	MOVL(U32(8), s)
	VMOVD(s, sx)
	VPBROADCASTD(sx, step)
	first, table := GP64(), GP64()
	MOVQ(idx, first)
	LEAQ(lut, table)
	forSixteen("compact256", x, n, func() {
		for h := range 2 {
			v, bits, out := YMM(), GP32(), YMM()
			VPAND(Mem{Base: x.(reg.GPVirtual), Disp: 32 * h}, mask, v)
			VCMPPS(Imm(cmpGE), t, v, v)
			VMOVMSKPS(v, bits)
			VPMOVZXBD(Mem{Base: table, Index: bits.As64(), Scale: 8}, out)
			VPADDD(i, out, out)
			VMOVDQU(out, Mem{Base: idx.(reg.GPVirtual)})
			POPCNTL(bits, bits)
			LEAQ(Mem{Base: idx.(reg.GPVirtual), Index: bits.As64(), Scale: 4}, idx)
			VPADDD(step, i, i)
		}
	})
	VZEROUPPER()
	SUBQ(first, idx)
	SHRQ(Imm(2), idx)
	Store(idx, ReturnIndex(0))
	RET()
}

// broadcastParams spreads parameters t and mask over vectors.
func broadcastParams(vec func() reg.VecVirtual) (t, mask reg.VecVirtual) {
	t, mask = vec(), vec()
	p, err := Param("t").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(p.Addr, t)
	p, err = Param("mask").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(p.Addr, mask)
	return t, mask
}

// forSixteen repeats body for blocks of 16 floats; body reads at x.
func forSixteen(id string, x, n reg.Register, body func()) {
	TESTQ(n, n)
	JZ(LabelRef(id + "_done"))
	Label(id)
	body()
	ADDQ(Imm(64), x)
	SUBQ(Imm(16), n)
	JNZ(LabelRef(id))
	Label(id + "_done")
}

func sixteenIndices() Mem {
	m := GLOBL("sixteenIndices", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(i))
	}
	return m
}

// sumF64 adds 16 lanes of doubles: of x&mask, or of (x&mask - mean)².
func sumF64(level string, wide, deviation bool) {
	name, sig, doc := "sumF64x"+level, "func(x *float32, n int, mask uint32) float64", " adds x[i]&mask"
	if deviation {
		name, sig, doc = "sumSquaredDevx"+level, "func(x *float32, n int, mask uint32, mean float64) float64", " adds (x[i]&mask - mean)²"
	}
	TEXT(name, NOSPLIT, sig)
	Doc(name + doc + " in 16 lanes for i < n, n a multiple of 16.")
	Pragma("noescape")
	lanes, vec, narrow := 4, func() reg.VecVirtual { return YMM() }, func() reg.VecVirtual { return XMM() }
	if wide {
		lanes, vec, narrow = 8, func() reg.VecVirtual { return ZMM() }, func() reg.VecVirtual { return YMM() }
	}
	x, n := Load(Param("x"), GP64()), Load(Param("n"), GP64())
	p, err := Param("mask").Resolve()
	if err != nil {
		panic(err)
	}
	mask, mean := narrow(), vec()
	VBROADCASTSS(p.Addr, mask)
	if deviation {
		if p, err = Param("mean").Resolve(); err != nil {
			panic(err)
		}
		VBROADCASTSD(p.Addr, mean)
	}
	acc := make([]reg.VecVirtual, 16/lanes)
	for i := range acc {
		acc[i] = vec()
		if wide {
			VPXORQ(acc[i], acc[i], acc[i])
		} else {
			VXORPD(acc[i], acc[i], acc[i])
		}
	}
	forSixteen(name+"_loop", x, n, func() {
		for i := range acc {
			v, d := narrow(), vec()
			m := Mem{Base: x.(reg.GPVirtual), Disp: 4 * lanes * i}
			if wide {
				VPANDD(m, mask, v)
			} else {
				VPAND(m, mask, v)
			}
			VCVTPS2PD(v, d)
			if deviation {
				VSUBPD(mean, d, d)
				VFMADD231PD(d, d, acc[i])
			} else {
				VADDPD(d, acc[i], acc[i])
			}
		}
	})
	if wide {
		VADDPD(acc[1], acc[0], acc[0])
		hi := YMM()
		VEXTRACTF64X4(Imm(1), acc[0], hi)
		VADDPD(hi, acc[0].AsY(), acc[0].AsY())
	} else {
		VADDPD(acc[2], acc[0], acc[0])
		VADDPD(acc[3], acc[1], acc[1])
		VADDPD(acc[1], acc[0], acc[0])
	}
	lo, hi := XMM(), XMM()
	if wide {
		VEXTRACTF64X2(Imm(1), acc[0].AsY(), hi)
	} else {
		VEXTRACTF128(Imm(1), acc[0].AsY(), hi)
	}
	VADDPD(hi, acc[0].AsX(), lo)
	VPERMILPD(Imm(1), lo, hi)
	VADDSD(hi, lo, lo)
	VZEROUPPER()
	Store(lo, ReturnIndex(0))
	RET()
}
