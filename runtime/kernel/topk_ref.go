package kernel

import (
	"math"
	"slices"
)

// TopKRef is the plain form of [TopK]: a stable sort.
func TopKRef(x []float32, k int) []int32 {
	order := make([]int32, len(x))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		u, v := x[a], x[b]
		switch {
		case u > v || (u == u && v != v):
			return -1
		case u < v || (u != u && v == v):
			return 1
		}
		return 0
	})
	order = order[:min(max(k, 0), len(x))]
	slices.Sort(order)
	return order
}

// RowMeanStdRef is the plain form of [RowMeanStd].
func RowMeanStdRef(x []float32) (mean, std float64) {
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		d := float64(v) - mean
		std += d * d
	}
	return mean, math.Sqrt(std / float64(len(x)))
}

func compactGEGo(x []float32, t float32, idx []int32, mask uint32) int {
	n := 0
	for i, v := range x {
		idx[n] = int32(i)
		if masked(v, mask) >= t {
			n++
		}
	}
	return n
}

func countGEGo(x []float32, t float32, mask uint32) int {
	n := 0
	for _, v := range x {
		if masked(v, mask) >= t {
			n++
		}
	}
	return n
}

func compressRangeGo(x []float32, lo, hi float32, mask uint32, out []float32) int {
	n := 0
	for _, v := range x {
		if v = masked(v, mask); v >= lo && v < hi {
			out[n] = v
			n++
		}
	}
	return n
}

func maskGEGo(dst, x []float32, t float32, mask uint32) {
	for i, v := range x {
		if !(masked(v, mask) >= t) {
			dst[i] = 0
		}
	}
}

func sumF64Go(x []float32, mask uint32) float64 {
	var s float64
	for _, v := range x {
		s += float64(masked(v, mask))
	}
	return s
}

func sumSquaredDevGo(x []float32, mean float64, mask uint32) float64 {
	var s float64
	for _, v := range x {
		d := float64(masked(v, mask)) - mean
		s += d * d
	}
	return s
}
