package sparsify

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// maxWidth bounds a tap's width, maxRows the rows of one Stats, so that counts and sizes stay far from overflow.
const (
	maxWidth = 1 << 20
	maxPairs = 1 << 16 // width with Gram or co-firing
	maxRows  = 1 << 40
)

// tapAcc is one tap's state over some leaves. Float sums are made per chunk of MomentChunk rows of a leaf, then joined in leaf order.
type tapAcc struct {
	spec   TapSpec
	rows   int64
	mean   []float64 // per neuron
	m2     []float64 // Σ (x-mean)²
	absmax []float32
	fired  []int64
	cofire []uint32 // upper triangle with diagonal, row by row
	gram   []float64
	mag    []int64
	dev    []int64

	buf  []float32
	held int
	tmp  []float32
}

func newTapAcc(spec TapSpec) *tapAcc {
	n := spec.Width
	t := &tapAcc{spec: spec, mean: make([]float64, n), m2: make([]float64, n), absmax: make([]float32, n), fired: make([]int64, n)}
	if spec.Magnitude {
		t.mag = make([]int64, MagnitudeBins)
	}
	if spec.Deviation != DeviationNone {
		t.dev = make([]int64, DeviationBins)
	}
	return t
}

// pairs makes the two square arrays, which stay nil as long as there are no rows.
func (t *tapAcc) pairs() {
	n := t.spec.Width
	if t.spec.CoFire && t.cofire == nil {
		t.cofire = make([]uint32, triangle(n))
	}
	if t.spec.Gram && t.gram == nil {
		t.gram = make([]float64, n*n)
	}
}

func newTaps(specs []TapSpec) []*tapAcc {
	out := make([]*tapAcc, len(specs))
	for i, s := range specs {
		out[i] = newTapAcc(s)
	}
	return out
}

func triangle(n int) int { return n * (n + 1) / 2 }

func (t *tapAcc) observe(x Matrix) error {
	if err := x.check("rows"); err != nil {
		return err
	}
	n := t.spec.Width
	if x.Cols != n {
		return fmt.Errorf("rows have width %d, want %d", x.Cols, n)
	}
	if t.rows+int64(t.held)+int64(x.Rows) > maxRows {
		return fmt.Errorf("more than %d rows", int64(maxRows))
	}
	for i, v := range x.Data {
		if d := v - v; d != 0 {
			return fmt.Errorf("row %d, neuron %d is %v", i/n, i%n, v)
		}
	}
	for r := 0; r < x.Rows; {
		take := min(MomentChunk-t.held, x.Rows-r)
		if take == MomentChunk {
			t.chunk(x.Slice(r, r+take))
		} else {
			if t.buf == nil {
				t.buf = make([]float32, MomentChunk*n)
			}
			copy(t.buf[t.held*n:], x.Data[r*n:(r+take)*n])
			if t.held += take; t.held == MomentChunk {
				t.chunk(Matrix{MomentChunk, n, t.buf})
				t.held = 0
			}
		}
		r += take
	}
	return nil
}

// flush ends the leaf and frees its buffers.
func (t *tapAcc) flush() {
	if t.held > 0 {
		t.chunk(Matrix{t.held, t.spec.Width, t.buf[:t.held*t.spec.Width]})
	}
	t.held, t.buf, t.tmp = 0, nil, nil
}

// chunk takes at most MomentChunk rows. The products are written float64(a*b) so that no compiler fuses them with the sum.
func (t *tapAcc) chunk(x Matrix) {
	n := t.spec.Width
	t.pairs()
	mean, m2 := make([]float64, n), make([]float64, n)
	for r := range x.Rows {
		for j, v := range x.Row(r) {
			mean[j] += float64(v)
			if v < 0 {
				v = -v
			}
			if v > t.absmax[j] {
				t.absmax[j] = v
			}
			if v > t.spec.Fire {
				t.fired[j]++
			}
		}
	}
	for j := range mean {
		mean[j] /= float64(x.Rows)
	}
	for r := range x.Rows {
		for j, v := range x.Row(r) {
			d := float64(v) - mean[j]
			m2[j] += float64(d * d)
		}
	}
	t.joinMoments(int64(x.Rows), mean, m2)
	if t.mag != nil {
		for _, v := range x.Data {
			t.mag[magnitudeBin(v)]++
		}
	}
	if t.dev != nil {
		for r := range x.Rows {
			countDeviations(t.dev, x.Row(r), t.spec.Deviation == DeviationAbs)
		}
	}
	if t.gram != nil {
		t.tmp = addGram(t.gram, n, x.Rows, x.Data, t.tmp)
	}
	if t.cofire != nil {
		countCoFiring(t.cofire, x, t.spec.Fire)
	}
}

// joinMoments appends rows rows with the given mean and m2: the pairwise update of Chan, Golub and LeVeque.
func (t *tapAcc) joinMoments(rows int64, mean, m2 []float64) {
	if rows == 0 {
		return
	}
	a, b := float64(t.rows), float64(rows)
	t.rows += rows
	wb, wab := b/(a+b), a*(b/(a+b))
	for j := range mean {
		d := mean[j] - t.mean[j]
		t.mean[j] += float64(d * wb)
		t.m2[j] += m2[j] + float64(float64(d*d)*wab)
	}
}

func countDeviations(dev []int64, row []float32, abs bool) {
	mean, std := rowMoments(row, abs)
	if std == 0 {
		return
	}
	inv := 1 / std
	for _, v := range row {
		if abs && v < 0 {
			v = -v
		}
		dev[deviationBin((float64(v)-mean)*inv)]++
	}
}

// rowMoments returns mean and population standard deviation of x, or of |x|, in float64.
func rowMoments(row []float32, abs bool) (mean, std float64) {
	val := func(v float32) float64 {
		if abs && v < 0 {
			v = -v
		}
		return float64(v)
	}
	for _, v := range row {
		mean += val(v)
	}
	mean /= float64(len(row))
	var s float64
	for _, v := range row {
		d := val(v) - mean
		s += float64(d * d)
	}
	return mean, math.Sqrt(s / float64(len(row)))
}

// countCoFiring turns every neuron's rows into bits and counts the common ones of each pair.
func countCoFiring(co []uint32, x Matrix, fire float32) {
	const words = MomentChunk / 64
	n := x.Cols
	set := make([][words]uint64, n)
	for r := range x.Rows {
		for j, v := range x.Row(r) {
			if v > fire || -v > fire {
				set[j][r/64] |= 1 << (r % 64)
			}
		}
	}
	at := 0
	for i := range n {
		a := set[i]
		if a == [words]uint64{} {
			at += n - i
			continue
		}
		for j := i; j < n; j++ {
			b := &set[j]
			co[at] += uint32(bits.OnesCount64(a[0]&b[0]) + bits.OnesCount64(a[1]&b[1]) +
				bits.OnesCount64(a[2]&b[2]) + bits.OnesCount64(a[3]&b[3]))
			at++
		}
	}
}

// merge appends the rows of o.
func (t *tapAcc) merge(o *tapAcc) error {
	if t.spec != o.spec {
		return fmt.Errorf("%w: tap %+v, not %+v", ErrMismatch, o.spec, t.spec)
	}
	total := t.rows + o.rows
	if total > maxRows || t.cofire != nil && total > math.MaxUint32 {
		return fmt.Errorf("tap %q: %d rows are too many", t.spec.Name, total)
	}
	if o.rows > 0 {
		t.pairs()
	}
	t.joinMoments(o.rows, o.mean, o.m2)
	for j, v := range o.absmax {
		t.absmax[j] = max(t.absmax[j], v)
	}
	addAll(t.fired, o.fired)
	addAll(t.cofire, o.cofire)
	addAll(t.gram, o.gram)
	addAll(t.mag, o.mag)
	addAll(t.dev, o.dev)
	return nil
}

func addAll[T int64 | uint32 | float64](dst, src []T) {
	for i, v := range src {
		dst[i] += v
	}
}

func joinTaps(left, right []*tapAcc) ([]*tapAcc, error) {
	for i, t := range left {
		if err := t.merge(right[i]); err != nil {
			return nil, err
		}
	}
	return left, nil
}

func cloneTaps(taps []*tapAcc) []*tapAcc {
	out := make([]*tapAcc, len(taps))
	for i, t := range taps {
		out[i] = &tapAcc{
			spec: t.spec, rows: t.rows, mean: slices.Clone(t.mean), m2: slices.Clone(t.m2), absmax: slices.Clone(t.absmax),
			fired: slices.Clone(t.fired), cofire: slices.Clone(t.cofire), gram: slices.Clone(t.gram), mag: slices.Clone(t.mag),
			dev: slices.Clone(t.dev),
		}
	}
	return out
}

func sameTaps(a, b []*tapAcc) bool {
	return slices.EqualFunc(a, b, func(a, b *tapAcc) bool {
		return a.spec == b.spec && a.rows == b.rows && slices.Equal(a.mean, b.mean) && slices.Equal(a.m2, b.m2) &&
			slices.Equal(a.absmax, b.absmax) && slices.Equal(a.fired, b.fired) && slices.Equal(a.cofire, b.cofire) &&
			slices.Equal(a.gram, b.gram) && slices.Equal(a.mag, b.mag) && slices.Equal(a.dev, b.dev)
	})
}

// TapStats are the results at one tap.
type TapStats struct {
	TapSpec
	acc *tapAcc
}

// Rows is the number of rows seen.
func (t *TapStats) Rows() int64 { return t.acc.rows }

// Mean returns E[x] per neuron.
func (t *TapStats) Mean() []float64 { return slices.Clone(t.acc.mean) }

// Variance returns the population variance per neuron.
func (t *TapStats) Variance() []float64 { return scaled(t.acc.m2, t.acc.rows) }

// MeanSquare returns E[x²] per neuron.
func (t *TapStats) MeanSquare() []float64 {
	out := t.Variance()
	for j, m := range t.acc.mean {
		out[j] += m * m
	}
	return out
}

// AbsMax returns max |x| per neuron.
func (t *TapStats) AbsMax() []float32 { return slices.Clone(t.acc.absmax) }

// FireCounts returns on how many rows |x| > Fire, per neuron.
func (t *TapStats) FireCounts() []int64 { return slices.Clone(t.acc.fired) }

// FireRate returns FireCounts as shares of the rows.
func (t *TapStats) FireRate() []float64 {
	out := make([]float64, t.Width)
	for j, c := range t.acc.fired {
		if t.acc.rows > 0 {
			out[j] = float64(c) / float64(t.acc.rows)
		}
	}
	return out
}

// CoFireCount returns on how many rows neurons i and j fire together; ok is false when that was not gathered.
func (t *TapStats) CoFireCount(i, j int) (n uint32, ok bool) {
	if t.acc.cofire == nil || min(i, j) < 0 || max(i, j) >= t.Width {
		return 0, false
	}
	if i > j {
		i, j = j, i
	}
	return t.acc.cofire[i*t.Width-triangle(i)+j], true
}

// Moments returns the Gram matrix as moments without targets, ready for RefitKeep and GreedyKeep; nil when it was not gathered
// or there are no rows.
func (t *TapStats) Moments() *Moments {
	if t.acc.gram == nil {
		return nil
	}
	g := &Moments{N: t.Width, count: t.acc.rows, xx: slices.Clone(t.acc.gram), sumX: make([]float64, t.Width)}
	for j, m := range t.acc.mean {
		g.sumX[j] = m * float64(t.acc.rows)
	}
	return g
}

// Threshold returns the constant t with the share keep of all |x| at or above it, from the histogram (relative error under 1 %). Where fewer
// values than that are not zero, it is the smallest positive edge, so that zeros are never kept. ok is false without the histogram.
func (t *TapStats) Threshold(keep float64) (threshold float64, ok bool) {
	if t.acc.mag == nil {
		return 0, false
	}
	return max(upperQuantile(t.acc.mag, magnitudeEdge, keep), magnitudeEdge(1)), true
}

// Multiplier returns the z with the share keep of all (v-mean)/std at or above it: the calibrated stand-in for NormalQuantile(1-keep).
func (t *TapStats) Multiplier(keep float64) (z float64, ok bool) {
	if t.acc.dev == nil {
		return 0, false
	}
	return upperQuantile(t.acc.dev, deviationEdge, keep), true
}
