//go:build amd64 && !noasm

package kernel

// unaryAsm runs the vector form of op, or reports that there is none.
func unaryAsm(op unaryOp, level Level, dst, x []float32, p unaryParams) bool {
	if level >= AVX512 {
		return unaryAVX512(op, &dst[0], &x[0], len(x), &p[0])
	}
	return unaryAVX2(op, &dst[0], &x[0], len(x), &p[0])
}

func unaryAVX512(op unaryOp, dst, x *float32, n int, p *float32) bool {
	switch op {
	case opExp:
		expAVX512(dst, x, n, p)
	case opLog:
		logAVX512(dst, x, n, p)
	case opTanh:
		tanhAVX512(dst, x, n, p)
	case opErf:
		erfAVX512(dst, x, n, p)
	case opSigmoid:
		sigmoidAVX512(dst, x, n, p)
	case opSqrt:
		sqrtAVX512(dst, x, n, p)
	case opRsqrt:
		rsqrtAVX512(dst, x, n, p)
	case opRecip:
		recipAVX512(dst, x, n, p)
	case opNeg:
		negAVX512(dst, x, n, p)
	case opAbs:
		absAVX512(dst, x, n, p)
	case opSquare:
		squareAVX512(dst, x, n, p)
	case opFloor:
		floorAVX512(dst, x, n, p)
	case opCeil:
		ceilAVX512(dst, x, n, p)
	case opRound:
		roundAVX512(dst, x, n, p)
	case opClip:
		clipAVX512(dst, x, n, p)
	case opAffine:
		affineAVX512(dst, x, n, p)
	case opRelu:
		reluAVX512(dst, x, n, p)
	case opReluSquared:
		reluSquaredAVX512(dst, x, n, p)
	case opGelu:
		geluAVX512(dst, x, n, p)
	case opGeluTanh:
		geluTanhAVX512(dst, x, n, p)
	case opSilu:
		siluAVX512(dst, x, n, p)
	case opLeakyRelu:
		leakyReluAVX512(dst, x, n, p)
	case opHardSigmoid:
		hardSigmoidAVX512(dst, x, n, p)
	case opHardSwish:
		hardSwishAVX512(dst, x, n, p)
	case opElu:
		eluAVX512(dst, x, n, p)
	case opSoftplus:
		softplusAVX512(dst, x, n, p)
	case opSoftsign:
		softsignAVX512(dst, x, n, p)
	case opMish:
		mishAVX512(dst, x, n, p)
	case opThresholdedRelu:
		thresholdedReluAVX512(dst, x, n, p)
	default:
		return false
	}
	return true
}

func unaryAVX2(op unaryOp, dst, x *float32, n int, p *float32) bool {
	switch op {
	case opExp:
		expAVX2(dst, x, n, p)
	case opLog:
		logAVX2(dst, x, n, p)
	case opTanh:
		tanhAVX2(dst, x, n, p)
	case opErf:
		erfAVX2(dst, x, n, p)
	case opSigmoid:
		sigmoidAVX2(dst, x, n, p)
	case opSqrt:
		sqrtAVX2(dst, x, n, p)
	case opRsqrt:
		rsqrtAVX2(dst, x, n, p)
	case opRecip:
		recipAVX2(dst, x, n, p)
	case opNeg:
		negAVX2(dst, x, n, p)
	case opAbs:
		absAVX2(dst, x, n, p)
	case opSquare:
		squareAVX2(dst, x, n, p)
	case opFloor:
		floorAVX2(dst, x, n, p)
	case opCeil:
		ceilAVX2(dst, x, n, p)
	case opRound:
		roundAVX2(dst, x, n, p)
	case opClip:
		clipAVX2(dst, x, n, p)
	case opAffine:
		affineAVX2(dst, x, n, p)
	case opRelu:
		reluAVX2(dst, x, n, p)
	case opReluSquared:
		reluSquaredAVX2(dst, x, n, p)
	case opGelu:
		geluAVX2(dst, x, n, p)
	case opGeluTanh:
		geluTanhAVX2(dst, x, n, p)
	case opSilu:
		siluAVX2(dst, x, n, p)
	case opLeakyRelu:
		leakyReluAVX2(dst, x, n, p)
	case opHardSigmoid:
		hardSigmoidAVX2(dst, x, n, p)
	case opHardSwish:
		hardSwishAVX2(dst, x, n, p)
	case opElu:
		eluAVX2(dst, x, n, p)
	case opSoftplus:
		softplusAVX2(dst, x, n, p)
	case opSoftsign:
		softsignAVX2(dst, x, n, p)
	case opMish:
		mishAVX2(dst, x, n, p)
	case opThresholdedRelu:
		thresholdedReluAVX2(dst, x, n, p)
	default:
		return false
	}
	return true
}
