//go:build !amd64 || noasm

package kernel

func compactGEFast(x []float32, t float32, idx []int32, mask uint32) (int, bool) { return 0, false }

func countGEFast(x []float32, t float32, mask uint32) (int, bool) { return 0, false }

func sumF64Fast(x []float32, mask uint32) (float64, bool) { return 0, false }

func sumSquaredDevFast(x []float32, mean float64, mask uint32) (float64, bool) { return 0, false }
