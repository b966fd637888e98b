package kernel

import (
	"math"
	"slices"
)

// DenseRef is the plain form of [FFN.Dense]: straightforward loops in float64.
func (s FFNSpec) DenseRef(m int, x, y []float32) {
	all := make([]int32, s.Hidden)
	for i := range all {
		all[i] = int32(i)
	}
	for t := range m {
		_, h := s.hiddenRef(x[t*s.In:][:s.In])
		s.downRef(h, all, y[t*s.Out:][:s.Out])
	}
}

// TopKRef is the plain form of [FFN.TopK]. keep, unless nil, sees the score of every neuron and the kept ones of each token.
func (s FFNSpec) TopKRef(m int, x, y []float32, rule KeepRule, keep func(t int, score []float32, kept []int32)) (kept int64) {
	for t := range m {
		gate, h := s.hiddenRef(x[t*s.In:][:s.In])
		score := slices.Clone(h)
		switch {
		case rule.On == KeepGate && s.Gate != nil:
			for i := range score {
				score[i] = s.Act.Scalar(gate[i])
			}
		case rule.On == KeepGateSigned:
			copy(score, gate)
		}
		if rule.On != KeepGateSigned {
			for i := range score {
				score[i] = float32(math.Abs(float64(score[i])))
			}
		}
		idx := rule.selectRef(score)
		if keep != nil {
			keep(t, score, idx)
		}
		kept += int64(len(idx))
		s.downRef(h, idx, y[t*s.Out:][:s.Out])
	}
	return kept
}

// hiddenRef computes the first projection (the gate, or up in a plain block) and h of one token.
func (s FFNSpec) hiddenRef(x []float32) (gate, h []float32) {
	up := projectRef(x, s.Up, s.UpBias, s.Hidden)
	gate = up
	if s.Gate != nil {
		gate = projectRef(x, s.Gate, s.GateBias, s.Hidden)
	}
	h = make([]float32, s.Hidden)
	for i := range h {
		h[i] = s.Act.Scalar(gate[i])
		if s.Gate != nil {
			h[i] *= up[i]
		}
	}
	return gate, h
}

func (s FFNSpec) downRef(h []float32, idx []int32, y []float32) {
	for j := range y {
		var sum float64
		if s.OutBias != nil {
			sum = float64(s.OutBias[j])
		}
		for _, r := range idx {
			sum += float64(h[r]) * float64(s.Down[int(r)*s.Out+j])
		}
		y[j] = float32(sum)
	}
}

// projectRef computes x·w + bias for w [len(x), n].
func projectRef(x, w, bias []float32, n int) []float32 {
	out := make([]float32, n)
	for j := range out {
		var sum float64
		for l, v := range x {
			sum += float64(v) * float64(w[l*n+j])
		}
		if bias != nil {
			sum += float64(bias[j])
		}
		out[j] = float32(sum)
	}
	return out
}

func (r KeepRule) selectRef(score []float32) []int32 {
	if r.Kind == KeepExact {
		return TopKRef(score, r.K)
	}
	mean, std := RowMeanStdRef(score)
	t := float32(mean + float64(r.Threshold)*std)
	idx := []int32{}
	for i, v := range score {
		if (r.Kind == KeepThreshold && v >= r.Threshold) || (r.Kind == KeepStat && v > t) {
			idx = append(idx, int32(i))
		}
	}
	return idx
}
