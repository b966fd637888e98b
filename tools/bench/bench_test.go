package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels/demo"
)

func TestInputsDifferAndRepeat(t *testing.T) {
	m, err := demo.Trained()
	require.NoError(t, err)
	a, err := makeInputs(m, dims{}, 3, 4)
	require.NoError(t, err)
	b, err := makeInputs(m, dims{}, 3, 4)
	require.NoError(t, err)
	seen := map[string]bool{}
	for i := range a {
		ids := a[i]["input_ids"]
		require.Equal(t, []int64{1, 128}, ids.Shape)
		require.Equal(t, ids.Bytes(), b[i]["input_ids"].Bytes())
		require.False(t, seen[string(ids.Bytes())], "inputs repeat")
		seen[string(ids.Bytes())] = true
		for _, id := range tensor.Data[int64](ids) {
			require.True(t, id >= 0 && id < 65)
		}
	}
}

// The sides take turns in being first, and each time lands on its own side.
func TestTurns(t *testing.T) {
	var order []string
	side := func(name string, took time.Duration) func(int) (time.Duration, error) {
		return func(i int) (time.Duration, error) { order = append(order, name); return took, nil }
	}
	a, b, err := turns(t.Context(), options{seconds: 0}, 3, side("a", time.Millisecond), side("b", 2*time.Millisecond))
	require.NoError(t, err)
	require.Len(t, a, 10)
	for i := range a {
		require.Equal(t, 1.0, a[i])
		require.Equal(t, 2.0, b[i])
	}
	require.Equal(t, []string{"a", "b", "b", "a"}, order[len(order)-4:])
	broken := errors.New("broken")
	_, _, err = turns(t.Context(), options{}, 1, side("a", 0), func(int) (time.Duration, error) { return 0, broken })
	require.ErrorIs(t, err, broken)
}

func TestFigures(t *testing.T) {
	require.Equal(t, 3.0, quantile([]float64{5, 1, 3, 2, 4}, 0.5))
	require.Equal(t, 5.0, quantile([]float64{5, 1, 3, 2, 4}, 0.9))
	require.InDelta(t, 0.25, difference([]float32{1, 3}, []float32{1, 4}), 1e-12)
	require.Zero(t, difference([]float32{0}, []float32{0}))
	nan := float32(math.NaN())
	for _, pair := range [][2][]float32{{{1}, {1, 2}}, {{nan}, {1}}, {{1}, {nan}}, {{1}, {0}}} {
		require.True(t, math.IsInf(difference(pair[0], pair[1]), 1), "%v", pair)
	}
	require.Error(t, dims{}.Set("batch"))
	require.Error(t, run(t.Context(), options{lib: "x"}, nil, nil, nil))
	require.ErrorContains(t, run(t.Context(), options{}, []string{"m"}, nil, nil), "-lib")
}

func TestAccept(t *testing.T) {
	var r result
	require.NoError(t, r.accept([]float64{1e-6, 2e-6, 0.5, 0}))
	require.Equal(t, 2e-6, r.Difference)
	require.Equal(t, 1, r.Otherwise)
	r = result{}
	require.ErrorContains(t, r.accept([]float64{1e-6, math.Inf(1), 0.5, 0}), "2 of 4")
	r = result{}
	require.Error(t, r.accept([]float64{math.NaN()}))
}

// Against the real library, when ONNX_REWRITE_ORT_LIB names it.
func TestAgainstONNXRuntime(t *testing.T) {
	lib := os.Getenv("ONNX_REWRITE_ORT_LIB")
	if lib == "" {
		t.Skip("ONNX_REWRITE_ORT_LIB is not set")
	}
	m, err := demo.Trained()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "demo.onnx")
	require.NoError(t, onnxio.Save(m, path, onnxio.SaveOptions{}))
	r, err := compare(t.Context(), options{lib: lib, threads: 1, seconds: 0.1, dims: dims{}}, path)
	require.NoError(t, err)
	require.Positive(t, r.Ratio)
	require.GreaterOrEqual(t, r.Turns, 10)
	require.Less(t, r.Difference, bound)
	for _, side := range []string{"ours", "theirs"} {
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), options{lib: lib, threads: 1, only: side, dims: dims{}}, []string{path}, &out, nil))
		var peak int64
		require.NoError(t, json.Unmarshal(out.Bytes(), &peak))
		require.Greater(t, peak, int64(1<<20))
	}
}
