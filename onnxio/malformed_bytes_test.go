package onnxio

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio/internal/onnxpb"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// soundModels is 30 small sound models of our own, and as many of the reference models where they are present.
func soundModels(t *testing.T) [][]byte {
	t.Helper()
	var list [][]byte
	rng := rand.New(rand.NewPCG(5, 6))
	for len(list) < 24 {
		choices := make([]byte, 2+len(list)/6)
		for i := range choices {
			choices[i] = byte(rng.IntN(256))
		}
		m := testmodels.Chance(choices)
		list = append(list, encoded(t, func(w io.Writer) error { return Encode(w, m) }))
	}
	variants := testmodels.BlockVariants()
	for i := range 6 {
		m, err := testmodels.BlockCall(variants[i*len(variants)/6], 13)
		require.NoError(t, err)
		for _, v := range m.Graph.Inits {
			if v.ConstBytes() > 64 {
				v.Const.Meta, v.Const = nil, v.Const.Clone()
			}
		}
		list = append(list, encoded(t, func(w io.Writer) error { return Encode(w, m) }))
	}
	for _, data := range testmodels.SmallModels(30) {
		m, err := Decode(data, LoadOptions{})
		require.NoError(t, err)
		if graph.Err(m.Verify()) == nil && graph.Err(op.Check(m)) == nil {
			list = append(list, data)
		}
	}
	return list
}

// wireField is one field of a message, at any depth of a file.
type wireField struct {
	tag, value, end int // offsets: of the tag, of what is behind it (and behind the length, where it has one), of what follows
	num             protowire.Number
	wire            protowire.Type
	bytes           bool // a string or bytes, whose length the format itself does not bound
}

// eachField visits the fields of a message and of the messages in it, the outer ones first.
func eachField(data []byte, base int, md protoreflect.MessageDescriptor, visit func(wireField)) {
	for at := 0; at < len(data); {
		num, wire, n := protowire.ConsumeTag(data[at:])
		if n < 0 {
			panic(protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(num, wire, data[at+n:])
		f := wireField{tag: base + at, value: base + at + n, end: base + at + n + size, num: num, wire: wire}
		fd := md.Fields().ByNumber(num)
		if wire == protowire.BytesType {
			body, _ := protowire.ConsumeBytes(data[at+n:])
			f.value = f.end - len(body)
			f.bytes = fd == nil || fd.Message() == nil
			visit(f)
			if !f.bytes {
				eachField(body, f.value, fd.Message(), visit)
			}
		} else {
			visit(f)
		}
		at += n + size
	}
}

func fieldsOf(data []byte) (list []wireField) {
	eachField(data, 0, (&onnxpb.ModelProto{}).ProtoReflect().Descriptor(), func(f wireField) { list = append(list, f) })
	return list
}

// TestMalformedBytes damages files of small models: cut at every border of a field, bits turned, wrong wire types, lengths that are too
// long or too large to be. Each is refused, or is a sound model, within the limits of time and memory.
func TestMalformedBytes(t *testing.T) {
	c := newMalformed(t)
	rng := rand.New(rand.NewPCG(7, 8))
	for i, data := range soundModels(t) {
		name := func(f wireField) string { return fmt.Sprintf("model %d, field %d at byte %d", i, f.num, f.tag) }
		require.Empty(t, c.file("whole", fmt.Sprint("model ", i), data))
		at := map[int]bool{}
		for k, f := range fieldsOf(data) {
			for _, n := range []int{f.tag, f.value, f.end} {
				if n < len(data) && !at[n] {
					at[n] = true
					c.file("cut", name(f), data[:n])
				}
			}
			if k%4 != i%4 { // one field in four is damaged
				continue
			}
			bad := bytes.Clone(data)
			bad[f.tag] = bad[f.tag]&^7 | byte(f.wire+1+protowire.Type(rng.IntN(7)))&7
			c.file("wire type", name(f), bad)
			bad = bytes.Clone(data)
			bad[f.tag+rng.IntN(f.end-f.tag)] ^= 1 << rng.IntN(8)
			c.file("bit", name(f), bad)
			if f.wire != protowire.BytesType {
				continue
			}
			for _, n := range []uint64{uint64(len(data)), 1<<31 - 1, 1<<64 - 1}[k/4%3:] {
				c.must("length", name(f), slices.Concat(data[:f.tag+1], protowire.AppendVarint(nil, n), data[f.value:]))
			}
			bad = bytes.Clone(data)
			bad[f.value-1]++
			c.file("length and one", name(f), bad)
			bad = bytes.Clone(data)
			bad[f.value-1]--
			c.file("length less one", name(f), bad)
		}
	}
	c.log()
	require.GreaterOrEqual(t, sum(c.refused), 5000)
}
