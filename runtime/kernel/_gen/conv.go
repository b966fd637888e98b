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
	runMask2 = 32
	runSize  = 48
)

func convFamily() {
	packRuns(width512{})
	packRuns(width256{})
	spreadRows(width512{}, false)
	spreadRows(width256{}, false)
	spreadRows(width512{}, true)
	spreadRows(width256{}, true)
	taps(width512{})
	taps(width256{})
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
	m := runMaskOf(v, r, 0)
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

// spreadRows copies the runs of each of some rows; with even, every second
// value of the two vectors a run then stands for.
func spreadRows(v width, even bool) {
	name := "spreadRows" + v.name()
	doc := " copies n runs (*convRun) of each row from src to dst, strides in bytes."
	if even {
		name = "spreadEven" + v.name()
		doc = " copies every second value of n runs (*convRun) of each row from src to dst, strides in bytes."
	}
	TEXT(name, NOSPLIT, "func(dst *float32, dstStride int, src *float32, srcStride, rows int, runs *byte, n int)")
	Pragma("noescape")
	Doc(name + doc)
	dst := Load(Param("dst"), GP64())
	dstStride := Load(Param("dstStride"), GP64())
	src := Load(Param("src"), GP64())
	srcStride := Load(Param("srcStride"), GP64())
	rows := Load(Param("rows"), GP64())
	runs := Load(Param("runs"), GP64())
	n := Load(Param("n"), GP64())
	r, i, o := GP64(), GP64(), GP64()
	var evens reg.VecVirtual
	if even && v.bytes() == 64 {
		table := GLOBL("evens", RODATA|NOPTR)
		for j := range 16 {
			DATA(4*j, U32(uint32(2*j)))
		}
		evens = ZMM()
		VMOVDQU32(table, evens)
	}
	Label(name + "_row")
	MOVQ(runs, r)
	MOVQ(n, i)
	Label(name + "_run")
	MOVQ(Mem{Base: r, Disp: runSrc}, o)
	x := v.reg()
	v.load(Mem{Base: src, Index: o, Scale: 1}, x, runMaskOf(v, r, 0))
	if even {
		y := v.reg()
		v.load(Mem{Base: src, Index: o, Scale: 1, Disp: v.bytes()}, y, runMaskOf(v, r, runMask2-runMask))
		if v.bytes() == 64 {
			VPERMT2PS(y, evens, x)
		} else {
			VSHUFPS(Imm(0x88), y, x, x)
			VPERMPD(Imm(0xd8), x, x)
		}
	}
	MOVQ(Mem{Base: r, Disp: runDst}, o)
	v.store(x, Mem{Base: dst, Index: o, Scale: 1}, nil)
	ADDQ(Imm(runSize), r)
	DECQ(i)
	JNZ(LabelRef(name + "_run"))
	ADDQ(dstStride, dst)
	ADDQ(srcStride, src)
	DECQ(rows)
	JNZ(LabelRef(name + "_row"))
	VZEROUPPER()
	RET()
}

// runMaskOf is the first mask of a run, or the one at an offset from it.
func runMaskOf(v width, r reg.Register, offset int) maskReg {
	if v.bytes() == 64 {
		k := K()
		KMOVW(Mem{Base: r, Disp: runMask + offset}, k)
		return k
	}
	return field(r, runMasks+offset)
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

// taps computes rows of a depthwise convolution: dst[r,x] = sum_t w[t] *
// src[offs[t] + r,x] + bias, one chain of FMAs over t for each element. Blocks
// of four rows share the loads of weights and offsets. src may be read up to
// one vector past the end of a row.
func taps(v width) {
	name := "taps" + v.name()
	TEXT(name, NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	Doc(name + " computes rows of a depthwise convolution; t is a *tapRows.")
	t := Load(Param("t"), GP64())
	dst, src, dstStride, srcStride := field(t, tapDst), field(t, tapSrc), field(t, tapDstStride), field(t, tapSrcStride)
	offs, w := field(t, tapOffs), field(t, tapW)
	d, s, x, i, off, stride3 := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	LEAQ(Mem{Base: srcStride, Index: srcStride, Scale: 2}, stride3)
	bias, zero := v.reg(), v.reg()
	v.broadcast(Mem{Base: t, Disp: tapBias}, bias)
	v.zero(zero)
	var mask maskReg
	if v.bytes() == 64 {
		k := K()
		KMOVW(Mem{Base: t, Disp: tapMask}, k)
		mask = k
	}
	row := func(r, j int) Mem {
		m := Mem{Base: off, Disp: j * v.bytes()}
		switch r {
		case 1, 2:
			m.Index, m.Scale = srcStride, uint8(r)
		case 3:
			m.Index, m.Scale = stride3, 1
		}
		return m
	}
	// block computes rows x n vectors at d, s and moves on to the right.
	block := func(label string, rows, n int, masked bool) {
		acc := make([][]reg.VecVirtual, rows)
		for r := range acc {
			for range n {
				a := v.reg()
				v.zero(a)
				acc[r] = append(acc[r], a)
			}
		}
		XORQ(i, i)
		Label(label)
		MOVQ(Mem{Base: offs, Index: i, Scale: 8}, off)
		ADDQ(s, off)
		b := v.reg()
		v.broadcast(Mem{Base: w, Index: i, Scale: 4}, b)
		for r := range acc {
			for j := range n {
				VFMADD231PS(row(r, j), b, acc[r][j])
			}
		}
		INCQ(i)
		CMPQ(i, Mem{Base: t, Disp: tapCount})
		JL(LabelRef(label))
		for r := range acc {
			for j := range n {
				VADDPS(bias, acc[r][j], acc[r][j])
			}
		}
		CMPQ(Mem{Base: t, Disp: tapRelu}, Imm(0))
		JE(LabelRef(label + "_store"))
		for r := range acc {
			for j := range n {
				VMAXPS(acc[r][j], zero, acc[r][j])
			}
		}
		Label(label + "_store")
		k := mask
		if !masked {
			k = nil
		} else if k == nil {
			p := GP64()
			MOVQ(Mem{Base: t, Disp: tapMasks}, p)
			k = p
		}
		MOVQ(d, off)
		for r := range acc {
			for j := range n {
				v.store(acc[r][j], Mem{Base: off, Disp: j * v.bytes()}, k)
			}
			if r+1 < rows {
				ADDQ(dstStride, off)
			}
		}
		if !masked {
			ADDQ(Imm(uint64(n*v.bytes())), d)
			ADDQ(Imm(uint64(n*v.bytes())), s)
			SUBQ(Imm(uint64(n*v.bytes()/4)), x)
		}
	}
	lanes := v.bytes() / 4
	for _, rows := range []int{4, 1} {
		l := name + "_rows" + string(rune('0'+rows))
		Label(l)
		CMPQ(Mem{Base: t, Disp: tapRowCount}, Imm(uint64(rows)))
		JL(LabelRef(l + "_end"))
		MOVQ(dst, d)
		MOVQ(src, s)
		MOVQ(Mem{Base: t, Disp: tapN}, x)
		for _, n := range []int{2, 1} {
			c := l + "_x" + string(rune('0'+n))
			Label(c)
			CMPQ(x, Imm(uint64(n*lanes)))
			JL(LabelRef(c + "_end"))
			block(c+"_tap", rows, n, false)
			JMP(LabelRef(c))
			Label(c + "_end")
		}
		TESTQ(x, x)
		JZ(LabelRef(l + "_next"))
		block(l+"_rest", rows, 1, true)
		Label(l + "_next")
		for range rows {
			ADDQ(dstStride, dst)
			ADDQ(srcStride, src)
		}
		SUBQ(Imm(uint64(rows)), Mem{Base: t, Disp: tapRowCount})
		JMP(LabelRef(l))
		Label(l + "_end")
	}
	VZEROUPPER()
	RET()
}
