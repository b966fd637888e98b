package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// loweredNorm is LayerNorm or RMSNorm over the last axis. Inputs: x [..., n]; gamma and beta, constant, n elements or omitted.
type loweredNorm struct {
	gamma, beta []float32
	eps         float32
	rms         bool
}

func prepareLoweredNorm(p *Prep) (Exec, error) {
	return &loweredNorm{gamma: constFloats(p, 1), beta: constFloats(p, 2), eps: p.Attrs().Float("epsilon", 0), rms: p.Node.ID.Op == "RMSNorm"}, nil
}

// Run implements Exec.
func (e *loweredNorm) Run(c *Call) error {
	x, xs, err := floatIn(c, 0)
	if err != nil {
		return err
	}
	if len(x.Shape) == 0 {
		return fmt.Errorf("a scalar cannot be normalised")
	}
	cols := int(x.Shape[len(x.Shape)-1])
	if e.gamma != nil && len(e.gamma) != cols || e.beta != nil && len(e.beta) != cols {
		return fmt.Errorf("input has %d columns, the scale %d", cols, len(e.gamma))
	}
	out := tensor.Data[float32](c.Out(0, tensor.Float32, x.Shape...))
	if len(xs) == 0 {
		return nil
	}
	if e.rms {
		kernel.RMSNorm(out, xs, len(xs)/cols, cols, e.gamma, e.eps, c.Pool)
	} else {
		kernel.LayerNorm(out, xs, len(xs)/cols, cols, e.gamma, e.beta, e.eps, c.Pool)
	}
	return nil
}
