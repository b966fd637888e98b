//go:build unix

package onnxio

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// endlessSave names, in the child process of TestKilledSave, the path that it writes to until it is killed.
const endlessSave = "ONNXIO_TEST_ENDLESS_SAVE"

func TestMain(m *testing.M) {
	path := os.Getenv(endlessSave)
	if path == "" {
		os.Exit(m.Run())
	}
	for i := 0; ; i++ {
		if err := Save(small(byte(i%2)), path, SaveOptions{External: ExternalAlways}); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(3)
		}
	}
}

// A process that saves over one path again and again is killed at some moment: the path holds one of its models, whole, with its data.
func TestKilledSave(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, Save(small(0), path, SaveOptions{External: ExternalAlways}))
	either := []map[string][32]byte{values(small(0)), values(small(1))}
	kills := 30
	if testing.Short() {
		kills = 5
	}
	for i := range kills {
		child := exec.Command(self)
		child.Env = append(os.Environ(), endlessSave+"="+path)
		require.NoError(t, child.Start())
		time.Sleep(20*time.Millisecond + time.Duration(i)*1700*time.Microsecond)
		require.NoError(t, child.Process.Kill())
		_ = child.Wait()
		require.Equal(t, -1, child.ProcessState.ExitCode(), "the child ended by itself")
		require.Contains(t, either, values(load(t, path)))
	}
	left, err := Leftovers(dir)
	require.NoError(t, err)
	t.Logf("%d kills left %d unfinished files", kills, len(left))
	for _, name := range left {
		require.NoError(t, os.Remove(name))
	}
}
