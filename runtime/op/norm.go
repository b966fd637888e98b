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

// channels splits an input [N, C, ...] and checks that it has channels.
func channels(x *tensor.Tensor) (n, ch, inner int, err error) {
	if len(x.Shape) < 2 {
		return 0, 0, 0, fmt.Errorf("input has shape %v, want [N, C, ...]", x.Shape)
	}
	return int(x.Shape[0]), int(x.Shape[1]), numel(x.Shape[2:]), nil
}

func prepareGroupNorm(p *Prep) (Exec, error) {
	groups, eps := p.Attrs().Int("num_groups", 0), p.Attrs().Float("epsilon", 1e-5)
	if groups <= 0 {
		return nil, fmt.Errorf("attribute num_groups is %d", groups)
	}
	perGroup := p.Opset < 21
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		_, ch, _, err := channels(x)
		if err != nil {
			return err
		}
		g := int(groups)
		if ch%g != 0 {
			return fmt.Errorf("%d channels are no multiple of %d groups", ch, g)
		}
		scale, err := channelValues(c, 1, ch, g, perGroup)
		if err != nil {
			return err
		}
		bias, err := channelValues(c, 2, ch, g, perGroup)
		if err != nil {
			return err
		}
		return normGroups(c, x, g, scale, bias, eps)
	}), nil
}

// channelValues are input i with one value a channel, repeated within a group when it has one value a group.
func channelValues(c *Call, i, ch, groups int, perGroup bool) ([]float32, error) {
	t, err := needInput(c, i)
	if err != nil {
		return nil, err
	}
	v, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	if perGroup && len(v) == groups {
		out := make([]float32, ch)
		for k := range out {
			out[k] = v[k/(ch/groups)]
		}
		return out, nil
	}
	if len(v) != ch {
		return nil, fmt.Errorf("input %d has %d values for %d channels", i, len(v), ch)
	}
	return v, nil
}

func prepareInstanceNorm(p *Prep) (Exec, error) {
	eps := p.Attrs().Float("epsilon", 1e-5)
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		_, ch, _, err := channels(x)
		if err != nil {
			return err
		}
		scale, err := channelValues(c, 1, ch, ch, false)
		if err != nil {
			return err
		}
		bias, err := channelValues(c, 2, ch, ch, false)
		if err != nil {
			return err
		}
		return normGroups(c, x, ch, scale, bias, eps)
	}), nil
}

// normGroups normalises each group of channels of each sample to mean 0 and variance 1, then scales and shifts each channel.
func normGroups(c *Call, x *tensor.Tensor, groups int, scale, bias []float32, eps float32) error {
	n, ch, inner, err := channels(x)
	if err != nil {
		return err
	}
	y := c.Out(0, x.Elem, x.Shape...)
	if y.Len() == 0 {
		return nil
	}
	cols := ch / groups * inner
	if x.Elem == tensor.Float64 {
		out := tensor.Data[float64](y)
		normRows64(out, tensor.Data[float64](x), n*groups, cols, nil, nil, float64(eps), true, nil, nil)
		for i := range out {
			k := i / inner % ch
			out[i] = out[i]*float64(scale[k]) + float64(bias[k])
		}
		return nil
	}
	out := singleOut(y)
	kernel.LayerNorm(out, single(x), n*groups, cols, nil, nil, eps, c.Pool)
	c.Pool.For(n*ch, 1+zipGrain/inner, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := out[i*inner : (i+1)*inner]
			kernel.Affine(row, row, scale[i%ch], bias[i%ch])
		}
	})
	singleDone(y, out)
	return nil
}

// prepareMVN is (x - mean) / (standard deviation + 1e-9) over the axes.
func prepareMVN(p *Prep) (Exec, error) {
	axes := p.Attrs().Ints("axes")
	if axes == nil {
		axes = []int64{0, 2, 3}
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		group, n, err := groupsOf(x.Shape, axes)
		if err != nil {
			return err
		}
		sum, sq, count := make([]float64, n), make([]float64, n), make([]float64, n)
		for i, a := range v {
			g := group[i]
			sum[g] += a
			count[g]++
		}
		for i, a := range v {
			d := a - sum[group[i]]/count[group[i]]
			sq[group[i]] += d * d
		}
		for i, a := range v {
			g := group[i]
			v[i] = (a - sum[g]/count[g]) / (math.Sqrt(sq[g]/count[g]) + 1e-9)
		}
		return storeFloats(c.Out(0, x.Elem, x.Shape...), v)
	}), nil
}

// groupsOf numbers, for each element, the group of those that differ only in their place on axes.
func groupsOf(dims, axes []int64) (group []int, n int, err error) {
	kept := append([]int64{}, dims...)
	for _, a := range axes {
		k, err := axisIn(a, len(dims))
		if err != nil {
			return nil, 0, err
		}
		kept[k] = 1
	}
	ns, err := newNest(dims, broadcastStrides(kept, dims))
	if err != nil {
		return nil, 0, err
	}
	group = make([]int, numel(dims))
	_, s := ns.inner()
	ns.walk(0, ns.n, func(d int, o [3]int, n int) {
		for i := range n {
			group[d+i] = o[0] + i*s[0]
		}
	})
	return group, numel(kept), nil
}

func prepareLpNorm(p *Prep) (Exec, error) {
	axis, order := p.Attrs().Int("axis", -1), p.Attrs().Int("p", 2)
	if order != 1 && order != 2 {
		return nil, fmt.Errorf("attribute p is %d, want 1 or 2", order)
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		k, err := axisIn(axis, len(x.Shape))
		if err != nil {
			return err
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		outer, inner := splitAt(x.Shape, k)
		alongAxis(v, append([]float64(nil), v...), outer, int(x.Shape[k]), inner, func(dst, row []float64) {
			s := 0.0
			for _, a := range row {
				if order == 1 {
					s += math.Abs(a)
				} else {
					s += a * a
				}
			}
			if order == 2 {
				s = math.Sqrt(s)
			}
			for i, a := range row {
				dst[i] = 0
				if s != 0 {
					dst[i] = a / s
				}
			}
		})
		return storeFloats(c.Out(0, x.Elem, x.Shape...), v)
	}), nil
}

func prepareLRN(p *Prep) (Exec, error) {
	a := p.Attrs()
	alpha, beta, bias, size := float64(a.Float("alpha", 1e-4)), float64(a.Float("beta", 0.75)), float64(a.Float("bias", 1)), int(a.Int("size", 0))
	if size <= 0 {
		return nil, fmt.Errorf("attribute size is %d", size)
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		n, ch, inner, err := channels(x)
		if err != nil {
			return err
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		out := make([]float64, len(v))
		c.Pool.For(n*ch, 1+zipGrain/(inner*size+1), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				k := i % ch
				first, last := max(0, k-(size-1)/2), min(ch-1, k+size/2)
				for j := range inner {
					s := 0.0
					for q := first; q <= last; q++ {
						a := v[(i-k+q)*inner+j]
						s += a * a
					}
					out[i*inner+j] = v[i*inner+j] / math.Pow(bias+alpha/float64(size)*s, beta)
				}
			}
		})
		return storeFloats(c.Out(0, x.Elem, x.Shape...), out)
	}), nil
}
