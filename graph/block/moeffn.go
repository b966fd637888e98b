package block

import "fmt"

// moeText: x [..., in]; router [in, E], router_bias [E]; gate and up [E, in, m], their biases [E, m]; down [E, m, out]; down_bias [out];
// mean [E, out]; the shared expert's matrices [in, s] and [s, out] with biases [s]. Attribute k = [count].
//
//	y = down_bias + shared(x) + Σ_{e in top k} down_e·hidden_e(x)                          without mean
//	y = down_bias + shared(x) + Σ_e mean_e + Σ_{e in top k} (down_e·hidden_e(x) - mean_e)    with mean
func moeText(v Variant, opset int64) string {
	b := &body{opset: opset}
	b.add("x2 = Flatten <axis = -1> (x)")
	b.add("logits = Add (%s, router_bias)", b.op("MatMul (x2, router)"))
	b.n++
	values := b.name("v")
	b.add("%s, picked = TopK <axis = 1> (logits, %s)", values, b.attrInts("k"))
	rows := b.op("Slice (%s, %s, %s)", b.op("Shape (x2)"), b.ints(0), b.ints(1))
	outDim := b.op("Slice (%s, %s, %s)", b.op("Shape (down)"), b.ints(2), b.ints(3))
	base := "down_bias"
	if v.Mean {
		base = b.op("Add (%s, %s)", base, b.reduce("ReduceSum", "mean", 0, 0, 13))
	}
	b.add("start = Expand (%s, %s)", base, b.op("Concat <axis = 0> (%s, %s)", rows, outDim))
	acc := "start"
	if v.Shared {
		h, _, _ := b.hidden(v, "x2", weights{"shared_gate", "shared_gate_bias", "shared_up", "shared_up_bias", ""})
		acc = b.op("Add (start, %s)", b.op("MatMul (%s, shared_down)", h))
	}
	switch v.Form {
	case Loop:
		acc = b.expertLoop(v, acc)
	case Unrolled:
		for e := range v.Experts {
			index := b.op("Constant <value = int64 {%d}> ()", e)
			at := b.expertRows(index)
			acc = b.runExpert(v, index, at, acc)
		}
	case Dense:
		acc = b.allExperts(v, acc)
	}
	lead := b.op("Slice (%s, %s, %s)", b.op("Shape (x)"), b.ints(0), b.ints(-1))
	shape := b.op("Concat <axis = 0> (%s, %s)", lead, outDim)
	zeroDims := ""
	if opset >= 14 {
		zeroDims = "<allowzero = 1> "
	}
	b.add("y = Reshape %s(%s, %s)", zeroDims, acc, shape)

	inputs := []string{"x", "router", "router_bias"}
	if v.Gated {
		inputs = append(inputs, "gate", "gate_bias")
	}
	inputs = append(inputs, "up", "up_bias", "down", "down_bias")
	if v.Mean {
		inputs = append(inputs, "mean")
	}
	if v.Shared && v.Gated {
		inputs = append(inputs, "shared_gate", "shared_gate_bias")
	}
	if v.Shared {
		inputs = append(inputs, "shared_up", "shared_up_bias", "shared_down")
	}
	return function(v, opset, []string{"k"}, inputs, b.text())
}

func (b *body) name(prefix string) string { return fmt.Sprintf("%s%d", prefix, b.n) }

// expertRows is the list of tokens that picked expert e, as the [1, n] result of NonZero.
func (b *body) expertRows(e string) string {
	hit := b.op("Cast <to = 1> (%s)", b.op("Equal (picked, %s)", e))
	return b.op("NonZero (%s)", b.reduce("ReduceMax", hit, 1, 0, 18))
}

// runExpert adds expert e's output to the rows of acc that picked it. Rows do not repeat within one expert.
func (b *body) runExpert(v Variant, e, nonzero, acc string) string {
	rows := b.op("Reshape (%s, %s)", nonzero, b.ints(-1))
	x := b.op("Gather <axis = 0> (x2, %s)", rows)
	one := func(stack string) string { return b.op("Gather <axis = 0> (%s, %s)", stack, e) }
	w := weights{up: one("up"), upBias: one("up_bias")}
	if v.Gated {
		w.gate, w.gateBias = one("gate"), one("gate_bias")
	}
	h, _, _ := b.hidden(v, x, w)
	z := b.op("MatMul (%s, %s)", h, one("down"))
	if v.Mean {
		z = b.op("Sub (%s, %s)", z, one("mean"))
	}
	sum := b.op("Add (%s, %s)", b.op("Gather <axis = 0> (%s, %s)", acc, rows), z)
	return b.op("ScatterND (%s, %s, %s)", acc, b.op("Transpose <perm = [1, 0]> (%s)", nonzero), sum)
}

func (b *body) expertLoop(v Variant, acc string) string {
	count := b.op("Gather <axis = 0> (%s, %s)", b.op("Shape (router)"), b.op("Constant <value = int64 {1}> ()"))
	yes := b.op("Constant <value = bool {1}> ()")
	step := b.sub()
	at := step.expertRows("e")
	some := step.op("Greater (%s, %s)", step.op("Size (%s)", at), step.op("Constant <value = int64 {0}> ()"))
	then := step.sub()
	then.add("ran = Identity (%s)", then.runExpert(v, "e", at, "acc"))
	step.add("next = If <then_branch = run () => (ran) {\n%s\n}, else_branch = skip () => (same) { same = Identity (acc) }> (%s)", then.text(), some)
	step.add("go = Identity (more)")
	b.n = then.n
	return b.op("Loop <body = expert (int64 e, bool more, float[] acc) => (bool go, float[] next) {\n%s\n}> (%s, %s, %s)", step.text(), count, yes, acc)
}

// allExperts runs every expert on every token and masks the outputs: [E, tokens, out] summed over E.
func (b *body) allExperts(v Variant, acc string) string {
	zeros := b.op("ConstantOfShape <value = float[1] {0.0}> (%s)", b.op("Shape (logits)"))
	ones := b.op("ConstantOfShape <value = float[1] {1.0}> (%s)", b.op("Shape (picked)"))
	marks := b.op("ScatterElements <axis = 1> (%s, picked, %s)", zeros, ones)
	mask := b.unsqueeze(b.op("Transpose <perm = [1, 0]> (%s)", marks), 2)
	bias := func(name string) string { return b.unsqueeze(name, 1) }
	w := weights{up: "up", upBias: bias("up_bias")}
	if v.Gated {
		w.gate, w.gateBias = "gate", bias("gate_bias")
	}
	h, _, _ := b.hidden(v, b.unsqueeze("x2", 0), w)
	z := b.op("MatMul (%s, down)", h)
	if v.Mean {
		z = b.op("Sub (%s, %s)", z, bias("mean"))
	}
	return b.op("Add (%s, %s)", acc, b.reduce("ReduceSum", b.op("Mul (%s, %s)", z, mask), 0, 0, 13))
}

func (b *body) unsqueeze(x string, axis int64) string {
	if b.opset < 13 {
		return b.op("Unsqueeze <axes: ints = [%d]> (%s)", axis, x)
	}
	return b.op("Unsqueeze (%s, %s)", x, b.ints(axis))
}
