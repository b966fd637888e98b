package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// knownCase is a vulnerability or crash of another tool that reads or writes ONNX files, and what becomes of the same input here.
type knownCase struct {
	id, what string
	try      func(t *testing.T)
}

// TestKnownVulnerabilities has a case for each published vulnerability of ONNX tools, and for each crash that was mended without an
// identifier, by the number of its thread.
func TestKnownVulnerabilities(t *testing.T) {
	seen := map[string]bool{}
	all := slices.Concat(knownPaths, knownWrites, knownPayloads, knownOverflows, knownInference, knownConversions, knownDepths, knownOthers)
	for _, c := range all {
		require.False(t, seen[c.id], c.id)
		require.NotEmpty(t, c.what)
		seen[c.id] = true
		t.Run(c.id, c.try)
	}
	require.GreaterOrEqual(t, len(all), 50)
}

// The fields of a model file by their numbers, as far as the cases need them.
const (
	pbGraph, pbFunctions                        = 7, 25
	pbNode, pbInit, pbInput, pbOutput, pbSparse = 1, 5, 11, 12, 15
	pbAttr, pbAttrT, pbAttrG, pbAttrSparse      = 5, 5, 6, 22
	pbDims, pbType, pbFloats, pbInts32, pbRaw   = 1, 2, 4, 5, 9
	pbName, pbExternal, pbLocation, pbInts64    = 8, 13, 14, 7
)

func pb(num protowire.Number, parts ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), bytes.Join(parts, nil))
}

func pbNum(num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
}

func pbStr(num protowire.Number, s string) []byte { return pb(num, []byte(s)) }

// pbModel is a model of opset 18 around the fields of a graph, with further fields behind it.
func pbModel(graphFields []byte, more ...[]byte) []byte {
	return slices.Concat(pbNum(1, 10), pb(8, pbNum(2, 18)), pb(8, pbStr(1, "l"), pbNum(2, 1)), pb(pbGraph, pbStr(2, "g"), graphFields), bytes.Join(more, nil))
}

// pbTensor is a TensorProto called w.
func pbTensor(elem uint64, dims []uint64, more ...[]byte) []byte {
	var b []byte
	for _, d := range dims {
		b = append(b, pbNum(pbDims, d)...)
	}
	return slices.Concat(b, pbNum(pbType, elem), pbStr(pbName, "w"), bytes.Join(more, nil))
}

// pbRefer is a float[4] whose values external_data places with keys and values.
func pbRefer(keys ...string) []byte {
	var b []byte
	for i := 0; i < len(keys); i += 2 {
		b = append(b, pb(pbExternal, pbStr(1, keys[i]), pbStr(2, keys[i+1]))...)
	}
	return pbTensor(1, []uint64{4}, b, pbNum(pbLocation, 1))
}

// pbPlaces puts a tensor in each place of a model that can hold one.
var pbPlaces = map[string]func(tensor []byte) []byte{
	"initializer":    func(w []byte) []byte { return pbModel(pb(pbInit, w)) },
	"attribute":      func(w []byte) []byte { return pbModel(pb(pbNode, pb(pbAttr, pb(pbAttrT, w)))) },
	"sparse values":  func(w []byte) []byte { return pbModel(pb(pbSparse, pb(1, w))) },
	"sparse indices": func(w []byte) []byte { return pbModel(pb(pbSparse, pb(2, w))) },
	"sparse attribute": func(w []byte) []byte {
		return pbModel(pb(pbNode, pb(pbAttr, pb(pbAttrSparse, pb(1, w)))))
	},
	"subgraph": func(w []byte) []byte { return pbModel(pb(pbNode, pb(pbAttr, pb(pbAttrG, pb(pbInit, w))))) },
	"function": func(w []byte) []byte { return pbModel(nil, pb(pbFunctions, pb(7, pb(pbAttr, pb(pbAttrT, w))))) },
}

// knownFolder is base/model with the file w of 16 zeros, and base/secret beside it.
func knownFolder(t *testing.T) (base, dir string) {
	t.Helper()
	base = t.TempDir()
	dir = filepath.Join(base, "model")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "w"), make([]byte, 16), 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(base, "secret"), bytes.Repeat([]byte{0xa5}, 16), 0o666))
	return base, dir
}

func knownFile(t *testing.T, dir string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, os.WriteFile(path, data, 0o666))
	return path
}

// refuses demands that Load and the command refuse a file, for a reason that has the given words.
func refuses(t *testing.T, path string, want string) {
	t.Helper()
	m, err := onnxio.Load(path, onnxio.LoadOptions{})
	require.ErrorContains(t, err, want)
	require.Nil(t, m)
	r := do(t, exitUsage, "inspect", path)
	require.Contains(t, r.err, want)
}

// refusesTensor demands that a model is refused that has the tensor as an initializer.
func refusesTensor(t *testing.T, want string, tensor []byte) {
	t.Helper()
	refuses(t, knownFile(t, t.TempDir(), pbPlaces["initializer"](tensor)), want)
}

// findings is what Verify, Check and Infer say of a model in text, of opset 18 unless it begins with its own header. Nothing panics.
func findings(t *testing.T, text string) string {
	t.Helper()
	if !strings.HasPrefix(text, "<") {
		text = `<ir_version: 9, opset_import: ["" : 18]> ` + text
	}
	m, err := graph.ParseModel(text, graph.ParseOptions{})
	require.NoError(t, err)
	list := append(m.Verify(), op.Check(m)...)
	report, err := op.Infer(m, op.InferOptions{})
	if err != nil {
		list = append(list, graph.Finding{Severity: graph.Error, Message: err.Error()})
	}
	said := ""
	for _, f := range append(list, report.Conflicts...) {
		if f.Severity == graph.Error {
			said += f.String() + "\n"
		}
	}
	for _, s := range report.Stopped {
		said += s.String() + "\n"
	}
	require.NotContains(t, said, "internal error")
	return said
}

// objects demands that somebody objects to each model, with the given words, and that the command says so and ends.
func objects(t *testing.T, want string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		require.Contains(t, findings(t, text), want, text)
		if !strings.HasPrefix(text, "<") {
			text = `<ir_version: 9, opset_import: ["" : 18]> ` + text
		}
		m, err := graph.ParseModel(text, graph.ParseOptions{})
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "m.onnx")
		require.NoError(t, onnxio.Save(m, path, onnxio.SaveOptions{}))
		r := do(t, exitFailed, "check", path)
		require.NotContains(t, r.out+r.err, "internal error")
	}
}
