package passes

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// Scores and compensations of PruneNeurons.
const (
	ScoreEnergy    = "energy"    // E[h²]·|d|²
	ScoreVariance  = "variance"  // Var[h]·|d|²
	ScoreMagnitude = "magnitude" // |incoming|·|outgoing|: needs no data
	ScoreOBS       = "obs"       // one by one, the cheapest for least squares first

	CompensateNone = "none"
	CompensateMean = "mean" // the removed neurons' mean output goes into the bias
	CompensateLS   = "ls"   // the down projection is fitted anew by least squares
)

// PruneOptions steers PruneNeurons. The zero value keeps three quarters of the neurons.
type PruneOptions struct {
	Keep       float64 // share of the hidden neurons that stay; 0 is 0.75
	Score      string  // energy (default), variance, magnitude, obs; magnitude without data
	Compensate string  // ls (default), mean, none; none without data
	Ridge      float64 // of the refit, relative to the Gram matrix's mean diagonal; 0 is 1e-3
	Multiple   int     // round the number of neurons to a multiple; 0 is 1
	Layers     []int   // the blocks to rewrite, by number in graph order; nil: all
}

// PruneNeurons removes hidden neurons of feed-forward blocks: smaller matrices and the same operators. The blocks are taken in graph order,
// each with calibration inputs from the model as it is by then (methods: pruning, sections 3 and 4).
func PruneNeurons(opt PruneOptions) Pass {
	return Pass{Name: "prune-neurons", Opt: true, Doc: "remove the hidden neurons that contribute least",
		Run: func(env *Env, m *graph.Model) (int, error) {
			if err := opt.validate(env.hasData()); err != nil {
				return 0, err
			}
			n, err := forEachFFN(env, m, "prune-neurons", opt.Layers, func(_ int, f *FFN, row *Row) (string, error) {
				return opt.rewrite(env, m, f, row)
			})
			if err != nil || n == 0 {
				return n, err
			}
			_, err = op.Infer(m, op.InferOptions{})
			return n, err
		}}
}

func (o *PruneOptions) validate(data bool) error {
	if o.Keep == 0 {
		o.Keep = 0.75
	}
	if o.Score == "" {
		o.Score = ScoreMagnitude
		if data {
			o.Score = ScoreEnergy
		}
	}
	if o.Compensate == "" {
		o.Compensate = CompensateNone
		if data {
			o.Compensate = CompensateLS
		}
	}
	if o.Multiple == 0 {
		o.Multiple = 1
	}
	if o.Ridge == 0 {
		o.Ridge = sparsify.DefaultRidge
	}
	if !(o.Keep > 0 && o.Keep <= 1) {
		return fmt.Errorf("keep is %g, want a share above 0 and up to 1", o.Keep)
	}
	if err := oneOf("score", o.Score, ScoreEnergy, ScoreVariance, ScoreMagnitude, ScoreOBS); err != nil {
		return err
	}
	if err := oneOf("compensate", o.Compensate, CompensateNone, CompensateMean, CompensateLS); err != nil {
		return err
	}
	if o.Multiple < 0 || o.Ridge < 0 {
		return fmt.Errorf("multiple and ridge must not be negative")
	}
	if !data && (o.Score != ScoreMagnitude || o.Compensate != CompensateNone) {
		return fmt.Errorf("score %s with compensation %s %w", o.Score, o.Compensate, errNoData)
	}
	return nil
}

// count is how many of n neurons stay.
func (o *PruneOptions) count(n int) int {
	k := sparsify.KeepCount(o.Keep, n)
	if o.Multiple > 1 {
		k = max(o.Multiple, (k+o.Multiple/2)/o.Multiple*o.Multiple)
	}
	return min(k, n)
}

func (o *PruneOptions) rewrite(env *Env, m *graph.Model, f *FFN, row *Row) (string, error) {
	k := o.count(f.Hidden)
	if k == f.Hidden {
		return fmt.Sprintf("all %d neurons would stay", k), nil
	}
	if f.Gate != nil && f.Gate.Nodes[0] == f.Up.Nodes[0] && f.Gate.Hi-f.Gate.Lo+f.Up.Hi-f.Up.Lo != f.Up.fullWidth() {
		return "the product of gate and up computes something else, too", nil
	}
	if reason := f.widthRead(); reason != "" {
		return reason, nil
	}
	down, err := f.Down.matrix()
	if err != nil {
		return "", err
	}
	var moments *sparsify.Moments
	if o.Score != ScoreMagnitude || o.Compensate != CompensateNone {
		var reason string
		if moments, reason, err = env.hiddenMoments(m, f); reason != "" || err != nil {
			return reason, err
		}
	}
	keep, err := o.choose(f, moments, down, k)
	if err != nil {
		return "", err
	}
	w, b, err := o.refit(f, moments, down, keep, row)
	if err != nil {
		return "", err
	}
	if !env.mayRewrite() {
		return "stopped by the knob stop", nil
	}
	if err := f.keepNeurons(m, "prune-neurons", keep, w, b); err != nil {
		return "", err
	}
	row.WeightsAfter = f.weightsAt(k, b != nil)
	row.FLOPsAfter = row.FLOPsBefore / int64(f.Hidden) * int64(k)
	row.Details = append(row.Details, Detail{"neurons_before", float64(f.Hidden)}, Detail{"neurons_after", float64(k)})
	return "", nil
}

func (o *PruneOptions) choose(f *FFN, g *sparsify.Moments, down sparsify.Matrix, k int) ([]int, error) {
	var score sparsify.Score
	var err error
	switch o.Score {
	case ScoreOBS:
		greedy, err := sparsify.GreedyKeep(g, down, k, o.Ridge)
		if err != nil {
			return nil, err
		}
		return greedy.Keep, nil
	case ScoreMagnitude:
		var in []sparsify.Matrix
		for _, l := range f.Linears()[:len(f.Linears())-1] {
			w, err := l.matrix()
			if err != nil {
				return nil, err
			}
			in = append(in, w)
		}
		score, err = sparsify.MagnitudeScore(down, in...)
	case ScoreEnergy:
		score, err = sparsify.EnergyScore(diagonal(g.XX(), g.Count()), down)
	case ScoreVariance:
		centred, _ := g.Centred()
		score, err = sparsify.VarianceScore(diagonal(centred, g.Count()), down)
	}
	if err != nil {
		return nil, err
	}
	return score.Keep(k)
}

func diagonal(x sparsify.Matrix64, count int64) []float64 {
	d := make([]float64, x.Rows)
	for i := range d {
		d[i] = x.At(i, i) / float64(count)
	}
	return d
}

// refit is the down projection for the kept neurons; the bias is nil when the block has none and needs none.
func (o *PruneOptions) refit(f *FFN, g *sparsify.Moments, down sparsify.Matrix, keep []int, row *Row) (sparsify.Matrix, []float32, error) {
	var bias []float32
	if f.Down.Bias != nil {
		var err error
		if bias, err = f.Down.BiasVector(); err != nil {
			return sparsify.Matrix{}, nil, err
		}
	}
	var fit *sparsify.Refit
	var err error
	switch o.Compensate {
	case CompensateMean:
		fit, err = sparsify.MeanRefit(g.MeanX(), keep, down, bias)
	case CompensateLS:
		if fit, err = sparsify.RefitKeep(g, keep, down, bias, sparsify.RidgeOptions{Ridge: o.Ridge}); err == nil {
			row.Details = append(row.Details, Detail{"lambda", fit.Lambda})
		}
	default:
		w, err := down.SelectRows(keep)
		return w, bias, err
	}
	if err != nil {
		return sparsify.Matrix{}, nil, err
	}
	return fit.W, fit.B, nil
}

// keepNeurons makes the block smaller in place: the nodes stay, the weights are replaced.
func (f *FFN) keepNeurons(m *graph.Model, pass string, keep []int, down sparsify.Matrix, bias []float32) error {
	if f.Gate != nil && f.Gate.Nodes[0] == f.Up.Nodes[0] {
		fused := *f.Up
		fused.Lo, fused.Hi = 0, f.Up.fullWidth()
		var both []int
		first, second := f.Gate.Lo, f.Up.Lo
		for _, base := range []int{min(first, second), max(first, second)} {
			for _, k := range keep {
				both = append(both, base+k)
			}
		}
		if err := fused.keepOutputs(m, pass, both); err != nil {
			return err
		}
	} else {
		for _, l := range f.Linears()[:len(f.Linears())-1] {
			if err := l.keepOutputs(m, pass, keep); err != nil {
				return err
			}
		}
	}
	if err := f.resize(m, len(keep)); err != nil {
		return err
	}
	f.Down.setWeight(down)
	f.Down.setBias(m, pass, bias)
	f.forgetTypes()
	return nil
}

func (f *FFN) weightsAt(k int, outBias bool) int64 {
	n := int64(0)
	for _, l := range f.Linears()[:len(f.Linears())-1] {
		n += int64(f.In) * int64(k)
		if l.Bias != nil {
			n += int64(k)
		}
	}
	n += int64(k) * int64(f.Out)
	if outBias {
		n += int64(f.Out)
	}
	return n
}

func oneOf(what, have string, words ...string) error {
	for _, w := range words {
		if w == have {
			return nil
		}
	}
	return fmt.Errorf("%s is %q, want one of %v", what, have, words)
}
