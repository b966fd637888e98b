//go:build amd64 && !noasm

package kernel

// rotaryAsm is rotaryRef for len(cos) > 0 pairs.
func rotaryAsm(level Level, dst, x, cos, sin, cos2, sin2 []float32) bool {
	if level >= AVX512 {
		rotaryAVX512(&dst[0], &x[0], &cos[0], &sin[0], &cos2[0], &sin2[0], len(cos))
	} else {
		rotaryAVX2(&dst[0], &x[0], &cos[0], &sin[0], &cos2[0], &sin2[0], len(cos))
	}
	return true
}
