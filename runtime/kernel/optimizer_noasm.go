//go:build !amd64 || noasm

package kernel

func adamAsm(Level, []float32, []float32, []float32, []float32, []float32, []float32, []float32, *optimizerParams) bool {
	return false
}

func momentumAsm(Level, []float32, []float32, []float32, []float32, []float32, *optimizerParams, bool) bool {
	return false
}
