package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExternalAndEmbedAreInverse(t *testing.T) {
	model := saved(t, smallMLP(1))
	dir := t.TempDir()
	moved, back := filepath.Join(dir, "moved.onnx"), filepath.Join(dir, "back.onnx")
	var p placement
	doJSON(t, exitFine, &p, "external", model, "-o", moved, "--threshold", "256", "--data-name", "w.data", "--align", "64")
	require.Equal(t, []string{"w.data"}, p.Data)
	require.Equal(t, 2, p.Tensors, "w1 of 512 bytes and w2 of 256; b1 of 64 stays")
	require.EqualValues(t, 768, p.Bytes)
	info, err := os.Stat(filepath.Join(dir, "w.data"))
	require.NoError(t, err)
	require.EqualValues(t, 768, info.Size())
	do(t, exitFine, "verify", moved, model, "--tolerance", "0")

	p = placement{}
	doJSON(t, exitFine, &p, "embed", moved, "-o", back)
	require.Empty(t, p.Data)
	require.Zero(t, p.Tensors)
	a, err := os.ReadFile(model)
	require.NoError(t, err)
	b, err := os.ReadFile(back)
	require.NoError(t, err)
	require.Equal(t, a, b, "the way back ends at the same bytes")

	require.Contains(t, do(t, exitFine, "external", model, "-o", moved, "--threshold", "256").out, "2 tensors")
	require.Contains(t, do(t, exitFine, "embed", moved, "-o", back).out, "written to "+back)
}

func TestExternalRefusals(t *testing.T) {
	model := saved(t, smallMLP(1))
	dir := t.TempDir()
	out := filepath.Join(dir, "out.onnx")
	for _, args := range [][]string{
		{"external", model, "-o", out, "--threshold", "0"},
		{"external", model, "-o", out, "--align", "-1"},
		{"external", model, "-o", out, "--threshold", "1", "--data-name", "../w.data"},
		{"external", model, "-o", out, "--threshold", "1", "--data-name", "out.onnx"},
		{"external", model, "-o", filepath.Join(dir, "none", "out.onnx")},
		{"external", filepath.Join(dir, "none.onnx"), "-o", out},
		{"embed", filepath.Join(dir, "none.onnx"), "-o", out},
		{"embed", model},
	} {
		do(t, exitUsage, args...)
	}
	require.Empty(t, listing(t, dir))
}
