package onnxio

import (
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// TestMalformedMeaning damages what small sound models say: an operator that nobody knows, an input that is not there, an output
// defined twice, an attribute of another kind or name, nodes out of order, opsets that are not there. The file is well formed; Verify, Check
// or Infer refuse it.
func TestMalformedMeaning(t *testing.T) {
	c := newMalformed(t)
	for i, data := range soundModels(t) {
		count := 0
		m, err := Decode(data, LoadOptions{})
		require.NoError(t, err)
		for n := range m.Graph.Nodes() {
			if m.Function(n.ID) == nil && op.Lookup(n.ID.Domain, n.ID.Op, int(m.Opset(n.ID.Domain))) != nil {
				count++
			}
		}
		for k := range count {
			for what, spoil := range spoilers {
				m, err := Decode(data, LoadOptions{})
				require.NoError(t, err)
				n := m.Graph.First()
				for at := 0; ; n = n.Next() {
					if m.Function(n.ID) == nil && op.Lookup(n.ID.Domain, n.ID.Op, int(m.Opset(n.ID.Domain))) != nil {
						if at++; at > k {
							break
						}
					}
				}
				if !spoil(m, n) {
					continue
				}
				c.must(what, fmt.Sprintf("model %d, node %d (%s)", i, k, n.ID), encoded(t, func(w io.Writer) error { return Encode(w, m) }))
			}
		}
	}
	c.log()
	require.GreaterOrEqual(t, sum(c.refused), 500)
}

// spoilers make a sound model wrong at a node; false where it has nothing of the kind.
var spoilers = map[string]func(m *graph.Model, n *graph.Node) bool{
	"unknown operator": func(_ *graph.Model, n *graph.Node) bool { n.ID.Op = "NoSuchOperator"; return true },
	"domain without an opset": func(_ *graph.Model, n *graph.Node) bool {
		n.ID.Domain = "nobody.imports.this"
		return true
	},
	"undefined input": func(m *graph.Model, n *graph.Node) bool {
		if n.NumIn() == 0 || n.In(0) == nil {
			return false
		}
		n.SetIn(0, m.Graph.NewValue("nowhere", graph.Type{}))
		return true
	},
	"too many inputs": func(_ *graph.Model, n *graph.Node) bool {
		v := n.Out(0)
		if n.NumIn() > 0 {
			v = n.In(0)
		}
		for range 40 {
			n.AddInput(v)
		}
		switch n.ID.Op {
		case "Concat", "Sum", "Max", "Min", "Mean", "Loop", "Scan", "Einsum", "SequenceConstruct", "FeatureVectorizer", "Adam", "Adagrad", "Momentum", "Gradient", "SequenceMap":
			return false // any number is fine
		}
		return true
	},
	"unknown attribute": func(_ *graph.Model, n *graph.Node) bool {
		n.Attrs = append(n.Attrs, graph.IntAttr("no_such_attribute", 1))
		return true
	},
	"attribute of another kind": func(_ *graph.Model, n *graph.Node) bool {
		if len(n.Attrs) == 0 || n.Attrs[0].Ref != "" {
			return false
		}
		k := graph.TensorAttr(n.Attrs[0].Name, tensor.Scalar(int64(1)))
		if n.Attrs[0].Kind == graph.AttrTensor {
			k = graph.IntAttr(n.Attrs[0].Name, 1)
		}
		n.Attrs = append(graph.Attrs{k}, n.Attrs[1:]...)
		return true
	},
	"attribute twice": func(_ *graph.Model, n *graph.Node) bool {
		if len(n.Attrs) == 0 {
			return false
		}
		n.Attrs = append(n.Attrs, n.Attrs[0])
		return true
	},
	"output defined twice": func(m *graph.Model, n *graph.Node) bool {
		v := n.Out(0)
		if v == nil {
			return false
		}
		in := n.Inputs()
		m.Graph.Append(graph.NewNode(n.ID, in, []*graph.Value{m.Graph.NewValue("twin", graph.Type{})}, n.Attrs...))
		m.Graph.Last().Out(0).Name = v.Name
		return true
	},
	"reads its own output": func(_ *graph.Model, n *graph.Node) bool {
		if n.NumIn() == 0 || n.Out(0) == nil {
			return false
		}
		n.SetIn(0, n.Out(0))
		return true
	},
	"no opset":          func(m *graph.Model, _ *graph.Node) bool { m.Opsets = nil; return true },
	"opset 0":           func(m *graph.Model, _ *graph.Node) bool { m.Opsets[0].Version = 0; return true },
	"IR version 100000": func(m *graph.Model, _ *graph.Node) bool { m.IRVersion = 100000; return true },
	"no IR version": func(m *graph.Model, _ *graph.Node) bool {
		m.IRVersion = 0
		return true
	},
	"output of another type": func(m *graph.Model, n *graph.Node) bool {
		v := m.Graph.Outputs[0]
		if v.Type.Kind != graph.KindTensor || v.Type.Elem == tensor.String {
			return false
		}
		v.Type = graph.TensorType(tensor.String, v.Type.Shape)
		if p, _ := v.Producer(); p != n {
			return false
		}
		return true
	},
}
