package calib

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// EvaluateSteps is Evaluate one token at a time: the cache that a step returns (outputs present*) enters the next (inputs past*). Both
// must be listed in the same order.
func EvaluateSteps(ctx context.Context, m *graph.Model, s *runtime.Session, windows *tensor.Tensor, progress func(done, total int)) (Perplexity, error) {
	past, present, err := cachePairs(m)
	if err != nil {
		return Perplexity{}, err
	}
	ids, targets := SplitTargets(windows)
	name, err := soleInput(realInputs(m), "ids")
	if err != nil {
		return Perplexity{}, err
	}
	rows, length := ids.Shape[0], ids.Shape[1]
	logits := m.Graph.Outputs[0].Name
	fetch := append([]string{logits}, present...)
	const batch = 16
	var p Perplexity
	sum, done := 0.0, 0
	for lo := int64(0); lo < rows; lo += batch {
		n := min(batch, rows-lo)
		cache := runtime.Feeds{}
		for t := range length {
			feeds := runtime.Feeds{name: column(ids, lo, n, t)}
			for k, v := range cache {
				feeds[k] = v
			}
			if err := fillStep(m, feeds, n, t); err != nil {
				return Perplexity{}, err
			}
			out, err := s.RunOutputs(ctx, feeds, fetch...)
			if err != nil {
				return Perplexity{}, fmt.Errorf("step %d: %w", t, err)
			}
			nats, err := negLogLikelihood(out[logits], tensor.Data[int64](column(targets, lo, n, t)))
			if err != nil {
				return Perplexity{}, fmt.Errorf("output %q: %w", logits, err)
			}
			sum += nats
			p.Tokens += n
			for i := range past {
				cache[past[i]] = out[present[i]]
			}
			if done++; progress != nil {
				progress(done, int((rows+batch-1)/batch*length))
			}
		}
	}
	p.Nats = sum / float64(p.Tokens)
	p.Value = math.Exp(p.Nats)
	return p, nil
}

// HasCache reports whether the model takes a cache of earlier tokens and returns the longer one.
func HasCache(m *graph.Model) bool {
	_, _, err := cachePairs(m)
	return err == nil
}

func cachePairs(m *graph.Model) (past, present []string, err error) {
	for _, v := range realInputs(m) {
		if strings.HasPrefix(v.Name, "past") {
			past = append(past, v.Name)
		}
	}
	for _, v := range m.Graph.Outputs {
		if strings.HasPrefix(v.Name, "present") {
			present = append(present, v.Name)
		}
	}
	if len(past) == 0 || len(past) != len(present) {
		return nil, nil, errors.New("the model has no cache: its past* inputs and present* outputs do not pair")
	}
	return past, present, nil
}

// column is column t of n rows of x [rows, length], as [n, 1].
func column(x *tensor.Tensor, lo, n, t int64) *tensor.Tensor {
	length, data := x.Shape[1], tensor.Data[int64](x)
	out := make([]int64, n)
	for i := range n {
		out[i] = data[(lo+i)*length+t]
	}
	return tensor.Of(out, n, 1)
}

// fillStep adds mask, position and, at the first step, the empty cache for token t.
func fillStep(m *graph.Model, feeds runtime.Feeds, n, t int64) error {
	for _, v := range realInputs(m) {
		switch v.Name {
		case maskInput:
			feeds[v.Name] = filled(v, n, t+1, func(int64) int64 { return 1 })
		case "position_ids":
			feeds[v.Name] = filled(v, n, 1, func(int64) int64 { return t })
		}
	}
	return FillLanguageInputs(m, feeds)
}
