package kernel_test

import (
	"fmt"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// convTol: convolutions promise their order of operations, so they are exact.
var convTol = kerneltest.Tolerance{Name: "Conv"}

// convOracle is the definition: for each output position the values under the
// kernel, zeros outside the input, times the weights.
func convOracle(s kernel.ConvSpec, batch int, in, out [3]int, x, w []float32) []float64 {
	ins, outs := s.InChannels/s.Group, s.OutChannels/s.Group
	positions, size := out[0]*out[1]*out[2], in[0]*in[1]*in[2]
	taps := s.Kernel[0] * s.Kernel[1] * s.Kernel[2]
	y := make([]float64, batch*s.OutChannels*positions)
	under := make([]float32, ins*taps)
	for b := range batch {
		for g := range s.Group {
			for pos := range positions {
				at := [3]int{pos / out[2] / out[1], pos / out[2] % out[1], pos % out[2]}
				for k := range under {
					under[k] = valueUnder(s, in, at, k%taps, x[(b*s.InChannels+g*ins+k/taps)*size:][:size])
				}
				for o := g * outs; o < (g+1)*outs; o++ {
					v := []float32{chain(0, w[o*ins*taps:][:ins*taps], under)}
					if s.Bias != nil {
						v[0] += s.Bias[o]
					}
					kernel.Activate(s.Act, v, v)
					y[(b*s.OutChannels+o)*positions+pos] = float64(v[0])
				}
			}
		}
	}
	return y
}

// valueUnder is the input value of channel x under a tap of the kernel at an
// output position.
func valueUnder(s kernel.ConvSpec, in, at [3]int, tap int, x []float32) float32 {
	q := [3]int{tap / s.Kernel[2] / s.Kernel[1], tap / s.Kernel[2] % s.Kernel[1], tap % s.Kernel[2]}
	off := 0
	for d := range 3 {
		i := at[d]*s.Stride[d] + q[d]*s.Dilation[d] - s.PadBegin[d]
		if i < 0 || i >= in[d] {
			return 0
		}
		off = off*in[d] + i
	}
	return x[off]
}

func convCases() []kernel.ConvSpec {
	one := [3]int{1, 1, 1}
	base := func(in, out, group int) kernel.ConvSpec {
		return kernel.ConvSpec{InChannels: in, OutChannels: out, Group: group, Kernel: one, Stride: one, Dilation: one}
	}
	var cs []kernel.ConvSpec
	add := func(in, out, group int, edit func(c *kernel.ConvSpec)) {
		c := base(in, out, group)
		edit(&c)
		cs = append(cs, c)
	}
	for _, ch := range [][3]int{{3, 9, 1}, {6, 4, 2}, {5, 5, 5}, {3, 6, 3}, {2, 20, 2}} {
		in, out, g := ch[0], ch[1], ch[2]
		add(in, out, g, func(c *kernel.ConvSpec) {})
		add(in, out, g, func(c *kernel.ConvSpec) { c.Stride = [3]int{1, 2, 2} })
		add(in, out, g, func(c *kernel.ConvSpec) { c.Kernel = [3]int{1, 3, 3} })
		add(in, out, g, func(c *kernel.ConvSpec) {
			c.Kernel, c.PadBegin, c.PadEnd = [3]int{1, 3, 3}, [3]int{0, 1, 1}, [3]int{0, 1, 1}
		})
		add(in, out, g, func(c *kernel.ConvSpec) {
			c.Kernel, c.Stride, c.PadBegin, c.PadEnd = [3]int{1, 4, 5}, [3]int{1, 3, 2}, [3]int{0, 2, 3}, [3]int{0, 1, 0}
		})
		add(in, out, g, func(c *kernel.ConvSpec) {
			c.Kernel, c.Dilation, c.PadBegin, c.PadEnd = [3]int{2, 2, 3}, [3]int{1, 3, 2}, [3]int{1, 2, 2}, [3]int{0, 2, 1}
		})
		add(in, out, g, func(c *kernel.ConvSpec) {
			c.Kernel, c.Stride, c.Dilation, c.PadBegin = [3]int{2, 1, 2}, [3]int{2, 1, 4}, [3]int{2, 1, 3}, [3]int{2, 0, 1}
		})
		add(in, out, g, func(c *kernel.ConvSpec) { c.Kernel, c.PadEnd = [3]int{1, 1, 3}, [3]int{0, 0, 9} })
	}
	return cs
}

func TestConv(t *testing.T) {
	sizes := [][3]int{{1, 1, 40}, {1, 9, 7}, {3, 8, 21}, {1, 1, 1}, {1, 16, 16}}
	kerneltest.EachLevel(t, func(t *testing.T) {
		for i, spec := range convCases() {
			w := kerneltest.Random(spec.OutChannels*spec.InChannels/spec.Group*spec.Kernel[0]*spec.Kernel[1]*spec.Kernel[2], uint64(i))
			spec.Act = []kernel.Act{kernel.ActNone, kernel.ActRelu, kernel.ActSilu}[i%3]
			if i%4 != 3 {
				spec.Bias = kerneltest.Random(spec.OutChannels, 9)
			}
			conv := kernel.NewConv(spec, w)
			for j, in := range sizes {
				out := conv.OutputSize(in)
				batch := 1 + (i+j)%2
				x := kerneltest.NewBuffer(batch*spec.InChannels*in[0]*in[1]*in[2], j)
				kerneltest.Fill(x.F, kerneltest.Ordinary, kerneltest.Rand(uint64(j)))
				y := kerneltest.NewBuffer(batch*spec.OutChannels*out[0]*out[1]*out[2], i%4)
				conv.Run(batch, in, x.F, y.F, nil)
				context := fmt.Sprintf("%+v input %v output %v", spec, in, out)
				convTol.Compare(t, convOracle(spec, batch, in, out, x.F, w), y.F, context)
				x.Check(t)
				y.Check(t)
			}
		}
	})
}

func TestConvManyChannels(t *testing.T) {
	spec := kernel.ConvSpec{InChannels: 50, OutChannels: 133, Group: 1, Kernel: [3]int{1, 3, 3}, Stride: [3]int{1, 1, 1}, Dilation: [3]int{1, 1, 1}, PadBegin: [3]int{0, 1, 1}, PadEnd: [3]int{0, 1, 1}}
	w := kerneltest.Random(133*50*9, 1)
	in := [3]int{1, 9, 13}
	x := kerneltest.Random(2*50*9*13, 2)
	kerneltest.EachLevel(t, func(t *testing.T) {
		want := convOracle(spec, 2, in, in, x, w)
		kerneltest.EachPool(t, func(t *testing.T, p *kernel.Pool) {
			y := make([]float32, len(want))
			kernel.NewConv(spec, w).Run(2, in, x, y, p)
			convTol.Compare(t, want, y)
		})
	})
}

func TestConvDepthwisePools(t *testing.T) {
	spec := kernel.ConvSpec{InChannels: 70, OutChannels: 140, Group: 70, Kernel: [3]int{1, 3, 3}, Stride: [3]int{1, 2, 2}, Dilation: [3]int{1, 1, 1}, PadBegin: [3]int{0, 1, 1}, PadEnd: [3]int{0, 1, 1}, Act: kernel.ActRelu}
	w, in := kerneltest.Random(140*9, 1), [3]int{1, 23, 41}
	x := kerneltest.Random(3*70*23*41, 2)
	kerneltest.EachLevel(t, func(t *testing.T) {
		want := convOracle(spec, 3, in, [3]int{1, 12, 21}, x, w)
		kerneltest.EachPool(t, func(t *testing.T, p *kernel.Pool) {
			y := make([]float32, len(want))
			kernel.NewConv(spec, w).Run(3, in, x, y, p)
			convTol.Compare(t, want, y)
		})
	})
}

func TestConvOutputSize(t *testing.T) {
	c := kernel.NewConv(kernel.ConvSpec{InChannels: 1, OutChannels: 1, Kernel: [3]int{0, 3, 5}, Stride: [3]int{0, 2, 1}, Dilation: [3]int{0, 1, 2}, PadBegin: [3]int{0, 1, 0}}, make([]float32, 15))
	require.Equal(t, [3]int{1, 4, 2}, c.OutputSize([3]int{1, 8, 10}))
	require.Equal(t, [3]int{1, 4, 0}, c.OutputSize([3]int{1, 8, 8}))
	require.Equal(t, [3]int{0, 1, 1}, c.OutputSize([3]int{0, 2, 9}))
	c.Run(1, [3]int{1, 8, 8}, make([]float32, 64), nil, nil)
}
