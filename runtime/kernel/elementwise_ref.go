package kernel

// binaryRef is binary in plain Go: the portable implementation and the oracle of the others.
func binaryRef(op BinaryOp, form binaryForm, dst, a, b []float32, n int) {
	switch form {
	case formVV:
		for i := range n {
			dst[i] = binaryScalar(op, a[i], b[i])
		}
	case formVS:
		s := b[0]
		for i := range n {
			dst[i] = binaryScalar(op, a[i], s)
		}
	case formSV:
		s := a[0]
		for i := range n {
			dst[i] = binaryScalar(op, s, b[i])
		}
	}
}

func binaryScalar(op BinaryOp, a, b float32) float32 {
	switch op {
	case OpAdd:
		return a + b
	case OpSub:
		return a - b
	case OpMul:
		return a * b
	case OpDiv:
		return a / b
	case OpMax:
		if a != a {
			return a
		}
		return maxf(a, b)
	default:
		if a != a {
			return a
		}
		return minf(a, b)
	}
}

func mulAddRef(dst, a, b, c []float32) {
	for i := range a {
		dst[i] = fmaf(a[i], b[i], c[i])
	}
}

func axpyRef(alpha float32, x, y []float32) {
	for i, v := range x {
		y[i] = fmaf(alpha, v, y[i])
	}
}
