package kernel

// RunRef is the plain form of [MoE.Run]. keep, unless nil, sees the logits and the chosen experts of each token.
func (s MoESpec) RunRef(m int, in, y []float32, keep func(t int, logits []float32, chosen []int32)) (activePairs int64) {
	for t := range m {
		x, out := in[t*s.In:][:s.In], y[t*s.Out:][:s.Out]
		var chosen []int32
		if s.K >= s.E {
			chosen = TopKRef(make([]float32, s.E), s.E)
		} else {
			logits := projectRef(x, s.Router, s.RouterBias, s.E)
			chosen = TopKRef(logits, s.K)
			if keep != nil {
				keep(t, logits, chosen)
			}
		}
		activePairs += int64(len(chosen))
		sum := make([]float64, s.Out)
		for j := range s.Out {
			if s.OutBias != nil {
				sum[j] = float64(s.OutBias[j])
			}
			if s.Mean != nil {
				for e := range s.E {
					sum[j] += float64(s.Mean[e*s.Out+j])
				}
				for _, e := range chosen {
					sum[j] -= float64(s.Mean[int(e)*s.Out+j])
				}
			}
		}
		z := make([]float32, s.Out)
		add := func(f FFNSpec) {
			f.DenseRef(1, x, z)
			for j, v := range z {
				sum[j] += float64(v)
			}
		}
		for _, e := range chosen {
			add(s.Expert(int(e)))
		}
		if s.Shared > 0 {
			add(s.SharedExpert())
		}
		for j, v := range sum {
			out[j] = float32(v)
		}
	}
	return activePairs
}

// Expert is expert e as a block of its own, without an output bias.
func (s MoESpec) Expert(e int) FFNSpec {
	f := FFNSpec{In: s.In, Hidden: s.Hidden, Out: s.Out, Act: s.Act}
	part := func(v []float32, n int) []float32 {
		if v == nil {
			return nil
		}
		return v[e*n : (e+1)*n]
	}
	f.Gate, f.Up, f.Down = part(s.Gate, s.In*s.Hidden), part(s.Up, s.In*s.Hidden), part(s.Down, s.Hidden*s.Out)
	f.GateBias, f.UpBias = part(s.GateBias, s.Hidden), part(s.UpBias, s.Hidden)
	return f
}

// SharedExpert is the shared expert as a block of its own, without an output bias.
func (s MoESpec) SharedExpert() FFNSpec {
	return FFNSpec{In: s.In, Hidden: s.Shared, Out: s.Out, Gate: s.SharedGate, Up: s.SharedUp, Down: s.SharedDown,
		GateBias: s.SharedGateBias, UpBias: s.SharedUpBias, Act: s.Act}
}
