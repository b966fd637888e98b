package kernel_test

import (
	"fmt"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
)

func BenchmarkPackB(b *testing.B) {
	for _, s := range [][2]int{{576, 1536}, {1536, 576}, {576, 49152}} {
		k, n := s[0], s[1]
		w := kerneltest.Random(k*n, 1)
		for _, trans := range []bool{false, true} {
			b.Run(fmt.Sprintf("%dx%d/trans=%v", k, n, trans), func(b *testing.B) {
				ld := n
				if trans {
					ld = k
				}
				best := measure(b, func() { kernel.PackB(k, n, w, ld, trans, nil) })
				b.ReportMetric(4*float64(k*n)/best.Seconds()/1e9, "GB/s")
			})
		}
	}
}
