//go:build !amd64 || noasm

package kernel

// unaryAsm reports that there is no vector form on this build.
func unaryAsm(unaryOp, Level, []float32, []float32, unaryParams) bool { return false }
