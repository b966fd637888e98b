package onnxio

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	goruntime "runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// placed is an initializer of n floats whose values external_data places with the given keys and values.
func placed(name string, n uint64, keys ...string) []byte {
	b := append(num(tensorDims, n), num(tensorType, 1)...)
	b = append(b, str(tensorName, name)...)
	for i := 0; i < len(keys); i += 2 {
		b = append(b, msg(tensorExternal, str(entryKey, keys[i]), str(entryValue, keys[i+1]))...)
	}
	return msg(graphInit, append(b, num(tensorLocation, 1)...))
}

func integrityOf(t *testing.T, path string) (rules []string, found []graph.Finding) {
	t.Helper()
	found, err := Integrity(path, IntegrityOptions{})
	require.NoError(t, err)
	for _, f := range found {
		rules = append(rules, f.Severity.String()+" "+f.Rule)
	}
	return rules, found
}

// What Save writes is whole; a bit that turns is found, whichever it is.
func TestIntegrityOfSaved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	for _, opt := range []SaveOptions{{External: ExternalAlways, Threshold: 1}, {External: ExternalAlways, Threshold: 1, Align: 1, DataName: "w.bin"}} {
		require.NoError(t, Save(small(1), path, opt))
		_, found := integrityOf(t, path)
		for _, f := range found {
			require.Equal(t, "integrity/padding", f.Rule, f.String())
		}
		m := load(t, path)
		name := filepath.Join(dir, Locations(m)[0])
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, at := range []int{0, len(data) / 2, len(data) - 1} {
			bad := bytes.Clone(data)
			bad[at] ^= 1
			require.NoError(t, os.WriteFile(name, bad, 0o666))
			rules, _ := integrityOf(t, path)
			require.Contains(t, rules, "error integrity/checksum", at)
		}
		require.NoError(t, os.WriteFile(name, data[:len(data)-1], 0o666))
		rules, _ := integrityOf(t, path)
		require.Contains(t, rules, "error integrity/range")
		require.Contains(t, rules, "error integrity/checksum")
		require.NoError(t, os.Remove(name))
		rules, _ = integrityOf(t, path)
		require.Equal(t, []string{"error integrity/file"}, rules)
	}
}

func TestIntegrityFindings(t *testing.T) {
	data := make([]byte, 200_000)
	for i := range 64 {
		data[i] = byte(i + 1)
	}
	one, two := sha1.Sum(data), sha256.Sum256(data)
	right, right256 := hex.EncodeToString(one[:]), hex.EncodeToString(two[:])
	all := []string{"location", "w", "checksum", right}
	at := func(name string, n uint64, keys ...string) []byte { return placed(name, n, append(keys, all...)...) }
	for name, c := range map[string]struct {
		tensors [][]byte
		want    []string
		text    string
	}{
		"whole":      {[][]byte{at("a", 50_000)}, nil, ""},
		"by SHA-256": {[][]byte{placed("a", 50_000, "location", "w", "checksum", right256)}, nil, ""},
		"same place": {[][]byte{at("a", 50_000), at("b", 50_000)}, nil, ""},
		"neighbours": {[][]byte{at("a", 25_000), at("b", 25_000, "offset", "100000")}, nil, ""},
		"no sum":     {[][]byte{placed("a", 50_000, "location", "w")}, []string{"info integrity/no-checksum"}, "cannot be seen"},
		"no hex":     {[][]byte{placed("a", 50_000, "location", "w", "checksum", "md5:x")}, []string{"warning integrity/checksum-form"}, `"md5:x"`},
		"two sums":   {[][]byte{at("a", 50_000), placed("b", 50_000, "location", "./w", "checksum", right256)}, []string{"error integrity/checksum"}, "2 different"},
		"padding":    {[][]byte{at("a", 20), at("b", 25_000, "offset", "100"), at("c", 24_960, "offset", "100160")}, []string{"info integrity/padding"}, "80 of 200000 bytes (0.04 %)"},
		"zeros":      {[][]byte{at("a", 20_000)}, []string{"warning integrity/orphans"}, "120000 of 200000 bytes (60.00 %) belong to no tensor; they are zero"},
		"hidden":     {[][]byte{at("a", 49_990, "offset", "40")}, []string{"warning integrity/orphans"}, "40 of 200000 bytes (0.02 %) belong to no tensor, 40 of them are not zero"},
		"overlap":    {[][]byte{at("a", 30_000), at("b", 30_000, "offset", "80000")}, []string{"warning integrity/overlap"}, `"a" (bytes 0 to 120000) and "b" (80000 to 200000)`},
		"inside":     {[][]byte{at("a", 50_000), at("b", 10, "offset", "400")}, []string{"warning integrity/overlap"}, "share bytes"},
		"beyond":     {[][]byte{at("a", 50_001)}, []string{"error integrity/range"}, "bytes 0 to 200004"},
		"far beyond": {[][]byte{at("a", 50_000), at("b", 1, "offset", "9223372036854775807")}, []string{"error integrity/range"}, "beyond any file"},
		"length":     {[][]byte{at("a", 50_000, "length", "200000"), at("b", 2, "length", "12", "offset", "8")}, []string{"error integrity/length", "warning integrity/overlap"}, "needs 8 bytes"},
		"outside":    {[][]byte{placed("a", 1, "location", "../w")}, []string{"error integrity/tensor"}, "outside"},
		"missing":    {[][]byte{placed("a", 1, "location", "v")}, []string{"error integrity/file"}, "no such file"},
		"a key":      {[][]byte{at("a", 50_000, "x", "y")}, []string{"warning integrity/tensor"}, `"x"`},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "w"), data, 0o666))
		path := writeModel(t, dir, msg(modelGraph, c.tensors...))
		rules, found := integrityOf(t, path)
		require.Equal(t, c.want, rules, "%s: %v", name, found)
		if c.text != "" {
			require.Contains(t, found[0].String(), c.text, name)
		}
	}
}

// What is left of killed saves is reported, and tensors that were stripped are no damage.
func TestIntegrityLeftovers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	thin, _ := Strip(small(1), 1)
	require.NoError(t, Save(thin, path, SaveOptions{}))
	sum := sha1.Sum([]byte("old"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "m-"+hex.EncodeToString(sum[:])[:12]+".data"), []byte("old"), 0o666))
	rules, _ := integrityOf(t, path)
	require.Equal(t, []string{"warning integrity/stripped", "warning integrity/leftover"}, rules)
}

// A data file is read once, in pieces, and the reading can be ended.
func TestIntegrityStreams(t *testing.T) {
	const size = 64 << 20
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "w"))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(size))
	require.NoError(t, f.Close())
	path := writeModel(t, dir, msg(modelGraph, placed("a", 1, "location", "w", "checksum", "e3e3a1d3eff1a8f2e9e1c9d3a9c8d9a3e0a5c1f7")))
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	last := int64(0)
	found, err := Integrity(path, IntegrityOptions{Progress: func(done, total int64) {
		require.EqualValues(t, size, total)
		require.Greater(t, done+1, last)
		last = done
	}})
	goruntime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Len(t, found, 2) // checksum, orphans
	require.EqualValues(t, size, last)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))

	found, err = Integrity(path, IntegrityOptions{Load: LoadOptions{External: ExternalRefuse}})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Contains(t, found[0].Message, "was not opened")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Integrity(path, IntegrityOptions{Ctx: ctx})
	require.ErrorIs(t, err, context.Canceled)
}
