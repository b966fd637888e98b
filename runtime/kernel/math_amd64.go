//go:build amd64 && !noasm

package kernel

// unaryAsm runs the vector form of op, or reports that there is none.
func unaryAsm(unaryOp, Level, []float32, []float32, unaryParams) bool { return false }
