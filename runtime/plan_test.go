package runtime_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// requireDisjoint: no two classes that live at the same time share a byte, and all are aligned.
func requireDisjoint(t *testing.T, p *runtime.Plan, b *runtime.BoundPlan) {
	t.Helper()
	for i, c := range p.Classes {
		if b.Offsets[i] < 0 {
			continue
		}
		require.Zero(t, b.Offsets[i]%64)
		require.LessOrEqual(t, b.Offsets[i]+b.Sizes[i], b.Peak)
		for k, d := range p.Classes[:i] {
			if b.Offsets[k] < 0 || d.Last < c.First || c.Last < d.First {
				continue
			}
			require.True(t, b.Offsets[i]+b.Sizes[i] <= b.Offsets[k] || b.Offsets[k]+b.Sizes[k] <= b.Offsets[i], "classes %d and %d", i, k)
		}
	}
}

func TestPlansOfReferenceModels(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range referenceModels(t) {
		if seen[f.model] {
			continue
		}
		seen[f.model] = true
		m, err := onnxio.Load(f.model, onnxio.LoadOptions{})
		require.NoError(t, err)
		s, err := runtime.Compile(m, runtime.Options{Threads: 1})
		require.NoError(t, err)
		for _, n := range []int64{1, 7, 100} {
			symbols := map[string]int64{}
			for i, c := range s.Plan().Classes {
				for k, name := range c.Size.Symbols(nil) {
					symbols[name] = n + int64(i+k)%3
				}
			}
			b := s.Plan().Bind(symbols)
			requireDisjoint(t, s.Plan(), b)
			require.Equal(t, b.String(), s.Plan().Bind(symbols).String(), "the same sizes give the same places")
		}
		s.Close()
		require.NoError(t, m.Close())
	}
}

// TestEveryLoweringIsShown: testdata/lower has a case in which each rule of the table fires.
func TestEveryLoweringIsShown(t *testing.T) {
	files, err := filepath.Glob("testdata/lower/*.txt")
	require.NoError(t, err)
	var all strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		all.Write(data)
	}
	seen := map[string]bool{}
	for _, r := range runtime.LoweringRules() {
		require.False(t, seen[r[0]], "rule %s stands twice", r[0])
		seen[r[0]] = true
		require.Contains(t, all.String(), "\n"+r[0]+" ", "no case shows %s", r[0])
		require.NotEmpty(t, r[1])
	}
}
