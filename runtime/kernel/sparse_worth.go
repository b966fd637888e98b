package kernel

// SparseWorthIt tells whether [CSRGemm] beats [Gemm] with packed weights for a [rows, cols] matrix with nnz nonzeros and m tokens at
// the active level, one thread. The densities are measured and hold for nonzeros without structure.
func SparseWorthIt(rows, cols, nnz, m int) bool {
	if rows <= 0 || cols <= 0 || m <= 0 {
		return false
	}
	class := 0
	for class < len(worthTokens) && m >= worthTokens[class] {
		class++
	}
	size := 0
	if int64(rows)*int64(cols) > worthCached {
		size = 1
	}
	return float64(nnz) < worthDensity[ActiveLevel()][size][class]*float64(rows)*float64(cols)
}

const worthCached = 1 << 20

var worthTokens = [...]int{2, 8, 16}

var worthDensity = [...][2][len(worthTokens) + 1]float64{
	Portable: {{0.90, 0.12, 0.45, 0.90}, {0.90, 0.12, 0.45, 0.90}},
	AVX2:     {{0.12, 0.04, 0.17, 0.35}, {0.28, 0.12, 0.25, 0.32}},
	AVX512:   {{0.11, 0.04, 0.15, 0.33}, {0.22, 0.11, 0.14, 0.28}},
}
