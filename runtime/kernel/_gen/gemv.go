package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gemv multiplies one row by np neighbouring packed panels of nv vectors,
// reading each as one stream.
func gemv(v width, nv, np int) {
	name := fmt.Sprintf("gemv%s_%dx%d", v.name(), np, nv)
	TEXT(name, NOSPLIT, "func(k int, x, b *float32, panel int, dst *float32, load int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is dst = x*B for %d packed panels of %d vectors, panel bytes apart;", name, np, nv), "with load nonzero the sums start from dst.")
	k := Load(Param("k"), GP64())
	x := Load(Param("x"), GP64())
	b := []reg.Register{Load(Param("b"), GP64())}
	if np == 2 {
		panel := Load(Param("panel"), GP64())
		ADDQ(b[0], panel)
		b = append(b, panel)
	}
	dst := Load(Param("dst"), GP64())
	load := Load(Param("load"), GP64())
	acc := make([]reg.VecVirtual, np*nv)
	for i := range acc {
		acc[i] = v.reg()
		v.zero(acc[i])
	}
	TESTQ(load, load)
	JZ(LabelRef(name + "_begin"))
	for i := range acc {
		v.load(Mem{Base: dst, Disp: v.bytes() * i}, acc[i], nil)
	}
	Label(name + "_begin")
	const unroll = 4
	row := nv * v.bytes()
	step := func(u int) {
		w := v.reg()
		v.broadcast(Mem{Base: x, Disp: 4 * u}, w)
		for q, p := range b {
			for j := range nv {
				VFMADD231PS(Mem{Base: p, Disp: u*row + j*v.bytes()}, w, acc[q*nv+j])
			}
		}
	}
	advance := func(n int) {
		ADDQ(U32(uint32(4*n)), x)
		for _, p := range b {
			ADDQ(U32(uint32(n*row)), p)
		}
	}
	SUBQ(Imm(unroll), k)
	JL(LabelRef(name + "_tail"))
	Label(name + "_loop")
	for u := range unroll {
		step(u)
	}
	for _, p := range b {
		for l := 0; l < unroll*row; l += 64 {
			PREFETCHT0(Mem{Base: p, Disp: gemvAhead + l})
		}
	}
	advance(unroll)
	SUBQ(Imm(unroll), k)
	JGE(LabelRef(name + "_loop"))
	Label(name + "_tail")
	ADDQ(Imm(unroll), k)
	JZ(LabelRef(name + "_done"))
	Label(name + "_one")
	step(0)
	advance(1)
	DECQ(k)
	JNZ(LabelRef(name + "_one"))
	Label(name + "_done")
	for i := range acc {
		v.store(acc[i], Mem{Base: dst, Disp: v.bytes() * i}, nil)
	}
	VZEROUPPER()
	RET()
}

// gemvAhead is how far ahead of the multiplication the stream is prefetched.
const gemvAhead = 4096

// peak is a loop of independent FMAs, to measure what the core can do.
func peak(v width) {
	const accs = 12
	name := "peak" + v.name()
	TEXT(name, NOSPLIT, "func(n int)")
	Doc(fmt.Sprintf("%s runs n times %d independent FMAs of %d bits.", name, accs, v.bytes()*8))
	n := Load(Param("n"), GP64())
	x := v.reg()
	v.zero(x)
	var acc [accs]reg.VecVirtual
	for i := range acc {
		acc[i] = v.reg()
		v.zero(acc[i])
	}
	Label(name + "_loop")
	for i := range acc {
		VFMADD231PS(x, x, acc[i])
	}
	DECQ(n)
	JNZ(LabelRef(name + "_loop"))
	VZEROUPPER()
	RET()
}

// readLoop reads memory as fast as it comes, to measure the bandwidth.
func readLoop() {
	TEXT("readLoop", NOSPLIT, "func(p *float32, n int)")
	Pragma("noescape")
	Doc("readLoop reads n blocks of 256 bytes.")
	p := Load(Param("p"), GP64())
	n := Load(Param("n"), GP64())
	var acc [8]reg.VecVirtual
	for i := range acc {
		acc[i] = YMM()
		VXORPS(acc[i], acc[i], acc[i])
	}
	Label("read")
	for i := range acc {
		VORPS(Mem{Base: p, Disp: 32 * i}, acc[i], acc[i])
	}
	for i := range 4 {
		PREFETCHT0(Mem{Base: p, Disp: gemvAhead + 64*i})
	}
	ADDQ(U32(256), p)
	DECQ(n)
	JNZ(LabelRef("read"))
	VZEROUPPER()
	RET()
}
