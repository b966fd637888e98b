package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// trained is the folder of trained models, or skips; see testmodels.RequireShared.
func trained(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "models", "trained")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("ONNX_REWRITE_SHARED_REQUIRED") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return dir
}

func TestEveryCaseHasItsReference(t *testing.T) {
	refs, err := readReference(trained(t))
	require.NoError(t, err)
	type row struct {
		key
		note string
	}
	seen := map[row]bool{}
	for _, c := range cases() {
		k := key{c.Model, c.Method, c.Setting}
		require.Contains(t, refs, k)
		require.False(t, seen[row{k, c.Note}], "%v is measured twice", k)
		seen[row{k, c.Note}] = true
	}
}

func TestReferenceColumns(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "REFERENCE.tsv"), []byte(text), 0o644))
	}
	write("model\tsetting\tmethod\tval_ppl\tval_nats\nm\ts\ta\t2.5\t0.9\nclassifier\ts\ta\t-\t0.1\n")
	refs, err := readReference(dir)
	require.NoError(t, err)
	require.Equal(t, map[key]reference{{"m", "a", "s"}: {0.9, 2.5}}, refs)
	write("model\tmethod\tsetting\tval_ppl\tval_nats\nm\ta\ts\t2.5\tx\n")
	_, err = readReference(dir)
	require.ErrorContains(t, err, "line 2: nats")
	write("model\tmethod\tval_nats\n")
	_, err = readReference(dir)
	require.ErrorContains(t, err, "no column setting")
	_, err = readReference(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		why       string
		nats, ort float64
		same      bool
		checker   string
		ok        bool
	}{
		{"equal", 1, 1, true, "ok", true},
		{"better is fine for a method", 0.9, 0.9, false, "ok", true},
		{"better is no equality", 0.9, 0.9, true, "ok", false},
		{"within one percent", 1.0099, 1.0099, false, "ok", true},
		{"above one percent", 1.0101, 1.0101, false, "ok", false},
		{"another runtime differs", 1, 1.0002, true, "ok", false},
		{"another runtime gives NaN", 1, math.NaN(), true, "ok", false},
		{"not a number", math.NaN(), 1, false, "ok", false},
		{"the checker complains", 1, 1, true, "no", false},
	} {
		r := &result{Reference: reference{1, math.E}, same: c.same, ORT: &c.ort, Checker: c.checker}
		r.Nats, r.Value = c.nats, math.Exp(1+math.Log(1+(c.nats-1)))
		r.judge()
		require.Equal(t, c.ok, r.OK, "%s: %v", c.why, r.Problems)
	}
}

// A row that is only shown may be worse than the reference, and must still agree with the other runtime.
func TestShownRows(t *testing.T) {
	ort := 2.0
	r := &result{Reference: reference{1, math.E}, shown: true, ORT: &ort}
	r.Nats, r.Value = 2, math.Exp(2)
	r.judge()
	require.True(t, r.OK, "%v", r.Problems)
	ort, r.Problems = 2.1, nil
	r.judge()
	require.False(t, r.OK)
}

// The whole path on the smallest model; in ONNX Runtime, too, when ONNX_REWRITE_PYTHON names a Python that has it.
func TestDemoModel(t *testing.T) {
	dir := trained(t)
	var out, progress bytes.Buffer
	ok, err := run(t.Context(), options{trained: dir, models: "charlm_demo", json: true, python: os.Getenv("ONNX_REWRITE_PYTHON")}, &out, &progress)
	require.NoError(t, err)
	require.True(t, ok, out.String())
	var list []result
	require.NoError(t, json.Unmarshal(out.Bytes(), &list))
	require.Len(t, list, 1)
	require.InDelta(t, 1.66884, list[0].Nats, 1e-4)
	if os.Getenv("ONNX_REWRITE_PYTHON") != "" {
		require.NotNil(t, list[0].ORT)
		require.Equal(t, "ok", list[0].Checker)
	}

	_, err = run(t.Context(), options{trained: dir, models: "nothing"}, &out, &progress)
	require.ErrorContains(t, err, "no row is chosen")
}
