package opset_test

import (
	"math"
	"math/rand/v2"
	"os"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// spoil damages one thing of a model.
func spoil(m *graph.Model, r *rand.Rand) {
	var nodes []*graph.Node
	m.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			nodes = append(nodes, n)
		}
	})
	if len(nodes) == 0 {
		return
	}
	n := nodes[r.IntN(len(nodes))]
	switch r.IntN(9) {
	case 0:
		if n.NumIn() > 0 {
			n.DropInput()
		}
	case 1:
		if n.NumIn() > 0 {
			n.SetIn(r.IntN(n.NumIn()), nil)
		}
	case 2:
		n.AddInput(nil)
	case 3:
		if n.NumIn() > 1 {
			n.SetIn(0, n.In(n.NumIn()-1))
		}
	case 4:
		if len(n.Attrs) > 0 {
			i := r.IntN(len(n.Attrs))
			n.Attrs = append(n.Attrs[:i:i], n.Attrs[i+1:]...)
		}
	case 5:
		if len(n.Attrs) > 0 {
			n.Attrs[r.IntN(len(n.Attrs))].Kind = graph.AttrKind(r.IntN(15))
		}
	case 6:
		if len(n.Attrs) > 0 {
			a := n.Attrs[r.IntN(len(n.Attrs))]
			odd := []int64{-1, 0, 1, 64, math.MaxInt64, math.MinInt64, 1 << 40, -7}
			a.I, a.F, a.S = odd[r.IntN(len(odd))], float32(math.NaN()), []byte("odd")
			for i := range a.Ints {
				a.Ints[i] = odd[r.IntN(len(odd))]
			}
			if r.IntN(3) == 0 {
				a.Ints, a.Floats, a.Strings, a.T = nil, nil, nil, nil
			}
		}
	case 7:
		for _, v := range n.Inputs() {
			if v != nil {
				v.Type = graph.Type{Kind: graph.Kind(r.IntN(6))}
			}
		}
	case 8:
		for _, v := range append(n.Inputs(), n.Outputs()...) {
			if v == nil || !v.Type.Shape.Known {
				continue
			}
			dims := append([]graph.Dim(nil), v.Type.Shape.Dims...)
			for i := range dims {
				dims[i] = []graph.Dim{graph.Const(0), graph.Const(-3), graph.Const(math.MaxInt64), graph.Unknown(), graph.Sym("N")}[r.IntN(5)]
			}
			v.Type.Shape = graph.ShapeOf(dims[:r.IntN(len(dims)+1)]...)
		}
	}
}

// TestHostile converts damaged models: an answer or an error, never a panic, and the model given stays as it was. Every 40th model; all
// with ONNX_REWRITE_CONVERT_EVERY set.
func TestHostile(t *testing.T) {
	step := 40
	if os.Getenv(everyEnv) != "" {
		step = 1
	}
	r := rand.New(rand.NewPCG(1, 2))
	tried := 0
	for _, archive := range []string{"node", "node-older", "pytorch-operator"} {
		tests := readArchive(t, testmodels.Shared(t, "conformance", archive+".tar.gz"))
		names := make([]string, 0, len(tests))
		for name := range tests {
			names = append(names, name)
		}
		sort.Strings(names)
		for i := 0; i < len(names); i += step {
			for range 6 {
				m, err := onnxio.Decode(tests[names[i]]["model.onnx"], onnxio.LoadOptions{})
				require.NoError(t, err)
				for range 1 + r.IntN(3) {
					spoil(m, r)
				}
				before := m.String()
				for _, to := range []int{1, 6, 9, 12, 16, op.Newest("")} {
					tried++
					require.NotPanics(t, func() { _, _, _ = convertRaw(m, to) }, "%s to %d\n%s", names[i], to, before)
				}
				require.Equal(t, before, m.String(), names[i])
			}
		}
	}
	t.Logf("%d conversions of damaged models", tried)
}
