package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes/opset"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// callCircle is a model in memory whose n functions call each other in a circle, from a branch of an If when hidden.
func callCircle(t *testing.T, n int, hidden bool) *graph.Model {
	t.Helper()
	text := `<ir_version: 10, opset_import: ["" : 18, "l" : 1]> g (float x) => (float y) { y = l.f0 (x) }`
	for i := range n {
		call := fmt.Sprintf("b = l.f%d (a)", (i+1)%n)
		if hidden {
			call = fmt.Sprintf(`c = Cast <to = 9> (a)  b = If (c) <then_branch = t () => (p) { p = l.f%d (a) }, else_branch = e () => (q) { q = Neg (a) }>`, (i+1)%n)
		}
		text += fmt.Sprintf("\n<domain: \"l\", opset_import: [\"\" : 18, \"l\" : 1]> f%d (a) => (b) { %s }", i, call)
	}
	return parsedModel(t, text)
}

// notRecursive demands that every part that walks into functions refuses a circle of calls.
func notRecursive(t *testing.T, m *graph.Model) {
	t.Helper()
	require.Error(t, graph.Err(append(m.Verify(), op.Check(m)...)))
	require.Error(t, graph.Inline(m.Clone(), nil))
	_, err := op.Infer(m.Clone(), op.InferOptions{})
	_ = err // types may or may not come out; the stack holds
	_, err = runtime.Compile(m, runtime.Options{})
	require.Error(t, err)
	_, _, _ = opset.Convert(m, 21, opset.Options{})
	path := filepath.Join(t.TempDir(), "m.onnx")
	if onnxio.Save(m, path, onnxio.SaveOptions{}) == nil {
		r := command(context.Background(), "", "check", path)
		require.NotEqual(t, exitFine, r.code)
	}
}

// knownDepths are models that are deep, or go round in circles.
var knownDepths = []knownCase{
	{"GHSA-7w46-vvrh-m8q5", "functions that call each other in a circle overflow the stack (onnx#7815)", func(t *testing.T) {
		for _, n := range []int{1, 2, 50} {
			notRecursive(t, callCircle(t, n, false))
		}
	}},
	{"onnx#8171", "the same, by way of a branch", func(t *testing.T) {
		for _, n := range []int{1, 2, 50} {
			notRecursive(t, callCircle(t, n, true))
		}
	}},
	{"onnxruntime#28187", "the same, when a runtime compiles; functions 100 deep are fine", func(t *testing.T) {
		_, err := runtime.Compile(callCircle(t, 3, true), runtime.Options{UseBodies: true})
		require.Error(t, err)
		text := `<ir_version: 10, opset_import: ["" : 18, "l" : 1]> g (float x) => (float y) { y = l.f0 (x) }`
		const depth = 40
		for i := range depth {
			call := fmt.Sprintf("b = l.f%d (a)", i+1)
			if i == depth-1 {
				call = "b = Neg (a)"
			}
			text += fmt.Sprintf("\n<domain: \"l\", opset_import: [\"\" : 18, \"l\" : 1]> f%d (a) => (b) { %s }", i, call)
		}
		s, err := runtime.Compile(parsedModel(t, text), runtime.Options{})
		require.NoError(t, err)
		defer s.Close()
		out, err := s.Run(context.Background(), runtime.Feeds{"x": tensor.Scalar[float32](2)})
		require.NoError(t, err)
		require.Equal(t, float32(-2), tensor.Data[float32](out["y"])[0])
	}},
	{"onnx-mlir#3629", "functions that call two of the next, 2^60 calls in all", func(t *testing.T) {
		text := `<ir_version: 10, opset_import: ["" : 18, "l" : 1]> g (float x) => (float y) { y = l.f0 (x) }`
		const depth = 60
		for i := range depth {
			call := fmt.Sprintf("c = l.f%d (a)  b = l.f%d (c)", i+1, i+1)
			if i == depth-1 {
				call = "b = Neg (a)"
			}
			text += fmt.Sprintf("\n<domain: \"l\", opset_import: [\"\" : 18, \"l\" : 1]> f%d (a) => (b) { %s }", i, call)
		}
		m := parsedModel(t, text)
		start := time.Now()
		_ = m.Verify()
		_ = op.Check(m)
		_, _ = op.Infer(m.Clone(), op.InferOptions{})
		_, err := runtime.Compile(m, runtime.Options{})
		require.Error(t, err)
		require.Error(t, graph.Inline(m, nil))
		require.Less(t, time.Since(start), 10*time.Second)
	}},
	{"onnxruntime#29617", "If in If: 3.6 KB that took 56 s to load (onnxruntime#32344, openvino#37436)", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "m.onnx")
		require.NoError(t, onnxio.Save(nestedIf(30), path, onnxio.SaveOptions{}))
		start := time.Now()
		do(t, exitFine, "check", path)
		require.Less(t, time.Since(start), 10*time.Second)
		require.NoError(t, onnxio.Save(nestedIf(33), path, onnxio.SaveOptions{}))
		refuses(t, path, "subgraphs")
	}},
	{"CVE-2026-0994", "a limit on depth that one form of the input goes around: text is bounded like files", func(t *testing.T) {
		for name, text := range map[string]string{
			"types":      "<ir_version: 8> g (" + strings.Repeat("optional(", 100_000) + "float" + strings.Repeat(")", 100_000) + " x) => () {}",
			"sequences":  "<ir_version: 8> g (" + strings.Repeat("seq(", 100_000) + "float" + strings.Repeat(")", 100_000) + " x) => () {}",
			"graphs":     "<ir_version: 8> g () => () { " + strings.Repeat("y = If <then_branch = t () => (a) { ", 100_000),
			"lists":      "<ir_version: 8> g () => () { y = A <a = " + strings.Repeat("[", 100_000) + "> () }",
			"dimensions": "<ir_version: 8> g (float[" + strings.Repeat("(", 100_000) + "n" + strings.Repeat(")", 100_000) + "] x) => () {}",
			"maps":       "<ir_version: 8> g (" + strings.Repeat("map(int64,", 100_000) + "float" + strings.Repeat(")", 100_000) + " x) => () {}",
		} {
			start := time.Now()
			_, err := graph.ParseModel(text, graph.ParseOptions{})
			require.Equal(t, name == "dimensions", err == nil, name) // a long name is one like any other
			require.Less(t, time.Since(start), 10*time.Second, name)
		}
		deep := graph.Sym(strings.Repeat("(", 100_000) + "n" + strings.Repeat(")", 100_000))
		require.True(t, deep.IsKnown(), "a name like any other")
		groups := slices.Concat(pbModel(nil), slices.Repeat([]byte{0x9b, 0x06}, 20_000))
		refuses(t, knownFile(t, t.TempDir(), groups), "nested too deeply")
	}},
}

// knownOthers are what fits nowhere else.
var knownOthers = []knownCase{
	{"onnx#8334", "values that are used after their model is gone (onnx#8303): an end that says so, not memory of others", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "m.onnx")
		require.NoError(t, onnxio.Save(smallMLP(1), path, onnxio.SaveOptions{External: onnxio.ExternalAlways, Threshold: 1}))
		m, err := onnxio.Load(path, onnxio.LoadOptions{})
		require.NoError(t, err)
		w := m.Graph.Inits[0].Const
		kept := w.Clone()
		want := kept.Hash()
		require.NoError(t, m.Close())
		require.PanicsWithValue(t, "onnxio: use of a tensor whose model is closed", func() { w.Bytes() })
		require.Equal(t, want, kept.Hash(), "a clone is the caller's")
	}},
	{"onnxruntime#28186", "files of another format under the name of a model (onnxruntime#29068)", func(t *testing.T) {
		for _, data := range []string{"\x1c\x00\x00\x00ORTM\x00\x00\x00\x00", "PK\x03\x04", "\x80\x02}q\x00.", "", "\x00", `{"irVersion": "8"}`} {
			refuses(t, knownFile(t, t.TempDir(), []byte(data)), "model")
		}
	}},
	{"onnxruntime#28839", "a feed that is not what the model declares", func(t *testing.T) {
		s, err := runtime.Compile(smallMLP(1), runtime.Options{})
		require.NoError(t, err)
		defer s.Close()
		for _, x := range []*tensor.Tensor{nil, tensor.Zeros(tensor.Float32, 8), tensor.Zeros(tensor.Float32, 2, 7), tensor.Zeros(tensor.Int8, 2, 8), {Elem: tensor.Float32, Shape: []int64{2, 8}}, {Elem: tensor.Float32, Shape: []int64{-1, 8}}, {}} {
			_, err := s.Run(context.Background(), runtime.Feeds{"x": x})
			require.Error(t, err)
		}
	}},
}
