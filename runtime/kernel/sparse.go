package kernel

// CSR is a sparse matrix by rows: the nonzeros of row r are Val[RowPtr[r]:RowPtr[r+1]] at columns Col[...], ascending.
type CSR struct {
	Rows, Cols int
	RowPtr     []int32
	Col        []int32
	Val        []float32
}

// NewCSR collects the nonzeros of a row-major matrix. A NaN is a nonzero; -0 is not.
func NewCSR(dense []float32, rows, cols int) *CSR {
	nnz := 0
	for _, v := range dense[:rows*cols] {
		if v != 0 {
			nnz++
		}
	}
	c := &CSR{Rows: rows, Cols: cols, RowPtr: make([]int32, rows+1), Col: make([]int32, 0, nnz), Val: make([]float32, 0, nnz)}
	for r := range rows {
		for j, v := range dense[r*cols:][:cols] {
			if v != 0 {
				c.Col = append(c.Col, int32(j))
				c.Val = append(c.Val, v)
			}
		}
		c.RowPtr[r+1] = int32(len(c.Val))
	}
	return c
}

// NNZ is the number of stored elements.
func (c *CSR) NNZ() int { return len(c.Val) }

// Bytes is the size of the stored matrix.
func (c *CSR) Bytes() int { return 4 * (len(c.RowPtr) + len(c.Col) + len(c.Val)) }

// Dense writes the matrix to dst, [Rows, Cols] row-major.
func (c *CSR) Dense(dst []float32) {
	clear(dst[:c.Rows*c.Cols])
	for r := range c.Rows {
		for i := c.RowPtr[r]; i < c.RowPtr[r+1]; i++ {
			dst[r*c.Cols+int(c.Col[i])] = c.Val[i]
		}
	}
}

// CSRGemv computes dst[r] = Σ_c A[r,c]*x[c]: x is [Cols], dst is [Rows].
func CSRGemv(dst []float32, a *CSR, x []float32, p *Pool) {
	dst, x = dst[:a.Rows], x[:a.Cols]
	p.For(a.Rows, csrGrain(a, 1), func(lo, hi int) {
		if !csrGemvFast(dst, a, x, lo, hi) {
			csrGemvGo(dst, a, x, lo, hi)
		}
	})
}

// CSRGemm computes dst[t,r] = Σ_c A[r,c]*x[t,c] for m tokens: x is [m, Cols], dst is [m, Rows], both row-major. Tokens are
// taken in blocks that are transposed first, so that one nonzero serves a vector of tokens. Every result is the sum
// of two chains, over the even and the odd nonzeros of the row, whatever m > 2; one or two tokens go to [CSRGemv].
func CSRGemm(dst []float32, a *CSR, x []float32, m int, p *Pool) {
	if m == 1 || m == 2 {
		for t := range m {
			CSRGemv(dst[t*a.Rows:], a, x[t*a.Cols:], p)
		}
		return
	}
	if m <= 0 || a.Rows == 0 {
		return
	}
	dst, x = dst[:m*a.Rows], x[:m*a.Cols]
	buf := getScratch(a.Cols * csrBlock)
	defer putScratch(buf)
	for t := 0; t < m; t += csrBlock {
		mb := min(csrBlock, m-t)
		pitch := padTo(mb, 16)
		xt := buf.f[:a.Cols*pitch]
		p.For(a.Cols, ceilDiv(grainFlops, pitch), func(lo, hi int) {
			transposeTokens(xt, pitch, x[t*a.Cols:], a.Cols, mb, lo, hi)
		})
		p.For(a.Rows, csrGrain(a, pitch), func(lo, hi int) {
			csrRows(dst[t*a.Rows:], a, xt, pitch, mb, lo, hi)
		})
	}
}

// csrBlock is the number of tokens of one transposed block.
const csrBlock = 64

// csrGrain is the number of rows worth another goroutine, for n tokens.
func csrGrain(a *CSR, n int) int {
	return max(16, int(int64(grainFlops)*int64(a.Rows)/(int64(len(a.Val)+1)*int64(n))))
}

// transposeTokens writes columns [lo, hi) of mb tokens as rows of pitch floats, zero beyond mb.
func transposeTokens(xt []float32, pitch int, x []float32, cols, mb, lo, hi int) {
	for c0 := lo; c0 < hi; c0 += 16 {
		c1 := min(c0+16, hi)
		for t := range mb {
			for c, v := range x[t*cols+c0 : t*cols+c1] {
				xt[(c0+c)*pitch+t] = v
			}
		}
		for c := c0; c < c1; c++ {
			clear(xt[c*pitch+mb : (c+1)*pitch])
		}
	}
}

// csrRows computes rows [lo, hi) for one block of tokens.
func csrRows(dst []float32, a *CSR, xt []float32, pitch, mb, lo, hi int) {
	var acc [16 * csrBlock]float32
	for r0 := lo; r0 < hi; r0 += 16 {
		n := min(16, hi-r0)
		for r := range n {
			s, e := a.RowPtr[r0+r], a.RowPtr[r0+r+1]
			row := acc[r*csrBlock:][:pitch]
			if s == e {
				clear(row)
				continue
			}
			if !csrRowFast(row, a.Col[s:e], a.Val[s:e], xt) {
				csrRowGo(row, a.Col[s:e], a.Val[s:e], xt)
			}
		}
		for t := range mb {
			out := dst[t*a.Rows+r0:][:n]
			for r := range out {
				out[r] = acc[r*csrBlock+t]
			}
		}
	}
}
