package kernel_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
)

// peakRate is the FMA rate of one core at the active level now, in flop/s: the
// best of a few short runs. Clocks drift, so every benchmark measures it anew.
func peakRate() float64 {
	best := 0.0
	for range 5 {
		start := time.Now()
		ops := kernel.Peak(kernel.ActiveLevel(), 1<<19)
		best = max(best, float64(ops)/time.Since(start).Seconds())
	}
	return best
}

// measure times every call of f and returns the shortest: what the code can do
// on a machine that is shared with others.
func measure(b *testing.B, f func()) (best time.Duration) {
	best = time.Hour
	for b.Loop() {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

// reportFLOPs reports the rate of the best call and its share of the peak.
func reportFLOPs(b *testing.B, flops, peak float64, best time.Duration) {
	rate := flops / best.Seconds()
	b.ReportMetric(rate/1e9, "GFLOP/s")
	if peak > 0 {
		b.ReportMetric(100*rate/peak, "%peak")
	}
}

func benchLevels(b *testing.B, f func(b *testing.B, p *kernel.Pool, peak float64)) {
	for _, l := range kernel.Levels() {
		for threads := 1; threads <= 2; threads++ {
			b.Run(fmt.Sprintf("%s/%dt", l, threads), func(b *testing.B) {
				defer kernel.SetLevel(l)()
				p := kernel.NewPool(threads)
				defer p.Close()
				f(b, p, peakRate()*float64(threads))
			})
		}
	}
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range [][3]int{{512, 512, 512}, {1024, 1024, 1024}, {128, 1536, 384}, {128, 384, 1536}, {2, 3072, 768}, {8, 3072, 768}, {32, 3072, 768}, {100, 576, 1536}, {64, 1024, 1024}, {64, 2048, 2048}} {
		m, n, k := s[0], s[1], s[2]
		b.Run(fmt.Sprintf("%dx%dx%d", m, n, k), func(b *testing.B) {
			benchLevels(b, func(b *testing.B, p *kernel.Pool, peak float64) {
				x, w, c := kerneltest.Random(m*k, 1), kerneltest.Random(k*n, 2), make([]float32, m*n)
				packed := kernel.PackB(k, n, w, n, false, nil)
				kernel.Gemm(m, x, k, packed, c, n, false, nil, p)
				best := measure(b, func() { kernel.Gemm(m, x, k, packed, c, n, false, nil, p) })
				reportFLOPs(b, 2*float64(m)*float64(n)*float64(k), peak, best)
			})
		})
	}
}

func BenchmarkGemmUnpacked(b *testing.B) {
	for _, s := range [][3]int{{512, 512, 512}, {1024, 1024, 1024}, {128, 1536, 384}} {
		m, n, k := s[0], s[1], s[2]
		for _, transB := range []bool{false, true} {
			b.Run(fmt.Sprintf("%dx%dx%d/transB=%v", m, n, k, transB), func(b *testing.B) {
				benchLevels(b, func(b *testing.B, p *kernel.Pool, peak float64) {
					x, w, c := kerneltest.Random(m*k, 1), kerneltest.Random(k*n, 2), make([]float32, m*n)
					ldb := n
					if transB {
						ldb = k
					}
					best := measure(b, func() { kernel.GemmUnpacked(m, n, k, x, k, false, w, ldb, transB, 1, c, n, 0, p, nil) })
					reportFLOPs(b, 2*float64(m)*float64(n)*float64(k), peak, best)
				})
			})
		}
	}
}

func BenchmarkBatchGemm(b *testing.B) {
	for _, s := range []struct {
		name           string
		batch, m, n, k int
		transB         bool
	}{
		{"scores 12x128x128x32", 12, 128, 128, 32, true},
		{"values 12x128x32x128", 12, 128, 32, 128, false},
		{"decode scores 9x1x256x64", 9, 1, 256, 64, true},
		{"decode values 9x1x64x256", 9, 1, 64, 256, false},
		{"small 64x16x16x16", 64, 16, 16, 16, false},
	} {
		b.Run(s.name, func(b *testing.B) {
			benchLevels(b, func(b *testing.B, p *kernel.Pool, peak float64) {
				x, w, c := kerneltest.Random(s.batch*s.m*s.k, 1), kerneltest.Random(s.batch*s.k*s.n, 2), make([]float32, s.batch*s.m*s.n)
				ldb := s.n
				if s.transB {
					ldb = s.k
				}
				best := measure(b, func() {
					kernel.BatchGemm(s.batch, s.m, s.n, s.k, x, s.m*s.k, s.k, false, w, s.k*s.n, ldb, s.transB, 0.125, c, s.m*s.n, s.n, p)
				})
				reportFLOPs(b, 2*float64(s.batch)*float64(s.m)*float64(s.n)*float64(s.k), peak, best)
			})
		})
	}
}

// BenchmarkGemmStream multiplies few rows by weights that have left the caches,
// and reports the share of the rate at which a plain loop reads the same memory.
func BenchmarkGemmStream(b *testing.B) {
	const n, k, copies = 5632, 2048, 6
	var packs []*kernel.PackedB
	for i := range copies {
		packs = append(packs, kernel.PackB(k, n, kerneltest.Random(k*n, uint64(i)), n, false, nil))
	}
	bytes := float64(packs[0].Bytes())
	for _, m := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("%dx%dx%d", m, n, k), func(b *testing.B) {
			benchLevels(b, func(b *testing.B, p *kernel.Pool, peak float64) {
				x, c := kerneltest.Random(m*k, 1), make([]float32, m*n)
				read := time.Hour
				for i := range 2 * copies {
					start := time.Now()
					p.For(packs[0].Panels(), 1, func(lo, hi int) {
						for j := lo; j < hi; j++ {
							kernel.ReadMemory(packs[i%copies].Panel(j))
						}
					})
					read = min(read, time.Since(start))
				}
				i := 0
				best := measure(b, func() {
					kernel.Gemm(m, x, k, packs[i%copies], c, n, false, nil, p)
					i++
				})
				b.ReportMetric(bytes/best.Seconds()/1e9, "GB/s")
				b.ReportMetric(100*read.Seconds()/best.Seconds(), "%read")
			})
		})
	}
}
