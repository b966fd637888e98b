package kernel

func transposeRef(dst []float32, ldd int, x []float32, ldx int, rows, cols int) {
	const block = 16
	for r0 := 0; r0 < rows; r0 += block {
		for c0 := 0; c0 < cols; c0 += block {
			for r := r0; r < min(r0+block, rows); r++ {
				for c := c0; c < min(c0+block, cols); c++ {
					dst[c*ldd+r] = x[r*ldx+c]
				}
			}
		}
	}
}
