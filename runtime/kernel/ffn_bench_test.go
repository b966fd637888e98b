package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// The shape of one gated block of a 1.1B model: 138 MB of weights a layer, and enough layers in turn that none is in cache.
const (
	benchIn, benchHidden, benchLayers = 2048, 5632, 3
	benchExperts, benchActive         = 16, 4
)

var benchFFN = sync.OnceValue(func() []*kernel.FFN {
	var layers []*kernel.FFN
	for l := range benchLayers {
		r := rand.New(rand.NewPCG(uint64(l), 1))
		layers = append(layers, kernel.NewFFN(randomFFN(r, benchIn, benchHidden, benchIn, true, false, kernel.ActSilu)))
	}
	return layers
})

var benchMoE = sync.OnceValue(func() []*kernel.MoE {
	var layers []*kernel.MoE
	for l := range benchLayers {
		r := rand.New(rand.NewPCG(uint64(l), 2))
		d := moeDims{e: benchExperts, k: benchActive, in: benchIn, hidden: benchHidden / benchExperts, out: benchIn}
		layers = append(layers, kernel.NewMoE(randomMoE(r, d, true, false, true)))
	}
	return layers
})

func benchTokens(b *testing.B, f func(b *testing.B, m int, x, y []float32)) {
	for _, m := range []int{1, 4, 16, 128} {
		r := rand.New(rand.NewPCG(1, 3))
		x, y := randoms(r, m*benchIn, 1), make([]float32, m*benchIn)
		b.Run(fmt.Sprintf("m=%d", m), func(b *testing.B) { f(b, m, x, y) })
	}
}

func reportWeights(b *testing.B, bytes float64) {
	b.ReportMetric(bytes*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
}

// BenchmarkFFNDense also reports the weights read each second: at one token the bound is the memory.
func BenchmarkFFNDense(b *testing.B) {
	benchTokens(b, func(b *testing.B, m int, x, y []float32) {
		layers := benchFFN()
		for i := 0; b.Loop(); i++ {
			layers[i%benchLayers].Dense(m, x, y, nil)
		}
		reportWeights(b, 12*benchIn*benchHidden)
		b.ReportMetric(6*benchIn*benchHidden*float64(m)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	})
}

func benchKeep(b *testing.B, rule kernel.KeepRule) {
	benchTokens(b, func(b *testing.B, m int, x, y []float32) {
		layers := benchFFN()
		for i := 0; b.Loop(); i++ {
			layers[i%benchLayers].TopK(m, x, y, rule, nil)
		}
	})
}

func BenchmarkFFNTopKHidden8(b *testing.B) {
	benchKeep(b, kernel.KeepRule{On: kernel.KeepHidden, K: benchHidden * 8 / 100})
}

func BenchmarkFFNTopKGate8(b *testing.B) {
	benchKeep(b, kernel.KeepRule{On: kernel.KeepGate, K: benchHidden * 8 / 100})
}

func BenchmarkFFNTopKGate25(b *testing.B) {
	benchKeep(b, kernel.KeepRule{On: kernel.KeepGate, K: benchHidden / 4})
}

func BenchmarkFFNTopKGate50(b *testing.B) {
	benchKeep(b, kernel.KeepRule{On: kernel.KeepGate, K: benchHidden / 2})
}

func BenchmarkFFNMoE4of16(b *testing.B) {
	benchTokens(b, func(b *testing.B, m int, x, y []float32) {
		layers := benchMoE()
		for i := 0; b.Loop(); i++ {
			layers[i%benchLayers].Run(m, x, y, nil)
		}
	})
}

func BenchmarkFFNMoEDense(b *testing.B) {
	benchTokens(b, func(b *testing.B, m int, x, y []float32) {
		layers := benchMoE()
		for i := 0; b.Loop(); i++ {
			layers[i%benchLayers].Dense(m, x, y, nil)
		}
	})
}

// BenchmarkFFNReadFloor reads as many bytes as a layer holds with the plain dot product: the yardstick of the memory.
func BenchmarkFFNReadFloor(b *testing.B) {
	const n = 64 << 20
	w := make([]float32, n)
	for i := range w {
		w[i] = 1
	}
	x := make([]float32, 2048)
	dst := make([]float32, n/2048)
	for b.Loop() {
		kernel.DotRows(dst, x, w, n/2048, 2048, nil, nil, nil)
	}
	reportWeights(b, 4*n)
}
