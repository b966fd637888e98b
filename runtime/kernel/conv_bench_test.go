package kernel_test

import (
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
)

func BenchmarkConv(b *testing.B) {
	square := func(k int) [3]int { return [3]int{1, k, k} }
	pad := func(k int) [3]int { return [3]int{0, k, k} }
	for _, s := range []struct {
		name                        string
		in, out, group, k, st, size int
	}{
		{"stem 3-64 7x7 s2 224", 3, 64, 1, 7, 2, 224},
		{"64-64 3x3 56", 64, 64, 1, 3, 1, 56},
		{"128-128 3x3 s2 56", 128, 128, 1, 3, 2, 56},
		{"256-256 3x3 14", 256, 256, 1, 3, 1, 14},
		{"512-512 3x3 7", 512, 512, 1, 3, 1, 7},
		{"64-256 1x1 56", 64, 256, 1, 1, 1, 56},
		{"1024-512 1x1 14", 1024, 512, 1, 1, 1, 14},
		{"depthwise 96 3x3 112", 96, 96, 96, 3, 1, 112},
		{"depthwise 96 3x3 s2 112", 96, 96, 96, 3, 2, 112},
		{"depthwise 384 3x3 14", 384, 384, 384, 3, 1, 14},
		{"mnist 1-8 5x5 28", 1, 8, 1, 5, 1, 28},
	} {
		b.Run(s.name, func(b *testing.B) {
			benchLevels(b, func(b *testing.B, p *kernel.Pool, peak float64) {
				spec := kernel.ConvSpec{InChannels: s.in, OutChannels: s.out, Group: s.group, Kernel: square(s.k), Stride: square(s.st), PadBegin: pad(s.k / 2), PadEnd: pad(s.k / 2), Bias: make([]float32, s.out), Act: kernel.ActRelu}
				w := kerneltest.Random(s.out*s.in/s.group*s.k*s.k, 1)
				conv := kernel.NewConv(spec, w)
				in := square(s.size)
				out := conv.OutputSize(in)
				x, y := kerneltest.Random(s.in*s.size*s.size, 2), make([]float32, s.out*out[1]*out[2])
				best := measure(b, func() { conv.Run(1, in, x, y, p) })
				reportFLOPs(b, 2*float64(len(y)*s.in/s.group*s.k*s.k), peak, best)
			})
		})
	}
}
