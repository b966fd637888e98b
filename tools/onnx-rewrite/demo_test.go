package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDemo: the first command of the README works, checks itself and writes models that load.
func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	var r demoReport
	doJSON(t, exitFine, &r, "demo", "--out", dir, "--seconds", "0.02")
	require.True(t, r.OK)
	require.Len(t, r.Rewrites, 4)
	require.Len(t, listing(t, dir), 7)
	for _, x := range r.Rewrites {
		require.Empty(t, x.Wrong)
		require.LessOrEqual(t, x.Perplexity[1], x.Bound*x.Perplexity[0])
		require.Less(t, x.FLOPs[1], x.FLOPs[0], x.Name)
		require.Len(t, x.Latency, 2)
		do(t, exitFine, "check", x.File)
	}
	require.NotNil(t, r.Rewrites[0].Kernel)
	require.LessOrEqual(t, float64(*r.Rewrites[0].Kernel), 1e-5)
	text := do(t, exitFine, "demo", "--out", dir, "--seconds", "0.02").out
	for _, want := range []string{"1. experts", "2. topk", "3. pruned", "4. ticket", "perplexity", "one token", "kernel - body", "ticket-rewound.onnx"} {
		require.Contains(t, text, want)
	}
}
