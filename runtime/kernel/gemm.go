package kernel

// Epilogue is work done on each finished part of C while it is in cache, in
// this order: c += Bias[column]; c = Act(c); c *= Mul; c += Add. Nil slices and
// ActNone are absent. Mul and Add have C's layout (same leading dimension) and
// must not overlap C.
type Epilogue struct {
	Bias     []float32
	Act      Act
	Mul, Add []float32
}

// PackedB is a K x N matrix laid out for Gemm: panels of NR columns, each
// stored as K rows of NR contiguous values, the last panel padded with zeros.
// NR is that of the level active when it was packed; every level can multiply
// by it. It is read-only after packing and may be shared.
type PackedB struct {
	K, N, NR int
	data     []float32 // [ceil(N/NR)][K][NR], 64-byte aligned
}

// Bytes returns the memory the panels take.
func (b *PackedB) Bytes() int { return 4 * len(b.data) }

// Panel returns the K x NR values of panel i, which holds the columns from
// i*NR on. The caller must not write to it.
func (b *PackedB) Panel(i int) []float32 {
	size := b.K * b.NR
	return b.data[i*size : (i+1)*size]
}

// Panels returns the number of panels.
func (b *PackedB) Panels() int {
	return ceilDiv(b.N, b.NR)
}

// PackB packs b, which is [k,n] with leading dimension ldb or, if trans is set,
// [n,k].
func PackB(k, n int, b []float32, ldb int, trans bool, p *Pool) *PackedB {
	nr := panelWidth(ActiveLevel())
	pb := &PackedB{K: k, N: n, NR: nr, data: alignedFloats(ceilDiv(n, nr) * nr * k)}
	p.For(pb.Panels(), 1+(1<<14)/(k*nr+1), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			packPanel(pb.Panel(i), nr, b, ldb, trans, 0, k, i*nr, min(nr, n-i*nr))
		}
	})
	return pb
}

// Unpack writes the matrix back into dst, [K,N] row-major without gaps.
func (b *PackedB) Unpack(dst []float32) {
	for i := range b.Panels() {
		w := min(b.NR, b.N-i*b.NR)
		for k, panel := 0, b.Panel(i); k < b.K; k++ {
			copy(dst[k*b.N+i*b.NR:][:w], panel[k*b.NR:])
		}
	}
}

// Gemm computes C = A*B, or C += A*B with accumulate, then applies ep (nil:
// nothing) to C. A is [m,B.K] with leading dimension lda, C is [m,B.N] with ldc.
//
// Each element of C is one chain of fused multiply-adds over k in ascending
// order (starting from the old C with accumulate), so its bits depend neither
// on m, nor on the number of threads, nor on which of AVX2 and AVX-512 runs; the
// portable code rounds the product before it adds.
func Gemm(m int, a []float32, lda int, b *PackedB, c []float32, ldc int, accumulate bool, ep *Epilogue, p *Pool) {
	gemmRef(m, b.N, b.K, a, lda, false, unpacked(b), b.N, false, 1, c, ldc, beta(accumulate), ep)
}

// GemmUnpacked computes C = alpha*op(A)*op(B) + beta*C, op being the transpose
// when transA or transB is set: op(A) is [m,k], op(B) is [k,n]. It packs what it
// must into scratch (nil: a pooled one). With beta 0 the old C is not read. The
// chain of each element is that of Gemm: scaled by alpha at the end if beta is
// 0, otherwise started from beta*C with alpha*A as the left factor.
func GemmUnpacked(m, n, k int, a []float32, lda int, transA bool, b []float32, ldb int, transB bool, alpha float32, c []float32, ldc int, beta float32, p *Pool, scratch *Scratch) {
	gemmRef(m, n, k, a, lda, transA, b, ldb, transB, alpha, c, ldc, beta, nil)
}

// BatchGemm computes batch independent products C = alpha*op(A)*op(B), matrix i
// starting at i*strideA, i*strideB and i*strideC. A stride of 0 shares the
// matrix. Work is split over the batch and over rows of C.
func BatchGemm(batch, m, n, k int, a []float32, strideA, lda int, transA bool, b []float32, strideB, ldb int, transB bool, alpha float32, c []float32, strideC, ldc int, p *Pool) {
	p.For(batch, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			gemmRef(m, n, k, a[i*strideA:], lda, transA, b[i*strideB:], ldb, transB, alpha, c[i*strideC:], ldc, 0, nil)
		}
	})
}

// Scratch is reusable memory for GemmUnpacked. The zero value is ready; it grows
// to what is needed and must not be used by two calls at once.
type Scratch struct{ buf []float32 }

func beta(accumulate bool) float32 {
	if accumulate {
		return 1
	}
	return 0
}

func unpacked(b *PackedB) []float32 {
	d := make([]float32, b.K*b.N)
	b.Unpack(d)
	return d
}
