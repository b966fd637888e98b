package sparsify

import "fmt"

// Layer is a dense layer y = Act(x·W + B) of a chain.
type Layer struct {
	W   Matrix                // [inputs, units]
	B   []float32             // [units]; nil means zero
	Act func(float32) float32 // nil means identity
}

// EliminateDead removes units that masking has killed from a chain of layers, without changing its function: a unit whose incoming weights are
// all zero always outputs act(b), so act(b)·(its outgoing weights) goes to the next bias; a unit whose outgoing weights are all zero is
// dropped. It repeats until nothing changes. Inputs of the first and outputs of the last layer stay, and each layer keeps at least one
// unit. kept[l] lists the surviving units of layer l. The arguments are not changed; untouched matrices are shared.
func EliminateDead(layers []Layer) (out []Layer, kept [][]int, err error) {
	out = append([]Layer(nil), layers...)
	kept = make([][]int, len(layers))
	for l, y := range layers {
		if err := y.W.check(fmt.Sprintf("layer %d", l)); err != nil {
			return nil, nil, err
		}
		if y.B != nil && len(y.B) != y.W.Cols {
			return nil, nil, fmt.Errorf("layer %d: bias has %d values for %d units", l, len(y.B), y.W.Cols)
		}
		if l > 0 && y.W.Rows != layers[l-1].W.Cols {
			return nil, nil, fmt.Errorf("layer %d takes %d inputs, layer %d has %d units", l, y.W.Rows, l-1, layers[l-1].W.Cols)
		}
		kept[l], _ = keepOrAll(nil, y.W.Cols)
	}
	for changed := true; changed; {
		changed = false
		for l := 0; l+1 < len(out); l++ {
			if dropDead(&out[l], &out[l+1], &kept[l]) {
				changed = true
			}
		}
	}
	return out, kept, nil
}

func dropDead(a, b *Layer, kept *[]int) bool {
	in, outgoing := a.W.ColNorms(), b.W.RowNorms()
	var live, constant []int
	for u := range in {
		switch {
		case outgoing[u] == 0:
		case in[u] == 0:
			constant = append(constant, u)
		default:
			live = append(live, u)
		}
	}
	if len(live) == 0 && len(in) > 0 { // one unit stays; a constant one costs least to explain
		u := 0
		if len(constant) > 0 {
			u, constant = constant[0], constant[1:]
		}
		live = []int{u}
	}
	if len(live) == len(in) {
		return false
	}
	if len(constant) > 0 {
		bias := make([]float64, b.W.Cols)
		for j, v := range b.B {
			bias[j] = float64(v)
		}
		for _, u := range constant {
			var v float32
			if a.B != nil {
				v = a.B[u]
			}
			if a.Act != nil {
				v = a.Act(v)
			}
			if v == 0 {
				continue
			}
			for j, w := range b.W.Row(u) {
				bias[j] += float64(v) * float64(w)
			}
		}
		if b.B != nil || !allZero(bias) {
			b.B = round32(bias)
		}
	}
	a.W, _ = a.W.SelectCols(live)
	b.W, _ = b.W.SelectRows(live)
	a.B = pick(a.B, live)
	*kept = pick(*kept, live)
	return true
}

func allZero(x []float64) bool {
	for _, v := range x {
		if v != 0 {
			return false
		}
	}
	return true
}

func pick[T any](x []T, idx []int) []T {
	if x == nil {
		return nil
	}
	out := make([]T, len(idx))
	for k, i := range idx {
		out[k] = x[i]
	}
	return out
}

// GatedFFN is y = (act(x·Gate + GateBias) * (x·Up + UpBias))·Down + OutBias; Gate.Data nil makes it plain, y = act(x·Up + UpBias)·Down + OutBias.
type GatedFFN struct {
	Gate, Up         Matrix // [inputs, n]
	Down             Matrix // [n, outputs]
	GateBias, UpBias []float32
	OutBias          []float32
	Act              func(float32) float32
}

// EliminateDeadFFN removes dead neurons of one FFN and returns the survivors, ascending. A neuron is dead when its outgoing weights are all
// zero, or its hidden value is constant: plain, all incoming weights zero; gated, gate and up weights all zero, or one of the two factors
// identically zero. The constant goes to OutBias. At least one neuron stays.
func EliminateDeadFFN(f GatedFFN) (GatedFFN, []int, error) {
	n := f.Down.Rows
	gated := f.Gate.Data != nil
	if f.Up.Cols != n || gated && f.Gate.Cols != n {
		return f, nil, fmt.Errorf("ffn: %d and %d incoming columns for %d neurons", f.Up.Cols, f.Gate.Cols, n)
	}
	for _, b := range [][]float32{f.GateBias, f.UpBias} {
		if b != nil && len(b) != n {
			return f, nil, fmt.Errorf("ffn: bias has %d values for %d neurons", len(b), n)
		}
	}
	if f.OutBias != nil && len(f.OutBias) != f.Down.Cols {
		return f, nil, fmt.Errorf("ffn: bias has %d values for %d outputs", len(f.OutBias), f.Down.Cols)
	}
	at := func(b []float32, i int) float32 {
		if b == nil {
			return 0
		}
		return b[i]
	}
	up, out := f.Up.ColNorms(), f.Down.RowNorms()
	var gate []float64
	if gated {
		gate = f.Gate.ColNorms()
	}
	constant := func(i int) (float32, bool) {
		if !gated {
			return f.Act(at(f.UpBias, i)), up[i] == 0
		}
		g, u := f.Act(at(f.GateBias, i)), at(f.UpBias, i)
		zero := gate[i] == 0 && g == 0 || up[i] == 0 && u == 0
		return g * u, zero || gate[i] == 0 && up[i] == 0
	}
	bias := make([]float64, f.Down.Cols)
	for j, v := range f.OutBias {
		bias[j] = float64(v)
	}
	var live []int
	for i := range n {
		v, fixed := constant(i)
		last := i == n-1 && len(live) == 0
		switch {
		case last:
			live = append(live, i)
		case out[i] == 0:
		case fixed:
			for j, w := range f.Down.Row(i) {
				bias[j] += float64(v) * float64(w)
			}
		default:
			live = append(live, i)
		}
	}
	if len(live) == n {
		return f, live, nil
	}
	if f.OutBias != nil || !allZero(bias) {
		f.OutBias = round32(bias)
	}
	f.Up, _ = f.Up.SelectCols(live)
	if gated {
		f.Gate, _ = f.Gate.SelectCols(live)
	}
	f.Down, _ = f.Down.SelectRows(live)
	f.GateBias, f.UpBias = pick(f.GateBias, live), pick(f.UpBias, live)
	return f, live, nil
}
