package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

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
