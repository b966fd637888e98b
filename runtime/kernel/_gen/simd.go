package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// V is one vector register.
type V = reg.VecVirtual

// simd writes vector code once for both widths: AVX2 with 8 floats a register, AVX-512 with 16. Its methods emit one operation each, with
// the same rounding at both widths.
type simd struct {
	wide    bool
	dry     bool // emit nothing, only note the constants
	consts  []uint32
	held    map[uint32]V // constants kept in registers
	tail    operand.Op   // mask of the last, partial vector: nil in full ones
	labels  int
	maxHeld int
	woven   *[]func() // where emit puts its operations, nil: into the function
}

// width is the number of floats in a register.
func (v *simd) width() int {
	if v.wide {
		return 16
	}
	return 8
}

func (v *simd) suffix() string {
	if v.wide {
		return "AVX512"
	}
	return "AVX2"
}

// reg is a fresh register.
func (v *simd) reg() V {
	if v.wide {
		return ZMM()
	}
	return YMM()
}

func (v *simd) label(name string) string {
	v.labels++
	return fmt.Sprintf("%s%d", name, v.labels)
}

// both emits a function at both widths: name is completed by the instruction set, args is what stands between its parentheses.
func both(name, args, doc string, body func(v *simd)) {
	for _, wide := range []bool{false, true} {
		v := &simd{wide: wide, held: map[uint32]V{}, maxHeld: 14}
		TEXT(name+v.suffix(), NOSPLIT, "func"+args)
		Pragma("noescape")
		Doc(name + v.suffix() + " " + doc)
		body(v)
		VZEROUPPER()
		RET()
	}
}

// constTable holds the constants of the file being written: 64 bytes each, the number repeated.
var constTable = map[uint32]operand.Mem{}

// bits is the memory operand of a constant: all lanes hold the bit pattern b.
func (v *simd) bits(b uint32) operand.Op {
	if r, ok := v.held[b]; ok {
		return r
	}
	if v.dry {
		v.held[b] = v.reg()
		v.consts = append(v.consts, b)
		return v.held[b]
	}
	m, ok := constTable[b]
	if !ok {
		m = GLOBL(fmt.Sprintf("lanes_%08x", b), RODATA|NOPTR)
		for i := range 16 {
			DATA(4*i, operand.U32(b))
		}
		constTable[b] = m
	}
	return m
}

// f is the operand of the constant x.
func (v *simd) f(x float64) operand.Op { return v.bits(math.Float32bits(float32(x))) }

// inReg is x itself when it is a register, else a register loaded with it.
func (v *simd) inReg(x operand.Op) operand.Op {
	if _, mem := x.(operand.Mem); !mem {
		return x
	}
	r := v.reg()
	v.emit(VMOVUPS, x, r)
	return r
}

// copyOf is a fresh register holding x.
func (v *simd) copyOf(x operand.Op) V {
	r := v.reg()
	v.emit(VMOVUPS, x, r)
	return r
}

func (v *simd) emit(f func(...operand.Op), ops ...operand.Op) {
	switch {
	case v.dry:
	case v.woven != nil:
		*v.woven = append(*v.woven, func() { f(ops...) })
	default:
		f(ops...)
	}
}

// weave emits body(0) to body(n-1) with their operations in turn, so that the chains of dependent operations run side by side. Operations
// of the same place keep the order of k.
func (v *simd) weave(n int, body func(k int)) {
	strands := make([][]func(), n)
	for k := range n {
		v.woven = &strands[k]
		body(k)
	}
	v.woven = nil
	for i := range strands[0] {
		for _, s := range strands {
			s[i]()
		}
	}
}

// hold runs body once without emitting and then, at AVX-512, keeps in registers the constants it asked for, as many as maxHeld.
func (v *simd) hold(body func()) {
	given := v.held
	v.held, v.dry = map[uint32]V{}, true
	for b, r := range given {
		v.held[b] = r
	}
	body()
	v.held, v.dry = given, false
	if !v.wide {
		return
	}
	for i, b := range v.consts {
		if i == v.maxHeld {
			break
		}
		r := v.reg()
		v.emit(VMOVUPS, v.bits(b), r)
		v.held[b] = r
	}
}

// param is a float parameter of the function, in all lanes.
func (v *simd) param(name string) V {
	c, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	r := v.reg()
	VBROADCASTSS(c.Addr, r)
	return r
}

// at is the k-th vector after the pointer p.
func (v *simd) at(p reg.Register, k int) operand.Mem {
	return operand.Mem{Base: p, Disp: 4 * k * v.width()}
}

// load reads the k-th vector after p; in the tail, the elements past the end read as zero.
func (v *simd) load(p reg.Register, k int) V {
	r := v.reg()
	switch {
	case v.tail == nil:
		v.emit(VMOVUPS, v.at(p, k), r)
	case v.wide:
		v.emit(three(VMOVUPS_Z), v.at(p, k), v.tail, r)
	default:
		v.emit(three(VMASKMOVPS), v.at(p, k), v.tail, r)
	}
	return r
}

// store writes the k-th vector after p; in the tail, only the elements before the end.
func (v *simd) store(x V, p reg.Register, k int) {
	switch {
	case v.tail == nil:
		v.emit(VMOVUPS, x, v.at(p, k))
	case v.wide:
		v.emit(VMOVUPS, x, v.tail, v.at(p, k))
	default:
		v.emit(three(VMASKMOVPS), x, v.tail, v.at(p, k))
	}
}

// keepTail is x with the elements past the end replaced by other; outside the tail, x.
func (v *simd) keepTail(x V, other operand.Op) V {
	if v.tail == nil {
		return x
	}
	r := v.reg()
	if v.wide {
		v.emit(VBLENDMPS, x, v.inReg(other), v.tail, r)
	} else {
		v.emit(four(VBLENDVPS), v.tail, x, v.inReg(other), r)
	}
	return r
}

// tailMask makes the mask of the first n elements, 0 < n < width.
func (v *simd) tailMask(n reg.GPVirtual) operand.Op {
	if v.wide {
		ones := GP32()
		MOVL(operand.U32(0xffffffff), ones)
		BZHIL(n.As32(), ones, ones)
		k := K()
		KMOVW(ones, k)
		return k
	}
	if tailTable == nil {
		m := GLOBL("lanes_tail", RODATA|NOPTR)
		for i := range 16 {
			b := uint32(0)
			if i < 8 {
				b = 0xffffffff
			}
			DATA(4*i, operand.U32(b))
		}
		tailTable = &m
	}
	base, mask := GP64(), YMM()
	LEAQ(tailTable.Offset(32), base)
	at := GP64()
	MOVQ(n, at)
	NEGQ(at)
	VMOVUPS(operand.Mem{Base: base, Index: at, Scale: 4}, mask)
	return mask
}

var tailTable *operand.Mem

// stream walks n elements behind the pointers: body(k) handles the k-th vector from them, or in the tail the partial one. n and the
// pointers are used up. unroll is the number of vectors a turn: 2, woven, for long chains of operations, 4 for short ones.
func (v *simd) stream(n reg.GPVirtual, pointers []reg.Register, unroll int, body func(k int)) {
	v.hold(func() { body(0) })
	done := v.label("done")
	if unroll > 1 {
		v.loop(n, pointers, unroll, body)
	}
	v.loop(n, pointers, 1, body)
	TESTQ(n, n)
	JZ(operand.LabelRef(done))
	v.tail = v.tailMask(n)
	body(0)
	v.tail = nil
	Label(done)
}

func (v *simd) loop(n reg.GPVirtual, pointers []reg.Register, unroll int, body func(k int)) {
	step := unroll * v.width()
	top, end := v.label("loop"), v.label("end")
	CMPQ(n, operand.U32(step))
	JLT(operand.LabelRef(end))
	Label(top)
	if unroll == 2 {
		v.weave(unroll, body)
	} else {
		for k := range unroll {
			body(k)
		}
	}
	v.advance(n, pointers, step)
	CMPQ(n, operand.U32(step))
	JGE(operand.LabelRef(top))
	Label(end)
}

func (v *simd) advance(n reg.GPVirtual, pointers []reg.Register, step int) {
	for _, p := range pointers {
		ADDQ(operand.U32(4*step), p)
	}
	SUBQ(operand.U32(step), n)
}

// pointer loads a pointer or integer parameter.
func pointer(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
