package kernel

// Gemm computes C = A*B, or C += A*B with accumulate, then applies ep (nil:
// nothing) to C. A is [m,B.K] with leading dimension lda, C is [m,B.N] with ldc.
//
// Each element of C is one chain of fused multiply-adds over k in ascending
// order (starting from the old C with accumulate), so its bits depend neither
// on m, nor on the number of threads, nor on which of AVX2 and AVX-512 runs; the
// portable code rounds the product before it adds.
func Gemm(m int, a []float32, lda int, b *PackedB, c []float32, ldc int, accumulate bool, ep *Epilogue, p *Pool) {
	checkMatrix(a, m, b.K, lda)
	checkMatrix(c, m, b.N, ldc)
	if ep != nil && ep.Bias != nil {
		_ = ep.Bias[:b.N]
	}
	g := product{
		level: ActiveLevel(), m: m, n: b.N, k: b.K,
		a: a, lda: lda, b: matrixB{data: b.data, packed: true, rows: b.K},
		c: c, ldc: ldc, alpha: 1, ep: ep,
	}
	if accumulate {
		g.beta = 1
	}
	switch {
	case g.trivial():
	case m == 1:
		g.gemv(p)
	default:
		g.run(g.all(), p)
	}
}

// GemmUnpacked computes C = alpha*op(A)*op(B) + beta*C, op being the transpose
// when transA or transB is set: op(A) is [m,k], op(B) is [k,n]. It packs what it
// must into scratch (nil: a pooled one). With beta 0 the old C is not read. The
// chain of each element is that of Gemm: scaled by alpha at the end if beta is
// 0, otherwise started from beta*C with alpha*A as the left factor.
func GemmUnpacked(m, n, k int, a []float32, lda int, transA bool, b []float32, ldb int, transB bool, alpha float32, c []float32, ldc int, beta float32, p *Pool, scratch *Scratch) {
	checkOperands(m, n, k, a, lda, transA, b, ldb, transB, c, ldc)
	g := product{
		level: ActiveLevel(), m: m, n: n, k: k,
		a: a, lda: lda, transA: transA,
		c: c, ldc: ldc, alpha: alpha, beta: beta,
	}
	if g.trivial() {
		return
	}
	if scratch == nil {
		scratch = scratches.Get().(*Scratch)
		defer scratches.Put(scratch)
	}
	g.packAndRun(b, ldb, transB, p, scratch)
}

// BatchGemm computes batch independent products C = alpha*op(A)*op(B), matrix i
// starting at i*strideA, i*strideB and i*strideC. A stride of 0 shares the
// matrix. Work is split over the batch and over parts of C.
func BatchGemm(batch, m, n, k int, a []float32, strideA, lda int, transA bool, b []float32, strideB, ldb int, transB bool, alpha float32, c []float32, strideC, ldc int, p *Pool) {
	if batch > 1 && strideB == 0 && !transA && strideA == m*lda && strideC == m*ldc {
		batch, m = 1, batch*m
	}
	if batch == 1 {
		GemmUnpacked(m, n, k, a, lda, transA, b, ldb, transB, alpha, c, ldc, 0, p, nil)
		return
	}
	if batch > 0 {
		last := batch - 1
		checkOperands(m, n, k, a[last*strideA:], lda, transA, b[last*strideB:], ldb, transB, c[last*strideC:], ldc)
	}
	g := product{level: ActiveLevel(), m: m, n: n, k: k, lda: lda, transA: transA, ldc: ldc, alpha: alpha}
	if m <= 0 || n <= 0 || k <= 0 {
		for i := range batch {
			g.c = c[i*strideC:]
			g.trivial()
		}
		return
	}
	g.runBatch(batch, a, strideA, b, strideB, ldb, transB, c, strideC, p)
}

// trivial does products without a sum and reports whether this was one.
func (g *product) trivial() bool {
	if g.m <= 0 || g.n <= 0 {
		return true
	}
	if g.k > 0 {
		return false
	}
	for i := range g.m {
		row := g.c[i*g.ldc:][:g.n]
		switch g.beta {
		case 0:
			clear(row)
		case 1:
		default:
			Scale(row, row, g.beta)
		}
		g.ep.row(row, i*g.ldc, 0)
	}
	return true
}

// checkMatrix panics if x is too short for a rows x cols matrix: the assembly
// does not look.
func checkMatrix(x []float32, rows, cols, ld int) {
	if rows > 0 && cols > 0 {
		_ = x[(rows-1)*ld+cols-1]
	}
}

func checkOperands(m, n, k int, a []float32, lda int, transA bool, b []float32, ldb int, transB bool, c []float32, ldc int) {
	if m <= 0 || n <= 0 {
		return
	}
	if transA {
		checkMatrix(a, k, m, lda)
	} else {
		checkMatrix(a, m, k, lda)
	}
	if transB {
		checkMatrix(b, n, k, ldb)
	} else {
		checkMatrix(b, k, n, ldb)
	}
	checkMatrix(c, m, n, ldc)
}
