//go:build !amd64 || noasm

package kernel

func compactGEFast(x []float32, t float32, idx []int32, mask uint32) (int, bool) { return 0, false }

func countGEFast(x []float32, t float32, mask uint32) (int, bool) { return 0, false }

func sumF64Fast(x []float32, mask uint32) (float64, bool) { return 0, false }

func sumSquaredDevFast(x []float32, mean float64, mask uint32) (float64, bool) { return 0, false }

func compressRangeFast(x []float32, lo, hi float32, mask uint32, out []float32) (int, bool) {
	return 0, false
}

func maskGEFast(dst, x []float32, t float32, mask uint32) bool { return false }

func topBitsFast(x []float32, k int) (uint64, bool) { return 0, false }
