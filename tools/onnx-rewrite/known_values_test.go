package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes/opset"
)

// knownPayloads are tensors whose values do not fit their type and shape.
var knownPayloads = []knownCase{
	{"CVE-2024-27319", "values that end before the shape does are read beyond their end (GHSA-h8wv-9h96-m4hr)", func(t *testing.T) {
		refusesTensor(t, "needs 4194304 bytes, has 4", pbTensor(1, []uint64{1 << 20}, pb(pbRaw, make([]byte, 4))))
		refusesTensor(t, "needs", pbTensor(1, []uint64{1 << 20}, pb(pbFloats, make([]byte, 4))))
		refusesTensor(t, "needs 3 strings, has 1", pbTensor(8, []uint64{3}, pbStr(6, "x")))
	}},
	{"onnx#8032", "raw_data that is no whole number of elements", func(t *testing.T) {
		for _, elem := range []uint64{1, 6, 7, 11, 13} {
			refusesTensor(t, "needs", pbTensor(elem, []uint64{1}, pb(pbRaw, make([]byte, 13))))
			refusesTensor(t, "needs", pbTensor(elem, []uint64{2}, pb(pbRaw, make([]byte, 13))))
		}
	}},
	{"onnx#8109", "the same through the conversion of Upsample from 9 to 8", func(t *testing.T) {
		refusesTensor(t, "needs 16 bytes, has 15", pbTensor(1, []uint64{4}, pb(pbRaw, make([]byte, 15))))
		m := parsedModel(t, `<ir_version: 4, opset_import: ["" : 9]> g (float[1,1,2,2] x) => (float[1,1,4,4] y) <float[3] s = {1, 1, 2}> { y = Upsample (x, s) }`)
		require.NotEmpty(t, graph.Err(op.Check(m)), "three scales for four dimensions")
		_, _, err := opset.Convert(m, 8, opset.Options{})
		_ = err // refused or still wrong; nothing is read that is not there
		m = parsedModel(t, `<ir_version: 4, opset_import: ["" : 9]> g (float[1,1,2,2] x) => (float[1,1,4,4] y) <float[4] s = {1, 1, 2, 2}> { y = Upsample (x, s) }`)
		_, _, err = opset.Convert(m, 8, opset.Options{})
		require.NoError(t, err)
	}},
	{"onnx#8033", "a shape of 700 million 4-bit and 2-bit elements over one byte", func(t *testing.T) {
		for _, elem := range []uint64{21, 22, 23, 25, 26} {
			refusesTensor(t, "needs", pbTensor(elem, []uint64{700_000_000}, pb(pbRaw, []byte{0})))
			refusesTensor(t, "", pbTensor(elem, []uint64{700_000_000}, pb(pbInts32, []byte{0})))
		}
	}},
	{"onnx#8038", "a checker that counts packed values wrong, or not at all (onnx#8211)", func(t *testing.T) {
		for _, elem := range []uint64{2, 3, 4, 5, 9, 10, 16, 17, 18, 19, 20} { // one number for each element
			refusesTensor(t, "", pbTensor(elem, []uint64{32}, pb(pbInts32, make([]byte, 4))))
			refusesTensor(t, "", pbTensor(elem, []uint64{32}, pb(pbInts32, make([]byte, 33))))
		}
		for _, elem := range []uint64{21, 22, 23} { // two elements in a number
			refusesTensor(t, "", pbTensor(elem, []uint64{32}, pb(pbInts32, make([]byte, 15))))
			refusesTensor(t, "", pbTensor(elem, []uint64{32}, pb(pbInts32, make([]byte, 32))))
		}
	}},
	{"onnx#8318", "bytes that are no values are taken", func(t *testing.T) {
		refusesTensor(t, "range", pbTensor(2, []uint64{1}, pb(pbInts32, []byte{0x80, 2})))                // 256 as uint8
		refusesTensor(t, "range", pbTensor(3, []uint64{1}, pbNum(pbInts32, 256)))                         // 256 as int8
		refusesTensor(t, "range", pbTensor(10, []uint64{1}, pbNum(pbInts32, 1<<16)))                      // 17 bits as float16
		refusesTensor(t, "range", pbTensor(22, []uint64{2}, pbNum(pbInts32, 1<<8)))                       // 9 bits as two int4
		refusesTensor(t, "not a list of 4-byte", pbTensor(1, []uint64{1}, pb(pbFloats, make([]byte, 3)))) // a part of a float
		refusesTensor(t, "ends inside a field", pbTensor(7, []uint64{1}, pb(pbInts64, []byte{0x80})))     // a part of a number
		refusesTensor(t, "no data", pbTensor(1, []uint64{1}, pb(pbInts64, []byte{1})))                    // the field of another type
		path := knownFile(t, t.TempDir(), pbPlaces["initializer"](pbTensor(1, []uint64{1}, pb(pbRaw, make([]byte, 4)), pb(pbFloats, make([]byte, 4)))))
		require.Contains(t, do(t, exitFailed, "check", path).out, "besides the ones that count") // two fields with values
		data := pbPlaces["initializer"](pbTensor(1, []uint64{1}, pb(pbRaw, make([]byte, 4))))
		refuses(t, knownFile(t, t.TempDir(), append(data, 0, 0)), "not a field tag") // bytes behind the model
	}},
	{"onnx-go#184", "a tensor without elements is an index out of range (onnx-go#208, onnx-go#209)", func(t *testing.T) {
		for _, x := range [][]byte{pbTensor(1, []uint64{0}), pbTensor(1, []uint64{0, 4}, pb(pbRaw)), pbTensor(7, []uint64{0}, pb(pbInts64))} {
			m, err := onnxio.Load(knownFile(t, t.TempDir(), pbPlaces["initializer"](x)), onnxio.LoadOptions{})
			require.NoError(t, err)
			require.Zero(t, m.Graph.Inits[0].Const.Len())
			require.NoError(t, m.Close())
		}
		refusesTensor(t, "no data", pbTensor(1, nil))
	}},
	{"onnx-go#193", "a dimension of -1 is a panic", func(t *testing.T) {
		refusesTensor(t, "negative dim", pbTensor(1, []uint64{math.MaxUint64, 4}, pb(pbRaw, make([]byte, 16))))
		text := `g (float[-1,3] x) => (float[-1,3] y) { y = Relu (x) }`
		findings(t, text)
		require.Empty(t, failsToRun(t, text, tensor.Zeros(tensor.Float32, 2, 3)), "it fits any size, as exporters mean it")
	}},
}

// knownOverflows are sizes whose products and sums do not fit.
var knownOverflows = []knownCase{
	{"onnx#7822", "the product of dimensions wraps around (onnx#7580)", func(t *testing.T) {
		refusesTensor(t, "elements", pbTensor(1, []uint64{1 << 32, 1 << 32}, pb(pbRaw)))
		refusesTensor(t, "elements", pbTensor(1, []uint64{1 << 32, 1 << 32, 0}, pb(pbRaw)))
		refusesTensor(t, "elements", pbTensor(11, []uint64{1 << 61}, pb(pbRaw)))
		refusesTensor(t, "negative dim", pbTensor(1, []uint64{1 << 63, 2}, pb(pbRaw)))
		refusesTensor(t, "negative dim", pbTensor(1, []uint64{math.MaxUint64, math.MaxUint64}, pb(pbRaw, make([]byte, 4))))
	}},
	{"onnx#8031", "sums of lengths and arithmetic on contents wrap around", func(t *testing.T) {
		require.NotContains(t, findings(t, `g (float[9223372036854775807,2] x) => (float[a,2] y) { y = Concat <axis = 0> (x, x) }`), "internal error")
		for _, name := range []string{"Add", "Sub", "Mul"} {
			for _, value := range []string{"9223372036854775807", "-9223372036854775808"} {
				text := `g (float[N] x) => (float[a] y) <int64[1] c = {` + value + `}> { s = ` + name + ` (c, c)  t = ` + name + ` (s, c)  y = Expand (x, t) }`
				m := parsedModel(t, `<ir_version: 9, opset_import: ["" : 18]> `+text)
				findings(t, text)
				out := m.Graph.Outputs[0].Type
				for _, d := range out.Shape.Dims {
					n, ok := d.Value()
					require.True(t, !ok || n >= 0, "%s of %s twice is %s", name, value, out)
				}
			}
		}
	}},
	{"onnx#8277", "windows, dilations and blocks of any size; the least integer by -1", func(t *testing.T) {
		for _, attrs := range []string{
			"kernel_shape = [9223372036854775807, 2]", "kernel_shape = [2, 2], dilations = [9223372036854775807, 9223372036854775807]",
			"kernel_shape = [2, 2], strides = [0, 0]", "kernel_shape = [2, 2], strides = [-1, -9223372036854775808]",
			"kernel_shape = [2, 2], pads = [9223372036854775807, 9223372036854775807, 9223372036854775807, 9223372036854775807]",
			"kernel_shape = [2, 2], pads = [-9223372036854775808, 0, 0, 0]",
		} {
			for _, name := range []string{"MaxPool", "AveragePool", "LpPool"} {
				require.NotEmpty(t, failsToRun(t, `g (float[1,1,4,4] x) => (y) { y = `+name+` <`+attrs+`> (x) }`, tensor.Zeros(tensor.Float32, 1, 1, 4, 4)), attrs)
			}
			failsToRun(t, `g (float[1,1,4,4] x, float[1,1,2,2] w) => (y) { y = Conv <`+attrs+`> (x, w) }`, tensor.Zeros(tensor.Float32, 1, 1, 4, 4), tensor.Zeros(tensor.Float32, 1, 1, 2, 2))
			failsToRun(t, `g (float[1,1,4,4] x, float[1,1,2,2] w) => (y) { y = ConvTranspose <`+attrs+`> (x, w) }`, tensor.Zeros(tensor.Float32, 1, 1, 4, 4), tensor.Zeros(tensor.Float32, 1, 1, 2, 2))
		}
		for _, size := range []string{"0", "-1", "9223372036854775807", "-9223372036854775808"} {
			for _, name := range []string{"SpaceToDepth", "DepthToSpace"} {
				require.NotEmpty(t, failsToRun(t, `g (float[1,4,4,4] x) => (y) { y = `+name+` <blocksize = `+size+`> (x) }`, tensor.Zeros(tensor.Float32, 1, 4, 4, 4)), size)
			}
		}
		text := `g (int64[2] x) => (int64[2] y) <int64[1] m = {-1}> { y = Div (x, m) }`
		require.Empty(t, failsToRun(t, text, tensor.Of([]int64{math.MinInt64, 7}, 2)), "the quotient wraps; nothing crashes")
	}},
	{"onnx#8319", "results of any size from a few bytes", func(t *testing.T) {
		const most = "9223372036854775807"
		for _, body := range []string{
			`<int64[2] s = {` + most + `, ` + most + `}> { y = Expand (x, s) }`, `<int64[1] s = {` + most + `}> { y = Tile (x, s) }`,
			`<int64[2] s = {4611686018427387904, 4}> { y = ConstantOfShape (s) }`, `<int64[2] s = {` + most + `, ` + most + `}> { y = Pad (x, s) }`,
			`<int64 a = {-` + most + `}, int64 b = {` + most + `}, int64 c = {1}> { y = Range (a, b, c) }`,
			`<int64 a = {0}, int64 b = {` + most + `}, int64 c = {0}> { y = Range (a, b, c) }`,
			`<float[1] s = {1e38}> { y = Resize (x, "", s) }`, `<int64[2] s = {4611686018427387904, 4}> { y = Reshape (x, s) }`,
			`<int64 d = {` + most + `}, float[2] v = {0, 1}, int64[1] i = {0}> { y = OneHot (i, d, v) }`,
		} {
			require.NotEmpty(t, failsToRun(t, `g (float[1] x) => (y) `+body, tensor.Zeros(tensor.Float32, 1)), body)
		}
	}},
}
