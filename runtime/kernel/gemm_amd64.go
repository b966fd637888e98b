//go:build !noasm

package kernel

import "unsafe"

// The layout the assembly relies on; a constant that is not zero does not compile.
const (
	_ = -(unsafe.Offsetof(tile{}.a) ^ 0)
	_ = -(unsafe.Offsetof(tile{}.lda) ^ 8)
	_ = -(unsafe.Offsetof(tile{}.b) ^ 16)
	_ = -(unsafe.Offsetof(tile{}.ldb) ^ 24)
	_ = -(unsafe.Offsetof(tile{}.c) ^ 32)
	_ = -(unsafe.Offsetof(tile{}.ldc) ^ 40)
	_ = -(unsafe.Offsetof(tile{}.k) ^ 48)
	_ = -(unsafe.Offsetof(tile{}.mask) ^ 56)
	_ = -(unsafe.Offsetof(tile{}.masks) ^ 64)
	_ = -(unsafe.Offsetof(tile{}.bias) ^ 72)
	_ = -(unsafe.Offsetof(tile{}.rowBias) ^ 80)
	_ = -(unsafe.Offsetof(tile{}.flags) ^ 88)
	_ = -(unsafe.Offsetof(tile{}.alpha) ^ 96)
)

// tileAsm runs the tile kernel for mr rows.
func tileAsm(l Level, mr int, t *tile) {
	p := (*byte)(unsafe.Pointer(t))
	if l == AVX512 {
		tile512(mr, ceilDiv(t.cols, 16), p)
		return
	}
	tile256(mr, ceilDiv(t.cols, 8), t.cols%8 != 0, p)
}

func tile512(mr, nv int, p *byte) {
	switch 3*mr + nv {
	case 3*1 + 1:
		tile512_1x1(p)
	case 3*1 + 2:
		tile512_1x2(p)
	case 3*1 + 3:
		tile512_1x3(p)
	case 3*2 + 1:
		tile512_2x1(p)
	case 3*2 + 2:
		tile512_2x2(p)
	case 3*2 + 3:
		tile512_2x3(p)
	case 3*3 + 1:
		tile512_3x1(p)
	case 3*3 + 2:
		tile512_3x2(p)
	case 3*3 + 3:
		tile512_3x3(p)
	case 3*4 + 1:
		tile512_4x1(p)
	case 3*4 + 2:
		tile512_4x2(p)
	case 3*4 + 3:
		tile512_4x3(p)
	case 3*5 + 1:
		tile512_5x1(p)
	case 3*5 + 2:
		tile512_5x2(p)
	case 3*5 + 3:
		tile512_5x3(p)
	case 3*6 + 1:
		tile512_6x1(p)
	case 3*6 + 2:
		tile512_6x2(p)
	case 3*6 + 3:
		tile512_6x3(p)
	case 3*7 + 1:
		tile512_7x1(p)
	case 3*7 + 2:
		tile512_7x2(p)
	case 3*7 + 3:
		tile512_7x3(p)
	case 3*8 + 1:
		tile512_8x1(p)
	case 3*8 + 2:
		tile512_8x2(p)
	case 3*8 + 3:
		tile512_8x3(p)
	}
}

func tile256(mr, nv int, masked bool, p *byte) {
	sel := 16*mr + 2*nv
	if masked {
		sel++
	}
	switch sel {
	case 16*1 + 2*1:
		tile256_1x1(p)
	case 16*1 + 2*1 + 1:
		tile256_1x1m(p)
	case 16*1 + 2*2:
		tile256_1x2(p)
	case 16*1 + 2*2 + 1:
		tile256_1x2m(p)
	case 16*1 + 2*3:
		tile256_1x3(p)
	case 16*1 + 2*3 + 1:
		tile256_1x3m(p)
	case 16*1 + 2*4:
		tile256_1x4(p)
	case 16*1 + 2*4 + 1:
		tile256_1x4m(p)
	case 16*1 + 2*5:
		tile256_1x5(p)
	case 16*1 + 2*5 + 1:
		tile256_1x5m(p)
	case 16*1 + 2*6:
		tile256_1x6(p)
	case 16*1 + 2*6 + 1:
		tile256_1x6m(p)
	case 16*2 + 2*1:
		tile256_2x1(p)
	case 16*2 + 2*1 + 1:
		tile256_2x1m(p)
	case 16*2 + 2*2:
		tile256_2x2(p)
	case 16*2 + 2*2 + 1:
		tile256_2x2m(p)
	case 16*2 + 2*3:
		tile256_2x3(p)
	case 16*2 + 2*3 + 1:
		tile256_2x3m(p)
	case 16*2 + 2*4:
		tile256_2x4(p)
	case 16*2 + 2*4 + 1:
		tile256_2x4m(p)
	case 16*2 + 2*5:
		tile256_2x5(p)
	case 16*2 + 2*5 + 1:
		tile256_2x5m(p)
	case 16*2 + 2*6:
		tile256_2x6(p)
	case 16*2 + 2*6 + 1:
		tile256_2x6m(p)
	case 16*3 + 2*1:
		tile256_3x1(p)
	case 16*3 + 2*1 + 1:
		tile256_3x1m(p)
	case 16*3 + 2*2:
		tile256_3x2(p)
	case 16*3 + 2*2 + 1:
		tile256_3x2m(p)
	case 16*3 + 2*3:
		tile256_3x3(p)
	case 16*3 + 2*3 + 1:
		tile256_3x3m(p)
	case 16*4 + 2*1:
		tile256_4x1(p)
	case 16*4 + 2*1 + 1:
		tile256_4x1m(p)
	case 16*4 + 2*2:
		tile256_4x2(p)
	case 16*4 + 2*2 + 1:
		tile256_4x2m(p)
	case 16*4 + 2*3:
		tile256_4x3(p)
	case 16*4 + 2*3 + 1:
		tile256_4x3m(p)
	case 16*5 + 2*1:
		tile256_5x1(p)
	case 16*5 + 2*1 + 1:
		tile256_5x1m(p)
	case 16*5 + 2*2:
		tile256_5x2(p)
	case 16*5 + 2*2 + 1:
		tile256_5x2m(p)
	case 16*6 + 2*1:
		tile256_6x1(p)
	case 16*6 + 2*1 + 1:
		tile256_6x1m(p)
	case 16*6 + 2*2:
		tile256_6x2(p)
	case 16*6 + 2*2 + 1:
		tile256_6x2m(p)
	}
}

// gemvAsm computes dst = x*B, or dst += x*B with load, for the first one or two
// of the packed panels at b, and returns how many.
func gemvAsm(l Level, x, b []float32, panels int, dst []float32, load bool) int {
	k := len(x)
	panel, flag := 4*k*panelWidth, 0
	if load {
		flag = 1
	}
	_ = dst[panelWidth-1]
	switch {
	case l == AVX2:
		gemv256_1x6(k, &x[0], &b[0], panel, &dst[0], flag)
	case panels > 1 && k <= pairRows:
		gemv512_2x3(k, &x[0], &b[0], panel, &dst[0], flag)
		return 2
	default:
		gemv512_1x3(k, &x[0], &b[0], panel, &dst[0], flag)
	}
	return 1
}

// pairRows is the height up to which two panels are read together: more sums in
// flight, while two long streams from memory are no faster than one.
const pairRows = 512
