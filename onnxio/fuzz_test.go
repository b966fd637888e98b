package onnxio

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func FuzzDecodeData(f *testing.F) {
	kinds := []graph.Kind{graph.KindTensor, graph.KindSparseTensor, graph.KindSequence, graph.KindMap, graph.KindOptional}
	b, err := EncodeTensor(tensor.Of([]int64{1, 2}, 2), "x")
	require.NoError(f, err)
	f.Add(b, byte(0))
	f.Add(msg(seqTensors, b), byte(2))
	f.Add(append(num(mapKeyType, 7), msg(mapValues)...), byte(3))
	f.Add(msg(optSequence, msg(seqTensors, b)), byte(4))
	f.Fuzz(func(t *testing.T, data []byte, kind byte) {
		x, err := DecodeData(data, kinds[int(kind)%len(kinds)])
		if err != nil {
			return
		}
		b, err := EncodeData(x)
		if err != nil {
			return
		}
		again, err := DecodeData(b, x.Kind)
		require.NoError(t, err)
		c, err := EncodeData(again)
		require.NoError(t, err)
		require.Equal(t, b, c)
	})
}

func FuzzDecodeNPY(f *testing.F) {
	var b bytes.Buffer
	require.NoError(f, EncodeNPY(&b, tensor.Of([]float32{1, 2}, 1, 2)))
	f.Add(b.Bytes())
	f.Add(npy("{'descr': '>U2', 'fortran_order': True, 'shape': (1, 1), }", "\x00\x00\x00a\x00\x00\x00b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := DecodeNPY(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		var b bytes.Buffer
		require.NoError(t, EncodeNPY(&b, x))
		again, err := DecodeNPY(bytes.NewReader(b.Bytes()), int64(b.Len()))
		require.NoError(t, err)
		require.Equal(t, x.Hash(), again.Hash())
	})
}
