package passes

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// TopKOptions steers TopKFFN. The zero value keeps the quarter of largest |h|.
type TopKOptions struct {
	Keep   float64    // share of the hidden values kept for each token; 0 is 0.25
	K      int        // their number instead, for the exact rule
	On     block.On   // what is scored: hidden (default), gate, signed
	Rule   block.Keep // exact (default), threshold, stat
	Value  *float64   // threshold or multiplier, given; nil: from Keep
	Layers []int      // the blocks to rewrite, by number in graph order; nil: all
}

// TopKFFN makes every feed-forward block keep some hidden values of each token only, by a model-local function (graph/block). Without a
// given value, the threshold rule takes the quantile of its score on the calibration data, and the statistical rule the empirical
// multiplier, or the normal distribution's where there is no data (methods: statistical top-k, arXiv 2506.06644; CATS, arXiv 2404.08763).
func TopKFFN(opt TopKOptions) Pass {
	return Pass{Name: "topk-ffn", Opt: true, Doc: "keep the strongest hidden values of each token",
		Run: func(env *Env, m *graph.Model) (int, error) {
			if err := opt.validate(); err != nil {
				return 0, err
			}
			ops := newOperands(m)
			return forEachFFN(env, m, "topk-ffn", opt.Layers, func(_ int, f *FFN, row *Row) (string, error) {
				return opt.rewrite(env, m, ops, f, row)
			})
		}}
}

func (o *TopKOptions) validate() error {
	if o.On == "" {
		o.On = block.OnHidden
	}
	if o.Rule == "" {
		o.Rule = block.KeepExact
	}
	if o.Keep == 0 {
		o.Keep = 0.25
	}
	if err := oneOf("on", string(o.On), string(block.OnHidden), string(block.OnGate), string(block.OnSigned)); err != nil {
		return err
	}
	if err := oneOf("rule", string(o.Rule), string(block.KeepExact), string(block.KeepThreshold), string(block.KeepStat)); err != nil {
		return err
	}
	switch {
	case o.Keep < 0 || o.Keep > 1 || o.Keep != o.Keep:
		return fmt.Errorf("keep is %g, want a share between 0 and 1", o.Keep)
	case o.K < 0:
		return fmt.Errorf("k is %d, want a count", o.K)
	case o.K > 0 && o.Rule != block.KeepExact:
		return fmt.Errorf("k goes with the exact rule, not with %s", o.Rule)
	case o.Value != nil && o.Rule == block.KeepExact:
		return fmt.Errorf("the exact rule takes keep or k, no value")
	}
	return nil
}

func (o *TopKOptions) rewrite(env *Env, m *graph.Model, ops *operands, f *FFN, row *Row) (string, error) {
	v := block.Variant{Family: block.TopKFFN, Gated: f.Gated(), Act: f.Act, On: o.On, Keep: o.Rule}
	opset := m.Opset("")
	var attr *graph.Attr
	share := o.Keep
	if o.Rule == block.KeepExact {
		k := o.K
		if k == 0 {
			k = sparsify.KeepCount(o.Keep, f.Hidden)
		}
		if k >= f.Hidden {
			return fmt.Sprintf("k is %d and the block has %d hidden values: nothing would be skipped", k, f.Hidden), nil
		}
		share = float64(k) / float64(f.Hidden)
		attr = block.CountAttr(opset, "k", int64(k))
		row.Details = append(row.Details, Detail{"k", float64(k)})
	} else {
		value, reason, err := o.value(env, m, f)
		if reason != "" || err != nil {
			return reason, err
		}
		attr = block.ThresholdAttr(opset, float32(value))
		row.Details = append(row.Details, Detail{"threshold", value})
	}
	if !env.mayRewrite() {
		return "stopped by the knob stop", nil
	}
	id, err := block.Install(m, v)
	if err != nil {
		return err.Error(), nil
	}
	var weights []*graph.Value
	for _, l := range f.Linears() {
		w, err := ops.linear(l)
		if err != nil {
			return "", err
		}
		weights = append(weights, w...)
	}
	if err := f.replace(m, "topk-ffn", id, weights, attr); err != nil {
		return "", err
	}
	row.FLOPsAfter = o.flops(f, share)
	row.Details = append(row.Details, Detail{"keep", share})
	return "", nil
}

// flops is the work for one token when share of the hidden values is kept.
func (o *TopKOptions) flops(f *FFN, share float64) int64 {
	up, down := float64(f.In)*float64(f.Hidden), float64(f.Out)*float64(f.Hidden)
	n := up + share*down
	if f.Gated() {
		n += up
		if o.On != block.OnHidden {
			n += (share - 1) * up
		}
	}
	return int64(2 * n)
}

// value is the threshold or multiplier for one block.
func (o *TopKOptions) value(env *Env, m *graph.Model, f *FFN) (float64, string, error) {
	if o.Value != nil {
		return *o.Value, "", nil
	}
	if env.Observe == nil && env.Stats != nil && f.score(o.On) == f.H {
		v, reason := env.statsValue(f, o.Rule == block.KeepStat, o.Keep)
		return v, reason, nil
	}
	if env.Observe == nil {
		if o.Rule == block.KeepStat {
			return sparsify.NormalQuantile(1 - o.Keep), "", nil
		}
		return 0, errNoData.Error() + " or a value for the threshold", nil
	}
	tap := f.score(o.On)
	if tap == nil {
		return 0, "the activation's output is no value of the graph, so its quantile cannot be measured", nil
	}
	rows, err := env.collectRows(m, []*graph.Value{tap}, []int{f.Hidden})
	if err != nil {
		return 0, "", err
	}
	scores := rows[0]
	if o.On != block.OnSigned {
		scores = sparsify.AbsScores(scores)
	}
	if o.Rule == block.KeepStat {
		z, err := sparsify.PooledMultiplier(scores, o.Keep)
		return z, "", err
	}
	if o.On == block.OnSigned {
		return 0, "a threshold on the signed gate is not calibrated; give a value", nil
	}
	t, err := sparsify.PooledThreshold(scores.Data, o.Keep)
	if math.IsNaN(float64(t)) {
		return 0, "the hidden values are NaN on the calibration data", nil
	}
	return float64(t), "", err
}

// score is the value that is scored, before |·|.
func (f *FFN) score(on block.On) *graph.Value {
	switch {
	case on == block.OnHidden || on == block.OnGate && !f.Gated():
		return f.H
	case on == block.OnSigned:
		return f.Pre
	}
	return f.Activated
}
