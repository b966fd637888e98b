//go:build amd64 && !noasm

package kernel

// reduceAsm runs the vector form of op over x, not empty, or reports that there is none.
func reduceAsm(op reduceOp, level Level, x []float32, param float32) (float32, bool) {
	if level >= AVX512 {
		return reduceAVX512(op, &x[0], len(x), param)
	}
	return reduceAVX2(op, &x[0], len(x), param)
}

func dotAsm(level Level, a, b []float32) (float32, bool) {
	if level >= AVX512 {
		return dotAVX512(&a[0], &b[0], len(a)), true
	}
	return dotAVX2(&a[0], &b[0], len(a)), true
}

func addReduceAsm(op reduceOp, level Level, dst, a, b []float32) (float32, bool) {
	d, x, y, n := &dst[0], &a[0], &b[0], len(a)
	switch wide := level >= AVX512; {
	case op == redSum && wide:
		return addSumAVX512(d, x, y, n), true
	case op == redSum:
		return addSumAVX2(d, x, y, n), true
	case op == redSumSq && wide:
		return addSumSqAVX512(d, x, y, n), true
	case op == redSumSq:
		return addSumSqAVX2(d, x, y, n), true
	}
	return 0, false
}

func reduceAVX512(op reduceOp, x *float32, n int, param float32) (float32, bool) {
	switch op {
	case redSum:
		return sumAVX512(x, n), true
	case redSumSq:
		return sumSqAVX512(x, n), true
	case redSumSqDev:
		return sumSqDevAVX512(x, n, param), true
	case redSumAbs:
		return sumAbsAVX512(x, n), true
	case redMax:
		return maxOfAVX512(x, n), true
	case redMin:
		return minOfAVX512(x, n), true
	case redMaxAbs:
		return maxAbsAVX512(x, n), true
	case redMaxNum:
		return maxNumAVX512(x, n), true
	}
	return 0, false
}

func reduceAVX2(op reduceOp, x *float32, n int, param float32) (float32, bool) {
	switch op {
	case redSum:
		return sumAVX2(x, n), true
	case redSumSq:
		return sumSqAVX2(x, n), true
	case redSumSqDev:
		return sumSqDevAVX2(x, n, param), true
	case redSumAbs:
		return sumAbsAVX2(x, n), true
	case redMax:
		return maxOfAVX2(x, n), true
	case redMin:
		return minOfAVX2(x, n), true
	case redMaxAbs:
		return maxAbsAVX2(x, n), true
	case redMaxNum:
		return maxNumAVX2(x, n), true
	}
	return 0, false
}
