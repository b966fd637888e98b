package op

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// optimizerOps are the update steps of ai.onnx.preview.training.
func optimizerOps() []OpDef {
	const domain = "ai.onnx.preview.training"
	types := elemSet(tensor.Float32, tensor.Float64)
	return []OpDef{
		{Domain: domain, Op: "Adagrad", Since: 1, Prepare: checked(types, prepareAdagrad, 0)},
		{Domain: domain, Op: "Adam", Since: 1, Prepare: checked(types, prepareAdam, 0)},
		{Domain: domain, Op: "Momentum", Since: 1, Prepare: checked(types, prepareMomentum, 0)},
	}
}

// optimize runs a step for each tensor of the call: inputs are the rate, the update count, then n tensors, n gradients and n of each
// state; outputs are the n new tensors and the new states. step updates one element: x, g and the states, in place.
func optimize(states int, step func(rate, count float64) func(x, g float64, s []float64) float64) Exec {
	return ExecFunc(func(c *Call) error {
		n := (len(c.In) - 2) / (2 + states)
		if n < 1 || len(c.In) != 2+n*(2+states) || len(c.Outs) != n*(1+states) {
			return fmt.Errorf("%d inputs and %d outputs", len(c.In), len(c.Outs))
		}
		rate, err := double(c.In[0])
		if err != nil || len(rate) != 1 {
			return fmt.Errorf("rate is %v", c.In[0])
		}
		count, err := scalarInt(c.In[1], "update count")
		if err != nil {
			return err
		}
		update := step(rate[0], float64(count))
		for i := range n {
			x := c.In[2+i]
			var v [4][]float64
			for k := range 2 + states {
				t := c.In[2+k*n+i]
				if t == nil || !equalDims(t.Shape, x.Shape) {
					return fmt.Errorf("input %d is %v, want shape %v", 2+k*n+i, t, x.Shape)
				}
				if v[k], err = t.Float64s(); err != nil {
					return err
				}
			}
			s := make([]float64, states)
			for j, a := range v[0] {
				for k := range s {
					s[k] = v[2+k][j]
				}
				v[0][j] = update(a, v[1][j], s)
				for k := range s {
					v[2+k][j] = s[k]
				}
			}
			if err := storeFloats(c.Out(i, x.Elem, x.Shape...), v[0]); err != nil {
				return err
			}
			for k := range states {
				if err := storeFloats(c.Out((1+k)*n+i, c.In[2+(2+k)*n+i].Elem, x.Shape...), v[2+k]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func prepareAdagrad(p *Prep) (Exec, error) {
	a := p.Attrs()
	norm, eps, decay := float64(a.Float("norm_coefficient", 0)), float64(a.Float("epsilon", 0)), float64(a.Float("decay_factor", 0))
	return optimize(1, func(rate, count float64) func(x, g float64, s []float64) float64 {
		r := rate / (1 + count*decay)
		return func(x, g float64, s []float64) float64 {
			g += norm * x
			s[0] += g * g
			return x - r*g/(math.Sqrt(s[0])+eps)
		}
	}), nil
}

func prepareAdam(p *Prep) (Exec, error) {
	a := p.Attrs()
	alpha, beta, eps := float64(a.Float("alpha", 0.9)), float64(a.Float("beta", 0.999)), float64(a.Float("epsilon", 0))
	norm, post := float64(a.Float("norm_coefficient", 0)), float64(a.Float("norm_coefficient_post", 0))
	return optimize(2, func(rate, count float64) func(x, g float64, s []float64) float64 {
		if count > 0 {
			rate *= math.Sqrt(1-math.Pow(beta, count)) / (1 - math.Pow(alpha, count))
		}
		return func(x, g float64, s []float64) float64 {
			g += norm * x
			s[0] = alpha*s[0] + (1-alpha)*g
			s[1] = beta*s[1] + (1-beta)*g*g
			return (1 - post) * (x - rate*s[0]/(math.Sqrt(s[1])+eps))
		}
	}), nil
}

func prepareMomentum(p *Prep) (Exec, error) {
	a := p.Attrs()
	alpha, beta, norm := float64(a.Float("alpha", 0)), float64(a.Float("beta", 0)), float64(a.Float("norm_coefficient", 0))
	mode := a.String("mode", "standard")
	if mode != "standard" && mode != "nesterov" {
		return nil, fmt.Errorf("attribute mode is %q", mode)
	}
	return optimize(1, func(rate, count float64) func(x, g float64, s []float64) float64 {
		b := beta
		if count == 0 {
			b = 1
		}
		return func(x, g float64, s []float64) float64 {
			g += norm * x
			s[0] = alpha*s[0] + b*g
			if mode == "nesterov" {
				return x - rate*(g+alpha*s[0])
			}
			return x - rate*s[0]
		}
	}), nil
}
