package graph

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

const diffModel = `<ir_version: 10, opset_import: ["" : 18, "local" : 1], producer_name: "p", metadata_props: ["k": "v"]>
g (float[N,4] x, bool c) => (float[N,4] y) <float[4] b = {1,2,3,0}, float[N,4] a> {
	[add] a = Add(x, b)
	[leaky] l = LeakyRelu<alpha = 0.5>(a)
	[f] t = local.Twice(l)
	[if] y = If(c) <then_branch = yes () => (float[N,4] p) { [neg] p = Neg(t) }, else_branch = no () => (float[N,4] q) { [abs] q = Abs(t) }>
}
<domain: "local", opset_import: ["" : 18]> Twice (v) => (r) { [sum] r = Add(v, v) }
`

func TestCompareEqual(t *testing.T) {
	m := mustModel(t, diffModel)
	d := Compare(m, m.Clone())
	require.True(t, d.Equal(), d)
	require.Equal(t, 7, d.SameNodes)
	require.Equal(t, 1, d.SameWeights)
}

func TestCompareFindsEachDifference(t *testing.T) {
	node := func(g *Graph, name string) *Node {
		n := g.FindNode(name)
		require.NotNil(t, n)
		return n
	}
	for _, c := range []struct {
		what string
		edit func(m *Model)
		want Diff
	}{
		{"IR version", func(m *Model) { m.IRVersion = 9 }, Diff{Model: []Change{{"", "IR version", "10", "9"}}}},
		{"opset", func(m *Model) { m.Opsets[0].Version = 19 }, Diff{Model: []Change{{"", `opset ""`, "18", "19"}}}},
		{"producer", func(m *Model) { m.Producer = "" }, Diff{Model: []Change{{"", "producer", "p", ""}}}},
		{"metadata", func(m *Model) { m.Props = []Prop{{Key: "new"}} }, Diff{Model: []Change{{"", `metadata "k"`, "v", ""}, {"", `metadata "new"`, "", `""`}}}},
		{"metadata twice", func(m *Model) { m.Props = append(m.Props, m.Props[0]) }, Diff{Model: []Change{{"", `metadata "k"`, "v", "v, v"}}}},
		{"unknown fields", func(m *Model) { m.Extra = &Extra{Unknown: []byte{1}} }, Diff{Model: []Change{{"", "other fields of model", "0 bytes", "1 other bytes"}}}},
		{"type of an input", func(m *Model) { m.Graph.Inputs[0].Type.Shape = ShapeOf(Const(1), Const(4)) }, Diff{Model: []Change{{"", `input "x"`, "float[N,4]", "float[1,4]"}}}},
		{"order of inputs", func(m *Model) {
			in := m.Graph.Inputs
			in[0], in[1] = in[1], in[0]
		}, Diff{Model: []Change{{"", "order of the inputs", "x, c", "c, x"}}}},
		{"value_info", func(m *Model) { m.Graph.ValueInfo = nil }, Diff{Values: []Change{{"", `value "a"`, "float[N,4]", ""}}}},
		{"attribute", func(m *Model) { node(m.Graph, "leaky").SetAttr(FloatAttr("alpha", 0.25)) },
			Diff{Nodes: []NodeChange{{"", "leaky", "LeakyRelu", Changed, []Change{{"", "attribute alpha", "0.5", "0.25"}}}}}},
		{"attribute gone", func(m *Model) { node(m.Graph, "leaky").Attrs = nil },
			Diff{Nodes: []NodeChange{{"", "leaky", "LeakyRelu", Changed, []Change{{"", "attribute alpha", "float 0.5", ""}}}}}},
		{"operator and its attribute", func(m *Model) {
			n := node(m.Graph, "leaky")
			n.ID.Op, n.Attrs = "Relu", nil
		}, Diff{Nodes: []NodeChange{{"", "leaky", "Relu", Changed, []Change{{"", "operator", "LeakyRelu", "Relu"}, {"", "attribute alpha", "float 0.5", ""}}}}}},
		{"input", func(m *Model) { node(m.Graph, "add").SetIn(1, m.Graph.Inputs[0]) },
			Diff{Nodes: []NodeChange{{"", "add", "Add", Changed, []Change{{"", "input 1", "b", "x"}}}}}},
		{"name, matched by output", func(m *Model) { node(m.Graph, "add").Name = "plus" },
			Diff{Nodes: []NodeChange{{"", "plus", "Add", Changed, []Change{{"", "name", "add", "plus"}}}}}},
		{"node removed", func(m *Model) {
			n := node(m.Graph, "leaky")
			n.Out(0).ReplaceUses(n.In(0))
			m.Graph.Remove(n)
		}, Diff{Nodes: []NodeChange{{"", "f", "local.Twice", Changed, []Change{{"", "input 0", "l", "a"}}}, {"", "leaky", "LeakyRelu", Removed, nil}}}},
		{"node in a subgraph", func(m *Model) { node(node(m.Graph, "if").Subgraphs()[1], "abs").ID.Op = "Exp" },
			Diff{Nodes: []NodeChange{{`node "if" (If).else_branch`, "abs", "Exp", Changed, []Change{{"", "operator", "Abs", "Exp"}}}}}},
		{"node in a function", func(m *Model) { node(m.Functions[0].Body, "sum").Doc = "d" },
			Diff{Nodes: []NodeChange{{`function local.Twice`, "sum", "Add", Changed, []Change{{"", "documentation", "", "d"}}}}}},
		{"function gone", func(m *Model) { m.Functions = nil }, Diff{Model: []Change{{"", "function", "local.Twice", ""}}}},
		{"order of nodes", func(m *Model) {
			m.Graph.MoveBefore(node(m.Graph, "leaky"), node(m.Graph, "add"))
		}, Diff{Model: []Change{{"", "order of the nodes", "as in A", "another"}}}},
		{"weight renamed", func(m *Model) { m.Graph.Inits[0].Name = "bias" }, Diff{
			Nodes: []NodeChange{{"", "add", "Add", Changed, []Change{{"", "input 1", "b", "bias"}}}},
			Weights: []WeightChange{{Name: "bias", Status: Added, B: "float[4]", DensityB: figure(0.75)},
				{Name: "b", Status: Removed, A: "float[4]", DensityA: figure(0.75)}}}},
		{"weight's values", func(m *Model) { m.Graph.Inits[0].Const = tensor.Of([]float32{1, 0, 3.5, 0}, 4) }, Diff{
			Weights: []WeightChange{{Name: "b", Status: Changed, A: "float[4]", B: "float[4]", Max: figure(2), Relative: figure(2 / 3.5), RMS: figure(math.Sqrt(1.0625)), Share: figure(0.5), DensityA: figure(0.75), DensityB: figure(0.5)}}}},
		{"weight's type", func(m *Model) { m.Graph.Inits[0].Const = tensor.Of([]float64{1, 2, 3, 0}, 2, 2) }, Diff{
			Weights: []WeightChange{{Name: "b", Status: Changed, A: "float[4]", B: "double[2,2]", Max: figure(0), Relative: figure(0), RMS: figure(0), Share: figure(0), DensityA: figure(0.75), DensityB: figure(0.75)}}}},
		{"weight's size", func(m *Model) { m.Graph.Inits[0].Const = tensor.Of([]float32{1}, 1) }, Diff{
			Weights: []WeightChange{{Name: "b", Status: Changed, A: "float[4]", B: "float[1]", DensityA: figure(0.75), DensityB: figure(1)}}}},
	} {
		t.Run(c.what, func(t *testing.T) {
			a := mustModel(t, diffModel)
			b := a.Clone()
			c.edit(b)
			d := Compare(a, b)
			require.False(t, d.Equal())
			got := *d
			got.SameNodes, got.SameWeights = 0, 0
			for _, p := range []*[]Change{&c.want.Model, &c.want.Values} {
				if *p == nil {
					*p = []Change{}
				}
			}
			if c.want.Nodes == nil {
				c.want.Nodes = []NodeChange{}
			}
			if c.want.Weights == nil {
				c.want.Weights = []WeightChange{}
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestCompareWeightsOfManyTypes(t *testing.T) {
	long := make([]float32, 3*chunkSize+5)
	other := append([]float32(nil), long...)
	other[2*chunkSize+1] = -8
	packed := func(last byte) *tensor.Tensor {
		b := make([]byte, chunkSize)
		b[len(b)-1] = last
		x, err := tensor.FromBytes(tensor.Int4, []int64{2*chunkSize - 1}, b)
		require.NoError(t, err)
		return x
	}
	strings := func(s string) *tensor.Tensor {
		x, err := tensor.FromStrings([]int64{1}, [][]byte{[]byte(s)})
		require.NoError(t, err)
		return x
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		what     string
		a, b     *tensor.Tensor
		max      *Figure
		differs  float64 // elements
		measured bool
	}{
		{"over several chunks", tensor.Of(long, int64(len(long))), tensor.Of(other, int64(len(other))), figure(8), 1, true},
		{"packed", packed(0), packed(3), figure(3), 1, true},
		{"strings", strings("a"), strings("b"), nil, 0, false},
		{"NaN against a number", tensor.Of([]float32{nan, 1}, 2), tensor.Of([]float32{2, nan}, 2), figure(0), 2, true},
		{"infinity", tensor.Of([]float32{inf}, 1), tensor.Of([]float32{2}, 1), figure(math.Inf(1)), 1, true},
		{"complex", tensor.Of([]complex64{1}, 1), tensor.Of([]complex64{2}, 1), nil, 0, false},
		{"integers", tensor.Of([]int64{5, 6}, 2), tensor.Of([]int64{5, 3}, 2), figure(3), 1, true},
	} {
		w, same := compareWeights(&Value{Const: c.a}, &Value{Const: c.b})
		require.False(t, same, c.what)
		require.Equal(t, c.max, w.Max, c.what)
		if c.measured {
			require.InDelta(t, c.differs/float64(c.a.Len()), float64(*w.Share), 1e-12, c.what)
		}
		_, same = compareWeights(&Value{Const: c.a}, &Value{Const: c.a.Clone()})
		require.True(t, same, c.what)
	}
	out, err := json.Marshal(WeightChange{Max: figure(math.Inf(1)), Share: figure(0.5)})
	require.NoError(t, err)
	require.Contains(t, string(out), `"max_abs":null,"share":0.5`)
}
