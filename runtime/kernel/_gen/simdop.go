package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

// The operations of simd. Operands may be registers or constants (v.f, v.bits); results are fresh registers.

func (v *simd) two(f func(...operand.Op), a, b operand.Op) V {
	r := v.reg()
	v.emit(f, b, v.inReg(a), r) // the second source may lie in memory
	return r
}

func (v *simd) add(a, b operand.Op) V { return v.two(VADDPS, a, b) }
func (v *simd) sub(a, b operand.Op) V { return v.two(VSUBPS, a, b) }
func (v *simd) mul(a, b operand.Op) V { return v.two(VMULPS, a, b) }
func (v *simd) div(a, b operand.Op) V { return v.two(VDIVPS, a, b) }

// max and min give the second operand when either is NaN or both are zero.
func (v *simd) max(a, b operand.Op) V { return v.two(VMAXPS, a, b) }
func (v *simd) min(a, b operand.Op) V { return v.two(VMINPS, a, b) }
func (v *simd) and(a, b operand.Op) V { return v.two(VANDPS, a, b) }
func (v *simd) xor(a, b operand.Op) V { return v.two(VXORPS, a, b) }
func (v *simd) or(a, b operand.Op) V  { return v.two(VORPS, a, b) }

// fma is a*b + c rounded once.
func (v *simd) fma(a, b, c operand.Op) V {
	r := v.copyOf(a)
	v.fmaInto(r, b, c)
	return r
}

// fmaInto sets acc = acc*b + c.
func (v *simd) fmaInto(acc V, b, c operand.Op) { v.emit(VFMADD213PS, c, v.inReg(b), acc) }

// fmaTo sets acc = a*b + acc.
func (v *simd) fmaTo(acc V, a, b operand.Op) { v.emit(VFMADD231PS, b, v.inReg(a), acc) }

// fnma is c - a*b rounded once.
func (v *simd) fnma(a, b, c operand.Op) V {
	r := v.copyOf(a)
	v.emit(VFNMADD213PS, c, v.inReg(b), r)
	return r
}

func (v *simd) sqrt(a operand.Op) V {
	r := v.reg()
	v.emit(VSQRTPS, a, r)
	return r
}

func (v *simd) abs(a operand.Op) V { return v.and(a, v.bits(0x7fffffff)) }
func (v *simd) neg(a operand.Op) V { return v.xor(a, v.bits(0x80000000)) }

// The rounding directions of round.
const (
	nearest = 8
	down    = 9
	up      = 10
)

func (v *simd) round(mode uint8, a operand.Op) V {
	r := v.reg()
	if v.wide {
		v.emit(VRNDSCALEPS, operand.Imm(uint64(mode)), a, r)
	} else {
		v.emit(three(VROUNDPS), operand.Imm(uint64(mode)), a, r)
	}
	return r
}

// three and four make instructions of fixed arity fit emit.
func three(f func(a, b, c operand.Op)) func(...operand.Op) {
	return func(o ...operand.Op) { f(o[0], o[1], o[2]) }
}

func four(f func(a, b, c, d operand.Op)) func(...operand.Op) {
	return func(o ...operand.Op) { f(o[0], o[1], o[2], o[3]) }
}

// The comparisons of choose, as VCMPPS numbers them; all but unord and notLess are false on NaN.
const (
	equal     = 0
	less      = 1
	lessEqual = 2
	unord     = 3
	notLess   = 5
	greaterEq = 13
)

// choose is yes where a cmp b holds, else no.
func (v *simd) choose(a operand.Op, cmp uint8, b, yes, no operand.Op) V {
	r := v.reg()
	if v.wide {
		k := K()
		v.emit(VCMPPS, operand.Imm(uint64(cmp)), b, v.inReg(a), k)
		v.emit(VBLENDMPS, yes, v.inReg(no), k, r)
		return r
	}
	m := v.reg()
	v.emit(VCMPPS, operand.Imm(uint64(cmp)), b, v.inReg(a), m)
	v.emit(four(VBLENDVPS), m, yes, v.inReg(no), r)
	return r
}

// Integer operations on the lanes' bit patterns.

func (v *simd) addInt(a, b operand.Op) V { return v.two(VPADDD, a, b) }
func (v *simd) subInt(a, b operand.Op) V { return v.two(VPSUBD, a, b) }

func (v *simd) andInt(a, b operand.Op) V {
	if v.wide {
		return v.two(VPANDD, a, b)
	}
	return v.two(three(VPAND), a, b)
}

func (v *simd) shiftLeft(a V, n uint64) V {
	r := v.reg()
	v.emit(VPSLLD, operand.Imm(n), a, r)
	return r
}

// shiftRight keeps the sign.
func (v *simd) shiftRight(a V, n uint64) V {
	r := v.reg()
	v.emit(VPSRAD, operand.Imm(n), a, r)
	return r
}

func (v *simd) fromInt(a V) V {
	r := v.reg()
	v.emit(VCVTDQ2PS, a, r)
	return r
}
