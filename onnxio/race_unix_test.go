//go:build unix

package onnxio

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// While models are loaded, their data files are swapped, by renames, for links of both kinds to a secret outside of the folder, and a
// folder on the way for a link to one outside. No load may return a byte of the secret. ONNX_REWRITE_RACE is the number of loads
// [3000]; a release is held against 100,000.
func TestSwappedWhileOpening(t *testing.T) {
	attempts := 3000
	if s := os.Getenv("ONNX_REWRITE_RACE"); s != "" {
		var err error
		attempts, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	base := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{base}, parts...)...) }
	honest, secret := bytes.Repeat([]byte{'h'}, 64), bytes.Repeat([]byte{'s'}, 64)
	for _, d := range []string{"model", "model/sub", "outside"} {
		require.NoError(t, os.MkdirAll(at(d), 0o777))
	}
	for path, data := range map[string][]byte{"model/w": honest, "model/sub/w": honest, "outside/w": secret} {
		require.NoError(t, os.WriteFile(at(path), data, 0o666))
	}
	require.NoError(t, os.Symlink(at("outside"), at("model", "link")))
	paths := []string{}
	for i, loc := range []string{"w", "sub/w"} {
		path := at("model", strconv.Itoa(i)+".onnx")
		require.NoError(t, os.WriteFile(path, carriers["initializer"](refer("location", loc)), 0o666))
		paths = append(paths, path)
	}

	var stop atomic.Bool
	var swaps atomic.Int64
	var attackers sync.WaitGroup
	attack := func(f func()) {
		attackers.Add(1)
		go func() {
			defer attackers.Done()
			for !stop.Load() {
				f()
				swaps.Add(1)
			}
		}()
	}
	next, file := at("model", "next"), at("model", "w")
	attack(func() { // the file itself
		_ = os.Symlink(at("outside", "w"), next)
		_ = os.Rename(next, file)
		_ = os.WriteFile(next, honest, 0o666)
		_ = os.Rename(next, file)
		_ = os.Link(at("outside", "w"), next)
		_ = os.Rename(next, file)
		_ = os.WriteFile(next, honest, 0o666)
		_ = os.Rename(next, file)
	})
	attack(func() { // the folder on the way
		_ = os.Rename(at("model", "sub"), at("model", "aside"))
		_ = os.Rename(at("model", "link"), at("model", "sub"))
		_ = os.Rename(at("model", "sub"), at("model", "link"))
		_ = os.Rename(at("model", "aside"), at("model", "sub"))
	})

	read, refused, escapes := 0, 0, 0
	for i := range attempts {
		m, err := Load(paths[i%len(paths)], LoadOptions{})
		if err != nil {
			refused++
			continue
		}
		if bytes.IndexByte(m.Graph.Inits[0].Const.Bytes(), 's') >= 0 {
			escapes++
		}
		read++
		require.NoError(t, m.Close())
	}
	stop.Store(true)
	attackers.Wait()
	t.Logf("%d loads while data files were swapped %d times: %d read, %d refused, %d escapes", attempts, swaps.Load(), read, refused, escapes)
	require.Zero(t, escapes)
	still, err := os.ReadFile(at("outside", "w"))
	require.NoError(t, err)
	require.Equal(t, secret, still)
	require.Positive(t, read)
	require.Positive(t, refused)
}
