package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Text and build of a model whose weights are in a data file: the text has the references, and the original has the data.
func TestTextRefersToDataFiles(t *testing.T) {
	dir := t.TempDir()
	model, text, again := filepath.Join(dir, "m.onnx"), filepath.Join(dir, "m.txt"), filepath.Join(dir, "sub", "again.onnx")
	require.NoError(t, os.Mkdir(filepath.Dir(again), 0o755))
	do(t, exitFine, "external", saved(t, smallMLP(1)), "-o", model, "--threshold", "1")
	r := do(t, exitFine, "text", model, "-o", text)
	require.Empty(t, r.err)
	onDisk, err := os.ReadFile(text)
	require.NoError(t, err)
	require.Contains(t, string(onDisk), `= ["location": "`)

	r = do(t, exitUsage, "build", text, "-o", again)
	require.Contains(t, r.err, "--side")
	require.NoFileExists(t, again)
	do(t, exitFine, "build", text, "-o", again, "--side", model)
	do(t, exitFine, "verify", again, model, "--tolerance", "0")
}

func TestTextWithoutNotes(t *testing.T) {
	dir := t.TempDir()
	text, model := filepath.Join(dir, "m.txt"), filepath.Join(dir, "m.onnx")
	require.NoError(t, os.WriteFile(text, []byte("<ir_version: 8, opset_import: [\"\" : 17]>\ng (float[2] x) => (float[2] y) {\n"+
		"  #@ node doc_string: \"said of a node\"\n  y = Neg (x)\n}\n"), 0o644))
	do(t, exitFine, "build", text, "-o", model)
	require.Contains(t, do(t, exitFine, "text", model).out, `#@ node doc_string: "said of a node"`)
	require.NotContains(t, do(t, exitFine, "text", model, "--plain").out, "#@")

	require.NoError(t, os.WriteFile(text, []byte("<ir_version: 8>\ng (float[2] x) => (float[2] y) {\n  y = Neg [x]\n}\n"), 0o644))
	require.Contains(t, do(t, exitUsage, "build", text, "-o", model).err, `m.txt: line 3, column 11: want "(", have "["`)
}
