package kernel_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// gemmTol: the products promise their order of operations, so they are exact.
var gemmTol = kerneltest.Tolerance{Name: "Gemm"}

// fma32 is a*b+c rounded once to float32: the sum in float64 is rounded to odd
// before it is rounded to float32.
func fma32(a, b, c float32) float32 {
	p, d := float64(a)*float64(b), float64(c)
	s := p + d
	t := s - p
	err := (p - (s - t)) + (d - t)
	if bits := math.Float64bits(s); err != 0 && !math.IsInf(s, 0) && !math.IsNaN(s) && bits&1 == 0 {
		if (err > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
		s = math.Float64frombits(bits)
	}
	return float32(s)
}

// chain is the contract of a product's element at the active level.
func chain(start float32, a, b []float32) float32 {
	if kernel.ActiveLevel() == kernel.Portable {
		for i, v := range a {
			start += float32(v * b[i])
		}
		return start
	}
	for i, v := range a {
		start = fma32(v, b[i], start)
	}
	return start
}

// product is a test case: op(A) m x k, op(B) k x n, with gaps at the ends of rows.
type product struct {
	m, n, k        int
	transA, transB bool
	alpha, beta    float32
	kind           kerneltest.Kind
	a, b, c        *kerneltest.Buffer
	lda, ldb, ldc  int
}

func newProduct(m, n, k int, transA, transB bool, kind kerneltest.Kind) *product {
	p := &product{m: m, n: n, k: k, transA: transA, transB: transB, alpha: 1, kind: kind, lda: k, ldb: n, ldc: n + n%3}
	rowsA, rowsB := m, k
	if transA {
		rowsA, p.lda = k, m
	}
	if transB {
		rowsB, p.ldb = n, k
	}
	p.lda += m % 2
	p.ldb += n % 2
	r := kerneltest.Rand(uint64(m*1000003 + n*1009 + k))
	fill := func(rows, cols, ld, offset int) *kerneltest.Buffer {
		b := kerneltest.NewBuffer(max(0, (rows-1)*ld+cols), offset)
		kerneltest.Fill(b.F, kind, r)
		return b
	}
	p.a = fill(rowsA, p.lda-m%2, p.lda, 1)
	p.b = fill(rowsB, p.ldb-n%2, p.ldb, 3)
	p.c = fill(m, n, p.ldc, 2)
	return p
}

func (p *product) atA(i, k int) float32 {
	if p.transA {
		return p.a.F[k*p.lda+i]
	}
	return p.a.F[i*p.lda+k]
}

func (p *product) atB(k, j int) float32 {
	if p.transB {
		return p.b.F[j*p.ldb+k]
	}
	return p.b.F[k*p.ldb+j]
}

// want computes every element by the contract and applies finish.
func (p *product) want(finish func(v float32, off, col int) float32) []float64 {
	want := make([]float64, len(p.c.F))
	for i, v := range p.c.F {
		want[i] = float64(v) // the gaps stay
	}
	columns := make([]float32, p.n*p.k)
	for j := range p.n {
		for k := range p.k {
			columns[j*p.k+k] = p.atB(k, j)
		}
	}
	scale := float32(1)
	if p.beta != 0 {
		scale = p.alpha
	}
	row := make([]float32, p.k)
	for i := range p.m {
		for k := range row {
			row[k] = scale * p.atA(i, k)
		}
		for j := range p.n {
			off := i*p.ldc + j
			start := float32(0)
			if p.beta != 0 {
				start = p.beta * p.c.F[off]
			}
			v := chain(start, row, columns[j*p.k:][:p.k])
			if p.beta == 0 {
				v *= p.alpha
			}
			if finish != nil {
				v = finish(v, off, j)
			}
			want[off] = float64(v)
		}
	}
	return want
}

func (p *product) check(t *testing.T, want []float64, context ...any) {
	t.Helper()
	gemmTol.Compare(t, want, p.c.F, append([]any{fmt.Sprintf("m=%d n=%d k=%d ", p.m, p.n, p.k)}, context...)...)
	p.a.Check(t)
	p.b.Check(t)
	p.c.Check(t)
}

// shapes has every tail of the tiles, and products of several blocks of k, of
// rows and of columns.
func shapes(visit func(m, n, k int)) {
	for m := 1; m <= 19; m++ {
		visit(m, 49+m, 5+m)
	}
	for n := 1; n <= 130; n++ {
		visit(1+n%9, n, 1+n%7)
	}
	for k := 0; k <= 130; k += 3 {
		visit(1+k%4, 33, k)
	}
	visit(3, 50, 1000)
	visit(140, 7, 400)
	visit(17, 500, 390)
}

func TestGemm(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		shapes(func(m, n, k int) {
			for _, transB := range []bool{false, true} {
				p := newProduct(m, n, k, false, transB, kerneltest.Kind((m+n+k)%4))
				want := p.want(nil)
				b := kernel.PackB(k, n, p.b.F, p.ldb, transB, nil)
				kernel.Gemm(m, p.a.F, p.lda, b, p.c.F, p.ldc, false, nil, nil)
				p.check(t, want)
				p.beta = 1
				want = p.want(nil)
				kernel.Gemm(m, p.a.F, p.lda, b, p.c.F, p.ldc, true, nil, nil)
				p.check(t, want, "accumulate")
			}
		})
	})
}

func TestGemmEpilogue(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		for _, act := range []kernel.Act{kernel.ActNone, kernel.ActRelu, kernel.ActGelu, kernel.ActSilu} {
			for mask := range 8 {
				for _, m := range []int{1, 2, 13} {
					p := newProduct(m, 101, 30, false, false, kerneltest.Ordinary)
					bias, mul, add := kerneltest.Random(p.n, 1), kerneltest.Random(len(p.c.F), 2), kerneltest.Random(len(p.c.F), 3)
					ep := &kernel.Epilogue{Act: act}
					if mask&1 != 0 {
						ep.Bias = bias
					}
					if mask&2 != 0 {
						ep.Mul = mul
					}
					if mask&4 != 0 {
						ep.Add = add
					}
					want := p.want(func(v float32, off, col int) float32 {
						if ep.Bias != nil {
							v += bias[col]
						}
						x := []float32{v}
						kernel.Activate(act, x, x)
						if ep.Mul != nil {
							x[0] *= mul[off]
						}
						if ep.Add != nil {
							x[0] += add[off]
						}
						return x[0]
					})
					b := kernel.PackB(p.k, p.n, p.b.F, p.ldb, false, nil)
					kernel.Gemm(m, p.a.F, p.lda, b, p.c.F, p.ldc, false, ep, nil)
					p.check(t, want, " act ", act, " mask ", mask)
				}
			}
		}
	})
}

func TestGemmUnpacked(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		var scratch kernel.Scratch
		shapes(func(m, n, k int) {
			for trans := range 4 {
				p := newProduct(m, n, k, trans&1 != 0, trans&2 != 0, kerneltest.Kind((m+n+k)%3))
				p.alpha = []float32{1, 0.5, -3}[(m+n)%3]
				p.beta = []float32{0, 1, 0.25}[(n+k)%3]
				want := p.want(nil)
				kernel.GemmUnpacked(m, n, k, p.a.F, p.lda, p.transA, p.b.F, p.ldb, p.transB, p.alpha, p.c.F, p.ldc, p.beta, nil, &scratch)
				p.check(t, want, "trans ", trans, " alpha ", p.alpha, " beta ", p.beta)
			}
		})
		p := newProduct(33, 3100, 20, false, true, kerneltest.Ordinary) // more columns than are packed at once
		want := p.want(nil)
		kernel.GemmUnpacked(p.m, p.n, p.k, p.a.F, p.lda, false, p.b.F, p.ldb, true, 1, p.c.F, p.ldc, 0, nil, nil)
		p.check(t, want)
	})
}

func TestBatchGemm(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		for _, s := range []struct{ batch, m, n, k int }{{0, 3, 3, 3}, {1, 5, 6, 7}, {3, 1, 130, 64}, {4, 40, 64, 130}, {2, 128, 128, 32}, {5, 9, 50, 400}, {3, 2, 2, 0}, {2, 0, 4, 4}} {
			for trans := range 8 {
				transA, transB, shareB := trans&1 != 0, trans&2 != 0, trans&4 != 0
				var ps []*product
				for i := range s.batch {
					p := newProduct(s.m, s.n, s.k, transA, transB, kerneltest.Ordinary)
					r := kerneltest.Rand(uint64(i))
					for j := range p.a.F {
						p.a.F[j] = float32(r.NormFloat64())
					}
					p.alpha = 0.125
					ps = append(ps, p)
				}
				if len(ps) == 0 {
					kernel.BatchGemm(0, s.m, s.n, s.k, nil, 0, s.k, false, nil, 0, s.n, false, 1, nil, 0, s.n, nil)
					continue
				}
				p := ps[0]
				sa, sb, sc := len(p.a.F)+3, len(p.b.F)+2, len(p.c.F)+1
				a, b, c := make([]float32, s.batch*sa), make([]float32, s.batch*sb), make([]float32, s.batch*sc)
				for i, q := range ps {
					copy(a[i*sa:], q.a.F)
					copy(b[i*sb:], q.b.F)
					copy(c[i*sc:], q.c.F)
				}
				if shareB {
					sb = 0
				}
				kernel.BatchGemm(s.batch, s.m, s.n, s.k, a, sa, p.lda, transA, b, sb, p.ldb, transB, 0.125, c, sc, p.ldc, nil)
				for i, q := range ps {
					want := q.want(nil)
					copy(q.c.F, c[i*sc:])
					q.check(t, want, "batch ", i, " trans ", trans)
				}
			}
		}
	})
}

// TestGemmSameBits: one row's result depends neither on the rows beside it, nor
// on the threads, nor on how it is called, nor on the vector level.
func TestGemmSameBits(t *testing.T) {
	const m, n, k = 135, 410, 390
	a, b := kerneltest.Random(m*k, 1), kerneltest.Random(k*n, 2)
	pb := kernel.PackB(k, n, b, n, false, nil)
	var first []float32
	kerneltest.EachLevel(t, func(t *testing.T) {
		if kernel.ActiveLevel() == kernel.Portable {
			defer func() { first = nil }() // the only level that rounds the products
		}
		kerneltest.EachPool(t, func(t *testing.T, p *kernel.Pool) {
			c := make([]float32, m*n)
			kernel.Gemm(m, a, k, pb, c, n, false, nil, p)
			if first == nil {
				first = c
			}
			kerneltest.SameBits(t, first, c)
			for _, row := range []int{0, 77, m - 1} {
				clear(c[:n])
				kernel.Gemm(1, a[row*k:], k, pb, c, n, false, nil, p)
				kerneltest.SameBits(t, first[row*n:][:n], c[:n], "row ", row)
			}
			clear(c)
			kernel.GemmUnpacked(m, n, k, a, k, false, b, n, false, 1, c, n, 0, p, nil)
			kerneltest.SameBits(t, first, c, "unpacked")
			clear(c)
			kernel.BatchGemm(m/3, 3, n, k, a, 3*k, k, false, b, 0, n, false, 1, c, 3*n, n, p)
			kerneltest.SameBits(t, first, c, "batch")
		})
	})
}

// TestGemmShortSlices: what would make the assembly leave a slice panics first.
func TestGemmShortSlices(t *testing.T) {
	x := func(n int) []float32 { return make([]float32, n) }
	b := kernel.PackB(5, 6, x(30), 6, false, nil)
	require.Panics(t, func() { kernel.Gemm(3, x(14), 5, b, x(18), 6, false, nil, nil) })
	require.Panics(t, func() { kernel.Gemm(3, x(15), 5, b, x(17), 6, false, nil, nil) })
	require.Panics(t, func() { kernel.Gemm(3, x(15), 5, b, x(18), 6, false, &kernel.Epilogue{Bias: x(5)}, nil) })
	require.Panics(t, func() { kernel.GemmUnpacked(3, 6, 5, x(15), 5, false, x(29), 6, false, 1, x(18), 6, 0, nil, nil) })
	require.Panics(t, func() { kernel.BatchGemm(2, 3, 6, 5, x(30), 15, 5, false, x(59), 30, 6, false, 1, x(36), 18, 6, nil) })
	require.Panics(t, func() { kernel.PackB(5, 6, x(29), 6, false, nil) })
}

func TestPackBRoundTrip(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		for _, s := range [][2]int{{1, 1}, {3, 48}, {5, 49}, {64, 130}, {0, 5}, {4, 0}} {
			k, n := s[0], s[1]
			b := kerneltest.Random(k*n, 4)
			bt := make([]float32, k*n)
			for i := range k {
				for j := range n {
					bt[j*k+i] = b[i*n+j]
				}
			}
			for _, p := range []*kernel.PackedB{kernel.PackB(k, n, b, n, false, nil), kernel.PackB(k, n, bt, k, true, nil)} {
				got := make([]float32, k*n)
				p.Unpack(got)
				kerneltest.SameBits(t, b, got)
				require.Equal(t, 4*k*p.NR*p.Panels(), p.Bytes())
			}
		}
	})
}

func TestGemmF64(t *testing.T) {
	const m, n, k = 5, 7, 9
	a, b := kerneltest.Random(m*k, 1), kerneltest.Random(k*n, 2)
	for trans := range 4 {
		fa, fb, lda, ldb := make([]float64, m*k), make([]float64, k*n), k, n
		for i := range m {
			for q := range k {
				if trans&1 != 0 {
					lda = m
					fa[q*m+i] = float64(a[i*k+q])
				} else {
					fa[i*k+q] = float64(a[i*k+q])
				}
			}
		}
		for q := range k {
			for j := range n {
				if trans&2 != 0 {
					ldb = k
					fb[j*k+q] = float64(b[q*n+j])
				} else {
					fb[q*n+j] = float64(b[q*n+j])
				}
			}
		}
		c := make([]float64, m*n)
		for i := range c {
			c[i] = float64(i)
		}
		kernel.GemmF64(m, n, k, fa, lda, trans&1 != 0, fb, ldb, trans&2 != 0, 2, c, n, 0.5, nil)
		for i := range m {
			for j := range n {
				want := 0.5 * float64(i*n+j)
				for q := range k {
					want += 2 * float64(a[i*k+q]) * float64(b[q*n+j])
				}
				require.InDelta(t, want, c[i*n+j], 1e-12)
			}
		}
	}
}
