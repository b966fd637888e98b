//go:build !amd64 || noasm

package kernel

func packRuns(_ Level, dst, src []float32, offs []int, runs []convRun) {
	packRunsRef(dst, src, offs, runs)
}

// These are not reached: the level is always Portable.

func spreadAsm(Level, int, []float32, int, []float32, int, int, []convRun) {}

func tapsAsm(Level, *tapRows) {}
