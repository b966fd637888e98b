package kernel

// gemmRef is the plain loop, the contract of all float32 products:
// c[i,j] = ep(alpha * sum_k a[i,k]*b[k,j] + beta*c[i,j]).
func gemmRef(m, n, k int, a []float32, lda int, transA bool, b []float32, ldb int, transB bool, alpha float32, c []float32, ldc int, beta float32, ep *Epilogue) {
	at := func(x []float32, ld int, trans bool, i, j int) float32 {
		if trans {
			return x[j*ld+i]
		}
		return x[i*ld+j]
	}
	for i := range m {
		row := c[i*ldc:][:n]
		for j := range row {
			var s float32
			for q := range k {
				s += float32(at(a, lda, transA, i, q) * at(b, ldb, transB, q, j))
			}
			s *= alpha
			if beta != 0 {
				s += float32(beta * row[j])
			}
			row[j] = s
		}
		ep.row(row, i*ldc, 0)
	}
}

// row applies the epilogue to the elements of C at offset off, which belong to
// the columns from col on.
func (ep *Epilogue) row(c []float32, off, col int) {
	if ep == nil {
		return
	}
	if ep.Bias != nil {
		Add(c, c, ep.Bias[col:][:len(c)])
	}
	ep.tail(c, off, false)
}

// tail is row without the bias and, if skipAct, without the activation.
func (ep *Epilogue) tail(c []float32, off int, skipAct bool) {
	if ep.Act != ActNone && !skipAct {
		Activate(ep.Act, c, c)
	}
	if ep.Mul != nil {
		Mul(c, c, ep.Mul[off:][:len(c)])
	}
	if ep.Add != nil {
		Add(c, c, ep.Add[off:][:len(c)])
	}
}

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
