package kernel

// GemmF64 computes C = alpha*op(A)*op(B) + beta*C in float64 with plain loops;
// arguments as for GemmUnpacked.
func GemmF64(m, n, k int, a []float64, lda int, transA bool, b []float64, ldb int, transB bool, alpha float64, c []float64, ldc int, beta float64, p *Pool) {
	p.For(m, 1+(1<<12)/(n*k+1), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			gemmF64Row(i, n, k, a, lda, transA, b, ldb, transB, alpha, c[i*ldc:][:n], beta)
		}
	})
}

func gemmF64Row(i, n, k int, a []float64, lda int, transA bool, b []float64, ldb int, transB bool, alpha float64, row []float64, beta float64) {
	if beta == 0 {
		clear(row)
	} else {
		for j := range row {
			row[j] *= beta
		}
	}
	for q := range k {
		x := alpha
		if transA {
			x *= a[q*lda+i]
		} else {
			x *= a[i*lda+q]
		}
		if transB {
			for j := range row {
				row[j] += x * b[j*ldb+q]
			}
			continue
		}
		for j, v := range b[q*ldb:][:n] {
			row[j] += x * v
		}
	}
}
