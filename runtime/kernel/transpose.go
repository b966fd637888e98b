package kernel

// Transpose sets dst[c,r] = x[r,c] for x [rows, cols] with leading dimension ldx and dst [cols, rows] with leading dimension ldd.
// dst and x must not overlap.
func Transpose(dst []float32, ldd int, x []float32, ldx int, rows, cols int) {
	if rows == 0 || cols == 0 {
		return
	}
	_, _ = dst[(cols-1)*ldd+rows-1], x[(rows-1)*ldx+cols-1]
	if level := ActiveLevel(); level == Portable || !transposeAsm(level, dst, ldd, x, ldx, rows, cols) {
		transposeRef(dst, ldd, x, ldx, rows, cols)
	}
}

// TransposeLast swaps the last two dimensions: dst[b,c,r] = x[b,r,c] for x [batch, rows, cols], contiguous.
func TransposeLast(dst, x []float32, batch, rows, cols int, p *Pool) {
	size := rows * cols
	dst, x = dst[:batch*size], x[:batch*size]
	if size == 0 {
		return
	}
	if batch >= p.Threads() || size < rowGrain {
		p.For(batch, grainRows(size), func(lo, hi int) {
			for b := lo; b < hi; b++ {
				Transpose(dst[b*size:], rows, x[b*size:], cols, rows, cols)
			}
		})
		return
	}
	strips := (rows + transposeStrip - 1) / transposeStrip
	p.For(batch*strips, grainRows(transposeStrip*cols), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			b, r := i/strips, i%strips*transposeStrip
			Transpose(dst[b*size+r:], rows, x[b*size+r*cols:], cols, min(transposeStrip, rows-r), cols)
		}
	})
}

// transposeStrip is the number of rows of one piece of work; a multiple of the floats in a cache line, so that two threads do not
// write the same line where dst is aligned.
const transposeStrip = 64

// Transpose0213 swaps the middle dimensions: dst[a,c,b,d] = x[a,b,c,d] for x [a, b, c, d], contiguous: the split of heads in
// attention and its inverse.
func Transpose0213(dst, x []float32, a, b, c, d int, p *Pool) {
	dst, x = dst[:a*b*c*d], x[:a*b*c*d]
	if len(dst) == 0 {
		return
	}
	if d == 1 {
		TransposeLast(dst, x, a, b, c, p)
		return
	}
	p.For(a*c, grainRows(b*d), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			from, to := x[(i/c*b*c+i%c)*d:], dst[i*b*d:]
			for j := range b {
				copy(to[j*d:(j+1)*d], from[j*c*d:])
			}
		}
	})
}
