package passes

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// expertPlan is one block on its way into experts.
type expertPlan struct {
	opt      *MoEOptions
	f        *FFN
	seed     uint64
	gate, up sparsify.Matrix // [in, hidden]
	down     sparsify.Matrix // [hidden, out]
	bias     []float32       // [out]
	x, h, y  sparsify.Matrix // calibration rows; empty without data

	experts sparsify.Experts // routed experts, and the shared neurons
	router  *sparsify.Router
	mean    sparsify.Matrix // [E, out]; empty without compensation
	details []Detail
}

func (p *expertPlan) load() error {
	var err error
	if p.f.Gate != nil {
		if p.gate, err = p.f.Gate.matrix(); err != nil {
			return err
		}
	}
	if p.up, err = p.f.Up.matrix(); err != nil {
		return err
	}
	if p.down, err = p.f.Down.matrix(); err != nil {
		return err
	}
	p.bias, err = p.f.Down.BiasVector()
	return err
}

// split partitions the neurons: the shared ones by energy, the others by the chosen way.
func (p *expertPlan) split() error {
	o := p.opt
	var shared []int
	if o.Shared > 0 {
		score, err := sparsify.EnergyScore(sparsify.MeanSquares(p.h), p.down)
		if err != nil {
			return err
		}
		if shared, err = score.Keep(o.Shared * p.f.Hidden / o.Experts); err != nil {
			return err
		}
	}
	rest, err := sparsify.Complement(shared, p.f.Hidden)
	if err != nil {
		return err
	}
	routed := o.Experts - o.Shared
	var x sparsify.Experts
	switch o.Split {
	case SplitContiguous:
		x, err = sparsify.SplitContiguous(len(rest), routed)
	case SplitRandom:
		x, err = sparsify.SplitRandom(len(rest), routed, p.seed)
	default:
		var points sparsify.Matrix
		if points, err = p.features(); err == nil {
			if points, err = points.SelectRows(rest); err == nil {
				x, _, err = sparsify.BalancedKMeans(points, routed, sparsify.ClusterOptions{Seed: p.seed})
			}
		}
	}
	if err != nil {
		return err
	}
	p.experts, err = sparsify.WithShared(shared, x, p.f.Hidden)
	return err
}

// features is one point per neuron.
func (p *expertPlan) features() (sparsify.Matrix, error) {
	if p.opt.Split == SplitCoact {
		sample, err := p.h.SelectRows(sparsify.SampleRows(p.h.Rows, p.opt.Profile))
		return sparsify.CoactivationFeatures(sample), err
	}
	if p.f.Gated() {
		return sparsify.WeightFeatures(p.gate), nil
	}
	return sparsify.WeightFeatures(p.up), nil
}

func (p *expertPlan) route() error {
	if p.opt.Router == RouteCentroid {
		p.router = p.centroids()
		return nil
	}
	norms, err := sparsify.ExpertNorms(p.h, p.down, p.experts)
	if err != nil {
		return err
	}
	if p.router, err = sparsify.FitRouter(p.x, norms, sparsify.RouterOptions{}); err != nil {
		return err
	}
	sel, err := p.selection()
	if err != nil {
		return err
	}
	best, err := sparsify.SelectTop(norms, p.opt.Active-p.opt.Shared)
	if err != nil {
		return err
	}
	for _, d := range []struct {
		name string
		f    func() (float64, error)
	}{
		{"router_recall", func() (float64, error) { return sparsify.Recall(sel, best) }},
		{"captured_energy", func() (float64, error) { return sparsify.CapturedEnergy(sel, norms) }},
	} {
		v, err := d.f()
		if err != nil {
			return err
		}
		p.details = append(p.details, Detail{d.name, v})
	}
	p.details = append(p.details, Detail{"load_max_over_mean", loadRatio(sparsify.Load(sel))})
	return nil
}

func loadRatio(load []int64) float64 {
	sum, most := int64(0), int64(0)
	for _, n := range load {
		sum, most = sum+n, max(most, n)
	}
	return float64(most) * float64(len(load)) / math.Max(1, float64(sum))
}

// centroids routes by the mean incoming weights of each expert (ExpertWeaver, arXiv 2602.15521).
func (p *expertPlan) centroids() *sparsify.Router {
	w := p.up
	if p.f.Gated() {
		w = p.gate
	}
	r := &sparsify.Router{W: sparsify.NewMatrix(p.f.In, p.experts.E), B: make([]float32, p.experts.E)}
	sizes := p.experts.Sizes()
	for i := range w.Rows {
		for n, e := range p.experts.Assign {
			if e != sparsify.Shared {
				r.W.Data[i*r.W.Cols+e] += w.Data[i*w.Cols+n] / float32(sizes[e])
			}
		}
	}
	return r
}

// selection is which routed experts run for each calibration row.
func (p *expertPlan) selection() (sparsify.Mask, error) {
	logits, err := p.router.Logits(p.x)
	if err != nil {
		return sparsify.Mask{}, err
	}
	return sparsify.SelectTop(logits, p.opt.Active-p.opt.Shared)
}

// compensate fits the mean table, and with ls the down projection as well, to the dense block's output under the routing.
func (p *expertPlan) compensate() error {
	if p.opt.Compensate == CompensateNone {
		return nil
	}
	sel, err := p.selection()
	if err != nil {
		return err
	}
	keep, err := p.experts.NeuronMask(sel)
	if err != nil {
		return err
	}
	masked := sparsify.NewMaskedMean(p.f.Hidden)
	if err := masked.Observe(p.h, keep); err != nil {
		return err
	}
	mu := masked.Mean()
	if p.opt.Compensate == CompensateLS {
		if err := p.refit(keep, mu); err != nil {
			return err
		}
	}
	if p.mean, err = sparsify.MeanTable(mu, p.down, p.experts); err != nil {
		return err
	}
	if p.opt.Compensate == CompensateLS { // the refitted bias holds Σ M_e already; the block adds it again
		for e := range p.mean.Rows {
			for j, v := range p.mean.Row(e) {
				p.bias[j] -= v
			}
		}
	}
	return nil
}

// refit: least squares of the dense output on m·(h-µ), which replaces h in place.
func (p *expertPlan) refit(keep sparsify.Mask, mu []float64) error {
	if err := sparsify.MaskRows(p.h, p.h, keep, mu); err != nil {
		return err
	}
	g, err := sparsify.NewMoments(p.f.Hidden, p.f.Out)
	if err != nil {
		return err
	}
	if err := g.Observe(p.h, p.y); err != nil {
		return err
	}
	fit, err := sparsify.Ridge(g, nil, p.down, nil, sparsify.RidgeOptions{Ridge: p.opt.Ridge})
	if err != nil {
		return err
	}
	p.down, p.bias = fit.W, append([]float32(nil), fit.B...)
	p.details = append(p.details, Detail{"lambda", fit.Lambda})
	return nil
}
