package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// Every verb that reads a model obeys the flags about reading, and an error names the flag that changes it.
func TestLoadFlags(t *testing.T) {
	dir := t.TempDir()
	plain := saved(t, smallMLP(1))
	model := filepath.Join(dir, "m.onnx")
	do(t, exitFine, "external", plain, "-o", model, "--threshold", "1", "--data-name", "w.data")
	thin := filepath.Join(dir, "thin.onnx")
	do(t, exitFine, "strip", plain, "-o", thin, "--threshold", "256")
	out := filepath.Join(dir, "out.onnx")
	ids := filepath.Join(dir, "ids.npy")
	require.NoError(t, onnxio.WriteNPY(ids, tensor.Of([]int64{1, 2, 3, 4}, 4)))
	verbs := [][]string{
		{"inspect", model}, {"check", model}, {"check", model, "--lenient"}, {"text", model}, {"diff", model, plain}, {"diff", plain, model},
		{"extract", model, "-o", out, "--outputs", "y"}, {"set", model, "-o", out, "--doc", "x"}, {"external", model, "-o", out}, {"embed", model, "-o", out},
		{"strip", model, "-o", out}, {"refill", thin, "--from", model, "-o", out}, {"refill", model, "--from", thin, "-o", out}, {"run", model, "--random"},
		{"rewrite", model, "-o", out}, {"convert", model, "-o", out, "--opset", "18"}, {"prune", model, "-o", out, "--keep", "0.5"}, {"mask", model, "-o", out, "--density", "0.5"}, {"bench", model},
		{"mask", plain, "-o", out, "--density", "0.5", "--initial", model}, {"verify", model, plain}, {"verify", plain, model},
		{"calibrate", model, "-o", out, "--data", ids}, {"eval", model, "--task", "lm", "--ids", ids},
	}
	for _, v := range verbs {
		r := command(t.Context(), "", append(v, "--load-limit", "tensors=1")...)
		require.Equal(t, exitUsage, r.code, "%v\n%s%s", v, r.out, r.err)
		require.Contains(t, r.err, `(limit "tensors")`, v)
		require.Contains(t, r.err, "--load-limit tensors=N", v)
		if v[0] == "refill" || len(v) > 2 && v[2] == "--lenient" {
			continue
		}
		r = command(t.Context(), "", append(v, "--no-external-data")...)
		require.Equal(t, exitUsage, r.code, "%v\n%s%s", v, r.out, r.err)
		require.Contains(t, r.err, "leave out --no-external-data", v)
	}
	require.NoFileExists(t, out)

	require.Contains(t, do(t, exitUsage, "check", model, "--load-limit", "tensor=1").err, `did you mean "tensors"?`)
	require.Contains(t, do(t, exitUsage, "check", model, "--load-limit", "tensors=x").err, "whole number")
	require.Contains(t, do(t, exitUsage, "check", model, "--load-limit", "tensors=0").err, "at least 1")
	require.Contains(t, do(t, exitUsage, "check", model, "--allow-external-root", filepath.Join(dir, "none")).err, "no folder")
	help := do(t, exitFine, "check", "--help").out
	security, err := os.ReadFile(filepath.Join("..", "..", "SECURITY.md"))
	require.NoError(t, err)
	for _, l := range onnxio.LimitTable() {
		require.Contains(t, help, l.Name)
		require.Contains(t, string(security), "| `"+l.Name+"` |")
	}
	for _, flag := range []string{"--load-limit", "--no-external-data", "--allow-hard-links", "--allow-external-root"} {
		require.Contains(t, help, flag)
		require.Contains(t, string(security), "`"+flag)
	}

	if os.Link(filepath.Join(dir, "w.data"), filepath.Join(dir, "second")) == nil {
		require.Contains(t, do(t, exitUsage, "run", model, "--random").err, "--allow-hard-links")
		do(t, exitFine, "run", model, "--random", "--allow-hard-links")
		require.NoError(t, os.Remove(filepath.Join(dir, "second")))
	}
	store := t.TempDir()
	require.NoError(t, os.Rename(filepath.Join(dir, "w.data"), filepath.Join(store, "w.data")))
	require.Contains(t, do(t, exitUsage, "run", model, "--random").err, "put the data file beside the model")
	if os.Symlink(filepath.Join(store, "w.data"), filepath.Join(dir, "w.data")) == nil {
		require.Contains(t, do(t, exitUsage, "run", model, "--random").err, "--allow-external-root DIR")
		do(t, exitUsage, "run", model, "--random", "--allow-external-root", t.TempDir())
		do(t, exitFine, "run", model, "--random", "--allow-external-root", store)
	}
}
