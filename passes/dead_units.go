package passes

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// scalarActs are the activations one number at a time.
var scalarActs = map[block.Act]func(float32) float32{
	block.Relu:      func(x float32) float32 { return max(x, 0) },
	block.Relu2:     func(x float32) float32 { return max(x, 0) * max(x, 0) },
	block.Sigmoid:   func(x float32) float32 { return float32(sigmoid(float64(x))) },
	block.Tanh:      func(x float32) float32 { return float32(math.Tanh(float64(x))) },
	block.Silu:      func(x float32) float32 { return float32(float64(x) * sigmoid(float64(x))) },
	block.QuickGelu: func(x float32) float32 { return float32(float64(x) * sigmoid(1.702*float64(x))) },
	block.Gelu:      func(x float32) float32 { return float32(float64(x) * 0.5 * (1 + math.Erf(float64(x)/math.Sqrt2))) },
	block.GeluTanh: func(x float32) float32 {
		v := float64(x)
		return float32(0.5 * v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v))))
	},
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// removeDeadUnits removes hidden neurons whose outgoing weights are all zero or whose value does not depend on the input, exactly: what
// they add goes into the bias. It repeats until nothing changes, because a layer's dead units make others dead.
func removeDeadUnits(env *Env, m *graph.Model) error {
	for changed := true; changed; {
		changed = false
		for _, f := range FindFFN(m) {
			if f.Reason != "" || f.Gate != nil && f.Gate.Nodes[0] == f.Up.Nodes[0] || f.widthRead() != "" {
				continue
			}
			n, row, err := dropDead(env, m, &f)
			if err != nil {
				return err
			}
			if n > 0 {
				env.report(row)
				changed = true
				break // the others' nodes may have changed
			}
		}
	}
	return nil
}

func dropDead(env *Env, m *graph.Model, f *FFN) (int, Row, error) {
	p := expertPlan{f: f}
	if err := p.load(); err != nil {
		return 0, Row{}, err
	}
	g := sparsify.GatedFFN{Gate: p.gate, Up: p.up, Down: p.down, OutBias: p.bias, Act: scalarActs[f.Act]}
	var err error
	if f.Gate != nil {
		if g.GateBias, err = f.Gate.BiasVector(); err != nil {
			return 0, Row{}, err
		}
	}
	if g.UpBias, err = f.Up.BiasVector(); err != nil {
		return 0, Row{}, err
	}
	small, keep, err := sparsify.EliminateDeadFFN(g)
	if err != nil || len(keep) == f.Hidden || !env.mayRewrite() {
		return 0, Row{}, err
	}
	row := Row{Pass: "apply-mask", Block: f.Name, Status: Fired, WeightsBefore: f.Weights(), FLOPsBefore: f.FLOPs(),
		Details: []Detail{{"dead_units", float64(f.Hidden - len(keep))}}}
	bias := small.OutBias
	if f.Down.Bias == nil && allZero(bias) {
		bias = nil
	}
	if err := f.keepNeurons(m, "apply-mask", keep, small.Down, bias); err != nil {
		return 0, Row{}, err
	}
	row.WeightsAfter = f.weightsAt(len(keep), bias != nil)
	row.FLOPsAfter = row.FLOPsBefore / int64(f.Hidden) * int64(len(keep))
	return f.Hidden - len(keep), row, nil
}

func allZero(x []float32) bool {
	for _, v := range x {
		if v != 0 {
			return false
		}
	}
	return true
}
