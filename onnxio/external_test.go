package onnxio

import (
	"io"
	"os"
	"path/filepath"
	"strings"
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
}

func writeModel(t testing.TB, dir string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, os.WriteFile(path, data, 0o666))
	return path
}

// Places outside of the model's folder, and what is no plain file, are refused wherever the tensor stands in the model.
func TestHostileLocations(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "model")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o777))
	secret := make([]byte, 64)
	for _, p := range []string{"secret", "model/w", "model/sub/w", "model/a b"} {
		require.NoError(t, os.WriteFile(filepath.Join(base, filepath.FromSlash(p)), secret, 0o666))
	}
	links := os.Symlink(filepath.Join("..", "secret"), filepath.Join(dir, "out")) == nil
	if links {
		require.NoError(t, os.Symlink("..", filepath.Join(dir, "up")))
		require.NoError(t, os.Symlink("loop", filepath.Join(dir, "loop")))
		require.NoError(t, os.Symlink("sub/w", filepath.Join(dir, "in")))
		require.NoError(t, os.Symlink(filepath.Join(base, "secret"), filepath.Join(dir, "abs")))
	}
	bad := map[string]string{
		"": "is empty", "../secret": "outside", "sub/../../secret": "outside", "./../secret": "outside", "sub/..": "outside", "..": "outside",
		filepath.Join(base, "secret"): "is absolute", "/etc/passwd": "is absolute", "//host/share": "is absolute", `..\secret`: "backslash",
		`\\host\share`: "backslash", "C:/secret": "has a drive", "c:secret": "has a drive", "w\x00": "zero byte", "..\x00/w": "zero byte",
		".": "regular file", "sub": "regular file", "missing": "no such file", "sub/missing": "no such file", "w/w": "not a directory",
		"file:///etc/passwd": "colon", "%2e%2e/secret": "no such file", "．．/secret": "no such file", "sub/w ": "drops a dot or a space",
		"/proc/self/mem":          "is absolute",
		strings.Repeat("x", 5000): "name too long",
	}
	if links {
		for loc, want := range map[string]string{"out": "escapes", "abs": "escapes", "up/secret": "escapes", "up/model/w": "escapes", "loop": ""} {
			bad[loc] = want
		}
	}
	if os.Link(filepath.Join(base, "secret"), filepath.Join(dir, "hard")) == nil {
		bad["hard"] = "hard links"
	}
	for carrier, build := range carriers {
		for loc, want := range bad {
			path := writeModel(t, dir, build(refer("location", loc)))
			m, err := Load(path, LoadOptions{})
			require.Error(t, err, "%s: %q", carrier, loc)
			require.Nil(t, m)
			require.ErrorContains(t, err, want, "%s: %q", carrier, loc)
			require.ErrorContains(t, err, `tensor "w"`)
		}
		for _, loc := range []string{"w", "./w", "sub/w", "sub//w", "a b"} {
			m, err := Load(writeModel(t, dir, build(refer("location", loc))), LoadOptions{})
			require.NoError(t, err, "%s: %q", carrier, loc)
			require.NoError(t, m.Close())
		}
		if links {
			m, err := Load(writeModel(t, dir, build(refer("location", "in"))), LoadOptions{})
			require.NoError(t, err, "a link inside the folder")
			require.NoError(t, m.Close())
		}
		data := build(refer("location", "w"))
		path := writeModel(t, dir, data)
		_, err := Load(path, LoadOptions{External: ExternalRefuse})
		require.ErrorContains(t, err, "the options forbid", carrier)
		_, err = Decode(data, LoadOptions{})
		require.ErrorContains(t, err, "no folder", carrier)
		m, err := Decode(data, LoadOptions{External: ExternalSkip})
		require.NoError(t, err)
		require.Equal(t, []string{"w"}, Locations(m), carrier)
		require.ErrorContains(t, Save(m, filepath.Join(dir, "o.onnx"), SaveOptions{}), "not loaded", carrier)
	}
	m, err := Load(writeModel(t, dir, carriers["initializer"](refer("location", "hard"))), LoadOptions{HardLinks: true})
	require.NoError(t, err)
	require.NoError(t, m.Close())
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
