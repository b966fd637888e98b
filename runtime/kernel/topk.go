package kernel

import "math"

// TopK writes the indices of the k largest elements of x to idx in ascending index order and returns that part of idx.
// Of equal elements the lower index wins, as in ONNX TopK; -0 equals +0. A NaN ranks below every number, -Inf included,
// so it is taken only when k exceeds the count of numbers, lowest index first. k is clamped to [0, len(x)]. idx needs
// room for [CompactRoom](len(x)) indices. Time is linear in len(x).
func TopK(x []float32, k int, idx []int32) []int32 { return topK(x, k, idx, allBits) }

// TopKAbs is [TopK] on |x|.
func TopKAbs(x []float32, k int, idx []int32) []int32 { return topK(x, k, idx, absBits) }

// SelectAtLeast writes the ascending indices of the elements with x >= t to idx and returns that part of idx. A NaN element is
// never taken, and a NaN t takes nothing. idx needs room for [CompactRoom](len(x)) indices.
func SelectAtLeast(x []float32, t float32, idx []int32) []int32 {
	return idx[:compactGE(x, t, idx, allBits)]
}

// SelectAbove is [SelectAtLeast] with x > t.
func SelectAbove(x []float32, t float32, idx []int32) []int32 {
	return idx[:compactGT(x, t, idx, allBits)]
}

// CompactRoom is the length of the index buffer that a selection from n elements needs: kernels store whole vectors.
func CompactRoom(n int) int { return n + 16 }

// RowMeanStd returns the mean and the population standard deviation of x, two passes in float64. A constant row has std 0 exactly
// and its value as mean. An empty row gives 0, 0.
func RowMeanStd(x []float32) (mean, std float64) { return meanStd(x, allBits) }

func meanStd(x []float32, mask uint32) (mean, std float64) {
	if len(x) == 0 {
		return 0, 0
	}
	n := float64(len(x))
	mean = sumF64(x, mask) / n
	return mean, math.Sqrt(sumSquaredDev(x, mean, mask) / n)
}

// The mask a score is read through: every bit, or all but the sign.
const (
	allBits uint32 = 0xffffffff
	absBits uint32 = 0x7fffffff
)

func masked(v float32, mask uint32) float32 { return math.Float32frombits(math.Float32bits(v) & mask) }

func topK(x []float32, k int, idx []int32, mask uint32) []int32 {
	switch {
	case k <= 0:
		return idx[:0]
	case k >= len(x):
		for i := range x {
			idx[i] = int32(i)
		}
		return idx[:len(x)]
	}
	t, ok := kthLargest(x, k, mask)
	if !ok {
		return topKWithNaN(x, k, idx)
	}
	n := compactGE(x, t, idx, mask)
	if n == k {
		return idx[:k]
	}
	return dropTies(x, t, idx[:n], k, mask)
}

// dropTies keeps the elements above t and the first of those equal to t, k in all; idx has more than k.
func dropTies(x []float32, t float32, idx []int32, k int, mask uint32) []int32 {
	above := 0
	for _, i := range idx {
		if masked(x[i], mask) > t {
			above++
		}
	}
	ties, n := k-above, 0
	for _, i := range idx {
		if masked(x[i], mask) == t {
			if ties == 0 {
				continue
			}
			ties--
		}
		idx[n] = i
		n++
	}
	return idx[:n]
}

// topKWithNaN serves rows with fewer than k numbers: all of them, and the first NaNs.
func topKWithNaN(x []float32, k int, idx []int32) []int32 {
	nans := k
	for _, v := range x {
		if v == v {
			nans--
		}
	}
	n := 0
	for i, v := range x {
		if v != v {
			if nans == 0 {
				continue
			}
			nans--
		}
		idx[n] = int32(i)
		n++
	}
	return idx[:n]
}

// kthLargest returns a t for which the elements >= t are the k largest and nothing but ties of t beyond them. It is
// false when x has fewer than k numbers. 0 < k < len(x).
func kthLargest(x []float32, k int, mask uint32) (float32, bool) {
	inf := float32(math.Inf(1))
	low := -inf
	if mask == absBits {
		low = 0
	}
	switch n := countGE(x, low, mask); {
	case n < k:
		return 0, false
	case n == k:
		return low, true
	}
	lo, hi := orderKey(low), orderKey(inf)+1
	for hi-lo > 1 {
		mid := lo + (hi-lo)/2
		t := keyValue(mid)
		switch n := countGE(x, t, mask); {
		case n == k:
			return t, true
		case n > k:
			lo = mid
		default:
			hi = mid
		}
	}
	return keyValue(lo), true
}

// orderKey maps numbers to integers in their order (with -0 just below +0).
func orderKey(v float32) uint32 {
	b := math.Float32bits(v)
	if b>>31 != 0 {
		return ^b
	}
	return b | 1<<31
}

func keyValue(k uint32) float32 {
	if k>>31 != 0 {
		return math.Float32frombits(k &^ (1 << 31))
	}
	return math.Float32frombits(^k)
}

func compactGT(x []float32, t float32, idx []int32, mask uint32) int {
	if t != t || math.IsInf(float64(t), 1) {
		return 0
	}
	return compactGE(x, math.Nextafter32(t, float32(math.Inf(1))), idx, mask)
}

func compactGE(x []float32, t float32, idx []int32, mask uint32) int {
	_ = idx[:CompactRoom(len(x))]
	if n, ok := compactGEFast(x, t, idx, mask); ok {
		return n
	}
	return compactGEGo(x, t, idx, mask)
}

func countGE(x []float32, t float32, mask uint32) int {
	if n, ok := countGEFast(x, t, mask); ok {
		return n
	}
	return countGEGo(x, t, mask)
}

func sumF64(x []float32, mask uint32) float64 {
	if s, ok := sumF64Fast(x, mask); ok {
		return s
	}
	return sumF64Go(x, mask)
}

func sumSquaredDev(x []float32, mean float64, mask uint32) float64 {
	if s, ok := sumSquaredDevFast(x, mean, mask); ok {
		return s
	}
	return sumSquaredDevGo(x, mean, mask)
}
