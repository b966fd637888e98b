//go:build amd64 && !noasm

package kernel

// transposeAsm does the part made of whole blocks with the vector kernels, the edges with the reference.
func transposeAsm(level Level, dst []float32, ldd int, x []float32, ldx, rows, cols int) bool {
	block := halfWidth(level)
	if rows < 8 || cols < 8 {
		return false
	}
	r, c := rows&^(block-1), cols&^(block-1)
	if r > 0 && c > 0 {
		for r0 := 0; r0 < r; r0 += transposeStrip {
			strip := min(transposeStrip, r-r0)
			if level >= AVX512 {
				transposeBlocksAVX512(&dst[r0], ldd, &x[r0*ldx], ldx, strip, c)
			} else {
				transposeBlocksAVX2(&dst[r0], ldd, &x[r0*ldx], ldx, strip, c)
			}
		}
	} else {
		r, c = 0, cols // no whole block: all rows are the lower edge
	}
	if r > 0 && c < cols {
		transposeEdge(level, dst[c*ldd:], ldd, x[c:], ldx, r, cols-c)
	}
	if r < rows {
		transposeEdge(level, dst[r:], ldd, x[r*ldx:], ldx, rows-r, cols)
	}
	return true
}

// transposeEdge transposes a strip less than a block wide or high: in smaller blocks where there are any.
func transposeEdge(level Level, dst []float32, ldd int, x []float32, ldx, rows, cols int) {
	if level < AVX512 || !transposeAsm(AVX2, dst, ldd, x, ldx, rows, cols) {
		transposeRef(dst, ldd, x, ldx, rows, cols)
	}
}
