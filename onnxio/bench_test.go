package onnxio

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// gigabyte is a model of 16 layers with 64 MiB of different weights each.
func gigabyte(b testing.TB) *graph.Model {
	m := graph.NewModel(8, 18)
	g := m.Graph
	v := g.AddInput("x", graph.TensorType(tensor.Float32, graph.ShapeOf(graph.Sym("N"), graph.Const(4096))))
	for i := range 16 {
		data := make([]float32, 4096*4096)
		for k := range data {
			data[k] = float32(i*len(data) + k)
		}
		out := g.NewValue("h", graph.Type{})
		g.Append(graph.NewNode(graph.OpID{Op: "MatMul"}, []*graph.Value{v, g.AddInit(fmt.Sprintf("w%d", i), tensor.Of(data, 4096, 4096))}, []*graph.Value{out}))
		v = out
	}
	g.AddOutput(v)
	return m
}

// peak is the largest resident size of the process so far in MiB, on Linux.
func peak() string {
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.SplitSeq(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}

// Set the environment variable GIGABYTE to a folder: the first run writes the models there, the next ones measure without having made
// them. go test ./onnxio -run XXX -bench Gigabyte -benchtime 1x
func BenchmarkGigabyte(b *testing.B) {
	dir := os.Getenv("GIGABYTE")
	if dir == "" {
		b.Skip("GIGABYTE names no folder")
	}
	forms := map[string]ExternalForm{"inline": ExternalNever, "external": ExternalAlways}
	for _, name := range []string{"inline", "external"} {
		path := filepath.Join(dir, name+".onnx")
		if _, err := os.Stat(path); err != nil {
			require.NoError(b, Save(gigabyte(b), path, SaveOptions{External: forms[name]}))
		}
		b.Run("load-"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m, err := Load(path, LoadOptions{})
				require.NoError(b, err)
				require.NoError(b, m.Close())
			}
			b.Log("peak", peak())
		})
		b.Run("save-"+name, func(b *testing.B) {
			m, err := Load(path, LoadOptions{})
			require.NoError(b, err)
			b.SetBytes(1 << 30)
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, Save(m, filepath.Join(b.TempDir(), "copy.onnx"), SaveOptions{}))
			}
			require.NoError(b, m.Close())
			b.Log("peak", peak())
		})
	}
}
