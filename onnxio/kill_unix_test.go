//go:build unix

package onnxio

import (
	"crypto/sha1"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// endlessSave names, in the child process of TestKilledSave, the path that it writes to until it is killed.
const endlessSave = "ONNXIO_TEST_ENDLESS_SAVE"

func TestMain(m *testing.M) {
	path := os.Getenv(endlessSave)
	if path == "" {
		os.Exit(m.Run())
	}
	for i := 0; ; i++ {
		if err := Save(small(byte(i%killedModels)), path, endlessOptions(i)); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(3)
		}
		if i%5 == 0 {
			_ = os.Remove(filepath.Join(filepath.Dir(path), fixedName)) // no model names it now
		}
		if i == 0 {
			os.Stdout.WriteString("saving\n")
		}
	}
}

const killedModels = 16

const fixedName = "fixed.bin"

// endlessOptions are those of the i-th save: data files of their own names, none, a new file of a fixed name, and one that takes its place.
func endlessOptions(i int) SaveOptions {
	switch i % 5 {
	case 2:
		return SaveOptions{External: ExternalNever}
	case 3, 4:
		return SaveOptions{External: ExternalAlways, DataName: fixedName}
	}
	return SaveOptions{External: ExternalAlways}
}

// A process that saves over one path again and again is killed at some moment: the path holds one of its models, whole, with its data and
// the right checksum. What the killed ones left is found and removed. ONNXIO_KILLS is the number of kills.
func TestKilledSave(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	var either []map[string][32]byte
	for i := range killedModels {
		either = append(either, values(small(byte(i))))
	}
	kills := 100
	if n, err := strconv.Atoi(os.Getenv("ONNXIO_KILLS")); err == nil {
		kills = n
	} else if testing.Short() {
		kills = 10
	}
	var left, orphans int
	for i := range kills {
		child := exec.Command(self)
		child.Env = append(os.Environ(), endlessSave+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		_, err = out.Read(make([]byte, 1))
		require.NoError(t, err)
		time.Sleep(time.Duration(rand.N(20_000)) * time.Microsecond)
		require.NoError(t, child.Process.Kill())
		_ = child.Wait()
		require.Equal(t, -1, child.ProcessState.ExitCode(), "the child ended by itself")

		m := load(t, path)
		require.Contains(t, either, values(m), "kill %d", i)
		for _, loc := range Locations(m) {
			sum := sha1.Sum(readFile(t, filepath.Join(dir, loc)))
			require.Equal(t, checksumOf(t, m), hex.EncodeToString(sum[:]), "kill %d", i)
		}
		require.NoError(t, m.Close())
		if i%4 != 3 && i < kills-1 {
			continue // a later save lives with what is left
		}
		garbage, err := GC(dir, GCOptions{})
		require.NoError(t, err)
		for _, g := range garbage {
			require.Empty(t, g.Kept)
			if isTempName(filepath.Base(g.Path)) {
				left++
			} else {
				orphans++
			}
		}
		m = load(t, path)
		require.Contains(t, either, values(m), "kill %d", i)
		for _, name := range names(t, dir) {
			require.Contains(t, append(Locations(m), "m.onnx", fixedName), name)
		}
		require.NoError(t, m.Close())
	}
	t.Logf("%d kills left %d unfinished files and %d data files that no model named", kills, left, orphans)
}

// checksumOf is the checksum that the first external tensor of a model gives.
func checksumOf(t *testing.T, m *graph.Model) string {
	t.Helper()
	for _, v := range m.Graph.Inits {
		if isReference(v.Const) {
			ref, _, err := parseReference(v.Const.Meta.External, false)
			require.NoError(t, err)
			return ref.checksum
		}
	}
	return ""
}
