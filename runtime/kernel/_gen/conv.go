package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel.convRun; conv_amd64.go checks them.
const (
	runSrc   = 0
	runDst   = 8
	runMask  = 16
	runMasks = 24
	runSize  = 32
)

func convFamily() {
	packRuns(width512{})
	packRuns(width256{})
	taps(width512{}, 8)
	taps(width256{}, 8)
}

// packRuns copies, for each of k source offsets, a list of runs into one row of
// a panel. A run is stored as a whole vector, so it must come before the one to
// its right, and a row may spill into the next one.
func packRuns(v width) {
	name := "packRuns" + v.name()
	TEXT(name, NOSPLIT, "func(dst, src *float32, offs *int, k int, runs *byte, n, stride int)")
	Pragma("noescape")
	Doc(name + " fills k rows of a panel, stride bytes apart: row i gets the n runs (*convRun) read from src + offs[i] bytes.")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	offs := Load(Param("offs"), GP64())
	k := Load(Param("k"), GP64())
	runs := Load(Param("runs"), GP64())
	n := Load(Param("n"), GP64())
	stride := Load(Param("stride"), GP64())
	s, r, i, o := GP64(), GP64(), GP64(), GP64()
	Label(name + "_row")
	MOVQ(Mem{Base: offs}, s)
	ADDQ(src, s)
	MOVQ(runs, r)
	MOVQ(n, i)
	Label(name + "_run")
	x := v.reg()
	m := runMaskOf(v, r)
	MOVQ(Mem{Base: r, Disp: runSrc}, o)
	v.load(Mem{Base: s, Index: o, Scale: 1}, x, m)
	MOVQ(Mem{Base: r, Disp: runDst}, o)
	v.store(x, Mem{Base: dst, Index: o, Scale: 1}, nil)
	ADDQ(Imm(runSize), r)
	DECQ(i)
	JNZ(LabelRef(name + "_run"))
	ADDQ(Imm(8), offs)
	ADDQ(stride, dst)
	DECQ(k)
	JNZ(LabelRef(name + "_row"))
	VZEROUPPER()
	RET()
}

func runMaskOf(v width, r reg.Register) maskReg {
	if v.name() == "512" {
		k := K()
		KMOVW(Mem{Base: r, Disp: runMask}, k)
		return k
	}
	return field(r, runMasks)
}

// Offsets of the fields of kernel.tapRows; conv_amd64.go checks them.
const (
	tapDst       = 0
	tapDstStride = 8
	tapSrc       = 16
	tapSrcStride = 24
	tapOffs      = 32
	tapW         = 40
	tapCount     = 48
	tapRowCount  = 56
	tapN         = 64
	tapMask      = 72
	tapMasks     = 80
	tapRelu      = 88
	tapBias      = 96
)

// taps computes rows of a depthwise convolution: dst[x] = sum_t w[t] *
// src[offs[t]+x] + bias, one chain of FMAs over t for each element.
func taps(v width, wide int) {
	name := "taps" + v.name()
	TEXT(name, NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	Doc(name + " computes rows of a depthwise convolution; t is a *tapRows.")
	t := Load(Param("t"), GP64())
	f := func(off int) reg.GPVirtual { return field(t, off) }
	dst, src, rows := f(tapDst), f(tapSrc), f(tapRowCount)
	d, s, x := GP64(), GP64(), GP64()
	o, w, i, off := GP64(), GP64(), GP64(), GP64()
	bias, zero := v.reg(), v.reg()
	v.broadcast(Mem{Base: t, Disp: tapBias}, bias)
	v.zero(zero)

	// group computes n vectors at d, s.
	group := func(label string, n int, mask maskReg) {
		acc := make([]reg.VecVirtual, n)
		for j := range acc {
			acc[j] = v.reg()
			v.zero(acc[j])
		}
		MOVQ(Mem{Base: t, Disp: tapOffs}, o)
		MOVQ(Mem{Base: t, Disp: tapW}, w)
		MOVQ(Mem{Base: t, Disp: tapCount}, i)
		Label(label)
		MOVQ(Mem{Base: o}, off)
		ADDQ(s, off)
		b := v.reg()
		v.broadcast(Mem{Base: w}, b)
		for j := range acc {
			m := Mem{Base: off, Disp: j * v.bytes()}
			if mask != nil {
				y := v.reg()
				v.load(m, y, mask)
				VFMADD231PS(y, b, acc[j])
				continue
			}
			VFMADD231PS(m, b, acc[j])
		}
		ADDQ(Imm(8), o)
		ADDQ(Imm(4), w)
		DECQ(i)
		JNZ(LabelRef(label))
		for j := range acc {
			VADDPS(bias, acc[j], acc[j])
		}
		CMPQ(Mem{Base: t, Disp: tapRelu}, Imm(0))
		JE(LabelRef(label + "_store"))
		for j := range acc {
			VMAXPS(acc[j], zero, acc[j])
		}
		Label(label + "_store")
		for j := range acc {
			v.store(acc[j], Mem{Base: d, Disp: j * v.bytes()}, mask)
		}
		ADDQ(U32(uint32(n*v.bytes())), d)
		ADDQ(U32(uint32(n*v.bytes())), s)
		SUBQ(U32(uint32(n*v.bytes()/4)), x)
	}
	lanes := v.bytes() / 4
	Label(name + "_row")
	MOVQ(dst, d)
	MOVQ(src, s)
	MOVQ(Mem{Base: t, Disp: tapN}, x)
	for n := wide; n >= 1; n /= 2 {
		l := name + "_x" + string(rune('0'+n))
		Label(l)
		CMPQ(x, U32(uint32(n*lanes)))
		JL(LabelRef(l + "_end"))
		group(l+"_tap", n, nil)
		JMP(LabelRef(l))
		Label(l + "_end")
	}
	TESTQ(x, x)
	JZ(LabelRef(name + "_next"))
	var mask maskReg
	if v.name() == "512" {
		k := K()
		KMOVW(Mem{Base: t, Disp: tapMask}, k)
		mask = k
	} else {
		mask = field(t, tapMasks)
	}
	group(name+"_rest", 1, mask)
	Label(name + "_next")
	ADDQ(Mem{Base: t, Disp: tapDstStride}, dst)
	ADDQ(Mem{Base: t, Disp: tapSrcStride}, src)
	DECQ(rows)
	JNZ(LabelRef(name + "_row"))
	VZEROUPPER()
	RET()
}
