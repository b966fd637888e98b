//go:build amd64 && !noasm

package kernel

// binaryAsm runs the vector form of op, or reports that there is none. n > 0.
func binaryAsm(op BinaryOp, form binaryForm, level Level, dst, a, b []float32, n int) bool {
	if level >= AVX512 {
		return binaryAVX512(op, form, &dst[0], &a[0], &b[0], n)
	}
	return binaryAVX2(op, form, &dst[0], &a[0], &b[0], n)
}

func mulAddAsm(level Level, dst, a, b, c []float32) bool {
	if level >= AVX512 {
		mulAddAVX512(&dst[0], &a[0], &b[0], &c[0], len(a))
	} else {
		mulAddAVX2(&dst[0], &a[0], &b[0], &c[0], len(a))
	}
	return true
}

func axpyAsm(level Level, alpha float32, x, y []float32) bool {
	if level >= AVX512 {
		axpyAVX512(alpha, &x[0], &y[0], len(x))
	} else {
		axpyAVX2(alpha, &x[0], &y[0], len(x))
	}
	return true
}

// binaryForms is the number of forms; op*binaryForms + form numbers the kernels.
const binaryForms = 3

func binaryAVX512(op BinaryOp, form binaryForm, dst, a, b *float32, n int) bool {
	switch uint8(op)*binaryForms + uint8(form) {
	case uint8(OpAdd)*binaryForms + uint8(formVV):
		addVVAVX512(dst, a, b, n)
	case uint8(OpAdd)*binaryForms + uint8(formVS):
		addVSAVX512(dst, a, b, n)
	case uint8(OpAdd)*binaryForms + uint8(formSV):
		addSVAVX512(dst, a, b, n)
	case uint8(OpSub)*binaryForms + uint8(formVV):
		subVVAVX512(dst, a, b, n)
	case uint8(OpSub)*binaryForms + uint8(formVS):
		subVSAVX512(dst, a, b, n)
	case uint8(OpSub)*binaryForms + uint8(formSV):
		subSVAVX512(dst, a, b, n)
	case uint8(OpMul)*binaryForms + uint8(formVV):
		mulVVAVX512(dst, a, b, n)
	case uint8(OpMul)*binaryForms + uint8(formVS):
		mulVSAVX512(dst, a, b, n)
	case uint8(OpMul)*binaryForms + uint8(formSV):
		mulSVAVX512(dst, a, b, n)
	case uint8(OpDiv)*binaryForms + uint8(formVV):
		divVVAVX512(dst, a, b, n)
	case uint8(OpDiv)*binaryForms + uint8(formVS):
		divVSAVX512(dst, a, b, n)
	case uint8(OpDiv)*binaryForms + uint8(formSV):
		divSVAVX512(dst, a, b, n)
	case uint8(OpMax)*binaryForms + uint8(formVV):
		maxVVAVX512(dst, a, b, n)
	case uint8(OpMax)*binaryForms + uint8(formVS):
		maxVSAVX512(dst, a, b, n)
	case uint8(OpMax)*binaryForms + uint8(formSV):
		maxSVAVX512(dst, a, b, n)
	case uint8(OpMin)*binaryForms + uint8(formVV):
		minVVAVX512(dst, a, b, n)
	case uint8(OpMin)*binaryForms + uint8(formVS):
		minVSAVX512(dst, a, b, n)
	case uint8(OpMin)*binaryForms + uint8(formSV):
		minSVAVX512(dst, a, b, n)
	default:
		return false
	}
	return true
}

func binaryAVX2(op BinaryOp, form binaryForm, dst, a, b *float32, n int) bool {
	switch uint8(op)*binaryForms + uint8(form) {
	case uint8(OpAdd)*binaryForms + uint8(formVV):
		addVVAVX2(dst, a, b, n)
	case uint8(OpAdd)*binaryForms + uint8(formVS):
		addVSAVX2(dst, a, b, n)
	case uint8(OpAdd)*binaryForms + uint8(formSV):
		addSVAVX2(dst, a, b, n)
	case uint8(OpSub)*binaryForms + uint8(formVV):
		subVVAVX2(dst, a, b, n)
	case uint8(OpSub)*binaryForms + uint8(formVS):
		subVSAVX2(dst, a, b, n)
	case uint8(OpSub)*binaryForms + uint8(formSV):
		subSVAVX2(dst, a, b, n)
	case uint8(OpMul)*binaryForms + uint8(formVV):
		mulVVAVX2(dst, a, b, n)
	case uint8(OpMul)*binaryForms + uint8(formVS):
		mulVSAVX2(dst, a, b, n)
	case uint8(OpMul)*binaryForms + uint8(formSV):
		mulSVAVX2(dst, a, b, n)
	case uint8(OpDiv)*binaryForms + uint8(formVV):
		divVVAVX2(dst, a, b, n)
	case uint8(OpDiv)*binaryForms + uint8(formVS):
		divVSAVX2(dst, a, b, n)
	case uint8(OpDiv)*binaryForms + uint8(formSV):
		divSVAVX2(dst, a, b, n)
	case uint8(OpMax)*binaryForms + uint8(formVV):
		maxVVAVX2(dst, a, b, n)
	case uint8(OpMax)*binaryForms + uint8(formVS):
		maxVSAVX2(dst, a, b, n)
	case uint8(OpMax)*binaryForms + uint8(formSV):
		maxSVAVX2(dst, a, b, n)
	case uint8(OpMin)*binaryForms + uint8(formVV):
		minVVAVX2(dst, a, b, n)
	case uint8(OpMin)*binaryForms + uint8(formVS):
		minVSAVX2(dst, a, b, n)
	case uint8(OpMin)*binaryForms + uint8(formSV):
		minSVAVX2(dst, a, b, n)
	default:
		return false
	}
	return true
}
