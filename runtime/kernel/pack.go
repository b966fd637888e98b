package kernel

import "unsafe"

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// alignedFloats returns n zeros starting on a cache line.
func alignedFloats(n int) []float32 {
	buf := make([]float32, n+15)
	skip := 0
	if n > 0 {
		skip = int(-uintptr(unsafe.Pointer(unsafe.SliceData(buf)))%64) / 4
	}
	return buf[skip : skip+n : skip+n]
}

// panelWidth is the number of columns of a packed panel at level l.
func panelWidth(l Level) int {
	if l == AVX512 {
		return 48
	}
	return 16
}

// packPanel copies rows k0..k1 and columns j0..j0+w of op(b) to dst, rows of nr
// values, and pads them with zeros.
func packPanel(dst []float32, nr int, b []float32, ldb int, trans bool, k0, k1, j0, w int) {
	if !trans {
		for k := k0; k < k1; k++ {
			d := dst[(k-k0)*nr:][:nr]
			copy(d, b[k*ldb+j0:][:w])
			clear(d[w:])
		}
		return
	}
	for k := k0; k < k1; k++ {
		clear(dst[(k-k0)*nr+w : (k-k0+1)*nr])
	}
	for j := range w {
		for k, v := range b[(j0+j)*ldb+k0:][:k1-k0] {
			dst[k*nr+j] = v
		}
	}
}
