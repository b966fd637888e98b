//go:build unix

package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// The command itself is killed while it loads, rewrites or saves over its own model: the model is there, whole, and gc cleans up.
func TestKilledCommand(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "onnx-rewrite")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	original, _, _, _ := demoFiles(t)
	dir := t.TempDir()
	model := filepath.Join(dir, "m.onnx")
	do(t, exitFine, "external", original, "-o", model, "--threshold", "1")
	want := initHashes(t, original)
	killed := 0
	for i := range 14 {
		args := [][]string{
			{"external", model, "-o", model, "--threshold", "1", "--align", []string{"64", "128", "4096"}[i/2%3]},
			{"topk", model, "-o", filepath.Join(dir, "topk.onnx"), "--keep", "0.25"},
		}[i%2]
		cmd := exec.Command(binary, args...)
		require.NoError(t, cmd.Start())
		time.Sleep(time.Duration(rand.N(60)) * time.Millisecond)
		_ = cmd.Process.Kill()
		if cmd.Wait(); cmd.ProcessState.ExitCode() == -1 {
			killed++
		}
		for _, path := range []string{model, filepath.Join(dir, "topk.onnx")} {
			if _, err := os.Stat(path); err != nil && path != model {
				continue
			}
			m, err := onnxio.Load(path, onnxio.LoadOptions{})
			require.NoError(t, err)
			require.NoError(t, m.Close())
		}
		require.Equal(t, want, initHashes(t, model))
	}
	require.Positive(t, killed)
	do(t, exitFine, "gc", dir, "-y")
	var res gcResult
	doJSON(t, exitFine, &res, "gc", dir)
	require.Empty(t, res.Files)
}

func initHashes(t *testing.T, path string) map[string][32]byte {
	m, err := onnxio.Load(path, onnxio.LoadOptions{})
	require.NoError(t, err)
	defer m.Close()
	h := map[string][32]byte{}
	for _, v := range m.Graph.Inits {
		h[v.Name] = v.Const.Hash()
	}
	return h
}
