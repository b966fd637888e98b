package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 重 ✓":            "plain é 重 ✓",
		"\x1b[2J":                `\u001b[2J`,
		"a\nb\tc\r":              `a\u000ab\u0009c\u000d`,
		"\u009b31m":              `\u009b31m`,
		"ab\u202edc":             `ab\u202edc`,
		"bad \xff\xc3":           `bad \xff\xc3`,
		"\x7f\u2066\u200e\u061c": `\u007f\u2066\u200e\u061c`,
	} {
		require.Equal(t, want, visible(in))
		for _, size := range []int{1, 2, 3, 100} { // in pieces, ends of lines and tabs as they are
			var b bytes.Buffer
			w := &visibleWriter{w: &b}
			for rest := []byte(in); len(rest) > 0; {
				n, err := w.Write(rest[:min(size, len(rest))])
				require.NoError(t, err)
				rest = rest[n:]
			}
			whole := string(appendVisible(nil, []byte(in), false))
			require.True(t, strings.HasPrefix(whole, b.String()), "%q: %q", whole, b.String())
			require.LessOrEqual(t, len(whole)-b.Len(), 4*len(w.rest))
		}
	}
}

// Whatever names a model has, no verb sends a terminal a sequence that it obeys, and JSON stays JSON of the same names.
func TestNoEscapesFromModels(t *testing.T) {
	const evil = "\x1b]0;owned\x07\x1b[2J\u009b1mx\u202e\r\u2066"
	m := smallMLP(1)
	m.Producer, m.Doc, m.Domain = evil+"\nfake: 0 errors", evil, evil
	m.Props = []graph.Prop{{Key: evil, Value: evil}}
	m.Graph.Name = evil
	for i, v := range m.Graph.Inputs {
		v.Name = evil + string(rune('a'+i))
	}
	for _, v := range m.Graph.Inits {
		v.Name += evil
	}
	n := m.Graph.First()
	n.Name, n.ID.Domain = evil, evil
	path, other := filepath.Join(t.TempDir(), "m.onnx"), saved(t, smallMLP(2))
	require.NoError(t, onnxio.Save(m, path, onnxio.SaveOptions{}))
	clean := func(r result) {
		for _, text := range []string{r.out, r.err} {
			require.False(t, strings.ContainsFunc(text, isHidden), "%q", text)
			require.NotContains(t, text, "\nfake")
		}
	}
	for _, args := range [][]string{
		{"inspect", path}, {"check", path}, {"check", "--security", path}, {"check", "--integrity", path}, {"diff", path, other}, {"run", path, "--random"},
		{"bench", path}, {"rewrite", path, "-o", filepath.Join(t.TempDir(), "o.onnx")}, {"prune", path, "-o", filepath.Join(t.TempDir(), "o.onnx"), "--keep", "0.5"},
		{"extract", path, "-o", filepath.Join(t.TempDir(), "o.onnx"), "--outputs", "none"}, {"verify", path, other}, {"strip", path, "-o", filepath.Join(t.TempDir(), "o.onnx")},
		{"refill", path, "--from", other, "-o", filepath.Join(t.TempDir(), "o.onnx")}, {"set", path, "-o", filepath.Join(t.TempDir(), "o.onnx"), "--rename", "none=x"},
	} {
		clean(command(t.Context(), "check=1,time=1", args...))
		clean(command(t.Context(), "", append(args, "--json")...))
	}
	var got struct{ Inputs []port }
	doJSON(t, exitFine, &got, "inspect", path)
	require.Equal(t, evil+"a", got.Inputs[0].Name)

	damaged := filepath.Join(t.TempDir(), "d.onnx")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(damaged, data[:len(data)-3], 0o666))
	clean(command(t.Context(), "", "check", damaged))
	clean(command(t.Context(), "", "check", "--security", damaged))
}

// A file that nothing loads gets a report, and the report of a model that is fine has no errors.
func TestCheckSecurity(t *testing.T) {
	good := saved(t, smallMLP(1))
	type report struct {
		Errors, Warnings int
		Findings         []struct{ Rule string }
		Limits           []onnxio.LimitUse
	}
	var r report
	doJSON(t, exitFine, &r, "check", "--security", "--integrity", good)
	require.Empty(t, r.Findings)
	require.NotEmpty(t, r.Limits)

	dir := t.TempDir()
	split := filepath.Join(dir, "m.onnx")
	do(t, exitFine, "external", good, "-o", split, "--threshold", "1", "--data-name", "w.data")
	r = report{}
	doJSON(t, exitFine, &r, "check", "--security", "--integrity", split)
	require.Zero(t, r.Warnings, r.Findings)
	data, err := os.ReadFile(filepath.Join(dir, "w.data"))
	require.NoError(t, err)
	data[3] ^= 4
	require.NoError(t, os.WriteFile(filepath.Join(dir, "w.data"), append(data, "hidden"...), 0o666))
	do(t, exitFine, "check", split)
	require.Contains(t, do(t, exitFailed, "check", "--integrity", split).out, "SHA-1")
	require.Contains(t, do(t, exitFine, "check", "--security", split).out, "6 of")
	require.Contains(t, do(t, exitFailed, "check", "--security", split, "--strict").out, "6 of")
	require.NoError(t, os.Remove(filepath.Join(dir, "w.data")))
	require.Contains(t, do(t, exitFailed, "check", "--security", split).out, "does not exist")

	junk := filepath.Join(dir, "junk.onnx")
	require.NoError(t, os.WriteFile(junk, []byte("no model at all"), 0o666))
	out := do(t, exitFailed, "check", "--security", "--integrity", junk).out
	require.Contains(t, out, "cannot be read")
	do(t, exitUsage, "check", "--integrity", junk)
	do(t, exitUsage, "check", "--security", filepath.Join(dir, "none.onnx"))
	out = do(t, exitFailed, "check", "--security", good, "--load-limit", "nodes=1").out
	require.Contains(t, out, `(limit "nodes")`)
	require.Contains(t, out, "limit")
	var j map[string]any
	require.NoError(t, json.Unmarshal([]byte(do(t, exitFailed, "check", "--security", junk, "--json").out), &j))
}
