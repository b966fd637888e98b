package calib

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// Perplexity is the result of language-model evaluation.
type Perplexity struct {
	Nats   float64 `json:"nats"` // mean negative log-likelihood, natural logarithm
	Value  float64 `json:"perplexity"`
	Tokens int64   `json:"tokens"`
}

// Evaluate feeds each window of ids [n, length] without its last id and scores every id but the first. m names the inputs; s is the
// session of m or of a rewrite of it. progress, if given, is told after each batch.
func Evaluate(ctx context.Context, m *graph.Model, s *runtime.Session, windows *tensor.Tensor, progress func(done, total int)) (Perplexity, error) {
	in, targets := SplitTargets(windows)
	name, err := soleInput(realInputs(m), "ids")
	if err != nil {
		return Perplexity{}, err
	}
	data, err := OfArrays(m, map[string]*tensor.Tensor{name: in}, Options{Batch: evaluationBatch(m, in)})
	if err != nil {
		return Perplexity{}, err
	}
	want := tensor.Data[int64](targets)
	var p Perplexity
	sum := 0.0
	logits := m.Graph.Outputs[0].Name
	for i := range data.Batches() {
		out, err := s.RunOutputs(ctx, data.Feeds(i), logits)
		if err != nil {
			return Perplexity{}, err
		}
		n := data.Feeds(i)[name].Len()
		nats, err := negLogLikelihood(out[logits], want[p.Tokens:int(p.Tokens)+n])
		if err != nil {
			return Perplexity{}, fmt.Errorf("output %q: %w", logits, err)
		}
		sum += nats
		p.Tokens += int64(n)
		if progress != nil {
			progress(i+1, data.Batches())
		}
	}
	p.Nats = sum / float64(p.Tokens)
	p.Value = math.Exp(p.Nats)
	return p, nil
}

// logitsAtOnce bounds the logits of one run of Evaluate.
const logitsAtOnce = 1 << 26

// evaluationBatch is the number of windows whose logits fit; 0 is the usual number.
func evaluationBatch(m *graph.Model, in *tensor.Tensor) int {
	vocabulary, ok := m.Graph.Outputs[0].Type.Shape.Dim(-1).Value()
	window := vocabulary * in.Shape[1]
	if usual := int64(max(1, 4096/max(64, in.Shape[1]))); !ok || window <= 0 || window <= logitsAtOnce/usual {
		return 0
	}
	return int(max(1, logitsAtOnce/window))
}

// negLogLikelihood sums -log softmax(logits)[target] over the rows of logits [..., vocabulary], in float64.
func negLogLikelihood(logits *tensor.Tensor, targets []int64) (float64, error) {
	if logits == nil || len(logits.Shape) < 2 {
		return 0, errors.New("no logits")
	}
	flat, err := logits.Float32s()
	if err != nil {
		return 0, err
	}
	v := int(logits.Shape[len(logits.Shape)-1])
	if v == 0 || len(flat)/v != len(targets) {
		return 0, fmt.Errorf("logits %v do not fit %d targets", logits.Shape, len(targets))
	}
	sum := 0.0
	for i, t := range targets {
		row := flat[i*v : (i+1)*v]
		if t < 0 || t >= int64(v) {
			return 0, fmt.Errorf("id %d is outside the vocabulary of %d", t, v)
		}
		most := math.Inf(-1)
		for _, x := range row {
			most = math.Max(most, float64(x))
		}
		total := 0.0
		for _, x := range row {
			total += math.Exp(float64(x) - most)
		}
		sum += math.Log(total) + most - float64(row[t])
	}
	return sum, nil
}
