package passes

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// Ways to split, to route and to compensate of SplitExperts.
const (
	SplitCoact      = "coact"      // balanced k-means on the neurons' activation profiles
	SplitWeights    = "weights"    // balanced k-means on the neurons' incoming weights
	SplitContiguous = "contiguous" // as the neurons stand
	SplitRandom     = "random"

	RouteRidge    = "ridge"    // ridge regression of log|Z_e| on the block's input
	RouteCentroid = "centroid" // mean incoming weights of the expert: needs no data
)

// MoEOptions steers SplitExperts. The zero value makes 16 experts of which 4 run.
type MoEOptions struct {
	Experts    int        // 0 is 16
	Active     int        // experts that run for a token, shared ones included; 0 is a quarter
	Shared     int        // experts that always run
	Split      string     // weights (default), coact, contiguous, random
	Router     string     // ridge (default), centroid; centroid without data
	Compensate string     // ls (default), mean, none; none without data
	Body       block.Form // loop (default), unrolled, dense
	Ridge      float64    // of the refit; 0 is 1e-3
	Profile    int        // tokens that the activation profiles are taken from; 0 is 1024
	Layers     []int      // the blocks to rewrite, by number in graph order; nil: all
}

// SplitExperts cuts every feed-forward block into experts of equal size and routes each token to some of them, by a model-local function
// (graph/block). Blocks are taken in graph order, each with calibration inputs from the model as it is by then; nothing is trained by
// gradients (methods: dense FFN to mixture of experts, section 10).
func SplitExperts(opt MoEOptions) Pass {
	return Pass{Name: "split-experts", Opt: true, Doc: "cut feed-forward blocks into experts with a router",
		Run: func(env *Env, m *graph.Model) (int, error) {
			if err := opt.validate(env.Observe != nil); err != nil {
				return 0, err
			}
			return forEachFFN(env, m, "split-experts", opt.Layers, func(_ int, f *FFN, row *Row) (string, error) {
				return opt.rewrite(env, m, f, row)
			})
		}}
}

func (o *MoEOptions) validate(data bool) error {
	pick := func(field *string, with, without string) {
		if *field == "" {
			*field = without
			if data {
				*field = with
			}
		}
	}
	if o.Experts == 0 {
		o.Experts = 16
	}
	if o.Active == 0 {
		o.Active = max(1, o.Experts/4)
	}
	if o.Body == "" {
		o.Body = block.Loop
	}
	if o.Ridge == 0 {
		o.Ridge = sparsify.DefaultRidge
	}
	if o.Profile == 0 {
		o.Profile = 1024
	}
	if o.Split == "" {
		o.Split = SplitWeights
	}
	pick(&o.Router, RouteRidge, RouteCentroid)
	pick(&o.Compensate, CompensateLS, CompensateNone)
	if o.Experts < 2 || o.Experts > 4096 {
		return fmt.Errorf("experts is %d, want 2 to 4096", o.Experts)
	}
	if o.Active < 1 || o.Active > o.Experts || o.Shared < 0 || o.Shared >= o.Active {
		return fmt.Errorf("active is %d and shared %d of %d experts, want shared < active <= experts", o.Active, o.Shared, o.Experts)
	}
	for _, err := range []error{
		oneOf("split", o.Split, SplitCoact, SplitWeights, SplitContiguous, SplitRandom),
		oneOf("router", o.Router, RouteRidge, RouteCentroid),
		oneOf("compensate", o.Compensate, CompensateNone, CompensateMean, CompensateLS),
		oneOf("body", string(o.Body), string(block.Loop), string(block.Unrolled), string(block.Dense)),
	} {
		if err != nil {
			return err
		}
	}
	if !data && (o.Split == SplitCoact || o.Router == RouteRidge || o.Compensate != CompensateNone || o.Shared > 0) {
		return fmt.Errorf("split %s, router %s, compensation %s with %d shared experts %w", o.Split, o.Router, o.Compensate, o.Shared, errNoData)
	}
	return nil
}

func (o *MoEOptions) rewrite(env *Env, m *graph.Model, f *FFN, row *Row) (string, error) {
	if o.Experts > f.Hidden {
		return fmt.Sprintf("%d hidden neurons cannot make %d experts", f.Hidden, o.Experts), nil
	}
	p := expertPlan{opt: o, f: f, seed: env.Seed}
	if err := p.load(); err != nil {
		return "", err
	}
	if env.Observe != nil {
		rows, err := env.collectRows(m, []*graph.Value{f.X, f.H, f.Y}, []int{f.In, f.Hidden, f.Out})
		if err != nil {
			return "", err
		}
		p.x, p.h, p.y = rows[0], rows[1], rows[2]
	}
	if err := p.split(); err != nil {
		return "", err
	}
	if o.Active < o.Experts {
		if err := p.route(); err != nil {
			return "", err
		}
		if err := p.compensate(); err != nil {
			return "", err
		}
	}
	if !env.mayRewrite() {
		return "stopped by the knob stop", nil
	}
	reason, err := p.install(m)
	if reason == "" && err == nil {
		p.describe(row)
	}
	return reason, err
}

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

// install writes the block: stacked weights of the experts, padded where sizes differ with neurons whose outgoing weights are zero.
func (p *expertPlan) install(m *graph.Model) (string, error) {
	o, f := p.opt, p.f
	v := block.Variant{Family: block.MoEFFN, Gated: f.Gated(), Act: f.Act, Form: o.Body, Mean: p.mean.Rows > 0, Shared: o.Shared > 0}
	if o.Body == block.Unrolled {
		v.Experts = p.experts.E
	}
	id, err := block.Install(m, v)
	if err != nil {
		return err.Error(), nil
	}
	g := m.Graph
	init := func(name string, data []float32, shape ...int64) *graph.Value {
		return g.AddInit(f.Name+"/"+name, tensor.Of(data, shape...))
	}
	e, in, out, size := int64(p.experts.E), int64(f.In), int64(f.Out), int64(p.experts.MaxSize())
	if p.router == nil { // every expert runs: any router will do
		p.router = &sparsify.Router{W: sparsify.NewMatrix(f.In, p.experts.E), B: make([]float32, p.experts.E)}
	}
	weights := []*graph.Value{init("router", p.router.W.Data, in, e), init("router_bias", p.router.B, e)}
	var shared []*graph.Value
	always := p.experts.Members(sparsify.Shared)
	for _, l := range f.Linears()[:len(f.Linears())-1] {
		name, w := "up", p.up
		if l == f.Gate {
			name, w = "gate", p.gate
		}
		b, err := l.BiasVector()
		if err != nil {
			return "", err
		}
		stack, bias := p.stackIn(w, b)
		weights = append(weights, init(name, stack, e, in, size), init(name+"_bias", bias, e, size))
		if o.Shared > 0 {
			part, err := w.SelectCols(always)
			if err != nil {
				return "", err
			}
			shared = append(shared, init("shared_"+name, part.Data, in, int64(len(always))), init("shared_"+name+"_bias", selected(b, always), int64(len(always))))
		}
	}
	weights = append(weights, init("down", p.stackOut(), e, size, out), init("down_bias", p.bias, out))
	if v.Mean {
		weights = append(weights, init("mean", p.mean.Data, e, out))
	}
	if o.Shared > 0 {
		part, err := p.down.SelectRows(always)
		if err != nil {
			return "", err
		}
		weights = append(append(weights, shared...), init("shared_down", part.Data, int64(len(always)), out))
	}
	return "", f.replace(m, "split-experts", id, weights, block.CountAttr(m.Opset(""), "k", int64(o.Active-o.Shared)))
}

// stackIn is [E, in, size] of the columns of w and [E, size] of the bias, expert by expert.
func (p *expertPlan) stackIn(w sparsify.Matrix, b []float32) (stack, bias []float32) {
	size := p.experts.MaxSize()
	stack, bias = make([]float32, p.experts.E*w.Rows*size), make([]float32, p.experts.E*size)
	for e := range p.experts.E {
		for j, n := range p.experts.Members(e) {
			for i := range w.Rows {
				stack[(e*w.Rows+i)*size+j] = w.Data[i*w.Cols+n]
			}
			bias[e*size+j] = b[n]
		}
	}
	return stack, bias
}

// stackOut is [E, size, out] of the rows of the down projection.
func (p *expertPlan) stackOut() []float32 {
	size, out := p.experts.MaxSize(), p.down.Cols
	stack := make([]float32, p.experts.E*size*out)
	for e := range p.experts.E {
		for j, n := range p.experts.Members(e) {
			copy(stack[(e*size+j)*out:], p.down.Row(n))
		}
	}
	return stack
}

func (p *expertPlan) describe(row *Row) {
	o, f := p.opt, p.f
	share := float64(o.Active) / float64(o.Experts)
	row.FLOPsAfter = int64(share * float64(row.FLOPsBefore))
	row.WeightsAfter = row.WeightsBefore
	if o.Active < o.Experts {
		row.FLOPsAfter += 2 * int64(f.In) * int64(p.experts.E)
		row.WeightsAfter += int64(len(p.router.W.Data)+len(p.router.B)) + int64(len(p.mean.Data))
	}
	row.Details = append(row.Details, Detail{"experts", float64(o.Experts)}, Detail{"active", float64(o.Active)}, Detail{"shared", float64(o.Shared)})
	row.Details = append(row.Details, p.details...)
}
