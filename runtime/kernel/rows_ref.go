package kernel

// DotRowsRef is the plain form of [DotRows]: one running sum in float64.
func DotRowsRef(dst, x []float32, w []float32, rows, cols int, idx []int32, bias []float32) {
	n := rows
	if idx != nil {
		n = len(idx)
	}
	for i := range n {
		r := i
		if idx != nil {
			r = int(idx[i])
		}
		var s float64
		for j := range cols {
			s += float64(x[j]) * float64(w[r*cols+j])
		}
		if bias != nil {
			s += float64(bias[r])
		}
		dst[i] = float32(s)
	}
}

// AxpyRowsRef is the plain form of [AxpyRows].
func AxpyRowsRef(dst []float32, w []float32, cols int, idx []int32, coef []float32) {
	for j := range cols {
		s := float64(dst[j])
		for i, r := range idx {
			s += float64(coef[i]) * float64(w[int(r)*cols+j])
		}
		dst[j] = float32(s)
	}
}

// dotGo is the portable dot product: four partial sums.
func dotGo(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	j := 0
	for ; j+4 <= len(a); j += 4 {
		s0 += a[j] * b[j]
		s1 += a[j+1] * b[j+1]
		s2 += a[j+2] * b[j+2]
		s3 += a[j+3] * b[j+3]
	}
	for ; j < len(a); j++ {
		s0 += a[j] * b[j]
	}
	return (s0 + s2) + (s1 + s3)
}

func axpyListGo(y, w []float32, ldw int, idx []int32, coef []float32) {
	for i, r := range idx {
		c, row := coef[i], w[int(r)*ldw:][:len(y)]
		for j, v := range row {
			y[j] += float32(c * v)
		}
	}
}
