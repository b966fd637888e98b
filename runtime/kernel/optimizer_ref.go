package kernel

func adamRef(xNew, vNew, hNew, x, g, v, h []float32, p *optimizerParams) {
	rate, alpha, alpha1, beta, beta1, eps, norm, keep := p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]
	for i, w := range x {
		r := fmaf(norm, w, g[i])
		m := fmaf(alpha, v[i], alpha1*r)
		s := fmaf(beta, h[i], beta1*(r*r))
		vNew[i], hNew[i] = m, s
		xNew[i] = keep * fmaf(-rate, m/(sqrtf(s)+eps), w)
	}
}

func momentumRef(xNew, vNew, x, g, v []float32, p *optimizerParams, nesterov bool) {
	rate, alpha, beta, norm := p[0], p[1], p[2], p[3]
	for i, w := range x {
		r := fmaf(norm, w, g[i])
		m := fmaf(alpha, v[i], beta*r)
		vNew[i] = m
		if nesterov {
			m = fmaf(alpha, m, r)
		}
		xNew[i] = fmaf(-rate, m, w)
	}
}
