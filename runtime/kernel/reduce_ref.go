package kernel

import "math"

// reduceRef is reduce in plain Go, over the same lanes.
func reduceRef(op reduceOp, x []float32, param float32) float32 {
	var lanes [reduceLanes]float32
	for i := range lanes {
		lanes[i] = op.identity()
	}
	var nan bool
	for i, v := range x {
		l := &lanes[i%reduceLanes]
		switch op {
		case redSum:
			*l += v
		case redSumAbs:
			*l += absf(v)
		case redSumSq:
			*l = fmaf(v, v, *l)
		case redSumSqDev:
			d := v - param
			*l = fmaf(d, d, *l)
		case redMax:
			nan = nan || v != v
			*l = maxf(*l, v)
		case redMaxNum:
			*l = maxf(v, *l)
		case redMin:
			nan = nan || v != v
			*l = minf(*l, v)
		case redMaxAbs:
			nan = nan || v != v
			*l = maxf(*l, absf(v))
		}
	}
	if nan {
		return math.Float32frombits(0x7fc00000)
	}
	switch op {
	case redMax, redMaxAbs, redMaxNum:
		return foldLanes(lanes[:], maxf)
	case redMin:
		return foldLanes(lanes[:], minf)
	}
	return foldLanes(lanes[:], addf)
}

func dotRef(a, b []float32) float32 {
	var lanes [reduceLanes]float32
	for len(a) >= reduceLanes {
		x, y := (*[reduceLanes]float32)(a), (*[reduceLanes]float32)(b)
		for i := range lanes {
			lanes[i] = fmaf(x[i], y[i], lanes[i])
		}
		a, b = a[reduceLanes:], b[reduceLanes:]
	}
	for i, v := range a {
		lanes[i] = fmaf(v, b[i], lanes[i])
	}
	return foldLanes(lanes[:], addf)
}

// foldLanes joins the lanes by halves; len(lanes) is a power of two.
func foldLanes(lanes []float32, join func(a, b float32) float32) float32 {
	for w := len(lanes) / 2; w > 0; w /= 2 {
		for i := range w {
			lanes[i] = join(lanes[i], lanes[i+w])
		}
	}
	return lanes[0]
}

func addf(a, b float32) float32 { return a + b }
