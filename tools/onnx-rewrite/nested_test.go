package main

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// nestedIf is a model of If in If, depth deep, each branch with a node beside the next If.
func nestedIf(depth int) *graph.Model {
	m := graph.NewModel(8, 17)
	g := m.Graph
	cond := g.AddInput("cond", graph.Type{Kind: graph.KindTensor, Elem: tensor.Bool, Shape: graph.ShapeOf()})
	x := g.AddInput("x", graph.Type{Kind: graph.KindTensor, Elem: tensor.Float32, Shape: graph.ShapeOf(graph.Sym("N"), graph.Const(4))})
	var fill func(g *graph.Graph, level int) *graph.Value
	fill = func(g *graph.Graph, level int) *graph.Value {
		h := g.NewValue(fmt.Sprint("h", level), graph.Type{})
		g.Append(graph.NewNode(graph.OpID{Op: "Relu"}, []*graph.Value{x}, []*graph.Value{h}))
		y := g.NewValue(fmt.Sprint("y", level), graph.Type{})
		if level == depth {
			g.Append(graph.NewNode(graph.OpID{Op: "Neg"}, []*graph.Value{h}, []*graph.Value{y}))
			return y
		}
		then, other := graph.NewGraph("then"), graph.NewGraph("else")
		then.AddOutput(fill(then, level+1))
		o := other.NewValue(fmt.Sprint("o", level), graph.Type{})
		other.Append(graph.NewNode(graph.OpID{Op: "Exp"}, []*graph.Value{h}, []*graph.Value{o}))
		other.AddOutput(o)
		n := graph.NewNode(graph.OpID{Op: "If"}, []*graph.Value{cond}, []*graph.Value{y})
		n.SetAttr(graph.GraphAttr("then_branch", then))
		n.SetAttr(graph.GraphAttr("else_branch", other))
		g.Append(n)
		return y
	}
	y := fill(g, 0)
	y.Type = x.Type
	g.AddOutput(y)
	return m
}

// If in If, 30 deep and at the limit, is a matter of milliseconds everywhere; one reader took a minute for a file of 4 KB.
func TestNestedIf(t *testing.T) {
	for _, depth := range []int{30, 32} {
		path := filepath.Join(t.TempDir(), "m.onnx")
		require.NoError(t, onnxio.Save(nestedIf(depth), path, onnxio.SaveOptions{}))
		start := time.Now()
		m, err := onnxio.Load(path, onnxio.LoadOptions{})
		require.NoError(t, err)
		loaded := time.Since(start)
		require.Empty(t, m.Verify())
		verified := time.Since(start)
		require.Empty(t, op.Check(m))
		checked := time.Since(start)
		_, err = op.Infer(m.Clone(), op.InferOptions{})
		require.NoError(t, err)
		inferred := time.Since(start)
		require.NoError(t, m.Close())
		do(t, exitFine, "check", path)
		do(t, exitFine, "inspect", path)
		do(t, exitFine, "run", path, "--random")
		took := time.Since(start)
		t.Logf("depth %d: load %v, Verify %v, Check %v, Infer %v; with check, inspect and run %v", depth, loaded, verified-loaded, checked-verified, inferred-checked, took)
		require.Less(t, took, 5*time.Second, "the limit is a second for each")
	}
	path := filepath.Join(t.TempDir(), "m.onnx")
	require.NoError(t, onnxio.Save(nestedIf(33), path, onnxio.SaveOptions{}))
	require.Contains(t, do(t, exitUsage, "check", path).err, "--load-limit subgraphs=N")
	do(t, exitFine, "check", path, "--load-limit", "subgraphs=33", "--load-limit", "depth=200")
}
