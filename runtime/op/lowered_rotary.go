package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// loweredRotary turns the halves of each head by its position's angles (kernel.Rotary).
//
// Inputs: x [batch, heads, seq, dim] or (layout=1) [batch, seq, heads, dim]; cos and sin, whose last two dims are [seq, width], with
// width dim/2 or dim, and before them only ones, or the batch and ones.
type loweredRotary struct{ layout int64 }

func prepareLoweredRotary(p *Prep) (Exec, error) {
	return &loweredRotary{p.Attrs().Int("layout", 0)}, nil
}

// Run implements Exec.
func (e *loweredRotary) Run(c *Call) error {
	x, xs, err := floatIn(c, 0)
	if err != nil {
		return err
	}
	cos, cs, err := floatIn(c, 1)
	if err != nil {
		return err
	}
	sin, ss, err := floatIn(c, 2)
	if err != nil {
		return err
	}
	if len(x.Shape) != 4 || len(cos.Shape) < 2 || len(cs) != len(ss) {
		return fmt.Errorf("shapes %v, %v and %v do not fit", x.Shape, cos.Shape, sin.Shape)
	}
	batch, seq, dim := int(x.Shape[0]), int(x.Shape[2]), int(x.Shape[3])
	outer, inner := int(x.Shape[1]), 1
	if e.layout == 1 {
		seq, outer, inner = int(x.Shape[1]), 1, int(x.Shape[2])
	}
	width := int(cos.Shape[len(cos.Shape)-1])
	tables := 1
	if len(cs) != seq*width {
		tables = batch
	}
	if len(cs) != tables*seq*width || width != dim && width != dim/2 || dim%2 != 0 {
		return fmt.Errorf("shapes %v and %v do not fit", x.Shape, cos.Shape)
	}
	out := tensor.Data[float32](c.Out(0, tensor.Float32, x.Shape...))
	if len(out) == 0 {
		return nil
	}
	if tables == 1 {
		kernel.Rotary(out, xs, batch*outer, seq, inner, dim, cs, ss, dim/2, width, c.Pool)
		return nil
	}
	n, m := len(xs)/batch, seq*width
	for b := range batch {
		kernel.Rotary(out[b*n:][:n], xs[b*n:][:n], outer, seq, inner, dim, cs[b*m:][:m], ss[b*m:][:m], dim/2, width, c.Pool)
	}
	return nil
}
