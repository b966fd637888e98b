package kernel_test

import (
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
)

// bench runs f at every level over n elements, moved bytes a run, and reports nanoseconds an element beside the bytes.
func bench(b *testing.B, name string, n, moved int, f func()) {
	for _, l := range kernel.Levels() {
		b.Run(name+"/"+l.String(), func(b *testing.B) {
			defer kernel.SetLevel(l)()
			b.SetBytes(int64(moved))
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/elem")
		})
	}
}

const benchN = 4096

func BenchmarkUnary(b *testing.B) {
	x, dst := kerneltest.Random(benchN, 1), make([]float32, benchN)
	for _, c := range unaryCases {
		bench(b, c.tol.Name, benchN, 8*benchN, func() { c.f(dst, x) })
	}
}

func BenchmarkBinary(b *testing.B) {
	x, y, dst := kerneltest.Random(benchN, 1), kerneltest.Random(benchN, 2), make([]float32, benchN)
	for _, c := range binaryCases {
		bench(b, c.tol.Name, benchN, 12*benchN, func() { kernel.Apply(c.op, dst, x, y) })
	}
	bench(b, "Scale", benchN, 8*benchN, func() { kernel.Scale(dst, x, 1.5) })
	bench(b, "Axpy", benchN, 12*benchN, func() { kernel.Axpy(1e-9, x, y) })
}

func BenchmarkReduce(b *testing.B) {
	x := kerneltest.Random(benchN, 1)
	for name, f := range map[string]func(x []float32) float32{"Sum": kernel.Sum, "SumSquares": kernel.SumSquares, "MaxOf": kernel.MaxOf} {
		bench(b, name, benchN, 4*benchN, func() { f(x) })
	}
	bench(b, "Dot", benchN, 8*benchN, func() { kernel.Dot(x, x) })
}

func BenchmarkRows(b *testing.B) {
	const rows, cols = 64, 768
	n := rows * cols
	x, y, dst, sum := kerneltest.Random(n, 1), kerneltest.Random(n, 2), make([]float32, n), make([]float32, n)
	gamma, beta := kerneltest.Random(cols, 3), kerneltest.Random(cols, 4)
	bench(b, "Softmax", n, 8*n, func() { kernel.Softmax(dst, x, rows, cols, nil) })
	bench(b, "SoftmaxMasked", n, 8*n, func() {
		kernel.SoftmaxMasked(dst, x, rows, cols, 0.125, kernel.AttentionMask{Add: y}, nil)
	})
	bench(b, "LayerNorm", n, 8*n, func() { kernel.LayerNorm(dst, x, rows, cols, gamma, beta, 1e-5, nil) })
	bench(b, "AddLayerNorm", n, 16*n, func() { kernel.AddLayerNorm(dst, sum, x, y, rows, cols, gamma, beta, 1e-5, nil) })
	bench(b, "RMSNorm", n, 8*n, func() { kernel.RMSNorm(dst, x, rows, cols, gamma, 1e-5, nil) })
	bench(b, "Rotary", n, 8*n, func() { kernel.Rotary(dst, x, 1, rows, 12, 64, y[:rows*32], y[:rows*32], 32, 32, nil) })
	bench(b, "Transpose", n, 8*n, func() { kernel.Transpose(dst, rows, x, cols, rows, cols) })
	bench(b, "Transpose0213", n, 8*n, func() { kernel.Transpose0213(dst, x, 1, rows, 12, 64, nil) })
	half := make([]uint16, n)
	bench(b, "Float32ToFloat16", n, 6*n, func() { kernel.Float32ToFloat16(half, x) })
	bench(b, "Float16ToFloat32", n, 6*n, func() { kernel.Float16ToFloat32(dst, half) })
	bench(b, "Float32ToBFloat16", n, 6*n, func() { kernel.Float32ToBFloat16(half, x) })
	bench(b, "BFloat16ToFloat32", n, 6*n, func() { kernel.BFloat16ToFloat32(dst, half) })
}
