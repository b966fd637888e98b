package kernel

func normApplyRef(dst, x []float32, mean, inv float32, gamma, beta []float32) {
	for i, v := range x {
		y := (v - mean) * inv
		switch {
		case gamma != nil && beta != nil:
			y = fmaf(y, gamma[i], beta[i])
		case gamma != nil:
			y *= gamma[i]
		}
		dst[i] = y
	}
}
