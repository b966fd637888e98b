//go:build amd64 && !noasm

package kernel

// normApplyAsm is normApplyRef for x not empty; beta comes with gamma only.
func normApplyAsm(level Level, dst, x []float32, mean, inv float32, gamma, beta []float32) bool {
	d, v, n := &dst[0], &x[0], len(x)
	switch wide := level >= AVX512; {
	case gamma == nil && wide:
		normApplyAVX512(d, v, n, mean, inv)
	case gamma == nil:
		normApplyAVX2(d, v, n, mean, inv)
	case beta == nil && wide:
		normApplyScaleAVX512(d, v, &gamma[0], n, mean, inv)
	case beta == nil:
		normApplyScaleAVX2(d, v, &gamma[0], n, mean, inv)
	case wide:
		normApplyAffineAVX512(d, v, &gamma[0], &beta[0], n, mean, inv)
	default:
		normApplyAffineAVX2(d, v, &gamma[0], &beta[0], n, mean, inv)
	}
	return true
}
