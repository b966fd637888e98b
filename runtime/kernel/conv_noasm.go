//go:build !amd64 || noasm

package kernel

func packRuns(_ Level, dst, src []float32, offs []int, runs []convRun) {
	packRunsRef(dst, src, offs, runs)
}

func tapsAsm(Level, *tapRows) {} // not reached: the level is always Portable
