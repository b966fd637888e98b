package onnxgo_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/owulveryck/onnx-go"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio/onnxgo"
)

// module is the folder of onnx-go's source, whose test models no other module can import.
func module(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/owulveryck/onnx-go").Output()
	require.NoError(t, err)
	dir := strings.TrimSpace(string(out))
	require.DirExists(t, dir)
	return dir
}

// literal is the bytes that a Go file of onnx-go holds in its only []byte literal or in its only []byte("...") conversion.
func literal(t *testing.T, file string) []byte {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	var found [][]byte
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if a, ok := n.Type.(*ast.ArrayType); !ok || a.Len != nil {
				return true
			}
			var b []byte
			for _, e := range n.Elts {
				l, ok := e.(*ast.BasicLit)
				if !ok || l.Kind != token.INT {
					return true
				}
				v, err := strconv.ParseUint(l.Value, 0, 8)
				require.NoError(t, err)
				b = append(b, byte(v))
			}
			found = append(found, b)
		case *ast.CallExpr:
			if _, ok := n.Fun.(*ast.ArrayType); ok && len(n.Args) == 1 {
				s, err := strconv.Unquote(n.Args[0].(*ast.BasicLit).Value)
				require.NoError(t, err)
				found = append(found, []byte(s))
			}
		}
		return true
	})
	require.Len(t, found, 1)
	return found[0]
}

// TestMNIST runs onnx-go's MNIST model on the three inputs that come with it.
func TestMNIST(t *testing.T) {
	dir := filepath.Join(module(t), "internal", "examples", "mnist")
	g := onnxgo.NewGraph()
	m := onnx.NewModel(g)
	require.NoError(t, m.UnmarshalBinary(literal(t, filepath.Join(dir, "mnist_binary.go"))))
	read := func(set, name string) tensor.Tensor {
		b, err := os.ReadFile(filepath.Join(dir, set, name))
		require.NoError(t, err)
		x, err := onnx.NewTensor(b)
		require.NoError(t, err)
		return x
	}
	for _, set := range []string{"test_data_set_0", "test_data_set_1", "test_data_set_2"} {
		require.NoError(t, m.SetInput(0, read(set, "input_0.pb")))
		require.NoError(t, g.Run())
		out, err := m.GetOutputTensors()
		require.NoError(t, err)
		require.Len(t, out, 1)
		want := read(set, "output_0.pb")
		require.Equal(t, want.Shape(), out[0].Shape())
		require.InDeltaSlice(t, want.Data(), out[0].Data(), 2e-3, set) // logits of up to thousands
	}
}

// TestFizzBuzz runs the model of onnx-go's example: bits of a number in, the word to say out.
func TestFizzBuzz(t *testing.T) {
	g := onnxgo.NewGraph()
	m := onnx.NewModel(g)
	require.NoError(t, m.UnmarshalBinary(literal(t, filepath.Join(module(t), "backend", "x", "gorgonnx", "fizzbuzz_model_test.go"))))
	input := tensor.New(tensor.WithShape(7), tensor.Of(tensor.Float32))
	for i := 1; i <= 100; i++ {
		for j := range 7 {
			require.NoError(t, input.SetAt(float32(i>>j&1), j))
		}
		require.NoError(t, m.SetInput(0, input))
		require.NoError(t, g.Run())
		out, err := m.GetOutputTensors()
		require.NoError(t, err)
		word := 0
		for out[0].Data().([]float32)[word] <= 0.4 {
			word++
		}
		want := 0
		if i%3 == 0 {
			want++
		}
		if i%5 == 0 {
			want += 2
		}
		require.Equal(t, want, word, "number %d", i)
	}
}
