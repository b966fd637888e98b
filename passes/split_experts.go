package passes

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
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
