package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	cmpGE = 0x1d // ordered, quiet: false for NaN
	cmpLT = 0x11
)

var compactLanes Mem

func topkFamily() {
	countGE512()
	compactGE512()
	compressRange512()
	maskGE("512", true)
	topBits512()
	sumF64("512", true, false)
	sumF64("512", true, true)
	countGE256()
	compactGE256()
	compressRange256()
	topBits256()
	maskGE("256", false)
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
	Label("count512_four")
	CMPQ(n, Imm(64))
	JLT(LabelRef("count512_rest"))
	k := [4]reg.OpmaskVirtual{K(), K(), K(), K()}
	for i := range k {
		v := ZMM()
		VPANDD(Mem{Base: x.(reg.GPVirtual), Disp: 64 * i}, mask, v)
		VCMPPS(Imm(cmpGE), t, v, k[i])
	}
	KUNPCKWD(k[0], k[1], k[0])
	KUNPCKWD(k[2], k[3], k[2])
	KUNPCKDQ(k[0], k[2], k[0])
	all := GP64()
	KMOVQ(k[0], all)
	POPCNTQ(all, all)
	ADDQ(all, count)
	ADDQ(U32(256), x)
	SUBQ(Imm(64), n)
	JMP(LabelRef("count512_four"))
	Label("count512_rest")
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

// compressRange512 and 256 gather the scores of a range.
func compressRange512() {
	TEXT("compressRange512", NOSPLIT, "func(x *float32, n int, t float32, mask uint32, end float32, out *float32) int")
	Doc("compressRange512 writes the x[i]&mask in [t, end), i < n, to out in order and returns their number; n is a multiple of 16, out has room for 16 more (AVX-512).")
	Pragma("noescape")
	x, n, out := Load(Param("x"), GP64()), Load(Param("n"), GP64()), Load(Param("out"), GP64())
	t, mask := broadcastParams(func() reg.VecVirtual { return ZMM() })
	end := ZMM()
	broadcastParam("end", end)
	first := GP64()
	MOVQ(out, first)
	forSixteen("range512", x, n, func() {
		v, k, k2, bits := ZMM(), K(), K(), GP32()
		VPANDD(Mem{Base: x.(reg.GPVirtual)}, mask, v)
		VCMPPS(Imm(cmpGE), t, v, k)
		VCMPPS(Imm(cmpLT), end, v, k, k2)
		VCOMPRESSPS_Z(v, k2, v)
		VMOVUPS(v, Mem{Base: out.(reg.GPVirtual)})
		KMOVW(k2, bits)
		POPCNTL(bits, bits)
		LEAQ(Mem{Base: out.(reg.GPVirtual), Index: bits.As64(), Scale: 4}, out)
	})
	VZEROUPPER()
	SUBQ(first, out)
	SHRQ(Imm(2), out)
	Store(out, ReturnIndex(0))
	RET()
}

func compressRange256() {
	TEXT("compressRange256", NOSPLIT, "func(x *float32, n int, t float32, mask uint32, end float32, out *float32) int")
	Doc("compressRange256 writes the x[i]&mask in [t, end), i < n, to out in order and returns their number; n is a multiple of 16, out has room for 16 more (AVX2).")
	Pragma("noescape")
	x, n, out := Load(Param("x"), GP64()), Load(Param("n"), GP64()), Load(Param("out"), GP64())
	t, mask := broadcastParams(func() reg.VecVirtual { return YMM() })
	end := YMM()
	broadcastParam("end", end)
	first, table := GP64(), GP64()
	MOVQ(out, first)
	LEAQ(compactLanes, table)
	forSixteen("range256", x, n, func() {
		for h := range 2 {
			v, a, b, bits, lanes := YMM(), YMM(), YMM(), GP32(), YMM()
			VPAND(Mem{Base: x.(reg.GPVirtual), Disp: 32 * h}, mask, v)
			VCMPPS(Imm(cmpGE), t, v, a)
			VCMPPS(Imm(cmpLT), end, v, b)
			VPAND(a, b, a)
			VMOVMSKPS(a, bits)
			VPMOVZXBD(Mem{Base: table, Index: bits.As64(), Scale: 8}, lanes)
			VPERMPS(v, lanes, v)
			VMOVUPS(v, Mem{Base: out.(reg.GPVirtual)})
			POPCNTL(bits, bits)
			LEAQ(Mem{Base: out.(reg.GPVirtual), Index: bits.As64(), Scale: 4}, out)
		}
	})
	VZEROUPPER()
	SUBQ(first, out)
	SHRQ(Imm(2), out)
	Store(out, ReturnIndex(0))
	RET()
}

// maskGE zeroes what scores too low.
func maskGE(level string, wide bool) {
	name := "maskGE" + level
	TEXT(name, NOSPLIT, "func(x *float32, n int, t float32, mask uint32, dst *float32)")
	Doc(name + " clears dst[i] where not x[i]&mask >= t, for i < n, n a multiple of 16.")
	Pragma("noescape")
	x, n, dst := Load(Param("x"), GP64()), Load(Param("n"), GP64()), Load(Param("dst"), GP64())
	vec := func() reg.VecVirtual { return YMM() }
	if wide {
		vec = func() reg.VecVirtual { return ZMM() }
	}
	t, mask := broadcastParams(vec)
	forSixteen(name+"_loop", x, n, func() {
		if wide {
			v, k := vec(), K()
			VPANDD(Mem{Base: x.(reg.GPVirtual)}, mask, v)
			VCMPPS(Imm(cmpGE), t, v, k)
			VMOVUPS_Z(Mem{Base: dst.(reg.GPVirtual)}, k, v)
			VMOVUPS(v, Mem{Base: dst.(reg.GPVirtual)})
		} else {
			for h := range 2 {
				v := vec()
				VPAND(Mem{Base: x.(reg.GPVirtual), Disp: 32 * h}, mask, v)
				VCMPPS(Imm(cmpGE), t, v, v)
				VANDPS(Mem{Base: dst.(reg.GPVirtual), Disp: 32 * h}, v, v)
				VMOVUPS(v, Mem{Base: dst.(reg.GPVirtual), Disp: 32 * h})
			}
		}
		ADDQ(Imm(64), dst)
	})
	VZEROUPPER()
	RET()
}

// topBits512 ranks every element of up to 16.
func topBits512() {
	TEXT("topBits512", NOSPLIT, "func(x *float32, n int, k int) uint64")
	Doc("topBits512 returns the bits i of the k largest of n <= 16 elements, none a NaN, ties lower index first (AVX-512).")
	Pragma("noescape")
	x, n, k := Load(Param("x"), GP64()), Load(Param("n"), GP64()), Load(Param("k"), GP64())
	ones, valid := GP64(), K()
	MOVQ(I32(-1), ones)
	BZHIQ(n, ones, ones)
	KMOVW(ones.As32(), valid)
	v := ZMM()
	VMOVUPS_Z(Mem{Base: x.(reg.GPVirtual)}, valid, v)
	i, bits := GP64(), GP64()
	XORQ(i, i)
	XORQ(bits, bits)
	Label("top_loop")
	xi, gt, eq := ZMM(), K(), K()
	VBROADCASTSS(Mem{Base: x.(reg.GPVirtual), Index: i, Scale: 4}, xi)
	VCMPPS(Imm(cmpLT), v, xi, valid, gt)
	VCMPPS(Imm(0), v, xi, valid, eq)
	g, e, hit := GP64(), GP64(), GP64()
	KMOVW(gt, g.As32())
	KMOVW(eq, e.As32())
	BZHIQ(i, e, e)
	ORQ(e, g)
	POPCNTQ(g, g)
	XORQ(hit, hit)
	CMPQ(g, k)
	SETCS(hit.As8())
	SHLXQ(i, hit, hit)
	ORQ(hit, bits)
	INCQ(i)
	CMPQ(i, n)
	JLT(LabelRef("top_loop"))
	VZEROUPPER()
	Store(bits, ReturnIndex(0))
	RET()
}

func topBits256() {
	TEXT("topBits256", NOSPLIT, "func(x *float32, n int, k int) uint64")
	Doc("topBits256 returns the bits i of the k largest of n <= 16 elements, none a NaN, ties lower index first; it reads 16 (AVX2).")
	Pragma("noescape")
	x, n, k := Load(Param("x"), GP64()), Load(Param("n"), GP64()), Load(Param("k"), GP64())
	v := [2]reg.VecVirtual{YMM(), YMM()}
	for h := range v {
		VMOVUPS(Mem{Base: x.(reg.GPVirtual), Disp: 32 * h}, v[h])
	}
	i, bits := GP64(), GP64()
	XORQ(i, i)
	XORQ(bits, bits)
	Label("top256_loop")
	xi := YMM()
	VBROADCASTSS(Mem{Base: x.(reg.GPVirtual), Index: i, Scale: 4}, xi)
	// lanes are the bits of the elements e for which xi cmp e.
	lanes := func(cmp uint64) reg.GPVirtual {
		var m [2]reg.GPVirtual
		for h := range m {
			c := YMM()
			m[h] = GP64()
			VCMPPS(Imm(cmp), v[h], xi, c)
			VMOVMSKPS(c, m[h].As32())
		}
		SHLQ(Imm(8), m[1])
		ORQ(m[1], m[0])
		return m[0]
	}
	g, e, hit := lanes(cmpLT), lanes(0), GP64()
	BZHIQ(n, g, g)
	BZHIQ(i, e, e)
	ORQ(e, g)
	POPCNTQ(g, g)
	XORQ(hit, hit)
	CMPQ(g, k)
	SETCS(hit.As8())
	SHLXQ(i, hit, hit)
	ORQ(hit, bits)
	INCQ(i)
	CMPQ(i, n)
	JLT(LabelRef("top256_loop"))
	VZEROUPPER()
	Store(bits, ReturnIndex(0))
	RET()
}

func countGE256() {
	TEXT("countGE256", NOSPLIT, "func(x *float32, n int, t float32, mask uint32) int")
	Doc("countGE256 counts x[i]&mask >= t for i < n, n a multiple of 16 (AVX2).")
	Pragma("noescape")
	x, n := Load(Param("x"), GP64()), Load(Param("n"), GP64())
	t, mask := broadcastParams(func() reg.VecVirtual { return YMM() })
	acc := [2]reg.VecVirtual{YMM(), YMM()}
	for h := range acc {
		VPXOR(acc[h], acc[h], acc[h])
	}
	forSixteen("count256", x, n, func() {
		for h := range acc {
			v := YMM()
			VPAND(Mem{Base: x.(reg.GPVirtual), Disp: 32 * h}, mask, v)
			VCMPPS(Imm(cmpGE), t, v, v)
			VPSUBD(v, acc[h], acc[h])
		}
	})
	VPADDD(acc[1], acc[0], acc[0])
	hi, count := XMM(), GP64()
	sum := acc[0].AsX()
	VEXTRACTI128(Imm(1), acc[0], hi)
	VPADDD(hi, sum, sum)
	VPSHUFD(Imm(0xee), sum, hi)
	VPADDD(hi, sum, sum)
	VPSHUFD(Imm(0x55), sum, hi)
	VPADDD(hi, sum, sum)
	VMOVD(sum, count.As32())
	VZEROUPPER()
	Store(count, ReturnIndex(0))
	RET()
}

func compactGE256() {
	compactLanes = GLOBL("compactLanes", RODATA|NOPTR)
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
	LEAQ(compactLanes, table)
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
	broadcastParam("t", t)
	broadcastParam("mask", mask)
	return t, mask
}

func broadcastParam(name string, v reg.VecVirtual) {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(p.Addr, v)
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
