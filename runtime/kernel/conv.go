package kernel

import "sync/atomic"

// ConvSpec describes a convolution of up to three spatial dimensions, always
// given as depth, height, width: a 2-D one has depth 1, a 1-D one depth and
// height 1. Zero kernel sizes, strides, dilations and groups mean 1.
type ConvSpec struct {
	InChannels, OutChannels int
	Group                   int
	Kernel                  [3]int
	Stride, Dilation        [3]int
	PadBegin, PadEnd        [3]int    // zeros around the input, not negative
	Bias                    []float32 // [OutChannels] or nil
	Act                     Act       // applied after the bias
}

// Conv is a convolution with its weights laid out for the kernels. It is safe
// for use by several goroutines.
type Conv struct {
	spec ConvSpec
	w    []float32 // [OutChannels] rows of stride ldw
	k    int       // multiply-adds of an output element
	ldw  int
	plan atomic.Pointer[convPlan] // of the input size seen last
}

// NewConv prepares a convolution; w is [OutChannels, InChannels/Group, depth,
// height, width]. It copies w and keeps the bias.
func NewConv(spec ConvSpec, w []float32) *Conv {
	spec.Group = max(spec.Group, 1)
	taps := 1
	for i := range 3 {
		spec.Kernel[i] = max(spec.Kernel[i], 1)
		spec.Stride[i] = max(spec.Stride[i], 1)
		spec.Dilation[i] = max(spec.Dilation[i], 1)
		taps *= spec.Kernel[i]
	}
	c := &Conv{spec: spec, k: spec.InChannels / spec.Group * taps}
	c.ldw = roundUp(c.k, 16)
	if c.ldw%512 == 0 {
		c.ldw += 16 // keeps the rows of a tile apart in the cache
	}
	if spec.Bias != nil {
		_ = spec.Bias[:spec.OutChannels]
	}
	c.w = NewFloats(spec.OutChannels * c.ldw)
	for i := range spec.OutChannels {
		copy(c.w[i*c.ldw:], w[i*c.k:][:c.k])
	}
	return c
}

// Bytes returns the memory the weights take.
func (c *Conv) Bytes() int { return 4 * len(c.w) }

// OutputSize returns the spatial size of the output for an input of spatial
// size in; a dimension the kernel does not fit in gives 0.
func (c *Conv) OutputSize(in [3]int) [3]int {
	s := &c.spec
	for i := range 3 {
		room := in[i] + s.PadBegin[i] + s.PadEnd[i] - (s.Kernel[i]-1)*s.Dilation[i] - 1
		in[i] = max(0, room/s.Stride[i]+1)
		if room < 0 {
			in[i] = 0
		}
	}
	return in
}

// Run computes y = act(conv(x) + bias): x is [batch, InChannels, in...], y
// [batch, OutChannels, OutputSize(in)...], contiguous.
//
// Each output element is one chain of fused multiply-adds over input channel,
// kernel depth, height and width in this order, zeros of the padding included,
// so its bits depend neither on the number of threads nor on the vector width.
func (c *Conv) Run(batch int, in [3]int, x, y []float32, p *Pool) {
	plan := c.planFor(in)
	s := &c.spec
	ix, oy := s.InChannels*plan.inSize, s.OutChannels*plan.outSize
	if batch*oy == 0 {
		return
	}
	x, y = x[:batch*ix], y[:batch*oy]
	switch {
	case c.k == 0:
		clear(y)
		c.epilogue(batch, plan, y, p)
	case c.depthwise():
		c.runDepthwise(batch, plan, x, y, p)
	default:
		c.runGemm(batch, plan, x, y, p)
	}
}

// depthwiseOutputs is the number of outputs per input channel up to which the
// taps of single-channel groups are applied directly.
const depthwiseOutputs = 4

func (c *Conv) depthwise() bool {
	return c.spec.InChannels == c.spec.Group && c.spec.OutChannels/c.spec.Group <= depthwiseOutputs
}

// epilogue adds the bias and applies the activation to finished sums.
func (c *Conv) epilogue(batch int, plan *convPlan, y []float32, p *Pool) {
	n := plan.outSize
	p.For(batch*c.spec.OutChannels, 1+(1<<14)/(n+1), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := y[i*n:][:n]
			if c.spec.Bias != nil {
				AddScalar(row, row, c.spec.Bias[i%c.spec.OutChannels])
			}
			Activate(c.spec.Act, row, row)
		}
	})
}
