//go:build amd64 && !noasm

package kernel

func normApplyAsm(Level, []float32, []float32, float32, float32, []float32, []float32) bool {
	return false
}
