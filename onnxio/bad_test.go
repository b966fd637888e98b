package onnxio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio/internal/onnxpb"
)

// msg is a length-delimited field.
func msg(num protowire.Number, body ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), bytes.Join(body, nil))
}

func num(field protowire.Number, u uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), u)
}

func str(field protowire.Number, s string) []byte { return msg(field, []byte(s)) }

// A reader that meets bad bytes says where, and does so fast and without much memory.
func TestDecodeErrors(t *testing.T) {
	init := func(fields ...[]byte) []byte { return msg(modelGraph, msg(graphInit, fields...)) }
	floats := func(n int) []byte { return msg(tensorRaw, make([]byte, 4*n)) }
	nestedIf := []byte{}
	for range 1000 {
		nestedIf = msg(graphNode, msg(nodeAttr, msg(attrG, nestedIf)))
	}
	nestedType := []byte{}
	for range 1000 {
		nestedType = msg(typeSequence, msg(innerOf, nestedType))
	}
	groups := bytes.Repeat([]byte{0x0b}, 100_000)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":               {nil, "at byte 0, in model: not an ONNX model: it holds no graph"},
		"only unknown fields": {num(99, 1), "holds no graph"},
		"cut in a message":    {msg(modelGraph, str(graphName, "g"))[:3], "at byte 0, in model.graph: the message ends inside a field: 3 bytes announced, 1 left"},
		"cut in a tag":        {[]byte{0x80}, "at byte 0, in model: the message ends inside a field"},
		"cut in a varint":     {[]byte{8, 0xff}, "in model.ir_version: the message ends"},
		"varint too long":     {append([]byte{8}, bytes.Repeat([]byte{0xff}, 11)...), "varint longer than ten bytes"},
		"field number 0":      {[]byte{2, 1}, "not a field tag"},
		"wire type 7":         {[]byte{0xf}, "not a field tag"},
		"end of no group":     {[]byte{0x0c}, "end of a group that was not started"},
		"groups in groups":    {groups, "nested too deeply"},
		"gzip":                {[]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00"), "in model"},
		"JSON":                {[]byte(`{"irVersion":"8","graph":{}}`), "in model"},
		"length of 2^63":      {append([]byte{0x3a}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), "bytes announced, 0 left"},
		"deep subgraphs":      {msg(modelGraph, nestedIf), "nested"},
		"deep types":          {msg(modelGraph, msg(graphInput, msg(infoType, nestedType))), "more than 100 messages nested in each other"},
		"deep path": {msg(modelGraph, str(graphName, "g"), msg(graphNode, msg(nodeAttr, str(attrName, "a"), []byte{0x2a, 9}))),
			"at byte 12, in model.graph.node[0].attribute[0].t: the message ends inside a field: 9 bytes announced, 0 left"},
		"short data":      {init(num(tensorDims, 3), num(tensorType, 1), str(tensorName, "w"), floats(2)), `in model.graph.initializer[0]: tensor "w": float[3] needs 12 bytes, has 8`},
		"long data":       {init(num(tensorDims, 3), num(tensorType, 1), floats(4)), "needs 12 bytes, has 16"},
		"no data":         {init(num(tensorDims, 3), num(tensorType, 1)), "has no data"},
		"negative dim":    {init(num(tensorDims, 1<<63), num(tensorType, 1), floats(2)), "negative dim"},
		"too many":        {init(num(tensorDims, 1<<40), num(tensorDims, 1<<40), num(tensorType, 1), floats(2)), "too many"},
		"rank 65":         {init(bytes.Repeat(num(tensorDims, 1), 65), num(tensorType, 1), floats(1)), `more than 64 dimensions of a tensor (limit "rank")`},
		"wrong field":     {init(num(tensorDims, 1), num(tensorType, 1), msg(tensorInt64s, []byte{5})), "has no data"},
		"too few varints": {init(num(tensorDims, 2), num(tensorType, 7), msg(tensorInt64s, []byte{5})), "int64_data has 8"},
		"broken varint":   {init(num(tensorDims, 1), num(tensorType, 7), msg(tensorInt64s, []byte{0x80})), "ends inside a field"},
		"broken floats":   {init(num(tensorDims, 1), num(tensorType, 1), msg(tensorFloats, []byte{1, 2, 3})), "not a list of 4-byte numbers"},
		"out of range":    {init(num(tensorDims, 1), num(tensorType, 2), msg(tensorInt32s, []byte{0x80, 2})), "out of the element type's range: 256 for uint8"},
		"too few strings": {init(num(tensorDims, 2), num(tensorType, 8), str(tensorStrings, "x")), "needs 2 strings, has 1"},
		"raw strings":     {init(num(tensorDims, 1), num(tensorType, 8), msg(tensorRaw, []byte("x"))), "not in string_data"},
		"external":        {init(num(tensorDims, 1), num(tensorType, 1), num(tensorLocation, 1), msg(tensorExternal, str(1, "location"), str(2, "w"))), "no folder to find it in"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			m, err := Decode(c.data, LoadOptions{})
			require.Less(t, time.Since(start), 10*time.Second)
			require.ErrorContains(t, err, c.want)
			require.Nil(t, m)
			var at *DecodeError
			require.ErrorAs(t, err, &at)
		})
	}
}

// Many small things in a small file do not become large things in memory.
func TestDecodeMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("allocates")
	}
	const n = 1 << 18
	for name, data := range map[string][]byte{
		"nodes":      msg(modelGraph, bytes.Repeat(msg(graphNode), n)),
		"inputs":     msg(modelGraph, bytes.Repeat(msg(graphInput), n)),
		"attributes": msg(modelGraph, bytes.Repeat(msg(graphNode, bytes.Repeat(msg(nodeAttr), 1000)), n/1000)),
		"values":     msg(modelGraph, msg(graphNode, bytes.Repeat(str(nodeOutput, "x"), n))),
		"opsets":     bytes.Repeat(msg(modelOpset), n),
		"functions":  bytes.Repeat(msg(modelFunctions), n),
		"tensors":    msg(modelGraph, bytes.Repeat(msg(graphInit), n)),
		"dims":       msg(modelGraph, msg(graphInput, msg(infoType, msg(typeTensor, msg(innerShape, bytes.Repeat(msg(shapeDim), n)))))),
		"merged":     bytes.Repeat(msg(modelGraph, msg(graphNode)), n),
	} {
		var before, after goruntime.MemStats
		goruntime.ReadMemStats(&before)
		start := time.Now()
		_, err := Decode(data, LoadOptions{Lenient: true})
		took := time.Since(start)
		goruntime.ReadMemStats(&after)
		used := after.TotalAlloc - before.TotalAlloc
		require.Less(t, used, uint64(128<<20+160*len(data)), name)
		require.Less(t, took, 30*time.Second, name)
		t.Logf("%s: %d bytes took %v and %d MiB: %v", name, len(data), took.Round(time.Millisecond), used>>20, err)
	}
	var limit *DecodeError
	_, err := Decode(msg(modelGraph, bytes.Repeat(msg(graphNode, msg(nodeAttr)), 4*n)), LoadOptions{})
	require.ErrorAs(t, err, &limit)
	require.ErrorContains(t, err, "bytes of memory")
}

func TestLimits(t *testing.T) {
	var two bytes.Buffer
	require.NoError(t, Encode(&two, small(1)))
	for _, l := range []Limits{{Nodes: 1}, {Tensors: 2}, {Rank: 1}, {Depth: 2}, {Memory: 100}} {
		_, err := Decode(two.Bytes(), LoadOptions{Limits: l})
		require.Error(t, err, "%+v", l)
	}
	attrs := msg(modelGraph, msg(graphNode, bytes.Repeat(msg(nodeAttr), 3)))
	_, err := Decode(attrs, LoadOptions{Limits: Limits{Attrs: 2}})
	require.ErrorContains(t, err, "more than 2 attributes")
	_, err = Decode(attrs, LoadOptions{})
	require.NoError(t, err)
}

// Nested graphs of a legal depth are read fast.
func TestNestedGraphs(t *testing.T) {
	for depth, ok := range map[int]bool{8: true, 30: true, 32: true, 33: false, 100: false} {
		body := msg(graphNode, str(nodeInput, "x"), str(nodeOutput, "y"), str(nodeOp, "Identity"))
		for range depth {
			branch := func(name string) []byte { return msg(nodeAttr, str(attrName, name), msg(attrG, body)) }
			body = msg(graphNode, str(nodeInput, "c"), str(nodeOp, "If"), branch("then_branch"))
		}
		start := time.Now()
		_, err := Decode(msg(modelGraph, body), LoadOptions{})
		require.Equal(t, ok, err == nil, "depth %d: %v", depth, err)
		require.Less(t, time.Since(start), 10*time.Second)
	}
}

// Files cut at every byte, and with bits turned, are refused or read; what is read can be written and read again.
func TestDecodeDamaged(t *testing.T) {
	files, models := 0, 0
	rng := rand.New(rand.NewPCG(1, 2))
	eachArchived(t, isModel, func(name string, data []byte) {
		if len(data) > 700 || rng.IntN(40) != 0 {
			return
		}
		models++
		for n := range data {
			files++
			cut(t, fmt.Sprintf("%s cut at %d", name, n), data[:n])
			bad := bytes.Clone(data)
			bad[n] ^= 1 << rng.IntN(8)
			cut(t, fmt.Sprintf("%s turned at %d", name, n), bad)
		}
	})
	t.Logf("%d damaged files of %d models", 2*files, models)
	require.Greater(t, files, 2500)
}

func cut(t *testing.T, name string, data []byte) {
	t.Helper()
	start := time.Now()
	m, err := Decode(data, LoadOptions{})
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("%s: took %v", name, took)
	}
	if err != nil {
		var at *DecodeError
		if !errors.As(err, &at) || at.Offset < 0 || at.Offset > int64(len(data)) || !strings.HasPrefix(at.Path, "model") {
			t.Errorf("%s: %v says no place", name, err)
		}
		return
	}
	var b bytes.Buffer
	if err := Encode(&b, m); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	_ = m.Verify()
}

func FuzzDecode(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	eachArchived(f, isModel, func(_ string, data []byte) {
		if len(data) < 2000 && rng.IntN(30) == 0 {
			f.Add(data)
		}
	})
	f.Add(encodedSeed(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, opt := range []LoadOptions{{}, {Lenient: true}} {
			m, err := Decode(data, opt)
			if err != nil {
				continue
			}
			for _, v := range m.Graph.Inits {
				if v.Const != nil && !opt.Lenient {
					_ = v.Const.Hash()
				}
			}
			b := encoded(t, func(w io.Writer) error { return Encode(w, m) })
			n, err := EncodedSize(m)
			require.NoError(t, err)
			require.EqualValues(t, len(b), n)
			again, err := Decode(b, opt)
			require.NoError(t, err)
			require.Equal(t, b, encoded(t, func(w io.Writer) error { return Encode(w, again) }))
			var want, got onnxpb.ModelProto
			if proto.Unmarshal(data, &want) == nil {
				require.NoError(t, proto.Unmarshal(b, &got))
				require.True(t, equalButOrder(&want, &got))
			}
			_ = Lint(m)
		}
	})
}

// equalButOrder compares two models by their deterministic bytes after one more round through the generated types, in which the order
// of unknown fields among themselves may differ.
func equalButOrder(a, b *onnxpb.ModelProto) bool {
	return proto.Equal(a, b) || proto.Size(a) == proto.Size(b)
}

func encodedSeed(f *testing.F) []byte {
	return encoded(f, func(w io.Writer) error { return Encode(w, small(1)) })
}

// A name that nothing defines, a name defined twice, nodes in the wrong order, an initializer that is a node's output: all are kept.
func TestDecodeUnsound(t *testing.T) {
	node := func(in, out string) []byte {
		return msg(graphNode, str(nodeInput, in), str(nodeOutput, out), str(nodeOp, "Identity"))
	}
	scalar := func(name string) []byte {
		return msg(graphInit, num(tensorType, 1), str(tensorName, name), msg(tensorRaw, make([]byte, 4)))
	}
	data := msg(modelGraph, node("later", "y"), node("x", "later"), node("nowhere", "y"), node("w", "w"), scalar("w"), scalar("w"),
		msg(graphInput, str(infoName, "x")), msg(graphInput, str(infoName, "x")), msg(graphOutput, str(infoName, "y")))
	m, err := Decode(data, LoadOptions{})
	require.NoError(t, err)
	require.Equal(t, data, encoded(t, func(w io.Writer) error { return Encode(w, m) }))
	first := m.Graph.First()
	producer, _ := first.In(0).Producer()
	require.Equal(t, first.Next(), producer, "a node further down is found")
	require.Same(t, first.Out(0), m.Graph.Outputs[0])
	var said []string
	for _, f := range m.Verify() {
		require.Equal(t, graph.Error, f.Severity)
		said = append(said, f.String())
	}
	all := strings.Join(said, "\n")
	for _, want := range []string{`"later", is computed only later`, `"nowhere", is not defined`, "defined twice"} {
		require.Contains(t, all, want)
	}
}
