package op

import "fmt"

// lossOps are NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
func lossOps() []OpDef {
	return []OpDef{
		{Op: "NegativeLogLikelihoodLoss", Since: 12, Prepare: checked(floats, prepareLoss(false), 0, 2)},
		{Op: "SoftmaxCrossEntropyLoss", Since: 12, Prepare: checked(floats, prepareLoss(true), 0, 2)},
	}
}

// prepareLoss picks each target's class from scores [N, C, ...]; with softmax, from their log-softmax over C.
func prepareLoss(softmax bool) func(*Prep) (Exec, error) {
	return func(p *Prep) (Exec, error) {
		reduction := p.Attrs().String("reduction", "mean")
		if reduction != "mean" && reduction != "sum" && reduction != "none" {
			return nil, fmt.Errorf("attribute reduction is %q", reduction)
		}
		ignore := p.Attrs().Get("ignore_index")
		return ExecFunc(func(c *Call) error {
			x, t := c.In[0], c.In[1]
			if len(x.Shape) < 2 || len(t.Shape) != len(x.Shape)-1 || t.Shape[0] != x.Shape[0] || !equalDims(t.Shape[1:], x.Shape[2:]) {
				return fmt.Errorf("scores have shape %v, targets %v", x.Shape, t.Shape)
			}
			n, ch, inner := int(x.Shape[0]), int(x.Shape[1]), numel(x.Shape[2:])
			v, err := x.Float64s()
			if err != nil {
				return err
			}
			if softmax {
				alongAxis(v, append([]float64(nil), v...), n, ch, inner, logSoftmax64)
				if c.Wanted(1) {
					if err := storeFloats(c.Out(1, x.Elem, x.Shape...), v); err != nil {
						return err
					}
				}
			}
			target, err := intList(t)
			if err != nil {
				return err
			}
			var weight []float64
			if w := input(c, 2); w != nil {
				if weight, err = w.Float64s(); err != nil || len(weight) != ch {
					return fmt.Errorf("weight is %v for %d classes", w, ch)
				}
			}
			loss, total, sum := make([]float64, len(target)), 0.0, 0.0
			for i, k := range target {
				if ignore != nil && k == ignore.I {
					continue
				}
				if k < 0 || int(k) >= ch {
					return fmt.Errorf("target %d is no class of %d", k, ch)
				}
				w := 1.0
				if weight != nil {
					w = weight[k]
				}
				loss[i] = -v[(i/inner*ch+int(k))*inner+i%inner] * w
				sum += loss[i]
				total += w
			}
			switch reduction {
			case "none":
				return storeFloats(c.Out(0, x.Elem, t.Shape...), loss)
			case "mean":
				sum /= total
			}
			return storeFloats(c.Out(0, x.Elem), []float64{sum})
		}), nil
	}
}
