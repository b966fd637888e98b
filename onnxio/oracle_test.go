package onnxio

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio/internal/onnxpb"
)

// sameFields fails unless both byte strings decode, by the generated types, to the same message, unknown fields included.
func sameFields(t testing.TB, name string, want, got []byte) {
	t.Helper()
	var a, b onnxpb.ModelProto
	require.NoError(t, proto.Unmarshal(want, &a), name)
	require.NoError(t, proto.Unmarshal(got, &b), name)
	if !proto.Equal(&a, &b) {
		t.Errorf("%s: differs after decoding and encoding", name)
	}
}

// roundTrip encodes m and compares with data, which it was read from. It reports whether the bytes are equal, too.
func roundTrip(t testing.TB, name string, data []byte, m *graph.Model) bool {
	t.Helper()
	got := encoded(t, func(w io.Writer) error { return Encode(w, m) })
	n, err := EncodedSize(m)
	require.NoError(t, err)
	require.EqualValues(t, len(got), n, name)
	if bytes.Equal(data, got) {
		return true
	}
	sameFields(t, name, data, got)
	return false
}

func TestRoundTripShared(t *testing.T) {
	equal, all := 0, 0
	for _, path := range sharedModels(t) {
		m, err := Load(path, LoadOptions{Lenient: true})
		require.NoError(t, err, path)
		data := readFile(t, path)
		all++
		if roundTrip(t, path, data, m) {
			equal++
			sameFields(t, path, data, data)
		}
		require.NoError(t, m.Close())
	}
	t.Logf("%d models, %d written with the same bytes", all, equal)
}

func TestRoundTripConformance(t *testing.T) {
	equal, all := 0, 0
	eachArchived(t, isModel, func(name string, data []byte) {
		all++
		m, err := Decode(data, LoadOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if roundTrip(t, name, data, m) {
			equal++
		}
	})
	t.Logf("%d models, %d written with the same bytes", all, equal)
	require.Greater(t, all, 3000)
}
