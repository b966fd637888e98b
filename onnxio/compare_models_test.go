package onnxio

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// TestCompareAndExtractEveryModel: every reference model equals itself read again, and the part of it up to, and from, a value in its
// middle is sound and is written and read again without loss.
func TestCompareAndExtractEveryModel(t *testing.T) {
	models, parts := 0, 0
	try := func(name string, m *graph.Model) {
		models++
		require.True(t, graph.Compare(m, m.Clone()).Equal(), name)
		if len(m.Verify()) > 0 || m.Graph.NumNodes() < 2 {
			return
		}
		i, middle := 0, ""
		for n := range m.Graph.Nodes() {
			if v := n.Out(0); v != nil && i <= m.Graph.NumNodes()/2 && !v.IsOutput() {
				middle = v.Name
			}
			i++
		}
		if middle == "" {
			return
		}
		for _, cut := range [][2][]string{{nil, {middle}}, {{middle}, nil}} {
			part, err := graph.Extract(m, cut[0], cut[1])
			if err != nil { // outputs that the value does not lead to need the inputs as well
				var e *graph.ExtractError
				require.ErrorAs(t, err, &e, name)
				require.NotEmpty(t, e.Missing, name)
				ins := []string{middle}
				for _, x := range e.Missing {
					ins = append(ins, x.Input)
				}
				part, err = graph.Extract(m, ins, nil)
				require.NoError(t, err, name)
			}
			require.Empty(t, part.Verify(), name)
			var file bytes.Buffer
			require.NoError(t, encodeModel(&file, part, map[*tensor.Tensor]*place{}), name) // data files taken in
			back, err := Decode(file.Bytes(), LoadOptions{})
			require.NoError(t, err, name)
			d := graph.Compare(part, back)
			require.True(t, d.Equal(), "%s: %+v", name, d)
			parts++
		}
	}
	eachArchived(t, func(name string) bool { return strings.HasSuffix(name, ".onnx") }, func(name string, data []byte) {
		m, err := Decode(bytes.Clone(data), LoadOptions{})
		if err == nil {
			try(name, m)
		}
	})
	for _, path := range sharedModels(t) {
		m, err := Load(path, LoadOptions{})
		if err != nil { // graphs whose weights were left out
			continue
		}
		try(path, m)
		require.NoError(t, m.Close())
	}
	t.Logf("%d models, %d parts", models, parts)
	require.Greater(t, models, 1500)
	require.Greater(t, parts, 500)
}
