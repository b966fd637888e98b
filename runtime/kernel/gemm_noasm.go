//go:build !amd64 || noasm

package kernel

// Without assembly the level is always Portable and these are not reached.

func tileAsm(Level, int, *tile) {}

func gemvAsm(Level, []float32, []float32, int, []float32, bool) int { return 0 }
