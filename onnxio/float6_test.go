package onnxio

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio/internal/onnxpb"
)

// int32_data has a number for every 6-bit element, raw_data packs four into three bytes; both are written back as they came.
func TestSixBitCarriers(t *testing.T) {
	packed := []byte{0xc1, 0x8f, 0x48, 0x24}
	typed := &onnxpb.TensorProto{Dims: []int64{5}, DataType: proto.Int32(27), Int32Data: []int32{1, 63, 8, 18, 36}}
	raw := &onnxpb.TensorProto{Dims: []int64{5}, DataType: proto.Int32(27), RawData: packed}
	for _, p := range []*onnxpb.TensorProto{typed, raw} {
		b, err := proto.Marshal(p)
		require.NoError(t, err)
		x, err := DecodeTensor(b)
		require.NoError(t, err)
		require.Equal(t, tensor.Float6E2M3, x.Elem)
		require.Equal(t, packed, x.Bytes())
		v, err := x.Float64s()
		require.NoError(t, err)
		require.Equal(t, []float64{0.125, -7.5, 1, 2.5, -0.5}, v)
		out, err := EncodeTensor(x, "")
		require.NoError(t, err)
		var back onnxpb.TensorProto
		require.NoError(t, proto.Unmarshal(out, &back))
		require.True(t, proto.Equal(p, &back), "%v", &back)
	}
	for _, c := range []struct {
		p    *onnxpb.TensorProto
		want string
	}{
		{&onnxpb.TensorProto{Dims: []int64{5}, DataType: proto.Int32(28), Int32Data: []int32{1, 2, 3, 4}}, "needs 5 numbers, int32_data has 4"},
		{&onnxpb.TensorProto{Dims: []int64{1}, DataType: proto.Int32(28), Int32Data: []int32{64}}, "out of the element type's range"},
		{&onnxpb.TensorProto{Dims: []int64{1}, DataType: proto.Int32(28), Int32Data: []int32{-1}}, "out of the element type's range"},
		{&onnxpb.TensorProto{Dims: []int64{5}, DataType: proto.Int32(28), RawData: packed[:3]}, "needs 4 bytes, has 3"},
	} {
		b, err := proto.Marshal(c.p)
		require.NoError(t, err)
		_, err = DecodeTensor(b)
		require.ErrorContains(t, err, c.want)
	}
}
