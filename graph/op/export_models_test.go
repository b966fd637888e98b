package op_test

import (
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// modelFiles lists the models below a folder of the reference data.
func modelFiles(t *testing.T, folder ...string) []string {
	t.Helper()
	root := testmodels.Shared(t, folder...)
	var files []string
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "real" {
			return fs.SkipDir
		}
		if err == nil && strings.HasSuffix(path, ".onnx") {
			files = append(files, path)
		}
		return err
	}))
	sort.Strings(files)
	require.NotEmpty(t, files)
	return files
}

func load(t *testing.T, file string) *graph.Model {
	t.Helper()
	m, err := onnxio.Load(file, onnxio.LoadOptions{})
	require.NoError(t, err, file)
	t.Cleanup(func() { m.Close() })
	return m
}

// walk visits the nodes of a graph and its subgraphs.
func walk(g *graph.Graph, f func(*graph.Node)) {
	for n := range g.Nodes() {
		f(n)
		for _, sub := range n.Subgraphs() {
			walk(sub, f)
		}
	}
}

// Every intermediate of every model is typed, or listed with the operator that stopped it; recorded types are never contradicted.
func TestModels(t *testing.T) {
	values, typed, static, stopped := 0, 0, 0, 0
	dims, unknown, agree, lost := 0, 0, 0, 0
	for _, file := range modelFiles(t, "models") {
		name := filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)
		m := load(t, file)
		// Forget what the file says of intermediates; keep it to compare.
		recorded := map[*graph.Value]graph.Type{}
		walk(m.Graph, func(n *graph.Node) {
			for _, v := range n.Outputs() {
				if v != nil {
					recorded[v], v.Type = v.Type, graph.Type{}
				}
			}
		})
		env := op.NewEnv(m, op.InferOptions{})
		report := env.Run()
		require.Zero(t, env.Panics(), "%s: %v", name, report.Stopped)
		require.Empty(t, report.Conflicts, name)
		listed := map[string]bool{}
		for _, s := range report.Stopped {
			listed[s.Value] = true
		}
		walk(m.Graph, func(n *graph.Node) {
			for _, v := range n.Outputs() {
				if v == nil || v.Name == "" {
					continue
				}
				if v.Type.Kind == graph.KindTensor && (v.Type.Elem == 0 || !v.Type.Shape.Known) || v.Type.Kind == graph.KindUnknown {
					require.True(t, listed[v.Name], "%s: %s has no type and is not listed", name, v.Name)
				}
				if r := recorded[v]; r.Kind != graph.KindUnknown {
					require.Empty(t, differs(r, v.Type), "%s: %s by %s", name, v.Name, n.ID)
					same, less := agreement(r, v.Type)
					agree, lost = agree+same, lost+less
					if less > 0 {
						t.Logf("%s: %s by %s: recorded %s, inferred %s", name, v.Name, n.ID, r, v.Type)
					}
				}
				for _, d := range v.Type.Shape.Dims {
					dims++
					if !d.IsKnown() {
						unknown++
					}
				}
			}
		})
		values, typed, static, stopped = values+report.Values, typed+report.Typed, static+report.Static, stopped+len(report.Stopped)
		if len(report.Stopped) > 0 {
			t.Logf("%s: %d of %d typed, first stop: %s", name, report.Typed, report.Values, report.Stopped[0])
		}
	}
	require.Greater(t, float64(typed), 0.999*float64(values))
	require.Greater(t, agree, 21000)
	require.Less(t, lost, 50)
	t.Logf("%d dims, %d unknown; of recorded dims %d agree, %d are known there only", dims, unknown, agree, lost)
	t.Logf("%d values, %d typed (%.2f %%), %d with constant dims only, %d stopped", values, typed, 100*float64(typed)/float64(values), static, stopped)
}

// agreement counts the recorded dims that inference found as well, and those that it left unknown.
func agreement(recorded, inferred graph.Type) (same, less int) {
	if len(recorded.Shape.Dims) != len(inferred.Shape.Dims) {
		return 0, len(recorded.Shape.Dims)
	}
	for i, d := range recorded.Shape.Dims {
		switch o := inferred.Shape.Dims[i]; {
		case !d.IsKnown():
		case !o.IsKnown():
			less++
		case d.Equal(o):
			same++
		}
	}
	return same, less
}
