package kernel

// softmaxLanes is the number of partial sums of expSum, folded as reduceLanes says.
const softmaxLanes = 16

func expSumRef(dst, x []float32, m float32) float32 {
	var lanes [softmaxLanes]float32
	for i, v := range x {
		e := unaryScalar(opExp, v-m, unaryParams{})
		if dst != nil {
			dst[i] = e
		}
		lanes[i%softmaxLanes] += e
	}
	return foldLanes(lanes[:], addf)
}

func scaleMaxRef(dst, x, add []float32, scale float32) float32 {
	for i, v := range x {
		if add != nil {
			dst[i] = fmaf(scale, v, add[i])
		} else {
			dst[i] = scale * v
		}
	}
	return reduceRef(redMaxNum, dst[:len(x)], 0)
}
