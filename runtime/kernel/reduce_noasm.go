//go:build !amd64 || noasm

package kernel

func reduceAsm(reduceOp, Level, []float32, float32) (float32, bool)                 { return 0, false }
func addReduceAsm(reduceOp, Level, []float32, []float32, []float32) (float32, bool) { return 0, false }
func dotAsm(Level, []float32, []float32) (float32, bool)                            { return 0, false }
