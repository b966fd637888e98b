package block_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

func TestEveryVariantBuilds(t *testing.T) {
	names := map[string]bool{}
	for _, v := range testmodels.BlockVariants() {
		require.False(t, names[v.Name()], "two variants are called %s", v.Name())
		names[v.Name()] = true
		back, ok := block.ParseName(v.Name())
		require.True(t, ok, v.Name())
		require.Equal(t, v, back)
		for _, opset := range []int64{11, 12, 13, 14, 17, 18, 23} {
			f, err := block.Build(v, opset)
			require.NoError(t, err)
			m := graph.NewModel(8, opset)
			m.Functions = append(m.Functions, f)
			require.Empty(t, m.Verify(), f.String())
		}
	}
	for _, bad := range []string{"", "TopKFFN", "TopKFFN_gated_silu_gate_sometimes", "MoEFFN_plain_relu_unrolled_mean", "MoEFFN_plain_what_loop", "SparseLinear"} {
		_, ok := block.ParseName(bad)
		require.False(t, ok, bad)
	}
	_, err := block.Build(block.Variant{Family: block.TopKFFN, Act: block.Relu, On: block.OnHidden, Keep: block.KeepExact}, 10)
	require.ErrorContains(t, err, "opset 11")
}

func TestMatchTrustsOnlyTheKnownBody(t *testing.T) {
	v := block.Variant{Family: block.TopKFFN, Gated: true, Act: block.Silu, On: block.OnGate, Keep: block.KeepExact}
	m := graph.NewModel(7, 17)
	id, err := block.Install(m, v)
	require.NoError(t, err)
	_, err = block.Install(m, v)
	require.NoError(t, err)
	require.Len(t, m.Functions, 1)
	require.Equal(t, int64(8), m.IRVersion)
	require.Equal(t, int64(block.Version), m.Opset(block.Domain))

	g := m.Graph
	var in []*graph.Value
	for _, f := range m.Functions[0].Body.Inputs {
		in = append(in, g.AddInput(f.Name, graph.Type{}))
	}
	n := graph.NewNode(id, in, []*graph.Value{g.NewValue("y", graph.Type{})}, block.CountAttr(17, "k", 5))
	g.Append(n)
	call, reason := block.Match(n, m.Function)
	require.Empty(t, reason)
	require.Equal(t, int64(5), call.K)
	require.Equal(t, "down", call.In("down").Name)
	require.Nil(t, call.In("router"))

	for x := range m.Functions[0].Body.Nodes() { // renaming is harmless
		x.Name = "renamed"
		for _, o := range x.Outputs() {
			o.Name = "z" + o.Name
		}
	}
	_, reason = block.Match(n, m.Function)
	require.Empty(t, reason)

	n.SetAttr(graph.IntsAttr("k", 1, 2))
	_, reason = block.Match(n, m.Function)
	require.Contains(t, reason, "attribute k")
	n.SetAttr(graph.IntsAttr("k", 1))
	for x := range m.Functions[0].Body.Nodes() {
		if x.Is("Sigmoid") {
			x.ID.Op = "Tanh"
		}
	}
	_, reason = block.Match(n, m.Function)
	require.Contains(t, reason, "edited")
}
