package passes_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// damage changes m in one arbitrary way: structure stays sound, meaning does not.
func damage(m *graph.Model, rnd *rand.Rand) string {
	var nodes []*graph.Node
	for n := range m.Graph.Nodes() {
		nodes = append(nodes, n)
	}
	n := nodes[rnd.IntN(len(nodes))]
	switch rnd.IntN(7) {
	case 0:
		if n.NumIn() > 0 {
			i := rnd.IntN(n.NumIn())
			n.SetIn(i, nil)
			return fmt.Sprintf("%s loses input %d", n.Name, i)
		}
	case 1:
		if n.NumIn() > 0 {
			n.DropInput()
			return n.Name + " loses its last input"
		}
	case 2:
		n.AddInput(n.In(0))
		return n.Name + " gets an input more"
	case 3:
		v := m.Graph.Inits[rnd.IntN(max(1, len(m.Graph.Inits)))%len(m.Graph.Inits)]
		shape := [][]int64{{}, {0}, {1}, {24}, {8, 0}, {0, 8}, {24, 8}, {8, 24}, {3, 5}, {1, 1, 24}, {2, 3, 4}}[rnd.IntN(11)]
		v.Const = tensor.Zeros(v.Const.Elem, shape...)
		v.Type = graph.TypeOf(v.Const)
		return fmt.Sprintf("%s becomes %v", v.Name, shape)
	case 4:
		v := m.Graph.Inits[rnd.IntN(len(m.Graph.Inits))]
		v.Const = tensor.Zeros([]tensor.DType{tensor.Int64, tensor.Float64, tensor.Bool, tensor.Uint8}[rnd.IntN(4)], v.Const.Shape...)
		v.Type = graph.TypeOf(v.Const)
		return v.Name + " becomes " + v.Const.Elem.String()
	case 5:
		n.ID.Op = []string{"Relu", "Mul", "Add", "MatMul", "Gemm", "Split", "Slice", "Reshape", "Shape", "Conv", "Dropout", "Cast", "Constant"}[rnd.IntN(13)]
		return n.Name + " becomes a " + n.ID.Op
	case 6:
		n.Attrs = graph.Attrs{graph.IntAttr("axis", int64(rnd.IntN(9)-4)), graph.IntsAttr("split", -1, 1<<60), graph.StringAttr("transB", "x")}
		return n.Name + " gets strange attributes"
	}
	return ""
}

// Models that mean nothing are refused or left alone: no pass panics, and what comes out is as sound in structure as what went in.
func TestBrokenModels(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	list := append(append(all(), passes.Default...), passes.Rewrites()...)
	for _, form := range testmodels.FFNForms() {
		for range 20 {
			m := testmodels.FFN(form, testmodels.Dims{}, 1)
			if len(m.Graph.Inits) == 0 {
				break
			}
			var what []string
			for range 1 + rnd.IntN(3) {
				what = append(what, damage(m, rnd))
			}
			for _, p := range list {
				env := newEnv(m, nil)
				out, _, err := passes.Apply(env, m, p)
				if err != nil {
					require.NotContains(t, err.Error(), "bug in the pass", "%s: %s: %v", form.Name, p.Name, what)
					require.NotContains(t, err.Error(), "broken", "%s: %s: %v", form.Name, p.Name, what)
					continue
				}
				require.NoError(t, graph.Err(out.Verify()))
			}
		}
	}
}
