package sparsify

import (
	"fmt"
)

// MomentChunk is the number of rows whose products are summed in float32 before they join the float64 totals.
const MomentChunk = 256

// Moments accumulates what least squares needs of rows (x, y), x of N features and y of M targets:
//
//	XX = Σ x xᵀ [N, N]   XY = Σ x yᵀ [N, M]   SumX, SumY   YY = Σ y² per target
//
// Products are float32 sums over blocks of MomentChunk consecutive rows, added in float64; how the rows were cut into Observe calls does not
// change a bit of the result. M may be 0 (Gram matrix only). Not safe for concurrent use.
type Moments struct {
	N, M int

	count      int64
	xx, xy     []float64 // xx holds its upper triangle only until it is read
	sumX, sumY []float64
	yy         []float64

	bufX, bufY []float32
	held       int
	tmp        []float32
}

// NewMoments returns the empty accumulator for n features and m targets.
func NewMoments(n, m int) (*Moments, error) {
	if n <= 0 || m < 0 {
		return nil, fmt.Errorf("moments: %d features and %d targets", n, m)
	}
	return &Moments{
		N: n, M: m,
		xx: make([]float64, n*n), xy: make([]float64, n*m),
		sumX: make([]float64, n), sumY: make([]float64, m), yy: make([]float64, m),
	}, nil
}

// Observe adds the rows of x [T, N] and y [T, M]. y may be the zero Matrix when M is 0.
func (g *Moments) Observe(x, y Matrix) error {
	if err := x.check("x"); err != nil {
		return err
	}
	if err := y.check("y"); err != nil {
		return err
	}
	if x.Cols != g.N {
		return fmt.Errorf("moments: x has %d features, want %d", x.Cols, g.N)
	}
	if g.M > 0 && (y.Cols != g.M || y.Rows != x.Rows) {
		return fmt.Errorf("moments: y is %d x %d, want %d x %d", y.Rows, y.Cols, x.Rows, g.M)
	}
	for r := 0; r < x.Rows; {
		take := min(MomentChunk-g.held, x.Rows-r)
		if take == MomentChunk {
			g.add(take, x.Data[r*g.N:], y.Data[r*g.M:])
		} else {
			if g.bufX == nil {
				g.bufX, g.bufY = make([]float32, MomentChunk*g.N), make([]float32, MomentChunk*g.M)
			}
			copy(g.bufX[g.held*g.N:], x.Data[r*g.N:(r+take)*g.N])
			copy(g.bufY[g.held*g.M:], y.Data[r*g.M:(r+take)*g.M])
			if g.held += take; g.held == MomentChunk {
				g.flush()
			}
		}
		r += take
	}
	return nil
}

func (g *Moments) flush() {
	if g.held > 0 {
		n := g.held
		g.held = 0
		g.add(n, g.bufX, g.bufY)
	}
}

// Count is the number of rows observed.
func (g *Moments) Count() int64 { return g.count + int64(g.held) }

// add takes rows rows of x and y as one chunk.
func (g *Moments) add(rows int, x, y []float32) {
	g.count += int64(rows)
	for r := range rows {
		for j, v := range x[r*g.N : (r+1)*g.N] {
			g.sumX[j] += float64(v)
		}
		for j, v := range y[r*g.M : (r+1)*g.M] {
			g.sumY[j] += float64(v)
			g.yy[j] += float64(v) * float64(v)
		}
	}
	g.tmp = addGram(g.xx, g.N, rows, x, g.tmp)
	if g.M > 0 {
		if len(g.tmp) < g.N*g.M {
			g.tmp = make([]float32, g.N*g.M)
		}
		gemm(g.N, g.M, rows, x, g.N, true, y, g.M, false, g.tmp, g.M)
		for i, v := range g.tmp[:g.N*g.M] {
			g.xy[i] += float64(v)
		}
	}
}

// gramBlock is the height of the block rows of which a Gram matrix computes only the part right of the diagonal.
const gramBlock = 256

// addGram adds XᵀX of x [rows, n] to the upper triangle of xx and returns the scratch for the next call.
func addGram(xx []float64, n, rows int, x []float32, tmp []float32) []float32 {
	if len(tmp) < min(n, gramBlock)*n {
		tmp = make([]float32, min(n, gramBlock)*n)
	}
	for i0 := 0; i0 < n; i0 += gramBlock {
		i1 := min(i0+gramBlock, n)
		w := n - i0
		gemm(i1-i0, w, rows, x[i0:], n, true, x[i0:], n, false, tmp, w)
		for i := i0; i < i1; i++ {
			src, dst := tmp[(i-i0)*w:(i-i0+1)*w], xx[i*n+i0:(i+1)*n]
			for j := i - i0; j < w; j++ {
				dst[j] += float64(src[j])
			}
		}
	}
	return tmp
}

// Merge adds the rows of other after the rows of g. Float sums depend on the order of merging; Blocks fixes that order.
func (g *Moments) Merge(other *Moments) error {
	if g.N != other.N || g.M != other.M {
		return fmt.Errorf("moments: cannot merge %d x %d with %d x %d", g.N, g.M, other.N, other.M)
	}
	g.flush()
	other.flush()
	g.count += other.count
	for _, p := range [][2][]float64{{g.xx, other.xx}, {g.xy, other.xy}, {g.sumX, other.sumX}, {g.sumY, other.sumY}, {g.yy, other.yy}} {
		for i, v := range p[1] {
			p[0][i] += v
		}
	}
	return nil
}

// XX returns the full symmetric Σ x xᵀ as a view; it is valid until the next Observe or Merge.
func (g *Moments) XX() Matrix64 {
	g.flush()
	for i := range g.N {
		for j := i + 1; j < g.N; j++ {
			g.xx[j*g.N+i] = g.xx[i*g.N+j]
		}
	}
	return Matrix64{Rows: g.N, Cols: g.N, Data: g.xx}
}

// XY returns Σ x yᵀ as a view; it is valid until the next Observe or Merge.
func (g *Moments) XY() Matrix64 {
	g.flush()
	return Matrix64{Rows: g.N, Cols: g.M, Data: g.xy}
}

// MeanX and MeanY return the column means; zeros when nothing was observed.
func (g *Moments) MeanX() []float64 { g.flush(); return scaled(g.sumX, g.Count()) }

// MeanY returns the target means; see MeanX.
func (g *Moments) MeanY() []float64 { g.flush(); return scaled(g.sumY, g.Count()) }

func scaled(s []float64, n int64) []float64 {
	out := make([]float64, len(s))
	if n > 0 {
		for i, v := range s {
			out[i] = v / float64(n)
		}
	}
	return out
}

// Centred returns the covariance sums Σ (x-x̄)(x-x̄)ᵀ and Σ (x-x̄)(y-ȳ)ᵀ as new matrices.
func (g *Moments) Centred() (xx, xy Matrix64) {
	xx, xy = g.XX().Clone(), g.XY().Clone()
	mx, my, n := g.MeanX(), g.MeanY(), float64(g.Count())
	for i := range g.N {
		r := xx.Row(i)
		for j := range r {
			r[j] -= n * (mx[i] * mx[j])
		}
		r = xy.Row(i)
		for j := range r {
			r[j] -= n * (mx[i] * my[j])
		}
		if d := &xx.Data[i*g.N+i]; *d < 0 {
			*d = 0
		}
	}
	return xx, xy
}
