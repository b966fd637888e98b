//go:build !amd64 || noasm

package kernel

func csrGemvFast(dst []float32, a *CSR, x []float32, lo, hi int) bool { return false }

func csrRowFast(acc []float32, col []int32, val []float32, xt []float32) bool { return false }
