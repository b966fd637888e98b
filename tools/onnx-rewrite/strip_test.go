package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStripAndRefillAreInverse(t *testing.T) {
	model := saved(t, smallMLP(1))
	dir := t.TempDir()
	thin, whole := filepath.Join(dir, "thin.onnx"), filepath.Join(dir, "whole.onnx")
	var s stripResult
	doJSON(t, exitFine, &s, "strip", model, "-o", thin, "--threshold", "256")
	require.Len(t, s.Stripped, 2)
	require.EqualValues(t, 768, s.Bytes)
	require.Contains(t, do(t, exitUsage, "run", thin, "--random").err, "refill")

	// names do not matter, nor where the weights lie, nor that the stripped model was edited
	other := filepath.Join(dir, "other.onnx")
	do(t, exitFine, "set", model, "-o", other, "--rename", "w1=left", "--rename", "w2=right")
	do(t, exitFine, "external", other, "-o", other, "--threshold", "1")
	var r refillResult
	doJSON(t, exitFine, &r, "refill", thin, "--from", other, "-o", whole)
	require.Equal(t, 2, r.Filled)
	require.Empty(t, r.Missing)
	a, err := os.ReadFile(model)
	require.NoError(t, err)
	b, err := os.ReadFile(whole)
	require.NoError(t, err)
	require.Equal(t, a, b)
	require.Contains(t, do(t, exitFine, "refill", thin, "--from", model, "-o", whole).out, "filled 2 initializers")
}

func TestStripAndRefillRefusals(t *testing.T) {
	model, stranger := saved(t, smallMLP(1)), saved(t, smallMLP(2))
	dir := t.TempDir()
	thin := filepath.Join(dir, "thin.onnx")
	do(t, exitFailed, "strip", model, "-o", thin, "--threshold", "100000")
	do(t, exitUsage, "strip", model, "-o", thin, "--threshold", "0")
	require.Empty(t, listing(t, dir))
	require.Contains(t, do(t, exitFine, "strip", model, "-o", thin, "--threshold", "256").out, "2 initializers")
	out := filepath.Join(t.TempDir(), "out.onnx")
	r := do(t, exitFailed, "refill", thin, "--from", stranger, "-o", out)
	require.Contains(t, r.out, "float[8,16]")
	require.Contains(t, r.err, "2 of 2 tensors")
	do(t, exitFailed, "refill", model, "--from", stranger, "-o", out)
	do(t, exitUsage, "refill", thin, "-o", out)
	do(t, exitUsage, "refill", filepath.Join(dir, "none.onnx"), "--from", model, "-o", out)
	do(t, exitUsage, "refill", thin, "--from", filepath.Join(dir, "none.onnx"), "-o", out)
	require.Empty(t, listing(t, filepath.Dir(out)))
}
