package kernel

// CSRGemmRef is the plain form of [CSRGemv] and [CSRGemm].
func CSRGemmRef(dst []float32, a *CSR, x []float32, m int) {
	for t := range m {
		for r := range a.Rows {
			var s float64
			for i := a.RowPtr[r]; i < a.RowPtr[r+1]; i++ {
				s += float64(a.Val[i]) * float64(x[t*a.Cols+int(a.Col[i])])
			}
			dst[t*a.Rows+r] = float32(s)
		}
	}
}

func csrGemvGo(dst []float32, a *CSR, x []float32, lo, hi int) {
	for r := lo; r < hi; r++ {
		s, e := a.RowPtr[r], a.RowPtr[r+1]
		val := a.Val[s:e]
		var s0, s1 float32
		for i, c := range a.Col[s:e] {
			if i&1 == 0 {
				s0 += val[i] * x[c]
			} else {
				s1 += val[i] * x[c]
			}
		}
		dst[r] = s0 + s1
	}
}

func csrRowGo(acc []float32, col []int32, val []float32, xt []float32) {
	var odd [csrBlock]float32
	n := len(acc)
	clear(acc)
	for i, c := range col {
		to := acc
		if i&1 != 0 {
			to = odd[:n]
		}
		v := val[i]
		for t, u := range xt[int(c)*n:][:n] {
			to[t] += v * u
		}
	}
	for t := range acc {
		acc[t] += odd[t]
	}
}
