package block

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// variants is every variant that can be written.
func variants() []Variant {
	list := []Variant{{Family: SparseLinear}, {Family: SparseLinear, Bias: true}}
	for _, gated := range []bool{false, true} {
		for _, act := range Acts {
			for _, on := range []On{OnHidden, OnGate, OnSigned} {
				for _, keep := range []Keep{KeepExact, KeepThreshold, KeepStat} {
					list = append(list, Variant{Family: TopKFFN, Gated: gated, Act: act, On: on, Keep: keep})
				}
			}
			for _, form := range []Form{Loop, Unrolled, Dense} {
				for i := range 4 {
					v := Variant{Family: MoEFFN, Gated: gated, Act: act, Form: form, Mean: i&1 != 0, Shared: i&2 != 0}
					if form == Unrolled {
						v.Experts = 3
					}
					list = append(list, v)
				}
			}
		}
	}
	return list
}

func TestEveryVariantBuilds(t *testing.T) {
	names := map[string]bool{}
	for _, v := range variants() {
		require.False(t, names[v.Name()], "two variants are called %s", v.Name())
		names[v.Name()] = true
		back, ok := ParseName(v.Name())
		require.True(t, ok, v.Name())
		require.Equal(t, v, back)
		for _, opset := range []int64{11, 12, 13, 14, 17, 18, 23} {
			f, err := Build(v, opset)
			require.NoError(t, err)
			m := graph.NewModel(8, opset)
			m.Functions = append(m.Functions, f)
			require.Empty(t, m.Verify(), f.String())
		}
	}
	for _, bad := range []string{"", "TopKFFN", "TopKFFN_gated_silu_gate_sometimes", "MoEFFN_plain_relu_unrolled_mean", "MoEFFN_plain_what_loop", "SparseLinear"} {
		_, ok := ParseName(bad)
		require.False(t, ok, bad)
	}
	_, err := Build(Variant{Family: TopKFFN, Act: Relu, On: OnHidden, Keep: KeepExact}, 10)
	require.ErrorContains(t, err, "opset 11")
}

func TestMatchTrustsOnlyTheKnownBody(t *testing.T) {
	v := Variant{Family: TopKFFN, Gated: true, Act: Silu, On: OnGate, Keep: KeepExact}
	m := graph.NewModel(7, 17)
	id, err := Install(m, v)
	require.NoError(t, err)
	_, err = Install(m, v)
	require.NoError(t, err)
	require.Len(t, m.Functions, 1)
	require.Equal(t, int64(8), m.IRVersion)
	require.Equal(t, int64(Version), m.Opset(Domain))

	g := m.Graph
	var in []*graph.Value
	for _, f := range m.Functions[0].Body.Inputs {
		in = append(in, g.AddInput(f.Name, graph.Type{}))
	}
	n := graph.NewNode(id, in, []*graph.Value{g.NewValue("y", graph.Type{})}, CountAttr(17, "k", 5))
	g.Append(n)
	call, reason := Match(n, m.Function)
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
	_, reason = Match(n, m.Function)
	require.Empty(t, reason)

	n.SetAttr(graph.IntsAttr("k", 1, 2))
	_, reason = Match(n, m.Function)
	require.Contains(t, reason, "attribute k")
	n.SetAttr(graph.IntsAttr("k", 1))
	for x := range m.Functions[0].Body.Nodes() {
		if x.Is("Sigmoid") {
			x.ID.Op = "Tanh"
		}
	}
	_, reason = Match(n, m.Function)
	require.Contains(t, reason, "edited")
}
