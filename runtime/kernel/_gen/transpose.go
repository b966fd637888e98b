package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

// transposeFamily emits the transposition of matrices made of whole blocks, 8x8 at AVX2 and 16x16 at AVX-512.
func transposeFamily() {
	both("transposeBlocks", "(dst *float32, ldd int, x *float32, ldx, rows, cols int)",
		"transposes x [rows, cols] into dst [cols, rows]; rows and cols are positive multiples of the block.", func(v *simd) {
			dst, ldd, x, ldx := pointer("dst"), pointer("ldd"), pointer("x"), pointer("ldx")
			rows, cols := pointer("rows"), pointer("cols")
			SHLQ(operand.Imm(2), ldd)
			SHLQ(operand.Imm(2), ldx)
			b := v.width()
			from, to, left := GP64(), GP64(), GP64()
			across, down := v.label("across"), v.label("down")
			Label(across)
			MOVQ(x, from)
			MOVQ(dst, to)
			MOVQ(rows, left)
			Label(down)
			block := make([]V, b)
			for i := range block {
				block[i] = v.reg()
				VMOVUPS(operand.Mem{Base: from}, block[i])
				ADDQ(ldx, from)
			}
			at := GP64()
			MOVQ(to, at)
			for _, r := range v.transpose(block) {
				VMOVUPS(r, operand.Mem{Base: at})
				ADDQ(ldd, at)
			}
			ADDQ(operand.U32(4*b), to)
			SUBQ(operand.U32(b), left)
			JNZ(operand.LabelRef(down))
			ADDQ(operand.U32(4*b), x)
			stride := GP64()
			MOVQ(ldd, stride)
			SHLQ(operand.Imm(log2(b)), stride)
			ADDQ(stride, dst)
			SUBQ(operand.U32(b), cols)
			JNZ(operand.LabelRef(across))
		})
}

func log2(n int) (k uint64) {
	for ; n > 1; n /= 2 {
		k++
	}
	return k
}

// transpose returns the columns of the block whose rows r holds.
func (v *simd) transpose(r []V) []V {
	n := len(r)
	pair := func(f func(...operand.Op), a, b V) V {
		y := v.reg()
		f(b, a, y)
		return y
	}
	// 2x2 blocks within each 128 bits: t[2i], t[2i+1] hold the low and high pairs of rows 2i and 2i+1.
	t := make([]V, n)
	for i := 0; i < n; i += 2 {
		t[i], t[i+1] = pair(VUNPCKLPS, r[i], r[i+1]), pair(VUNPCKHPS, r[i], r[i+1])
	}
	// 4x4 blocks: u[4i+j] holds column j (of each 128 bits) of rows 4i..4i+3.
	u := make([]V, n)
	for i := 0; i < n; i += 4 {
		u[i], u[i+1] = pair(VUNPCKLPD, t[i], t[i+2]), pair(VUNPCKHPD, t[i], t[i+2])
		u[i+2], u[i+3] = pair(VUNPCKLPD, t[i+1], t[i+3]), pair(VUNPCKHPD, t[i+1], t[i+3])
	}
	out := make([]V, n)
	lanes := func(f func(i, m, x, y operand.Op), imm uint64, a, b V) V {
		y := v.reg()
		f(operand.Imm(imm), b, a, y)
		return y
	}
	if !v.wide {
		for j := range 4 {
			out[j] = lanes(VPERM2F128, 0x20, u[j], u[4+j])
			out[4+j] = lanes(VPERM2F128, 0x31, u[j], u[4+j])
		}
		return out
	}
	shuffle := func(i, m, x, y operand.Op) { VSHUFF32X4(i, m, x, y) }
	for j := range 4 {
		// 128-bit lanes: p holds lanes 0, 2 of both, q lanes 1, 3.
		p0, q0 := lanes(shuffle, 0x88, u[j], u[4+j]), lanes(shuffle, 0xdd, u[j], u[4+j])
		p1, q1 := lanes(shuffle, 0x88, u[8+j], u[12+j]), lanes(shuffle, 0xdd, u[8+j], u[12+j])
		out[j], out[8+j] = lanes(shuffle, 0x88, p0, p1), lanes(shuffle, 0xdd, p0, p1)
		out[4+j], out[12+j] = lanes(shuffle, 0x88, q0, q1), lanes(shuffle, 0xdd, q0, q1)
	}
	return out
}
