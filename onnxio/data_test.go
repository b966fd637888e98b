package onnxio

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio/internal/onnxpb"
)

// Every recorded input and output of the conformance suite reads as the kind its model says, and gives the same message again.
func TestConformanceData(t *testing.T) {
	models := map[string]*graph.Model{}
	eachArchived(t, isModel, func(name string, data []byte) {
		m, err := Decode(data, LoadOptions{})
		require.NoError(t, err)
		models[filepath.Dir(name)] = m
	})
	n, kinds := 0, map[graph.Kind]int{}
	eachArchived(t, func(name string) bool { return strings.HasSuffix(name, ".pb") }, func(name string, data []byte) {
		m := models[filepath.Dir(filepath.Dir(name))]
		require.NotNil(t, m, name)
		var list []*graph.Value
		for _, v := range m.Graph.Inputs {
			if v.Const == nil {
				list = append(list, v)
			}
		}
		base, output := strings.CutPrefix(filepath.Base(name), "output_")
		if output {
			list = m.Graph.Outputs
		}
		index := strings.TrimSuffix(strings.TrimPrefix(base, "input_"), ".pb")
		k := 0
		for _, c := range index {
			k = 10*k + int(c-'0')
		}
		if k >= len(list) {
			return
		}
		kind := list[k].Type.Kind
		x, err := DecodeData(data, kind)
		require.NoError(t, err, name)
		b, err := EncodeData(x)
		require.NoError(t, err, name)
		if !bytes.Equal(data, b) {
			want, got := newMessage(kind), newMessage(kind)
			require.NoError(t, proto.Unmarshal(data, want), name)
			require.NoError(t, proto.Unmarshal(b, got), name)
			if o, ok := want.(*onnxpb.OptionalProto); ok && o.GetElemType() == 0 {
				o.ElemType = nil // stated to be undefined, which is the same as not stated
			}
			require.True(t, proto.Equal(want, got), name)
		}
		n++
		kinds[kind]++
	})
	t.Logf("%d values: %v", n, kinds)
	require.Greater(t, n, 5000)
	require.Greater(t, kinds[graph.KindSequence], 10)
	require.Greater(t, kinds[graph.KindOptional], 2)
}

func TestMapData(t *testing.T) {
	value := func(f float32) *Data { return &Data{Kind: graph.KindTensor, Tensor: tensor.Scalar(f)} }
	strs, err := tensor.FromStrings([]int64{2}, [][]byte{[]byte("a"), []byte("")})
	require.NoError(t, err)
	for _, keys := range []*tensor.Tensor{strs, tensor.Of([]int64{5, -5}, 2), tensor.Of([]uint8{5, 255}, 2), tensor.Of([]int32{5, -7}, 2)} {
		b, err := EncodeData(&Data{Name: "m", Kind: graph.KindMap, Map: &MapData{Keys: keys, Values: []*Data{value(1), value(2)}}})
		require.NoError(t, err)
		x, err := DecodeData(b, graph.KindMap)
		require.NoError(t, err)
		require.Equal(t, "m", x.Name)
		require.Equal(t, keys.Hash(), x.Map.Keys.Hash())
		require.Equal(t, tensor.Scalar(float32(2)).Hash(), x.Map.Values[1].Tensor.Hash())
	}
	bad, err := proto.Marshal(&onnxpb.MapProto{KeyType: proto.Int32(7), Keys: []int64{1, 2, 3}})
	require.NoError(t, err)
	_, err = DecodeData(bad, graph.KindMap)
	require.ErrorContains(t, err, "3 keys and 0 values")
}

func TestTensorFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pb")
	b, err := EncodeTensor(tensor.Of([]int64{1, 2, 3}, 3), "x")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, b, 0o666))
	x, err := LoadTensor(path)
	require.NoError(t, err)
	require.Equal(t, "x", x.Meta.Name)
	require.Equal(t, []int64{1, 2, 3}, tensor.Data[int64](x))
	_, err = DecodeTensor(b[:len(b)-1])
	require.ErrorContains(t, err, "tensor.raw_data")
}

func TestNPY(t *testing.T) {
	strs, err := tensor.FromStrings([]int64{2}, [][]byte{[]byte("größe"), []byte("")})
	require.NoError(t, err)
	half, err := tensor.FromBytes(tensor.Float16, []int64{2}, []byte{0, 0x3c, 0, 0x40})
	require.NoError(t, err)
	all := map[string]*tensor.Tensor{
		"scalar": tensor.Scalar(float32(math.Pi)), "empty": tensor.Of([]int64{}, 0, 3), "bool": tensor.Of([]bool{true, false}, 2),
		"matrix": tensor.Of([]float64{1, 2, 3, 4, 5, 6}, 2, 3), "uint8": tensor.Of([]uint8{1, 255}, 2), "complex": tensor.Of([]complex64{1 + 2i}, 1),
		"strings": strs, "half": half,
	}
	dir := t.TempDir()
	for name, x := range all {
		path := filepath.Join(dir, name+".npy")
		require.NoError(t, WriteNPY(path, x))
		got, err := ReadNPY(path)
		require.NoError(t, err, name)
		require.Equal(t, x.Hash(), got.Hash(), name)
	}
	path := filepath.Join(dir, "all.npz")
	require.NoError(t, WriteNPZ(path, all))
	got, err := ReadNPZ(path)
	require.NoError(t, err)
	require.Len(t, got, len(all))
	for name, x := range all {
		require.Equal(t, x.Hash(), got[name].Hash(), name)
	}
	b, _ := tensor.FromBytes(tensor.BFloat16, []int64{1}, []byte{0, 0})
	require.ErrorContains(t, EncodeNPY(&bytes.Buffer{}, b), "bfloat16")
}

func npy(header string, data string) []byte {
	return []byte(npyMagic + "\x01\x00" + string([]byte{byte(len(header)), byte(len(header) >> 8)}) + header + data)
}

func TestNPYForeign(t *testing.T) {
	b := npy("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }\n", "\x00\x01\x00\x04\x00\x02\x00\x05\x00\x03\x00\x06")
	x, err := DecodeNPY(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	require.Equal(t, []int16{1, 2, 3, 4, 5, 6}, tensor.Data[int16](x))
	for header, message := range map[string]string{
		"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }":                                  "not supported",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }":                     "more bytes than the file has",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }": "too many elements",
		"{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,), }":                     "empty strings",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }":              "shape",
		"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }":                        "plain array",
		"": "plain array",
	} {
		b := npy(header, "1234")
		_, err := DecodeNPY(bytes.NewReader(b), int64(len(b)))
		require.ErrorContains(t, err, message, header)
	}
	_, err = DecodeNPY(strings.NewReader("PK\x03\x04 not numpy"), 15)
	require.ErrorContains(t, err, "not a NumPy")
}

func newMessage(kind graph.Kind) proto.Message {
	switch kind {
	case graph.KindSequence:
		return &onnxpb.SequenceProto{}
	case graph.KindOptional:
		return &onnxpb.OptionalProto{}
	case graph.KindMap:
		return &onnxpb.MapProto{}
	case graph.KindSparseTensor:
		return &onnxpb.SparseTensorProto{}
	}
	return &onnxpb.TensorProto{}
}
