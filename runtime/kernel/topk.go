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
	buf := getScratch(selectRoom(len(x)))
	t, n, ok := kthLargest(x, k, mask, masked(x[len(x)/2], mask), buf.f)
	putScratch(buf)
	if !ok {
		return topKWithNaN(x, k, idx)
	}
	return takeLargest(x, k, t, n, idx, mask)
}

// takeLargest lists the k largest elements given what kthLargest found.
func takeLargest(x []float32, k int, t float32, n int, idx []int32, mask uint32) []int32 {
	compactGE(x, t, idx, mask)
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

// selectRoom is the length of the buffer that kthLargest needs for n elements.
func selectRoom(n int) int { return n/selectPart + selectFew + 16 }

const (
	selectPart = 8  // the search goes on among the elements of a range once they are less than one in so many,
	selectFew  = 64 // or this few
)

// kthLargest returns a t for which the n elements >= t are the k largest and nothing but ties of t beyond them. It is
// false when x has fewer than k numbers. 0 < k < len(x). hint is where the search begins and only matters for its speed, tmp has room for
// selectRoom(len(x)) floats.
//
// The search narrows a range of keys that holds t by counting what is at or above a key within it, and goes on among the few elements of
// the range as soon as they are few.
func kthLargest(x []float32, k int, mask uint32, hint float32, tmp []float32) (t float32, n int, ok bool) {
	low := float32(math.Inf(-1))
	if mask == absBits {
		low = 0
	}
	// At or above lo are nlo > k elements (an upper bound until loCounted), at or above hi nhi < k.
	lo, hi := orderKey(low), orderKey(float32(math.Inf(1)))+1
	nlo, nhi, above := len(x), 0, 0
	loCounted, hiCounted, few := false, false, false
	rest := x
	probe := lo + 1
	if hint == hint && hint > low {
		probe = orderKey(hint)
	}
	step := uint32(0)
	for round := 0; hi-lo > 1; round++ {
		probe = min(max(probe, lo+1), hi-1)
		v := keyValue(probe)
		n := above + countGE(rest, v, mask)
		if n == k {
			return v, n, true
		}
		if n > k {
			lo, nlo, loCounted = probe, n, true
		} else {
			hi, nhi, hiCounted = probe, n, true
		}
		switch {
		case loCounted && hiCounted:
			if !few && (nlo-nhi)*selectPart <= len(x)+selectFew*selectPart {
				c := compressRange(x, keyValue(lo), keyValue(hi), mask, tmp)
				for end := padTo(c, 16); c < end; c++ {
					tmp[c] = float32(math.NaN())
				}
				rest, above, few, mask = tmp[:c], nhi, true, allBits
			}
			probe = lo + (hi-lo)/2
			if round%3 != 2 {
				probe = lo + uint32(float64(hi-lo)*float64(2*(nlo-k)+1)/float64(2*(nlo-nhi)+1))
			}
		case round == 4 && !loCounted:
			probe = lo + 1 // ties of the least value
		case round < 4:
			// On from the hint, by as much as brings the count past k if it falls off as a power of the value.
			if step == 0 {
				step = uint32(1 << 22 * min(1, float64(abs(n-k)+abs(n-k)/4+len(x)/64+1)/float64(k)))
			} else {
				step *= 4
			}
			if n > k {
				probe = min(hi-1, lo+min(step, hi-lo-1))
			} else {
				probe = max(lo+1, hi-min(step, hi-lo-1))
			}
		default:
			probe = lo + (hi-lo)/2
		}
	}
	if !loCounted {
		if n = countGE(x, low, mask); n < k {
			return 0, 0, false
		}
		return low, n, true
	}
	return keyValue(lo), nlo, true
}

func abs(n int) int { return max(n, -n) }

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

// compressRange writes the masked elements in [lo, hi) to out and returns their number; out has room for 16 more.
func compressRange(x []float32, lo, hi float32, mask uint32, out []float32) int {
	if n, ok := compressRangeFast(x, lo, hi, mask, out); ok {
		return n
	}
	return compressRangeGo(x, lo, hi, mask, out)
}

// maskGE clears dst[i] where not masked x[i] >= t.
func maskGE(dst, x []float32, t float32, mask uint32) {
	dst = dst[:len(x)]
	if !maskGEFast(dst, x, t, mask) {
		maskGEGo(dst, x, t, mask)
	}
}
