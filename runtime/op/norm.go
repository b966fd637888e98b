package op

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// normOps are the normalisations.
func normOps() []OpDef {
	return []OpDef{
		{Op: "LayerNormalization", Since: 17, Prepare: checked(floats, prepareLayerNorm, 0)},
		{Op: "RMSNormalization", Since: 23, Prepare: checked(floats, prepareRMSNorm, 0)},
		{Op: "GroupNormalization", Since: 18, Prepare: checked(floats, prepareGroupNorm, 0)},
		{Op: "InstanceNormalization", Since: 1, Prepare: checked(floats, prepareInstanceNorm, 0)},
		{Op: "MeanVarianceNormalization", Since: 9, Prepare: checked(floats, prepareMVN, 0)},
		{Op: "LpNormalization", Since: 1, Prepare: checked(floats, prepareLpNorm, 0)},
		{Op: "LRN", Since: 1, Prepare: checked(floats, prepareLRN, 0)},
	}
}

// spread is t, broadcast to a row of shape dims; t itself when it has that many elements.
func spread(t *tensor.Tensor, dims []int64, p *kernel.Pool) ([]float32, error) {
	if t == nil {
		return nil, nil
	}
	if !floats.has(t.Elem) {
		return nil, errElem(t.Elem)
	}
	v, err := t.Float32s()
	if err != nil || len(v) == numel(dims) {
		return v, err
	}
	out, err := broadcastDims(t.Shape, dims)
	if err != nil || !equalDims(out, dims) {
		return nil, fmt.Errorf("shape %v does not broadcast to %v", t.Shape, dims)
	}
	ns, err := newNest(dims, broadcastStrides(t.Shape, dims))
	if err != nil {
		return nil, err
	}
	row := make([]float32, numel(dims))
	strided(row, v, 0, ns, p)
	return row, nil
}

// rowsFrom splits a shape before axis into rows and columns.
func rowsFrom(x *tensor.Tensor, axis int64) (k, rows, cols int, err error) {
	if k, err = axisIn(axis, len(x.Shape)); err != nil {
		return
	}
	return k, numel(x.Shape[:k]), numel(x.Shape[k:]), nil
}

func prepareLayerNorm(p *Prep) (Exec, error) {
	axis, eps := p.Attrs().Int("axis", -1), p.Attrs().Float("epsilon", 1e-5)
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		k, rows, cols, err := rowsFrom(x, axis)
		if err != nil {
			return err
		}
		gamma, err := spread(input(c, 1), x.Shape[k:], c.Pool)
		if err != nil {
			return err
		}
		beta, err := spread(input(c, 2), x.Shape[k:], c.Pool)
		if err != nil {
			return err
		}
		y := c.Out(0, x.Elem, x.Shape...)
		stats := append([]int64{}, x.Shape[:k]...)
		for range x.Shape[k:] {
			stats = append(stats, 1)
		}
		var mean, inv []float32
		if c.Wanted(1) {
			mean = tensor.Data[float32](c.Out(1, tensor.Float32, stats...))
		}
		if c.Wanted(2) {
			inv = tensor.Data[float32](c.Out(2, tensor.Float32, stats...))
		}
		if x.Elem == tensor.Float64 {
			normRows64(tensor.Data[float64](y), tensor.Data[float64](x), rows, cols, gamma, beta, float64(eps), true, mean, inv)
			return nil
		}
		out := singleOut(y)
		kernel.LayerNormStats(out, single(x), rows, cols, gamma, beta, eps, mean, inv, c.Pool)
		singleDone(y, out)
		return nil
	}), nil
}

func prepareRMSNorm(p *Prep) (Exec, error) {
	axis, eps := p.Attrs().Int("axis", -1), p.Attrs().Float("epsilon", 1e-5)
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		k, rows, cols, err := rowsFrom(x, axis)
		if err != nil {
			return err
		}
		gamma, err := spread(input(c, 1), x.Shape[k:], c.Pool)
		if err != nil {
			return err
		}
		elem := x.Elem // the result has the scale's type
		if t := input(c, 1); t != nil {
			elem = t.Elem
		}
		y := c.Out(0, elem, x.Shape...)
		if elem == tensor.Float64 {
			v, err := double(x)
			if err != nil {
				return err
			}
			normRows64(tensor.Data[float64](y), v, rows, cols, gamma, nil, float64(eps), false, nil, nil)
			return nil
		}
		v, err := x.Float32s()
		if err != nil {
			return err
		}
		out := singleOut(y)
		kernel.RMSNorm(out, v, rows, cols, gamma, eps, c.Pool)
		singleDone(y, out)
		return nil
	}), nil
}

// normRows64 is LayerNorm (center) or RMSNorm in float64.
func normRows64(y, x []float64, rows, cols int, gamma, beta []float32, eps float64, center bool, means, invs []float32) {
	for r := range rows {
		in, out := x[r*cols:(r+1)*cols], y[r*cols:(r+1)*cols]
		mean, inv := moments64(in, eps, center)
		for i, v := range in {
			v = (v - mean) * inv
			if gamma != nil {
				v *= float64(gamma[i])
			}
			if beta != nil {
				v += float64(beta[i])
			}
			out[i] = v
		}
		if means != nil {
			means[r] = float32(mean)
		}
		if invs != nil {
			invs[r] = float32(inv)
		}
	}
}

// moments64 is the mean (0 when not centred) and 1/√(variance + eps).
func moments64(x []float64, eps float64, center bool) (mean, inv float64) {
	n := float64(len(x))
	if center {
		for _, v := range x {
			mean += v
		}
		mean /= n
	}
	s := 0.0
	for _, v := range x {
		s += (v - mean) * (v - mean)
	}
	return mean, 1 / math.Sqrt(s/n+eps)
}
