package op_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

// An edit at the input of a model, followed by Update, gives the types that inference from nothing gives.
func TestUpdateEqualsInferringAnew(t *testing.T) {
	visited, all := 0, 0
	for _, file := range modelFiles(t, "models", "exports") {
		name := filepath.Base(filepath.Dir(file))
		edit := func(m *graph.Model) *graph.Value {
			for _, v := range m.Graph.Inputs {
				for i, d := range v.Type.Shape.Dims {
					if _, ok := d.Symbol(); ok {
						dims := append([]graph.Dim(nil), v.Type.Shape.Dims...)
						dims[i] = graph.Const(6)
						v.Type.Shape.Dims = dims
						return v
					}
				}
			}
			return nil
		}
		forget := func(m *graph.Model) {
			walk(m.Graph, func(n *graph.Node) {
				for _, v := range n.Outputs() {
					if v != nil && !(v.Graph() == m.Graph && v.IsOutput()) {
						v.Type = graph.Type{}
					}
				}
			})
		}
		want := load(t, file)
		forget(want)
		if edit(want) == nil {
			continue
		}
		r, err := op.Infer(want, op.InferOptions{})
		require.NoError(t, err)
		all += r.Values

		got := load(t, file)
		forget(got)
		_, err = op.Infer(got, op.InferOptions{})
		require.NoError(t, err)
		var users []*graph.Node
		for u := range edit(got).Uses() {
			users = append(users, u.Node)
		}
		r, _ = op.Update(got, op.InferOptions{}, users...)
		visited += r.Values

		types := map[string]string{}
		walk(want.Graph, func(n *graph.Node) {
			for _, v := range n.Outputs() {
				if v != nil {
					types[v.Name] = v.Type.String()
				}
			}
		})
		walk(got.Graph, func(n *graph.Node) {
			for _, v := range n.Outputs() {
				if v != nil {
					require.Equal(t, types[v.Name], v.Type.String(), "%s: %s by %s", name, v.Name, n.ID)
				}
			}
		})
	}
	require.NotZero(t, visited)
	t.Logf("%d of %d values visited", visited, all)
}
