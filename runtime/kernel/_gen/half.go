package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// halfFamily emits the conversions between float32 and the 16-bit floats, for whole vectors only.
func halfFamily() {
	convert("float16ToFloat32", "(dst *float32, x *uint16, n int)", func(v *simd, dst, x operand.Mem) {
		r := v.reg()
		VCVTPH2PS(x, r)
		VMOVUPS(r, dst)
	})
	convert("float32ToFloat16", "(dst *uint16, x *float32, n int)", func(v *simd, dst, x operand.Mem) {
		r := v.reg()
		VMOVUPS(x, r)
		VCVTPS2PH(operand.Imm(0), r, dst)
	})
	convert("bfloat16ToFloat32", "(dst *float32, x *uint16, n int)", func(v *simd, dst, x operand.Mem) {
		r := v.reg()
		VPMOVZXWD(x, r)
		VMOVUPS(v.shiftLeft(r, 16), dst)
	})
	convert("float32ToBFloat16", "(dst *uint16, x *float32, n int)", func(v *simd, dst, x operand.Mem) {
		r := v.copyOf(x)
		top := v.shiftRight(r, 16)
		rounded := v.addInt(v.addInt(v.andInt(top, v.bits(1)), r), v.bits(0x7fff))
		quiet := v.or(top, v.bits(0x40))
		y := v.choose(r, unord, r, quiet, v.shiftRight(rounded, 16))
		if v.wide {
			VPMOVDW(y, dst)
			return
		}
		y = v.andInt(y, v.bits(0xffff))
		packed := YMM()
		VPACKUSDW(y, y, packed)
		VPERMQ(operand.Imm(0x08), packed, packed)
		VMOVUPS(packed.AsX(), dst)
	})
}

// convert emits a loop over n elements, a positive multiple of the width.
func convert(name, args string, body func(v *simd, dst, x operand.Mem)) {
	both(name, args, "converts n elements, a positive multiple of the vector's width.", func(v *simd) {
		dst, x, n := pointer("dst"), pointer("x"), pointer("n")
		at := GP64()
		XORQ(at, at)
		top := v.label("loop")
		Label(top)
		size := map[bool]uint8{true: 4, false: 2}
		wideDst := args[len("(dst *")] == 'f'
		body(v, element(dst, at, size[wideDst]), element(x, at, size[!wideDst]))
		ADDQ(operand.U32(v.width()), at)
		CMPQ(at, n)
		JLT(operand.LabelRef(top))
	})
}

func element(p, index reg.Register, size uint8) operand.Mem {
	return operand.Mem{Base: p, Index: index, Scale: size}
}
