package block

// topKText: x [..., in], gate and up [in, hidden], down [hidden, out], biases [hidden] and [out] (zeros where the model has none);
// attribute k = [count] for the exact rule, threshold for the others.
func topKText(v Variant, opset int64) string {
	b := &body{opset: opset}
	h, pre, gate := b.hidden(v, "x", plainWeights)
	score := pre
	switch v.On {
	case OnHidden:
		score = b.op("Abs (%s)", h)
	case OnGate:
		score = b.op("Abs (%s)", gate)
	}
	attr := "threshold"
	var keep string
	switch v.Keep {
	case KeepExact:
		attr = "k"
		keep = b.keepExact(score)
	case KeepThreshold:
		t := b.attrFloat(attr)
		if b.opset < 12 { // GreaterOrEqual came with 12
			keep = b.op("Or (%s, %s)", b.op("Greater (%s, %s)", score, t), b.op("Equal (%s, %s)", score, t))
			break
		}
		keep = b.op("GreaterOrEqual (%s, %s)", score, t)
	case KeepStat:
		keep = b.keepStat(score, attr)
	}
	kept := b.op("Where (%s, %s, %s)", keep, h, b.float("0.0"))
	b.add("y = Add (%s, down_bias)", b.op("MatMul (%s, down)", kept))
	inputs := []string{"x"}
	if v.Gated {
		inputs = append(inputs, "gate", "gate_bias")
	}
	inputs = append(inputs, "up", "up_bias", "down", "down_bias")
	return function(v, opset, []string{attr}, inputs, b.text())
}

// keepExact marks exactly k of each row, whatever the ties: the indices of TopK are scattered, not its smallest value compared.
func (b *body) keepExact(score string) string {
	k := b.attrInts("k")
	b.n++
	values, index := b.name("v"), b.name("i")
	b.add("%s, %s = TopK <axis = -1> (%s, %s)", values, index, score, k)
	zeros := b.op("ConstantOfShape <value = float[1] {0.0}> (%s)", b.op("Shape (%s)", score))
	ones := b.op("ConstantOfShape <value = float[1] {1.0}> (%s)", b.op("Shape (%s)", index))
	return b.op("Cast <to = 9> (%s)", b.op("ScatterElements <axis = -1> (%s, %s, %s)", zeros, index, ones))
}

func (b *body) keepStat(score, attr string) string {
	mean := b.reduce("ReduceMean", score, -1, 1, 18)
	centred := b.op("Sub (%s, %s)", score, mean)
	variance := b.reduce("ReduceMean", b.op("Mul (%s, %s)", centred, centred), -1, 1, 18)
	offset := b.op("Mul (%s, %s)", b.op("Sqrt (%s)", variance), b.attrFloat(attr))
	return b.op("Greater (%s, %s)", score, b.op("Add (%s, %s)", mean, offset))
}
