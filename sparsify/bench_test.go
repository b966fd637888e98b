package sparsify

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func randomMatrix(r *rand.Rand, rows, cols int) Matrix {
	m := NewMatrix(rows, cols)
	for i := range m.Data {
		m.Data[i] = float32(r.NormFloat64())
	}
	return m
}

func BenchmarkGram1024x16k(b *testing.B) {
	x := randomMatrix(rand.New(rand.NewPCG(1, 1)), 16384, 1024)
	for b.Loop() {
		g, err := NewMoments(1024, 0)
		require.NoError(b, err)
		require.NoError(b, g.Observe(x, Matrix{}))
		g.XX()
	}
}

func randomMoments(tb testing.TB, n, m, rows int) *Moments {
	r := rand.New(rand.NewPCG(2, 2))
	g, err := NewMoments(n, m)
	require.NoError(tb, err)
	require.NoError(tb, g.Observe(randomMatrix(r, rows, n), randomMatrix(r, rows, m)))
	return g
}

func BenchmarkRidge1024x256(b *testing.B) {
	g := randomMoments(b, 1024, 256, 4096)
	for b.Loop() {
		_, err := Ridge(g, nil, Matrix{}, nil, RidgeOptions{})
		require.NoError(b, err)
	}
}

func BenchmarkRefitKeep512of1024(b *testing.B) {
	g := randomMoments(b, 1024, 1, 4096)
	w := randomMatrix(rand.New(rand.NewPCG(3, 3)), 1024, 256)
	keep := SampleRows(1024, 512)
	for b.Loop() {
		_, err := RefitKeep(g, keep, w, nil, RidgeOptions{})
		require.NoError(b, err)
	}
}

func BenchmarkGreedy512of1024(b *testing.B) {
	g := randomMoments(b, 1024, 1, 4096)
	w := randomMatrix(rand.New(rand.NewPCG(3, 3)), 1024, 256)
	for b.Loop() {
		_, err := GreedyKeep(g, w, 512, 0)
		require.NoError(b, err)
	}
}

func BenchmarkKMeans1024(b *testing.B) {
	p := randomMatrix(rand.New(rand.NewPCG(4, 4)), 1024, 1024)
	for b.Loop() {
		_, _, err := BalancedKMeans(p, 16, ClusterOptions{})
		require.NoError(b, err)
	}
}

func BenchmarkObserveAll1024x16k(b *testing.B) {
	x := randomMatrix(rand.New(rand.NewPCG(1, 1)), 16384, 1024)
	for b.Loop() {
		s, err := NewStats(Settings{Taps: []TapSpec{{Name: "h", Width: 1024, Gram: true, CoFire: true, Magnitude: true, Deviation: DeviationAbs}}})
		require.NoError(b, err)
		for l := range 16 {
			require.NoError(b, s.Observe(int64(l), map[string]Matrix{"h": x.Slice(l*1024, (l+1)*1024)}))
		}
	}
}
