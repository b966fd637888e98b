//go:build unix

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCtrlCStopsWithinASecond: the process ends soon after the signal and leaves the output folder as it was.
func TestCtrlCStopsWithinASecond(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "onnx-rewrite")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	model, _, ids, _ := demoFiles(t)
	for _, args := range [][]string{
		{"moe", model, "-o", "OUT/x.onnx", "--data", ids, "--experts", "96", "--active", "8", "--split", "coact", "--profile", "8192"},
		{"bench", model, "--seconds", "60"},
	} {
		dir := t.TempDir()
		for i := range args {
			args[i] = strings.Replace(args[i], "OUT", dir, 1)
		}
		cmd := exec.Command(binary, args...)
		require.NoError(t, cmd.Start())
		time.Sleep(time.Second) // the process is up and at work
		start := time.Now()
		require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		err := cmd.Wait()
		require.Less(t, time.Since(start), 1500*time.Millisecond, args)
		require.Error(t, err, args)
		require.Equal(t, exitInterrupted, cmd.ProcessState.ExitCode(), args)
		require.Empty(t, listing(t, dir), args)
	}
}
