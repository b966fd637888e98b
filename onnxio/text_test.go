package onnxio

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio/internal/onnxpb"
)

// textAgain prints a model with all its numbers and notes, parses that, and prints it again.
func textAgain(t testing.TB, name string, m *graph.Model) *graph.Model {
	t.Helper()
	var text, again bytes.Buffer
	opt := graph.PrintOptions{MaxInline: -1, Notes: true}
	require.NoError(t, m.Print(&text, opt), name)
	back, err := graph.ParseModel(text.String(), graph.ParseOptions{})
	if err != nil {
		if dump := os.Getenv("ONNX_REWRITE_TEXT_DUMP"); dump != "" {
			require.NoError(t, os.WriteFile(dump, text.Bytes(), 0o644))
		}
		t.Fatalf("%s: %v", name, err)
	}
	require.NoError(t, back.Print(&again, opt), name)
	if !bytes.Equal(text.Bytes(), again.Bytes()) {
		a, b := strings.Split(text.String(), "\n"), strings.Split(again.String(), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("%s: not a fixed point at line %d:\n%.300s\n%.300s\nnext:\n%.300s", name, i+1, a[i], b[i], a[min(i+1, len(a)-1)])
			}
		}
		t.Fatalf("%s: not a fixed point: %d lines, then %d", name, len(a), len(b))
	}
	return back
}

// sameThroughText requires that a model written as text and read again is written as the same bytes.
func sameThroughText(t testing.TB, name string, m *graph.Model) {
	t.Helper()
	back := textAgain(t, name, m)
	want := encoded(t, func(w io.Writer) error { return Encode(w, m) })
	got := encoded(t, func(w io.Writer) error { return Encode(w, back) })
	if !bytes.Equal(want, got) {
		var a, b onnxpb.ModelProto
		require.NoError(t, proto.Unmarshal(want, &a), name)
		require.NoError(t, proto.Unmarshal(got, &b), name)
		t.Fatalf("%s: %s", name, differ(a.ProtoReflect(), b.ProtoReflect(), "model"))
	}
}

// Text says all of a model: every conformance model, every shared model and models that no tool would write come back byte for byte, as
// far as Encode gives them byte for byte.
func TestTextOfConformanceModels(t *testing.T) {
	n := 0
	eachArchived(t, isModel, func(name string, data []byte) {
		m, err := Decode(data, LoadOptions{Lenient: true})
		require.NoError(t, err, name)
		sameThroughText(t, name, m)
		n++
	})
	t.Logf("%d models", n)
	require.GreaterOrEqual(t, n, 3045)
}

// The large models are checked with ONNX_REWRITE_TEXT_LARGE=1; by default those above 1 MB are left out.
func TestTextOfSharedModels(t *testing.T) {
	n, large := 0, 0
	for _, path := range sharedModels(t) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		if info.Size() > 1<<20 && os.Getenv("ONNX_REWRITE_TEXT_LARGE") == "" {
			large++
			continue
		}
		m, err := Load(path, LoadOptions{Lenient: true})
		require.NoError(t, err, path)
		sameThroughText(t, path, m)
		require.NoError(t, m.Close())
		n++
	}
	t.Logf("%d models, %d larger ones left out", n, large)
	require.GreaterOrEqual(t, n, 100)
}

func TestTextOfGeneratedModels(t *testing.T) {
	n := 0
	for seed := range 160 {
		m := generatedModel(t, uint64(seed), 1)
		if m == nil {
			continue
		}
		sameThroughText(t, fmt.Sprintf("seed %d", seed), m)
		n++
	}
	t.Logf("%d models", n)
}

// generatedModel is a model with fields set at random, every eighth with all fields; nil when it has no graph.
func generatedModel(t testing.TB, seed, stream uint64) *graph.Model {
	t.Helper()
	r := &filler{Rand: rand.New(rand.NewPCG(seed, stream)), every: seed%8 == 0,
		covered: map[protoreflect.FullName]bool{}, explicit: map[protoreflect.FullName]bool{}}
	var m onnxpb.ModelProto
	r.fill(m.ProtoReflect(), 0)
	if m.Graph == nil {
		return nil
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(&m)
	require.NoError(t, err)
	got, err := Decode(data, LoadOptions{Lenient: true})
	require.NoError(t, err)
	return got
}
