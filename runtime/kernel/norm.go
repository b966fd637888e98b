package kernel

import "math"

// LayerNorm sets dst[r,c] = (x[r,c]-mean_r) * invstd_r * gamma[c] + beta[c], for x and dst [rows, cols] row-major and contiguous, with
// mean_r the row's mean and invstd_r = 1/√(population variance + eps). gamma and beta are [cols] or nil. dst may be x.
// The variance is summed over squared deviations from the rounded mean (two passes), so large means do not cancel.
func LayerNorm(dst, x []float32, rows, cols int, gamma, beta []float32, eps float32, p *Pool) {
	LayerNormStats(dst, x, rows, cols, gamma, beta, eps, nil, nil, p)
}

// LayerNormStats is LayerNorm that also stores mean_r and invstd_r, each [rows] or nil.
func LayerNormStats(dst, x []float32, rows, cols int, gamma, beta []float32, eps float32, mean, invStd []float32, p *Pool) {
	n := norm{cols: cols, gamma: gamma, beta: beta, eps: eps}
	dst, x = dst[:rows*cols], x[:rows*cols]
	p.For(rows, grainRows(2*cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			m, s := n.layerRow(dst[r*cols:(r+1)*cols], x[r*cols:(r+1)*cols])
			store(mean, r, m)
			store(invStd, r, s)
		}
	})
}

// AddLayerNorm sets sum = a + b and dst = LayerNorm(sum), all [rows, cols]: the residual connection before a normalisation. sum may be
// a or b, and nil when only dst is wanted. dst may be a, b or sum.
func AddLayerNorm(dst, sum, a, b []float32, rows, cols int, gamma, beta []float32, eps float32, p *Pool) {
	if sum == nil {
		sum = dst
	}
	n := norm{cols: cols, gamma: gamma, beta: beta, eps: eps}
	p.For(rows, grainRows(2*cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			i, j := r*cols, (r+1)*cols
			n.layerSum(dst[i:j], sum[i:j], addReduce(redSum, sum[i:j], a[i:j], b[i:j]))
		}
	})
}

// RMSNorm sets dst[r,c] = x[r,c] * invrms_r * gamma[c] with invrms_r = 1/√(mean of squares + eps); shapes and aliasing as in LayerNorm.
func RMSNorm(dst, x []float32, rows, cols int, gamma []float32, eps float32, p *Pool) {
	RMSNormStats(dst, x, rows, cols, gamma, eps, nil, p)
}

// RMSNormStats is RMSNorm that also stores invrms_r, [rows] or nil.
func RMSNormStats(dst, x []float32, rows, cols int, gamma []float32, eps float32, invRMS []float32, p *Pool) {
	n := norm{cols: cols, gamma: gamma, eps: eps}
	dst, x = dst[:rows*cols], x[:rows*cols]
	p.For(rows, grainRows(2*cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			store(invRMS, r, n.rmsRow(dst[r*cols:(r+1)*cols], x[r*cols:(r+1)*cols]))
		}
	})
}

// AddRMSNorm sets sum = a + b and dst = RMSNorm(sum); sum, shapes and aliasing as in AddLayerNorm.
func AddRMSNorm(dst, sum, a, b []float32, rows, cols int, gamma []float32, eps float32, p *Pool) {
	if sum == nil {
		sum = dst
	}
	n := norm{cols: cols, gamma: gamma, eps: eps}
	p.For(rows, grainRows(2*cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			i, j := r*cols, (r+1)*cols
			n.rmsSum(dst[i:j], sum[i:j], addReduce(redSumSq, sum[i:j], a[i:j], b[i:j]))
		}
	})
}

// norm is what the rows of one call share.
type norm struct {
	cols        int
	gamma, beta []float32
	eps         float32
}

func (n *norm) layerRow(dst, x []float32) (mean, invStd float32) {
	return n.layerSum(dst, x, Sum(x))
}

// layerSum normalises a row whose sum is known.
func (n *norm) layerSum(dst, x []float32, sum float32) (mean, invStd float32) {
	mean = sum / float32(n.cols)
	invStd = n.inverse(SumSquaredDeviations(x, mean))
	normApply(dst, x, mean, invStd, n.gamma, n.beta)
	return mean, invStd
}

func (n *norm) rmsRow(dst, x []float32) (invRMS float32) { return n.rmsSum(dst, x, SumSquares(x)) }

// rmsSum normalises a row whose sum of squares is known.
func (n *norm) rmsSum(dst, x []float32, squares float32) (invRMS float32) {
	invRMS = n.inverse(squares)
	normApply(dst, x, 0, invRMS, n.gamma, n.beta)
	return invRMS
}

// inverse is 1/√(squares/cols + eps), rounded once.
func (n *norm) inverse(squares float32) float32 {
	return float32(1 / math.Sqrt(float64(squares)/float64(n.cols)+float64(n.eps)))
}

func store(dst []float32, i int, v float32) {
	if dst != nil {
		dst[i] = v
	}
}

// normApply sets dst[i] = (x[i]-mean)*inv*gamma[i] + beta[i]; the product with gamma and the addition of beta are rounded once
// together. gamma and beta may be nil.
func normApply(dst, x []float32, mean, inv float32, gamma, beta []float32) {
	if len(x) == 0 {
		return
	}
	if gamma == nil && beta != nil {
		normApply(dst, x, mean, inv, nil, nil)
		Add(dst, dst, beta)
		return
	}
	if level := ActiveLevel(); level == Portable || !normApplyAsm(level, dst, x, mean, inv, gamma, beta) {
		normApplyRef(dst, x, mean, inv, gamma, beta)
	}
}
