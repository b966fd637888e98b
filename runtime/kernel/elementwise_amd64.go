//go:build amd64 && !noasm

package kernel

func binaryAsm(BinaryOp, binaryForm, Level, []float32, []float32, []float32, int) bool { return false }
func mulAddAsm(Level, []float32, []float32, []float32, []float32) bool                 { return false }
func axpyAsm(Level, float32, []float32, []float32) bool                                { return false }
