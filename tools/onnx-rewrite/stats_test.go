package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStatisticsStandInForData: pruning the first block from statistics gives what pruning it from the data gives, and statistics of
// another model are refused.
func TestStatisticsStandInForData(t *testing.T) {
	model, initial, ids, evalIDs := demoFiles(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	do(t, exitFine, "calibrate", model, "--data", ids, "--gram", "-o", path("stats"))

	nats := func(args ...string) float64 {
		out := path("m.onnx")
		do(t, exitFine, append(args, model, "-o", out)...)
		var p struct{ Nats float64 }
		doJSON(t, exitFine, &p, "eval", out, "--ids", evalIDs)
		return p.Nats
	}
	fromData := nats("prune", "--keep", "0.5", "--layers", "0", "--data", ids)
	fromStats := nats("prune", "--keep", "0.5", "--layers", "0", "--stats", path("stats"))
	require.InDelta(t, fromData, fromStats, 1e-4)
	require.Less(t, fromStats, nats("prune", "--keep", "0.5", "--layers", "0"), "least squares beats magnitude alone")
	nats("topk", "--rule", "threshold", "--keep", "0.2", "--stats", path("stats"))

	refused := do(t, exitUsage, "prune", initial, "-o", path("x.onnx"), "--stats", path("stats"))
	require.Contains(t, refused.err, "model")
	require.NoFileExists(t, path("x.onnx"))
	do(t, exitUsage, "moe", model, "-o", path("x.onnx"), "--router", "ridge", "--stats", path("stats"))
}
