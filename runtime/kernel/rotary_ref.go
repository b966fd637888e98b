package kernel

func rotaryRef(dst, x, cos, sin, cos2, sin2 []float32, h int) {
	for i := range h {
		a, b := x[i], x[i+h]
		dst[i] = fmaf(a, cos[i], -(b * sin[i]))
		dst[i+h] = fmaf(b, cos2[i], a*sin2[i])
	}
}

func rotaryInterleavedRef(dst, x, cos, sin []float32) {
	h := len(cos)
	for i := range h {
		a, b := x[2*i], x[2*i+1]
		dst[2*i] = fmaf(a, cos[i], -(b * sin[i]))
		dst[2*i+1] = fmaf(b, cos[i], a*sin[i])
	}
	copy(dst[2*h:], x[2*h:])
}
