package onnxio

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// refer is a TensorProto of four floats whose values external_data places with the given keys and values.
func refer(keys ...string) []byte {
	b := append(num(tensorDims, 4), num(tensorType, 1)...)
	b = append(b, str(tensorName, "w")...)
	for i := 0; i < len(keys); i += 2 {
		b = append(b, msg(tensorExternal, str(entryKey, keys[i]), str(entryValue, keys[i+1]))...)
	}
	return append(b, num(tensorLocation, 1)...)
}

// carriers puts a tensor in every place where one can stand.
var carriers = map[string]func(t []byte) []byte{
	"initializer": func(t []byte) []byte { return msg(modelGraph, msg(graphInit, t)) },
	"attribute":   func(t []byte) []byte { return msg(modelGraph, msg(graphNode, msg(nodeAttr, msg(attrT, t)))) },
	"attributes":  func(t []byte) []byte { return msg(modelGraph, msg(graphNode, msg(nodeAttr, msg(attrTensors, t)))) },
	"sparse values": func(t []byte) []byte {
		return msg(modelGraph, msg(graphSparseInit, msg(sparseValues, t)))
	},
	"sparse indices": func(t []byte) []byte {
		return msg(modelGraph, msg(graphNode, msg(nodeAttr, msg(attrSparse, msg(sparseIndices, t)))))
	},
	"subgraph": func(t []byte) []byte {
		return msg(modelGraph, msg(graphNode, msg(nodeAttr, msg(attrG, msg(graphInit, t)))))
	},
	"function": func(t []byte) []byte {
		return append(msg(modelGraph), msg(modelFunctions, str(funcName, "F"), msg(funcNode, str(nodeOp, "Constant"), msg(nodeAttr, msg(attrT, t))))...)
	},
	"attribute default": func(t []byte) []byte {
		return append(msg(modelGraph), msg(modelFunctions, msg(funcAttrProto, msg(attrT, t)))...)
	},
	"training": func(t []byte) []byte {
		return append(msg(modelGraph), msg(modelTraining, msg(trainStep, msg(graphInit, t)))...)
	},
	"quantization parameter": func(t []byte) []byte {
		param := msg(annotParams, str(entryKey, "SCALE_TENSOR"), str(entryValue, "w"))
		return msg(modelGraph, msg(graphQuant, str(annotTensor, "x"), param), msg(graphInit, t))
	},
}

func writeModel(t testing.TB, dir string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, os.WriteFile(path, data, 0o666))
	return path
}

func TestExternalKeys(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "w"), make([]byte, 64), 0o666))
	for want, keys := range map[string][]string{
		"too few for 16 at offset 49":            {"location", "w", "offset", "49"},
		"too few for 16 at offset 9223372036854": {"location", "w", "offset", "9223372036854775807", "length", "16"},
		"needs 16 bytes, has 17":                 {"location", "w", "length", "17"},
		"needs 16 bytes, has 0":                  {"location", "w", "length", "0"},
		"64 bytes, too few for 9223372036854775": {"location", "w", "length", "9223372036854775807"},
		`"-1" is not a whole number`:             {"location", "w", "offset", "-1"},
		`"1e3" is not a whole number`:            {"location", "w", "length", "1e3"},
		`" 16" is not a whole number`:            {"location", "w", "length", " 16"},
		`"" is not a whole number`:               {"location", "w", "offset", ""},
		"fits 63 bits":                           {"location", "w", "offset", "99999999999999999999"},
		`gives location twice: "w" and "v"`:      {"location", "w", "location", "v"},
		"gives offset twice":                     {"location", "w", "offset", "0", "offset", "4"},
		"is empty":                               {"offset", "0"},
	} {
		_, err := Load(writeModel(t, dir, carriers["initializer"](refer(keys...))), LoadOptions{})
		require.ErrorContains(t, err, want)
	}
	// A lenient reader keeps odd keys, reads what the others say, and tells.
	data := carriers["initializer"](refer("location", "w", "offset", "16", "location", "w", "__class__", "x", "checksum", "y", "basepath", "/x"))
	_, err := Load(writeModel(t, dir, data), LoadOptions{})
	require.ErrorContains(t, err, "gives location twice")
	var told []string
	m, err := Load(writeModel(t, dir, data), LoadOptions{Lenient: true, Report: func(f graph.Finding) { told = append(told, f.String()) }})
	require.NoError(t, err)
	defer m.Close()
	require.Equal(t, []string{`warning: tensor "w": external_data gives location twice`,
		`warning: tensor "w": external_data has the key "__class__", which the format does not know`,
		`warning: tensor "w": external_data has the basepath "/x", of which readers make different files`}, told)
	require.Equal(t, data, encoded(t, func(w io.Writer) error { return Encode(w, m) }))
	var said []string
	for _, f := range Lint(m) {
		said = append(said, f.Message)
	}
	require.Contains(t, said, `external_data has the key "__class__", which the onnx loader refuses`)
	require.Contains(t, said, "external_data gives location twice")
	require.Equal(t, make([]byte, 16), m.Graph.Inits[0].Const.Bytes())
}

// A cache keeps all files in one store and links to them from folders of models.
func TestLinkedCache(t *testing.T) {
	base := t.TempDir()
	blobs, snap := filepath.Join(base, "blobs"), filepath.Join(base, "snapshots", "1")
	require.NoError(t, os.MkdirAll(blobs, 0o777))
	require.NoError(t, os.MkdirAll(snap, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(blobs, "aa"), carriers["initializer"](refer("location", "m.onnx_data")), 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(blobs, "bb"), make([]byte, 16), 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(base, "secret"), make([]byte, 16), 0o666))
	for name, target := range map[string]string{"m.onnx": "../../blobs/aa", "m.onnx_data": "../../blobs/bb"} {
		if err := os.Symlink(filepath.FromSlash(target), filepath.Join(snap, name)); err != nil {
			t.Skip(err)
		}
	}
	m := load(t, filepath.Join(snap, "m.onnx"))
	require.Len(t, m.Graph.Inits[0].Const.Bytes(), 16)

	// The data may lie beside the real model file, and nowhere else.
	require.NoError(t, os.Remove(filepath.Join(snap, "m.onnx_data")))
	require.NoError(t, os.Symlink("../../secret", filepath.Join(snap, "m.onnx_data")))
	_, err := Load(filepath.Join(snap, "m.onnx"), LoadOptions{})
	require.ErrorContains(t, err, "escapes")
}

func TestLenient(t *testing.T) {
	dir := t.TempDir()
	var found []graph.Finding
	data := carriers["initializer"](refer("location", "missing", "length", "16"))
	m, err := Load(writeModel(t, dir, data), LoadOptions{Lenient: true, Report: func(f graph.Finding) { found = append(found, f) }})
	require.NoError(t, err)
	defer m.Close()
	require.Len(t, found, 1)
	require.Contains(t, found[0].String(), `tensor "w"`)
	require.Nil(t, m.Graph.Inits[0].Const.Bytes())
	require.Equal(t, tensor.CarrierExternal, m.Graph.Inits[0].Const.Meta.Carrier)
}

func TestLoadMissing(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.onnx"), LoadOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Load(t.TempDir(), LoadOptions{})
	require.ErrorContains(t, err, "not a regular file")
	empty := filepath.Join(t.TempDir(), "empty.onnx")
	require.NoError(t, os.WriteFile(empty, nil, 0o666))
	_, err = Load(empty, LoadOptions{})
	require.ErrorContains(t, err, "holds no graph")
}
