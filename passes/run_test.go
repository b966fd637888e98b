package passes_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

func small() *graph.Model {
	return testmodels.FFN(testmodels.FFNForm{Act: "relu", Linear: "bias"}, testmodels.Dims{}, 1)
}

// all are the rewrites in forms that change a small model.
func all() []passes.Pass {
	return []passes.Pass{
		passes.PruneNeurons(passes.PruneOptions{Keep: 0.5}), passes.TopKFFN(passes.TopKOptions{}),
		passes.SplitExperts(passes.MoEOptions{Experts: 4}), passes.ApplyMask(passes.MaskOptions{Head: true, Store: passes.StoreSparse, Density: 0.1}),
	}
}

func TestPassesAreNamedOnceAndKnown(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range append(append(passes.Pipeline{}, passes.Default...), passes.Rewrites()...) {
		require.False(t, seen[p.Name], p.Name)
		seen[p.Name] = true
		require.NotEmpty(t, p.Doc, p.Name)
		require.NotNil(t, p.Run, p.Name)
		got, err := passes.Named(p.Name)
		require.NoError(t, err)
		require.Equal(t, p.Name, got.Name)
	}
	for _, p := range passes.Default {
		require.False(t, p.Opt, "%s is for everyone", p.Name)
	}
	for _, p := range passes.Rewrites() {
		require.True(t, p.Opt, "%s is on request", p.Name)
	}
	_, err := passes.Named("prune")
	require.ErrorContains(t, err, `no pass is called "prune"`)
}

func TestAFailedPassLeavesNothing(t *testing.T) {
	cause := errors.New("no more")
	for name, last := range map[string]passes.Pass{
		"error": {Name: "last", Run: func(*passes.Env, *graph.Model) (int, error) { return 0, cause }},
		"panic": {Name: "last", Run: func(*passes.Env, *graph.Model) (int, error) { panic("a bug") }},
		"broken": {Name: "last", Run: func(_ *passes.Env, m *graph.Model) (int, error) {
			m.Graph.Remove(m.Graph.First())
			return 1, nil
		}},
	} {
		for _, first := range all() {
			m := small()
			before := encoded(t, m)
			out, n, err := passes.Apply(newEnv(m, nil), m, first, last)
			require.Nil(t, out)
			require.Zero(t, n)
			require.ErrorContains(t, err, "last", name)
			if name == "error" {
				require.ErrorIs(t, err, cause)
			}
			require.Equal(t, before, encoded(t, m))
		}
	}
}

func TestCalibrationThatFails(t *testing.T) {
	cause := errors.New("the data ends early")
	m := small()
	before := encoded(t, m)
	for _, p := range all()[:3] {
		env := newEnv(m, nil)
		env.Observe = func(context.Context, *graph.Model, []*graph.Value, func([]*tensor.Tensor) error) error { return cause }
		if p.Name == "topk-ffn" {
			p = passes.TopKFFN(passes.TopKOptions{Rule: "threshold"})
		}
		_, _, err := passes.Apply(env, m, p)
		require.ErrorIs(t, err, cause, p.Name)
		require.ErrorContains(t, err, p.Name)
		require.ErrorContains(t, err, `block "l0.down/MatMul"`, "the error says where")

		env.Observe = func(context.Context, *graph.Model, []*graph.Value, func([]*tensor.Tensor) error) error { return nil }
		_, _, err = passes.Apply(env, m, p)
		if err == nil {
			_, reasons := fired(env.Report)
			require.Contains(t, reasons[0], "gives no row")
			continue
		}
		require.ErrorContains(t, err, "gives no row")
	}
	require.Equal(t, before, encoded(t, m))
}

func TestCancelledRun(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, p := range append(all(), passes.Default...) {
		m := small()
		env := newEnv(m, nil)
		env.Ctx = ctx
		_, _, err := passes.Apply(env, m, p)
		require.ErrorIs(t, err, context.Canceled, p.Name)
	}
	m := small()
	ctx, cancel = context.WithCancel(context.Background())
	env := newEnv(m, nil)
	env.Ctx = ctx
	env.Progress = func(string, int, int) { cancel() } // after the first block
	_, _, err := passes.Apply(env, m, passes.TopKFFN(passes.TopKOptions{}))
	require.ErrorIs(t, err, context.Canceled)
}

func TestStopAppliesTheFirstChangesOnly(t *testing.T) {
	for _, p := range append(all(), passes.Default...) {
		m := small()
		env := newEnv(m, nil)
		out, whole, err := passes.Apply(env, m, p)
		require.NoError(t, err)
		last := out.String()
		for stop := 1; stop <= whole; stop++ {
			env := newEnv(m, nil)
			env.Knobs.Stop = stop
			out, n, err := passes.Apply(env, m, p)
			require.NoError(t, err)
			require.Equal(t, stop, n, p.Name)
			require.Equal(t, stop == whole, last == out.String(), "%s stop=%d of %d", p.Name, stop, whole)
		}
	}
}

func TestSeedDecides(t *testing.T) {
	split := func(seed uint64) []byte {
		m := small()
		env := newEnv(m, nil)
		env.Seed = seed
		out, _, err := passes.Apply(env, m, passes.SplitExperts(passes.MoEOptions{Experts: 4, Split: passes.SplitRandom}))
		require.NoError(t, err)
		return encoded(t, out)
	}
	require.Equal(t, split(0), split(0))
	require.NotEqual(t, split(0), split(1))
}

func TestDumpAndTime(t *testing.T) {
	t.Chdir(t.TempDir())
	m := small()
	env := newEnv(m, nil)
	env.Knobs.Dump, env.Knobs.Time = "topk-ffn", true
	var lines []string
	env.Log = func(format string, args ...any) { lines = append(lines, format) }
	_, _, err := passes.Apply(env, m, passes.Default[0], passes.TopKFFN(passes.TopKOptions{}))
	require.NoError(t, err)
	require.Len(t, lines, 2)
	files, err := filepath.Glob("*")
	require.NoError(t, err)
	require.Equal(t, []string{"02_topk-ffn.txt"}, files)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.True(t, strings.Contains(string(text), "TopKFFN_plain_relu_hidden_exact"))
}

func TestReportAddsUp(t *testing.T) {
	for _, p := range all() {
		m := small()
		_, report := apply(t, m, nil, p)
		require.Positive(t, report.Fired(), p.Name)
		for _, row := range report.Rows {
			require.Equal(t, p.Name, row.Pass)
			require.NotEmpty(t, row.Block)
			require.Positive(t, row.WeightsBefore)
			require.Positive(t, row.WeightsAfter)
			require.Less(t, row.FLOPsAfter, row.FLOPsBefore, p.Name)
			for _, d := range row.Details {
				v, ok := row.Detail(d.Name)
				require.True(t, ok)
				require.Equal(t, d.Value, v)
			}
			_, ok := row.Detail("nothing of that name")
			require.False(t, ok)
		}
	}
}
