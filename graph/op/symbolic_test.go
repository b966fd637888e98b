package op_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// The dims of the node tests' inputs become symbols, equal sizes the same symbol or each a symbol of its own; the expressions inferred
// for the outputs must come to the declared sizes.
func TestSymbolicDimsBindToDeclaredOnes(t *testing.T) {
	for _, own := range []bool{false, true} {
		exact, unknown := 0, 0
		for _, archive := range nodeArchives {
			eachTest(t, archive, func(name string, files map[string][]byte) {
				m, err := onnxio.Decode(files["model.onnx"], onnxio.LoadOptions{Lenient: true})
				require.NoError(t, err, name)
				sizes, known := map[string]int64{}, map[string]*tensor.Tensor{}
				for i, v := range m.Graph.Inputs {
					if v.Const != nil || v.Type.Kind != graph.KindTensor {
						continue
					}
					if data := files[fmt.Sprintf("test_data_set_0/input_%d.pb", i)]; len(data) > 0 {
						x, err := onnxio.DecodeTensor(data)
						require.NoError(t, err, name)
						if x.Elem == tensor.Int64 && len(x.Shape) < 2 {
							known[v.Name] = x
							continue
						}
					}
					dims := append([]graph.Dim(nil), v.Type.Shape.Dims...)
					for j, d := range dims {
						if n, ok := d.Value(); ok {
							symbol := fmt.Sprintf("n%d", n)
							if own {
								symbol = fmt.Sprintf("i%dd%d", i, j)
							}
							sizes[symbol], dims[j] = n, graph.Sym(symbol)
						}
					}
					v.Type.Shape.Dims = dims
				}
				declared := make([]graph.Type, len(m.Graph.Outputs))
				for i, v := range m.Graph.Outputs {
					declared[i], v.Type = v.Type, graph.Type{}
				}
				for n := range m.Graph.Nodes() {
					for _, v := range n.Outputs() {
						if v != nil {
							v.Type = graph.Type{}
						}
					}
				}
				env := op.NewEnv(m, op.InferOptions{Known: known})
				env.Run()
				require.Zero(t, env.Panics(), name)
				for i, v := range m.Graph.Outputs {
					got, want := v.Type.Shape, declared[i].Shape
					if !got.Known || !want.Known {
						continue
					}
					require.Len(t, got.Dims, len(want.Dims), "%s: declared %s, inferred %s", name, want, got)
					for j, d := range want.Dims {
						n, ok1 := d.Value()
						k, ok2 := got.Dims[j].Bind(sizes)
						if !ok1 || !ok2 {
							unknown++
							continue
						}
						exact++
						require.Equal(t, n, k, "%s: declared %s, inferred %s with %v", name, want, got, sizes)
					}
				}
			})
		}
		t.Logf("own symbols %v: %d dims exact, %d unknown", own, exact, unknown)
	}
}
