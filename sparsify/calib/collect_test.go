package calib_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify/calib"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels/demo"
)

func demoData(t *testing.T) (*graph.Model, *calib.Data, []sparsify.TapSpec) {
	t.Helper()
	m, err := demo.Trained()
	require.NoError(t, err)
	ids, _ := calib.SplitTargets(demo.Calib())
	data, err := calib.OfArrays(m, map[string]*tensor.Tensor{"input_ids": ids}, calib.Options{Batch: 8, Limit: 36})
	require.NoError(t, err)
	var taps []sparsify.TapSpec
	for _, f := range passes.FindFFN(m) {
		taps = append(taps, sparsify.TapSpec{Name: f.H.Name, Width: f.Hidden, Gram: true, Magnitude: true})
	}
	return m, data, taps
}

func bytesOf(t *testing.T, s *sparsify.Stats) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, s.Save(&b))
	return b.Bytes()
}

// TestShardsMergeToTheSameBytes: however the leaves are spread over processes and threads, and in whatever order they come together.
func TestShardsMergeToTheSameBytes(t *testing.T) {
	m, data, taps := demoData(t)
	require.Len(t, taps, 3)
	ctx := context.Background()
	whole, err := data.Collect(ctx, m, taps, calib.CollectOptions{})
	require.NoError(t, err)
	require.Equal(t, int64(5), whole.Leaves(), "the last leaf is short")
	for _, shards := range []int{2, 5, 7} {
		var merged *sparsify.Stats
		for i := shards - 1; i >= 0; i-- {
			part, err := data.Collect(ctx, m, taps, calib.CollectOptions{Shard: i, Shards: shards, Run: runtime.Options{Threads: 1 + i%2}})
			require.NoError(t, err)
			if merged == nil {
				merged = part
				continue
			}
			require.NoError(t, merged.Merge(part))
		}
		require.True(t, bytes.Equal(bytesOf(t, whole), bytesOf(t, merged)), "%d shards", shards)
	}
	tap, err := whole.Tap(taps[0].Name)
	require.NoError(t, err)
	require.Equal(t, int64(36*128), tap.Rows())
}

// TestStatisticsAreThoseOfTheRows: the moments are what the tapped values give when they are summed directly.
func TestStatisticsAreThoseOfTheRows(t *testing.T) {
	m, data, taps := demoData(t)
	stats, err := data.Collect(context.Background(), m, taps, calib.CollectOptions{})
	require.NoError(t, err)
	got, err := stats.Tap(taps[1].Name)
	require.NoError(t, err)
	sum, rows := make([]float64, taps[1].Width), 0
	err = data.Observer(runtime.Options{})(context.Background(), m, []*graph.Value{m.Graph.Find(taps[1].Name)}, func(vals []*tensor.Tensor) error {
		x := tensor.Data[float32](vals[0])
		for i, v := range x {
			sum[i%len(sum)] += float64(v)
		}
		rows += len(x) / len(sum)
		return nil
	})
	require.NoError(t, err)
	for i, mean := range got.Mean() {
		require.InDelta(t, sum[i]/float64(rows), mean, 1e-6)
	}
}

func TestCollectRefuses(t *testing.T) {
	m, data, taps := demoData(t)
	ctx := context.Background()
	_, err := data.Collect(ctx, m, taps, calib.CollectOptions{Shard: 2, Shards: 2})
	require.ErrorContains(t, err, "shard 2 of 2")
	wrong := append([]sparsify.TapSpec(nil), taps...)
	wrong[0].Width++
	_, err = data.Collect(ctx, m, wrong, calib.CollectOptions{})
	require.ErrorContains(t, err, wrong[0].Name)
	wrong[0] = sparsify.TapSpec{Name: "no such value", Width: 3}
	_, err = data.Collect(ctx, m, wrong, calib.CollectOptions{})
	require.ErrorContains(t, err, "no such value")
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = data.Collect(cancelled, m, taps, calib.CollectOptions{})
	require.ErrorIs(t, err, context.Canceled)
}

// TestHashesFollowTheContent: of the model and of the data, and of nothing else.
func TestHashesFollowTheContent(t *testing.T) {
	m, data, _ := demoData(t)
	a, err := calib.ModelHash(m)
	require.NoError(t, err)
	b, err := calib.ModelHash(m.Clone())
	require.NoError(t, err)
	require.Equal(t, a, b)
	other, err := demo.Initial()
	require.NoError(t, err)
	c, err := calib.ModelHash(other)
	require.NoError(t, err)
	require.NotEqual(t, a, c)
	ids, _ := calib.SplitTargets(demo.Eval())
	elsewhere, err := calib.OfArrays(m, map[string]*tensor.Tensor{"input_ids": ids}, calib.Options{Batch: 8, Limit: 36})
	require.NoError(t, err)
	require.NotEqual(t, data.Hash(), elsewhere.Hash())
}

// cached is a language model of four tokens with a cache: the scores of a position are the sum of the rows of all tokens up to it.
const cached = `<ir_version: 8, opset_import: ["" : 17]>
cached (int64[B,S] input_ids, int64[B,T] attention_mask, float[B,P,4] past_0) => (float[B,S,4] logits, float[B,T,4] present_0)
<float[4,4] table = {0.1, 0.7, -0.2, 0.3, 0.9, -0.4, 0.2, 0.1, -0.3, 0.5, 0.8, -0.6, 0.2, 0.2, -0.9, 0.4}, int64[1] one = {1}, int64[1] two = {2}, int64[1] far = {9999}, int64 axis = {1}> {
  rows = Gather (table, input_ids)
  present_0 = Concat <axis = 1> (past_0, rows)
  sums = CumSum (present_0, axis)
  dims = Shape (input_ids)
  seq = Slice (dims, one, two)
  start = Neg (seq)
  logits = Slice (sums, start, far, one)
}`

// TestStepsEqualTheWindow: token by token with the cache fed back gives what the whole window gives.
func TestStepsEqualTheWindow(t *testing.T) {
	m, err := graph.ParseModel(cached, graph.ParseOptions{})
	require.NoError(t, err)
	require.True(t, calib.HasCache(m))
	s, err := runtime.Compile(m, runtime.Options{})
	require.NoError(t, err)
	defer s.Close()
	ids := make([]int64, 20*9)
	for i := range ids {
		ids[i] = int64(i*i+i/7) % 4
	}
	windows := tensor.Of(ids, 20, 9)
	whole, err := calib.Evaluate(context.Background(), m, s, windows, nil)
	require.NoError(t, err)
	done := 0
	steps, err := calib.EvaluateSteps(context.Background(), m, s, windows, func(d, total int) { done = d; require.Equal(t, 16, total) })
	require.NoError(t, err)
	require.Equal(t, 16, done)
	require.Equal(t, int64(160), steps.Tokens)
	require.InDelta(t, whole.Nats, steps.Nats, 1e-6)
	plain, err := demo.Trained()
	require.NoError(t, err)
	require.False(t, calib.HasCache(plain))
	_, err = calib.EvaluateSteps(context.Background(), plain, s, windows, nil)
	require.ErrorContains(t, err, "cache")
}
