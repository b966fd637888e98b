//go:build amd64 && !noasm

package kernel

func float16ToFloat32Asm(Level, []float32, []uint16) bool  { return false }
func float32ToFloat16Asm(Level, []uint16, []float32) bool  { return false }
func bfloat16ToFloat32Asm(Level, []float32, []uint16) bool { return false }
func float32ToBFloat16Asm(Level, []uint16, []float32) bool { return false }
