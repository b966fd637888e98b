package onnxio

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// FuzzEdit compares, cuts and renames parts of what can be read. A model is equal to itself; an edit that succeeds leaves a sound model
// sound, and what it leaves can be written and read.
func FuzzEdit(f *testing.F) {
	addModels(f, 30, func(data []byte) { f.Add(data, "x y", "y", "N=4") })
	f.Fuzz(func(t *testing.T, data []byte, inputs, outputs, set string) {
		m := decodeFuzzed(data)
		if m == nil {
			return
		}
		clone := m.Clone()
		d := graph.Compare(m, clone)
		require.True(t, d.Equal(), "%+v", d)
		sound := graph.Err(m.Verify()) == nil
		written := func(m *graph.Model) {
			if sound {
				require.NoError(t, graph.Err(m.Verify()), m.String())
			}
			b := encoded(t, func(w io.Writer) error { return Encode(w, m) })
			again, err := Decode(b, LoadOptions{})
			require.NoError(t, err)
			require.Equal(t, b, encoded(t, func(w io.Writer) error { return Encode(w, again) }))
		}
		before := encoded(t, func(w io.Writer) error { return Encode(w, m) })
		part, err := graph.Extract(m, strings.Fields(inputs), strings.Fields(outputs))
		if err == nil {
			written(part)
		}
		for _, v := range outputsOfNodes(m.Graph) { // cut at every value, one by one
			if part, err := graph.Extract(m, nil, []string{v}); err == nil {
				written(part)
				require.NotNil(t, part.Graph.Find(v))
			}
		}
		require.Equal(t, before, encoded(t, func(w io.Writer) error { return Encode(w, m) }), "extract changes nothing")
		from, to, _ := strings.Cut(set, "=")
		if err := clone.RenameValue(from, to); err == nil {
			written(clone)
			require.NotNil(t, clone.Graph.Find(to))
			if from != to && from != "" {
				require.Nil(t, clone.Graph.Find(from))
				require.NoError(t, clone.RenameValue(to, from))
				require.Equal(t, before, encoded(t, func(w io.Writer) error { return Encode(w, clone) }), "renamed back")
			}
		}
		if n := clone.ReplaceSymbol(from, graph.Sym(to)); n > 0 {
			b := encoded(t, func(w io.Writer) error { return Encode(w, clone) })
			_, err := Decode(b, LoadOptions{})
			require.NoError(t, err)
		}
		clone.Props = graph.SetProp(clone.Props, from, to)
		clone.Props, _ = graph.RemoveProp(clone.Props, from)
		require.False(t, slices.ContainsFunc(clone.Props, func(p graph.Prop) bool { return p.Key == from }))
	})
}

// outputsOfNodes is the names of at most twenty values that nodes of g give.
func outputsOfNodes(g *graph.Graph) []string {
	var list []string
	for n := range g.Nodes() {
		for _, v := range n.Outputs() {
			if v != nil && v.Name != "" && len(list) < 20 {
				list = append(list, v.Name)
			}
		}
	}
	return list
}
