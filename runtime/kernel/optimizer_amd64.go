//go:build amd64 && !noasm

package kernel

// adamAsm is adamRef for x not empty.
func adamAsm(level Level, xNew, vNew, hNew, x, g, v, h []float32, p *optimizerParams) bool {
	if level >= AVX512 {
		adamAVX512(&xNew[0], &vNew[0], &hNew[0], &x[0], &g[0], &v[0], &h[0], len(x), &p[0])
	} else {
		adamAVX2(&xNew[0], &vNew[0], &hNew[0], &x[0], &g[0], &v[0], &h[0], len(x), &p[0])
	}
	return true
}

// momentumAsm is momentumRef for x not empty.
func momentumAsm(level Level, xNew, vNew, x, g, v []float32, p *optimizerParams, nesterov bool) bool {
	switch wide := level >= AVX512; {
	case nesterov && wide:
		nesterovAVX512(&xNew[0], &vNew[0], &x[0], &g[0], &v[0], len(x), &p[0])
	case nesterov:
		nesterovAVX2(&xNew[0], &vNew[0], &x[0], &g[0], &v[0], len(x), &p[0])
	case wide:
		momentumAVX512(&xNew[0], &vNew[0], &x[0], &g[0], &v[0], len(x), &p[0])
	default:
		momentumAVX2(&xNew[0], &vNew[0], &x[0], &g[0], &v[0], len(x), &p[0])
	}
	return true
}
