package op_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

func TestTableHoldsEveryVersion(t *testing.T) {
	all := op.All()
	require.Len(t, all, 659) // 642 of the reference facts, 17 of opset 28
	for _, s := range all {
		require.LessOrEqual(t, s.MinIn, s.MaxIn, "%s-%d", s.Name, s.Since)
		require.Same(t, s, op.Lookup(s.Domain, s.Name, s.Since))
		for _, f := range append(append([]op.Formal{}, s.Inputs...), s.Outputs...) {
			require.NotNil(t, f.Types, "%s-%d %s", s.Name, s.Since, f.Name)
			require.NotEqual(t, op.TypeSet{}, *f.Types, "%s-%d %s", s.Name, s.Since, f.Name)
		}
	}
	require.Equal(t, 28, op.Newest(""))
	require.Equal(t, 28, op.Newest("ai.onnx"))
	require.True(t, op.Known("ai.onnx.ml"))
	require.False(t, op.Known("com.microsoft"))
}

func TestLookup(t *testing.T) {
	require.Equal(t, []int{1, 6, 11, 12, 13}, op.Versions("", "Clip"))
	require.Equal(t, 6, op.Lookup("", "Clip", 10).Since)
	require.Equal(t, 13, op.Lookup("ai.onnx", "Clip", 99).Since)
	require.Nil(t, op.Lookup("", "LayerNormalization", 16))
	require.Nil(t, op.Lookup("", "Nonsense", 16))
	require.Empty(t, op.Versions("", "Nonsense"))
	require.Equal(t, "LayerNormalization", op.Nearest("", "layernormalisation"))
	require.True(t, op.Lookup("", "Upsample", 10).Deprecated)

	s := op.Lookup("", "Gemm", 13)
	require.Equal(t, []string{"A", "B", "C"}, []string{s.Inputs[0].Name, s.Inputs[1].Name, s.Inputs[2].Name})
	require.Equal(t, op.Optional, s.Inputs[2].Option)
	require.Equal(t, graph.AttrFloat, s.Attr("alpha").Kind)
	require.EqualValues(t, 1, s.Attr("alpha").Default.F)
	require.True(t, s.Inputs[0].Types.Tensor.Has(tensor.BFloat16))
	require.False(t, s.Inputs[0].Types.Tensor.Has(tensor.Bool))

	loop := op.Lookup("", "Loop", 21)
	require.Equal(t, op.Unbounded, loop.MaxIn)
	require.True(t, loop.Inputs[2].Heterogeneous)
	require.Equal(t, "V", loop.Input(17).Type)
	require.True(t, loop.Attr("body").Required)
	require.Nil(t, loop.Input(-1))

	require.Equal(t, "Tanh", string(op.Lookup("", "RNN", 14).Attr("activations").Default.Strings[0]))
	require.Equal(t, []string{"seq(map(string,float))", "seq(map(int64,float))"}, op.Lookup("ai.onnx.ml", "ZipMap", 1).Outputs[0].Types.Other)
}

// The table is filled as operators are asked for, from any number of goroutines.
func TestLookupAtOnce(t *testing.T) {
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for _, k := range op.Keys() {
				if op.Lookup(k.Domain, k.Name, 99) == nil {
					t.Errorf("no %s", k)
				}
			}
		})
	}
	wait.Wait()
}

// The embedded table is what the generator writes from the published facts.
func TestTableIsFresh(t *testing.T) {
	facts := testmodels.Shared(t, "conformance", "operator_schemas.jsonl")
	out := filepath.Join(t.TempDir(), "schema.txt")
	cmd := exec.Command("go", "run", "./_gen", "-in", facts, "-out", out)
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	want, err := os.ReadFile(out)
	require.NoError(t, err)
	have, err := os.ReadFile("schema.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), string(have), "run go generate ./graph/op")
}

func BenchmarkIndex(b *testing.B) {
	for b.Loop() {
		op.IndexTable()
	}
}
