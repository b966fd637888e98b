package op

import (
	"errors"
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// batchNormOps is BatchNormalization, at inference and (from opset 14 on) in training mode.
func batchNormOps() []OpDef {
	return []OpDef{{Op: "BatchNormalization", Since: 1, Prepare: checked(floats, prepareBatchNorm, 0)}}
}

type batchNormExec struct {
	eps, momentum float32
	training      bool
	scale, shift  []float32 // y = scale x + shift by channel, when all four parameters are constant
}

func prepareBatchNorm(p *Prep) (Exec, error) {
	a := p.Attrs()
	e := &batchNormExec{eps: a.Float("epsilon", 1e-5), momentum: a.Float("momentum", 0.9)}
	switch {
	case p.Opset >= 14:
		e.training = a.Int("training_mode", 0) != 0
	case p.Wanted(1) || p.Wanted(2) || p.Wanted(3) || p.Wanted(4):
		return nil, errTraining
	}
	if p.Opset < 9 && a.Int("spatial", 1) == 0 {
		return nil, errors.New("attribute spatial is 0")
	}
	if e.training {
		return e, nil
	}
	var c [4]*tensor.Tensor
	for i := range c {
		if c[i] = p.Const(i + 1); c[i] == nil {
			return e, nil
		}
	}
	var err error
	e.scale, e.shift, err = e.affine(c)
	return e, err
}

// affine turns scale, bias, mean and variance into one multiplication and one addition a channel.
func (e *batchNormExec) affine(c [4]*tensor.Tensor) (scale, shift []float32, err error) {
	var v [4][]float64
	for i, t := range c {
		if v[i], err = t.Float64s(); err != nil {
			return nil, nil, err
		}
		if len(v[i]) != len(v[0]) {
			return nil, nil, fmt.Errorf("inputs 1 and %d have %d and %d values", i+1, len(v[0]), len(v[i]))
		}
	}
	scale, shift = make([]float32, len(v[0])), make([]float32, len(v[0]))
	for i := range scale {
		s := v[0][i] / math.Sqrt(v[3][i]+float64(e.eps))
		scale[i], shift[i] = float32(s), float32(v[1][i]-v[2][i]*s)
	}
	return scale, shift, nil
}

func (e *batchNormExec) Run(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	ch, inner := 1, 1
	if len(x.Shape) > 1 {
		ch, inner = int(x.Shape[1]), numel(x.Shape[2:])
	}
	scale, shift := e.scale, e.shift
	if scale == nil {
		var p [4]*tensor.Tensor
		for i := range p {
			if p[i], err = needInput(c, i+1); err != nil {
				return err
			}
			if p[i].Len() != ch {
				return fmt.Errorf("input %d has %d values for %d channels", i+1, p[i].Len(), ch)
			}
		}
		if e.training {
			if p, err = e.train(c, x, p, ch, inner); err != nil {
				return err
			}
		}
		if scale, shift, err = e.affine(p); err != nil {
			return err
		}
	}
	if len(scale) != ch {
		return fmt.Errorf("%d parameters for %d channels", len(scale), ch)
	}
	y := c.Out(0, x.Elem, x.Shape...)
	if y.Len() == 0 {
		return nil
	}
	if x.Elem == tensor.Float64 {
		out := tensor.Data[float64](y)
		for i, v := range tensor.Data[float64](x) {
			k := i / inner % ch
			out[i] = v*float64(scale[k]) + float64(shift[k])
		}
		return nil
	}
	out, in := singleOut(y), single(x)
	if inner == 1 {
		kernel.ApplyRow(kernel.OpMul, out, in, scale, len(in)/ch, ch, false, c.Pool)
		kernel.ApplyRow(kernel.OpAdd, out, out, shift, len(in)/ch, ch, false, c.Pool)
	} else {
		c.Pool.For(len(in)/inner, 1+zipGrain/inner, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				kernel.Affine(out[i*inner:(i+1)*inner], in[i*inner:(i+1)*inner], scale[i%ch], shift[i%ch])
			}
		})
	}
	singleDone(y, out)
	return nil
}

// train gives the parameters with the batch's own mean and population variance, and writes the running ones.
func (e *batchNormExec) train(c *Call, x *tensor.Tensor, p [4]*tensor.Tensor, ch, inner int) ([4]*tensor.Tensor, error) {
	v, err := x.Float64s()
	if err != nil {
		return p, err
	}
	mean, variance := make([]float64, ch), make([]float64, ch)
	n := float64(len(v) / max(ch, 1))
	for i, a := range v {
		mean[i/inner%ch] += a / n
	}
	for i, a := range v {
		d := a - mean[i/inner%ch]
		variance[i/inner%ch] += d * d / n
	}
	for i, batch := range [][]float64{mean, variance} {
		old, err := p[i+2].Float64s()
		if err != nil {
			return p, err
		}
		run := make([]float64, ch)
		for k := range run {
			run[k] = old[k]*float64(e.momentum) + batch[k]*(1-float64(e.momentum))
		}
		if c.Wanted(i + 1) {
			if err := storeFloats(c.Out(i+1, p[i+2].Elem, int64(ch)), run); err != nil {
				return p, err
			}
		}
		p[i+2] = tensor.Of(batch, int64(ch))
	}
	return p, nil
}
