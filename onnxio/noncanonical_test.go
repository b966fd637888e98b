package onnxio

import (
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio/internal/onnxpb"
)

// scrambler writes a message in another legal way: fields in any order, numbers with needless bytes, lists packed or not, single
// messages in two parts.
type scrambler struct{ *rand.Rand }

func (r scrambler) message(md protoreflect.MessageDescriptor, b []byte) []byte {
	var order []protowire.Number
	fields := map[protowire.Number][][]byte{}
	packed := map[protowire.Number][]byte{}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		k := protowire.ConsumeFieldValue(num, typ, b[n:])
		value, whole := b[n:n+k], b[:n+k]
		b = b[n+k:]
		if fields[num] == nil {
			order = append(order, num)
		}
		fd := md.Fields().ByNumber(num)
		switch {
		case fd == nil:
			order = append(order, num) // unknown fields stay in order among themselves: one bucket
			fields[0] = append(fields[0], whole)
			continue
		case fd.Message() != nil:
			body, _ := protowire.ConsumeBytes(value)
			for _, part := range r.split(fd, r.message(fd.Message(), body)) {
				fields[num] = append(fields[num], r.bytes(num, part))
			}
		case typ == protowire.BytesType && fd.IsList() && fd.Kind() != protoreflect.StringKind && fd.Kind() != protoreflect.BytesKind:
			body, _ := protowire.ConsumeBytes(value)
			fields[num] = append(fields[num], r.unpack(num, fd, body)...)
		case typ == protowire.VarintType && fd.IsList() && r.IntN(2) == 0:
			packed[num] = append(packed[num], value...)
			fields[num] = append(fields[num], nil)
		case typ == protowire.VarintType:
			u, _ := protowire.ConsumeVarint(value)
			fields[num] = append(fields[num], append(r.tag(num, typ), r.varint(u)...))
		default:
			fields[num] = append(fields[num], whole)
		}
	}
	for num := range packed { // all or nothing, to keep the order of the elements
		all := true
		for _, f := range fields[num] {
			all = all && f == nil
		}
		if all {
			fields[num] = [][]byte{r.bytes(num, packed[num])}
			continue
		}
		rest := packed[num]
		for k, f := range fields[num] {
			if f == nil {
				u, n := protowire.ConsumeVarint(rest)
				rest = rest[n:]
				fields[num][k] = append(r.tag(num, protowire.VarintType), r.varint(u)...)
			}
		}
	}
	if fields[0] != nil {
		order = append(order, 0)
	}
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	var out []byte
	done := map[protowire.Number]bool{}
	for _, num := range order {
		if !done[num] {
			done[num] = true
			for _, f := range fields[num] {
				out = append(out, f...)
			}
		}
	}
	return out
}

func (r scrambler) split(fd protoreflect.FieldDescriptor, body []byte) [][]byte {
	if fd.IsList() || r.IntN(3) != 0 {
		return [][]byte{body}
	}
	at := 0
	for at < len(body) && r.IntN(3) != 0 {
		_, _, n := protowire.ConsumeField(body[at:])
		at += n
	}
	return [][]byte{body[:at], body[at:]}
}

func (r scrambler) unpack(num protowire.Number, fd protoreflect.FieldDescriptor, b []byte) [][]byte {
	typ := protowire.VarintType
	switch fd.Kind() {
	case protoreflect.FloatKind:
		typ = protowire.Fixed32Type
	case protoreflect.DoubleKind:
		typ = protowire.Fixed64Type
	}
	if r.IntN(2) == 0 {
		return [][]byte{r.bytes(num, b)}
	}
	var out [][]byte
	for len(b) > 0 {
		n := protowire.ConsumeFieldValue(num, typ, b)
		out = append(out, append(r.tag(num, typ), b[:n]...))
		b = b[n:]
	}
	return out
}

func (r scrambler) tag(num protowire.Number, typ protowire.Type) []byte {
	return r.varint(protowire.EncodeTag(num, typ))
}

func (r scrambler) bytes(num protowire.Number, b []byte) []byte {
	return append(append(r.tag(num, protowire.BytesType), r.varint(uint64(len(b)))...), b...)
}

// varint is u, sometimes with a needless byte.
func (r scrambler) varint(u uint64) []byte {
	b := protowire.AppendVarint(nil, u)
	if len(b) < 4 && r.IntN(4) == 0 {
		b[len(b)-1] |= 0x80
		b = append(b, 0)
	}
	return b
}

func TestRoundTripNonCanonical(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	md := (&onnxpb.ModelProto{}).ProtoReflect().Descriptor()
	n, changed := 0, 0
	one := func(name string, data []byte) {
		odd := scrambler{rng}.message(md, data)
		var want, same, got onnxpb.ModelProto
		require.NoError(t, proto.Unmarshal(data, &same), name)
		require.NoError(t, proto.Unmarshal(odd, &want), name)
		m, err := Decode(odd, LoadOptions{Lenient: true})
		require.NoError(t, err, name)
		b := encoded(t, func(w io.Writer) error { return Encode(w, m) })
		require.NoError(t, proto.Unmarshal(b, &got), name)
		if !proto.Equal(&want, &got) {
			t.Fatalf("%s: %s", name, differ(want.ProtoReflect(), got.ProtoReflect(), "model"))
		}
		n++
		if string(odd) != string(data) {
			changed++
		}
	}
	eachArchived(t, isModel, func(name string, data []byte) {
		if len(data) < 20_000 && rng.IntN(5) == 0 {
			one(name, data)
		}
	})
	for seed := range 60 {
		r := &filler{Rand: rand.New(rand.NewPCG(uint64(seed), 9)), covered: map[protoreflect.FullName]bool{}, explicit: map[protoreflect.FullName]bool{}}
		var m onnxpb.ModelProto
		r.fill(m.ProtoReflect(), 0)
		if m.Graph != nil {
			data, err := proto.Marshal(&m)
			require.NoError(t, err)
			one("generated", data)
		}
	}
	t.Logf("%d models, %d of them in other bytes", n, changed)
	require.Greater(t, changed, 400)
}
