package sparsify

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// ClusterOptions steers BalancedKMeans. The zero value means 8 iterations, seed 0, the best of 8 starts.
type ClusterOptions struct {
	Iterations int // 0 means 8
	Seed       uint64
	Restarts   int // starts tried; the one of least within-cluster distance wins; 0 means 8
}

// BalancedKMeans splits the points [n, d] into e clusters of ⌊n/e⌋ or ⌈n/e⌉ points: k-means whose assignment step is the exact
// BalancedAssign on squared distances. Centroids start by k-means++ sampling and are means of their members. It returns the partition and its
// sum of squared distances.
func BalancedKMeans(points Matrix, e int, opt ClusterOptions) (Experts, float64, error) {
	if err := points.check("points"); err != nil {
		return Experts{}, 0, err
	}
	if e <= 0 || e > points.Rows {
		return Experts{}, 0, fmt.Errorf("cluster: %d clusters for %d points", e, points.Rows)
	}
	for i, v := range points.Data {
		if v-v != 0 {
			return Experts{}, 0, fmt.Errorf("cluster: point %d holds %v", i/points.Cols, v)
		}
	}
	if opt.Iterations <= 0 {
		opt.Iterations = 8
	}
	if opt.Restarts <= 0 {
		opt.Restarts = 8
	}
	var best []int
	var bestSum float64
	for run := range opt.Restarts {
		assign, sum, err := kmeansOnce(points, e, opt.Iterations, source{rand.NewPCG(opt.Seed, uint64(run))})
		if err != nil {
			return Experts{}, 0, err
		}
		if best == nil || sum < bestSum {
			best, bestSum = assign, sum
		}
	}
	return Experts{E: e, Assign: best}, bestSum, nil
}

func kmeansOnce(points Matrix, e, iterations int, r source) ([]int, float64, error) {
	norms := squaredNorms(points)
	centres := seedCentres(points, norms, e, r)
	var assign []int
	for range iterations {
		next, err := BalancedAssign(squaredDistances(points, norms, centres))
		if err != nil {
			return nil, 0, err
		}
		if slices.Equal(next, assign) {
			break
		}
		assign = next
		centres = centroids(points, assign, e)
	}
	var sum float64
	for i := range points.Rows {
		sum += squaredDistance(points.Row(i), centres.Row(assign[i]))
	}
	return assign, sum, nil
}

// seedCentres draws e points, each with probability proportional to its squared distance from the nearest one drawn before.
func seedCentres(points Matrix, norms []float64, e int, r source) Matrix {
	n := points.Rows
	out := NewMatrix(e, points.Cols)
	near := make([]float64, n)
	taken := make([]bool, n)
	for k := range e {
		at := -1
		if k == 0 {
			at = min(int(r.unit()*float64(n)), n-1)
		} else {
			var total float64
			for i, d := range near {
				if !taken[i] {
					total += d
				}
			}
			x := r.unit() * total
			for i, d := range near {
				if taken[i] {
					continue
				}
				at = i // the last free point when rounding runs past the end, or all distances are zero
				if x -= d; x < 0 {
					break
				}
			}
		}
		taken[at] = true
		c := Matrix{Rows: 1, Cols: points.Cols, Data: out.Row(k)}
		copy(c.Data, points.Row(at))
		for i, d := range squaredDistances(points, norms, c).Data {
			if d = max(d, 0); k == 0 || d < near[i] {
				near[i] = d
			}
		}
	}
	return out
}

func squaredNorms(m Matrix) []float64 {
	out := m.RowNorms()
	for i, v := range out {
		out[i] = v * v
	}
	return out
}

// squaredDistances returns |p|² - 2 p·c + |c|² for every point and centre.
func squaredDistances(points Matrix, norms []float64, centres Matrix) Matrix64 {
	n, e, d := points.Rows, centres.Rows, points.Cols
	dots := NewMatrix(n, e)
	gemm(n, e, d, points.Data, d, false, centres.Data, d, true, dots.Data, e)
	cn := squaredNorms(centres)
	out := NewMatrix64(n, e)
	for i := range n {
		for c, v := range dots.Row(i) {
			out.Data[i*e+c] = norms[i] - 2*float64(v) + cn[c]
		}
	}
	return out
}

func squaredDistance(a, b []float32) (s float64) {
	for i, v := range a {
		d := float64(v) - float64(b[i])
		s += d * d
	}
	return s
}

func centroids(points Matrix, assign []int, e int) Matrix {
	sum := NewMatrix64(e, points.Cols)
	count := make([]float64, e)
	for i, c := range assign {
		count[c]++
		dst := sum.Row(c)
		for j, v := range points.Row(i) {
			dst[j] += float64(v)
		}
	}
	for c, n := range count {
		r := sum.Row(c)
		for j := range r {
			r[j] /= n
		}
	}
	return sum.Float32()
}
