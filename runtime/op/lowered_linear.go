package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// linear is y = act(x*W + bias) * mul + add, each part but the product optional.
//
// Inputs: x [..., k]; W, constant, [k, n] or (trans=1) [n, k]; bias, constant, n elements; mul and add, of y's shape. With the attributes
// start and size only these of the n columns, and elements of the bias, count.
type linear struct {
	w    *kernel.PackedB
	bias []float32
	act  kernel.Act
}

func prepareLinear(p *Prep) (Exec, error) {
	w := p.Const(1)
	if w == nil || len(w.Shape) != 2 || w.Elem != tensor.Float32 {
		return nil, fmt.Errorf("the weight is no constant float matrix")
	}
	act, ok := kernel.ParseAct(p.Attrs().String("act", "none"))
	if !ok {
		return nil, fmt.Errorf("unknown activation")
	}
	e := &linear{act: act, bias: constFloats(p, 2)}
	trans := p.Attrs().Int("trans", 0) != 0
	k, n := int(w.Shape[0]), int(w.Shape[1])
	if trans {
		k, n = n, k
	}
	start, size := int(p.Attrs().Int("start", 0)), int(p.Attrs().Int("size", int64(n)))
	if start < 0 || size < 0 || start+size > n || e.bias != nil && len(e.bias) != n {
		return nil, fmt.Errorf("columns %d to %d of %d", start, start+size, n)
	}
	offset := start
	if trans {
		offset = start * k
	}
	if e.bias != nil {
		e.bias = e.bias[start : start+size]
	}
	e.w = p.PackB(1, offset, k, size, int(w.Shape[1]), trans)
	p.Drop(1)
	return e, nil
}

// Run implements Exec.
func (e *linear) Run(c *Call) error {
	x, xs, err := floatIn(c, 0)
	if err != nil {
		return err
	}
	last := len(x.Shape) - 1
	if last < 0 || int(x.Shape[last]) != e.w.K {
		return fmt.Errorf("input has shape %v, the weight %d rows", x.Shape, e.w.K)
	}
	var buf dimsBuf
	y := c.Out(0, tensor.Float32, append(append(buf[:0], x.Shape[:last]...), int64(e.w.N))...)
	out := tensor.Data[float32](y)
	ep := kernel.Epilogue{Bias: e.bias, Act: e.act}
	for i, dst := range []*[]float32{&ep.Mul, &ep.Add} {
		t, data, err := floatIn(c, 3+i)
		if err != nil {
			return err
		}
		if t != nil && len(data) != len(out) {
			return fmt.Errorf("shapes %v and %v differ", t.Shape, y.Shape)
		}
		*dst = data
	}
	rows := 1
	for _, d := range x.Shape[:last] {
		rows *= int(d)
	}
	kernel.Gemm(rows, xs, e.w.K, e.w, out, e.w.N, false, &ep, c.Pool)
	return nil
}

// prepareActivate is an activation that several nodes spelled out.
func prepareActivate(p *Prep) (Exec, error) {
	act, ok := kernel.ParseAct(p.Attrs().String("act", ""))
	if !ok {
		return nil, fmt.Errorf("unknown activation")
	}
	return ExecFunc(func(c *Call) error {
		x, xs, err := floatIn(c, 0)
		if err != nil {
			return err
		}
		out := tensor.Data[float32](c.Out(0, tensor.Float32, x.Shape...))
		c.Pool.For(len(xs), 4<<10, func(lo, hi int) { kernel.Activate(act, out[lo:hi], xs[lo:hi]) })
		return nil
	}), nil
}
