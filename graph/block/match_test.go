package block_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// Every variant, called as testmodels does it, is matched at every opset; every way to break the call is noticed.
func TestMatchReadsEveryVariant(t *testing.T) {
	for _, v := range testmodels.BlockVariants() {
		for _, opset := range []int64{11, 12, 13, 18, 23} {
			m, err := testmodels.BlockCall(v, opset)
			require.NoError(t, err)
			n := m.Graph.First()
			call, reason := block.Match(n, m.Function)
			require.Empty(t, reason, "%s at opset %d", v.Name(), opset)
			require.Equal(t, v, call.Variant)
			require.Equal(t, "x", call.In("x").Name)
			switch {
			case v.Family == block.SparseLinear:
				require.Equal(t, [2]int64{8, 6}, call.Dims)
			case v.Family == block.MoEFFN:
				require.Equal(t, int64(2), call.K)
			case v.Keep == block.KeepExact:
				require.Equal(t, int64(5), call.K)
			default:
				require.Equal(t, float32(0.05), call.Threshold)
			}
		}
	}
}

func TestMatchSaysWhyNot(t *testing.T) {
	exact := block.Variant{Family: block.TopKFFN, Act: block.Relu, On: block.OnHidden, Keep: block.KeepExact}
	threshold := exact
	threshold.Keep = block.KeepThreshold
	for _, c := range []struct {
		reason string
		v      block.Variant
		spoil  func(m *graph.Model, n *graph.Node)
	}{
		{"not in domain", exact, func(_ *graph.Model, n *graph.Node) { n.ID.Domain = "" }},
		{"no variant has the name", exact, func(_ *graph.Model, n *graph.Node) { n.ID.Op = "TopKFFN_plain_relu_hidden_sometimes" }},
		{"does not define the function", exact, func(m *graph.Model, _ *graph.Node) { m.Functions = nil }},
		{"inputs are given", exact, func(_ *graph.Model, n *graph.Node) { n.DropInput() }},
		{"inputs are given", exact, func(_ *graph.Model, n *graph.Node) { n.SetIn(1, nil) }},
		{"attribute k", exact, func(_ *graph.Model, n *graph.Node) { n.Attrs = nil }},
		{"attribute k", exact, func(_ *graph.Model, n *graph.Node) { n.SetAttr(graph.IntsAttr("k", -1)) }},
		{"attribute threshold", threshold, func(_ *graph.Model, n *graph.Node) { n.Attrs = nil }},
		{"attribute threshold", threshold, func(_ *graph.Model, n *graph.Node) { n.SetAttr(graph.IntAttr("threshold", 1)) }},
		{"attribute shape", block.Variant{Family: block.SparseLinear}, func(_ *graph.Model, n *graph.Node) { n.SetAttr(graph.IntsAttr("shape", 8)) }},
		{"edited", exact, func(m *graph.Model, _ *graph.Node) {
			for x := range m.Functions[0].Body.Nodes() {
				if x.Is("TopK") {
					x.SetAttr(graph.IntAttr("largest", 0))
				}
			}
		}},
		{"opset 11", exact, func(m *graph.Model, _ *graph.Node) { m.Functions[0].Opsets[0].Version = 10 }},
	} {
		m, err := testmodels.BlockCall(c.v, 17)
		require.NoError(t, err)
		n := m.Graph.First()
		c.spoil(m, n)
		_, reason := block.Match(n, m.Function)
		require.Contains(t, reason, c.reason)
	}
	m, err := testmodels.BlockCall(exact, 17)
	require.NoError(t, err)
	id := m.Graph.First().ID
	require.True(t, block.IsBlock(id))
	m.Functions[0].Body.First().ID.Op = "Neg"
	_, err = block.Install(m, exact)
	require.ErrorContains(t, err, "another function")
}
