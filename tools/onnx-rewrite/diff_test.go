package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// diffJSON is what a reader of --json sees.
type diffJSON struct {
	Equal      bool
	Model      []graph.Change
	Nodes      []graph.NodeChange
	Weights    []graph.WeightChange
	SameNodes  int `json:"same_nodes"`
	SameWeight int `json:"same_weights"`
}

func TestDiffOfTheSameContentIsEmpty(t *testing.T) {
	model := saved(t, smallMLP(1))
	moved := filepath.Join(t.TempDir(), "moved.onnx")
	do(t, exitFine, "external", model, "-o", moved, "--threshold", "1")
	require.Equal(t, "equal: 4 nodes, 3 weights\n", do(t, exitFine, "diff", model, moved).out)
	var d diffJSON
	doJSON(t, exitFine, &d, "diff", moved, model)
	require.True(t, d.Equal)
	require.Equal(t, []int{4, 3}, []int{d.SameNodes, d.SameWeight})
}

func TestDiffAfterAMask(t *testing.T) {
	model := saved(t, smallMLP(1))
	masked := filepath.Join(t.TempDir(), "masked.onnx")
	do(t, exitFine, "mask", model, "-o", masked, "--density", "0.25", "--head")
	var d diffJSON
	doJSON(t, exitFailed, &d, "diff", model, masked)
	require.False(t, d.Equal)
	changed := 0
	for _, w := range d.Weights {
		if w.Status == graph.Changed {
			changed++
			require.EqualValues(t, 1, *w.DensityA)
			require.Less(t, float64(*w.DensityB), 1.0)
			require.InDelta(t, 1-float64(*w.DensityB), float64(*w.Share), 1e-9)
			require.Positive(t, float64(*w.Max))
		}
	}
	require.Positive(t, changed+len(d.Nodes))
	r := do(t, exitFailed, "diff", model, masked)
	require.Contains(t, r.out, "max|a-b|")
	require.Contains(t, r.err, "differ")
}

func TestDiffPrintsEveryKind(t *testing.T) {
	a := textModel(t, `g (float[N,4] x) => (float[N,4] y) <float[N,4] a> { a = Abs(x) y = LeakyRelu<alpha = 0.5>(a) }`)
	b := textModel(t, `g (float[1,4] x) => (float[N,4] y) <float[1,4] a> { a = Abs(x) b = Neg(a) y = LeakyRelu<alpha = 0.25>(b) }`)
	text := do(t, exitFailed, "diff", a, b).out
	for _, want := range []string{`input "x"`, "float[1,4]", "added", "attribute alpha", "0.25", "types of values", "1 node added, 0 removed, 1 changed, 1 equal"} {
		require.Contains(t, text, want)
	}
	long := func(op string) string {
		var s strings.Builder
		s.WriteString("g (float[4] v0) => (float[4] v50) { ")
		for i := range 50 {
			fmt.Fprintf(&s, "v%d = %s(v%d) ", i+1, op, i)
		}
		return textModel(t, s.String()+"}")
	}
	a, b = long("Abs"), long("Neg")
	require.Contains(t, do(t, exitFailed, "diff", a, b).out, "and 10 more (--all)")
	require.NotContains(t, do(t, exitFailed, "diff", a, b, "--all").out, "more")
	do(t, exitUsage, "diff", a, filepath.Join(t.TempDir(), "none.onnx"))
	do(t, exitUsage, "diff", a)
}
