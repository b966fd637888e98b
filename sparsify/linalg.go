package sparsify

import (
	"errors"
	"math"
	"sync"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// ErrNotPositive says that a matrix has no Cholesky factor: it is not positive definite to working precision.
var ErrNotPositive = errors.New("matrix is not positive definite")

// pool runs the package's loops; its workers start with the first one and sleep in between.
var pool = sync.OnceValue(func() *kernel.Pool { return kernel.NewPool(0) })

// parallel splits [0, n) into ranges of at least grain and runs f on all of them. What f computes for an index must not depend on the split.
func parallel(n, grain int, f func(lo, hi int)) {
	if n <= grain {
		if n > 0 {
			f(0, n)
		}
		return
	}
	pool().For(n, grain, f)
}

// gemm computes c = op(a)·op(b) in float32 for row-major c [m, n]; op(a) is [m, k], stored [k, m] when transA, op(b) is [k, n], stored [n, k]
// when transB. The bits of c depend on the kernel level only.
func gemm(m, n, k int, a []float32, lda int, transA bool, b []float32, ldb int, transB bool, c []float32, ldc int) {
	kernel.GemmUnpacked(m, n, k, a, lda, transA, b, ldb, transB, 1, c, ldc, 0, pool(), nil)
}

// choleskyBlock is the panel width of the blocked factorisation.
const choleskyBlock = 64

// Cholesky factors a symmetric positive definite matrix in place: on return the lower triangle of a holds L with L·Lᵀ = a; the strict upper
// triangle is left as it was. Only the lower triangle is read. It returns ErrNotPositive when a pivot is not positive.
func Cholesky(a Matrix64) error {
	n := a.Rows
	if a.Cols != n {
		return errors.New("cholesky: matrix is not square")
	}
	for k := 0; k < n; k += choleskyBlock {
		ke := min(k+choleskyBlock, n)
		parallel(n-k, choleskyBlock/2, func(lo, hi int) {
			subtractProducts(a, k+lo, k+hi, k, ke)
		})
		for j := k; j < ke; j++ {
			rj := a.Row(j)
			d := rj[j]
			for p := k; p < j; p++ {
				d -= rj[p] * rj[p]
			}
			if !(d > 0) || math.IsInf(d, 1) {
				return ErrNotPositive
			}
			rj[j] = math.Sqrt(d)
			for i := j + 1; i < ke; i++ {
				ri := a.Row(i)
				s := ri[j]
				for p := k; p < j; p++ {
					s -= ri[p] * rj[p]
				}
				ri[j] = s / rj[j]
			}
		}
		parallel(n-ke, choleskyBlock/2, func(lo, hi int) {
			for i := ke + lo; i < ke+hi; i++ {
				ri := a.Row(i)
				for j := k; j < ke; j++ {
					rj := a.Row(j)
					s := ri[j]
					for p := k; p < j; p++ {
						s -= ri[p] * rj[p]
					}
					ri[j] = s / rj[j]
				}
			}
		})
	}
	return nil
}

// subtractProducts does a[i, j] -= Σ_{p<k} a[i, p]·a[j, p] for rows [i0, i1) and columns [k, ke), two rows by four columns at a time.
func subtractProducts(a Matrix64, i0, i1, k, ke int) {
	if k == 0 {
		return
	}
	i := i0
	for ; i+1 < i1; i += 2 {
		x, y := a.Row(i)[:k], a.Row(i + 1)[:k]
		j := k
		for ; j+3 < ke; j += 4 {
			b0, b1, b2, b3 := a.Row(j)[:k], a.Row(j + 1)[:k], a.Row(j + 2)[:k], a.Row(j + 3)[:k]
			var s0, s1, s2, s3, t0, t1, t2, t3 float64
			for p, xv := range x {
				yv := y[p]
				s0 += xv * b0[p]
				s1 += xv * b1[p]
				s2 += xv * b2[p]
				s3 += xv * b3[p]
				t0 += yv * b0[p]
				t1 += yv * b1[p]
				t2 += yv * b2[p]
				t3 += yv * b3[p]
			}
			u, v := a.Row(i)[j:j+4], a.Row(i + 1)[j:j+4]
			u[0], u[1], u[2], u[3] = u[0]-s0, u[1]-s1, u[2]-s2, u[3]-s3
			v[0], v[1], v[2], v[3] = v[0]-t0, v[1]-t1, v[2]-t2, v[3]-t3
		}
		for ; j < ke; j++ {
			b := a.Row(j)[:k]
			a.Row(i)[j] -= dot64(x, b)
			a.Row(i + 1)[j] -= dot64(y, b)
		}
	}
	for ; i < i1; i++ {
		for j := k; j < ke; j++ {
			a.Row(i)[j] -= dot64(a.Row(i)[:k], a.Row(j)[:k])
		}
	}
}

func dot64(a, b []float64) float64 {
	var s float64
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// CholeskySolve solves L·Lᵀ·x = b in place: b [n, m] holds the right-hand sides and receives x. l is what Cholesky left.
func CholeskySolve(l Matrix64, b Matrix64) {
	n, m := l.Rows, b.Cols
	parallel(m, 16, func(lo, hi int) {
		for i := range n {
			li, bi := l.Row(i), b.Row(i)[lo:hi]
			subtractRows(bi, li[:i], b, 0, lo, hi)
			inv := 1 / li[i]
			for j := range bi {
				bi[j] *= inv
			}
		}
		col := make([]float64, n)
		for i := n - 1; i >= 0; i-- {
			for p := i + 1; p < n; p++ {
				col[p] = l.Data[p*n+i]
			}
			bi := b.Row(i)[lo:hi]
			subtractRows(bi, col[i+1:], b, i+1, lo, hi)
			inv := 1 / l.At(i, i)
			for j := range bi {
				bi[j] *= inv
			}
		}
	})
}

// subtractRows does dst -= Σ_p coef[p]·b[from+p, lo:hi], four rows at a time.
func subtractRows(dst, coef []float64, b Matrix64, from, lo, hi int) {
	p := 0
	for ; p+3 < len(coef); p += 4 {
		c0, c1, c2, c3 := coef[p], coef[p+1], coef[p+2], coef[p+3]
		r0, r1, r2, r3 := b.Row(from + p)[lo:hi], b.Row(from + p + 1)[lo:hi], b.Row(from + p + 2)[lo:hi], b.Row(from + p + 3)[lo:hi]
		for j := range dst {
			dst[j] -= c0*r0[j] + c1*r1[j] + c2*r2[j] + c3*r3[j]
		}
	}
	for ; p < len(coef); p++ {
		c, r := coef[p], b.Row(from + p)[lo:hi]
		for j := range dst {
			dst[j] -= c * r[j]
		}
	}
}

// inverse returns the inverse of the matrix whose Cholesky factor is l.
func inverse(l Matrix64) Matrix64 {
	inv := NewMatrix64(l.Rows, l.Rows)
	for i := range l.Rows {
		inv.Data[i*l.Rows+i] = 1
	}
	CholeskySolve(l, inv)
	return inv
}
