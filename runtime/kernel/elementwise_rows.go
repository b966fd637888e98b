package kernel

// rowGrain is the number of elements below which a range of rows is not worth handing to another thread.
const rowGrain = 16 << 10

// grainRows is rowGrain in rows of cols elements.
func grainRows(cols int) int { return max(1, rowGrain/max(cols, 1)) }

// ApplyRow sets dst[r,c] = x[r,c] op row[c] for x and dst [rows, cols], row-major and contiguous; with swap, row[c] op x[r,c]. dst may be x.
func ApplyRow(op BinaryOp, dst, x, row []float32, rows, cols int, swap bool, p *Pool) {
	dst, x, row = dst[:rows*cols], x[:rows*cols], row[:cols]
	p.For(rows, grainRows(cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			d, v := dst[r*cols:(r+1)*cols], x[r*cols:(r+1)*cols]
			if swap {
				binary(op, formVV, d, row, v, cols)
			} else {
				binary(op, formVV, d, v, row, cols)
			}
		}
	})
}

// ApplyCol sets dst[r,c] = x[r,c] op col[r] for x and dst [rows, cols], row-major and contiguous; with swap, col[r] op x[r,c]. dst may be x.
func ApplyCol(op BinaryOp, dst, x, col []float32, rows, cols int, swap bool, p *Pool) {
	dst, x, col = dst[:rows*cols], x[:rows*cols], col[:rows]
	p.For(rows, grainRows(cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			d, v := dst[r*cols:(r+1)*cols], x[r*cols:(r+1)*cols]
			if swap {
				binary(op, formSV, d, col[r:r+1], v, cols)
			} else {
				binary(op, formVS, d, v, col[r:r+1], cols)
			}
		}
	})
}
