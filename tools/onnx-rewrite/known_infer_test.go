package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/passes/opset"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

func parsedModel(t *testing.T, text string) *graph.Model {
	t.Helper()
	m, err := graph.ParseModel(text, graph.ParseOptions{})
	require.NoError(t, err, text)
	return m
}

// failsToRun infers and runs a model of opset 18 on values for its inputs, and returns the error of the run; "" when there is none. Nothing
// panics.
func failsToRun(t *testing.T, text string, in ...*tensor.Tensor) string {
	t.Helper()
	m := parsedModel(t, `<ir_version: 9, opset_import: ["" : 18]> `+text)
	findings(t, text)
	s, err := runtime.Compile(m, runtime.Options{Threads: 1})
	if err == nil {
		defer s.Close()
		feeds := runtime.Feeds{}
		for i, x := range in {
			feeds[m.Graph.Inputs[i].Name] = x
		}
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		_, err = s.Run(ctx, feeds)
	}
	if err == nil {
		return ""
	}
	require.NotContains(t, err.Error(), "internal error", text)
	return err.Error()
}

// knownInference are nodes on which the shape inference of other tools crashes.
var knownInference = []knownCase{
	{"onnx#6180", "Conv with a scalar for weights", func(t *testing.T) {
		objects(t, "Conv", `<ir_version: 9, opset_import: ["" : 11]> g (float[7,6,1,5] a, float b, float[7,2,3,2,1] c) => (d) { d = Conv <auto_pad = "NOTSET", group = 1> (a, b, c) }`)
	}},
	{"onnx#6185", "Gemm of opset 6 with a scalar and odd flags", func(t *testing.T) {
		objects(t, "Gemm", `<ir_version: 10, opset_import: ["" : 6]> g (double[2,1] a, double b, double[2] c) => (d) { d = Gemm <alpha = 1.0, beta = -693.752, broadcast = -436, transB = 823> (a, b, c) }`)
	}},
	{"onnx#6195", "operators given scalars, vectors and nothing, in every version of each", func(t *testing.T) {
		tried := 0
		for _, k := range op.Keys() {
			for _, version := range op.Versions(k.Domain, k.Name) {
				for _, kind := range []string{"float", "float[0]", "float[1,2,3,4,5,6,7]", "int64[2,2]"} {
					domain := ""
					if k.Domain != "" {
						domain = k.Domain + "."
					}
					for _, args := range []string{"", "x", "x, x, x, x", `"", x, "", x`} {
						m := parsedModel(t, fmt.Sprintf(`<ir_version: 9, opset_import: [%q : %d]> g (%s x) => (y, z) { y, z = %s%s (%s) }`, k.Domain, version, kind, domain, k.Name, args))
						_ = op.Check(m)
						report, err := op.Infer(m, op.InferOptions{})
						require.NoError(t, err)
						for _, s := range report.Stopped {
							require.NotContains(t, s.Reason, "internal error", m.String())
						}
						tried++
					}
				}
			}
		}
		require.Greater(t, tried, 10_000)
	}},
	{"onnx#6981", "Einsum with a scalar where the equation has letters", func(t *testing.T) {
		objects(t, "Einsum", `g (float a, float[2] b) => (c) { c = Einsum <equation = "ij,j->i"> (a, b) }`, `g (float a) => (c) { c = Einsum <equation = "i->i"> (a) }`,
			`g (float[2] a) => (c) { c = Einsum <equation = "i->ii"> (a) }`, `g (float[2] a) => (c) { c = Einsum <equation = "i->ij"> (a) }`)
		for _, equation := range []string{"", "->", ",", "...", "i...j...->", "ij,,->", "i->ii", "1", "i-", "é->é", strings.Repeat("a", 500)} {
			failsToRun(t, fmt.Sprintf(`g (float[2] a) => (c) { c = Einsum <equation = %q> (a) }`, equation), tensor.Zeros(tensor.Float32, 2))
		}
	}},
	{"onnx#7738", "Slice with lists of different lengths, axes beyond the rank, steps of 0", func(t *testing.T) {
		for _, lists := range []string{
			`int64[2] s = {0, 0}, int64[1] e = {1}, int64[1] a = {0}, int64[1] p = {1}`, `int64[1] s = {0}, int64[1] e = {1}, int64[1] a = {7}, int64[1] p = {1}`,
			`int64[1] s = {0}, int64[1] e = {1}, int64[1] a = {-9223372036854775808}, int64[1] p = {1}`, `int64[1] s = {0}, int64[1] e = {1}, int64[1] a = {0}, int64[1] p = {0}`,
			`int64[3] s = {0, 0, 0}, int64[3] e = {1, 1, 1}, int64[3] a = {0, 1, 2}, int64[3] p = {1, 1, 1}`, `int64[2] s = {0, 0}, int64[2] e = {1, 1}, int64[2] a = {0, 0}, int64[2] p = {1, 1}`,
		} {
			text := `g (float[2,3] x) => (y) <` + lists + `> { y = Slice (x, s, e, a, p) }`
			require.NotEmpty(t, failsToRun(t, text, tensor.Zeros(tensor.Float32, 2, 3)), lists)
		}
		failsToRun(t, `g (float[2,3] x, int64[a] s) => (y) { y = Slice (x, s, s) }`, tensor.Zeros(tensor.Float32, 2, 3), tensor.Of([]int64{0, 0, 0, 0}, 4))
	}},
	{"onnx#7879", "RNN, GRU and LSTM of opset 1 to 6 with an input of fewer than three dimensions", func(t *testing.T) {
		for _, name := range []string{"RNN", "GRU", "LSTM"} {
			for _, version := range []int{1, 3, 6, 7, 14} {
				for _, kind := range []string{"float", "float[2]", "float[2,3]", "float[1,2,3,4]"} {
					text := fmt.Sprintf(`<ir_version: 3, opset_import: ["" : %d]> g (%s x, float[1,4,3] w, float[1,4,4] r) => (y) { y = %s <hidden_size = 4> (x, w, r) }`, version, kind, name)
					require.NotEmpty(t, findings(t, text), text)
				}
			}
		}
	}},
	{"onnx#8037", "Conv and pooling with a kernel of another rank than the input (onnxruntime#28734)", func(t *testing.T) {
		for _, version := range []int{1, 11, 19, 22} {
			for _, node := range []string{
				"Conv (x, w)", "Conv <kernel_shape = [3,3,3]> (x, v)", "Conv <kernel_shape = [3]> (x, v)", "ConvTranspose (x, w)", "MaxPool <kernel_shape = [3,3,3]> (x)",
				"AveragePool <kernel_shape = [3]> (x)", "LpPool <kernel_shape = [3,3,3,3]> (x)", "MaxPool <kernel_shape = [3,3], strides = [1]> (x)",
				"MaxPool <kernel_shape = [3,3], pads = [1,1]> (x)", "Conv <dilations = [1,1,1]> (x, v)",
			} {
				text := fmt.Sprintf(`<ir_version: 3, opset_import: ["" : %d]> g (float[1,1,5,5] x, float[1,1,3,3,3] w, float[1,1,3,3] v) => (y) { y = %s }`, version, node)
				require.NotEmpty(t, findings(t, text), text)
			}
		}
	}},
	{"onnx#8114", "Scan that has fewer inputs than it scans, and bodies with other counts", func(t *testing.T) {
		body := `body = b (float s, float e) => (float t, float f) { t = Add (s, e)  f = Neg (e) }`
		for _, n := range []string{"0", "3", "100", "-1", "9223372036854775807", "-9223372036854775808"} {
			require.NotEmpty(t, failsToRun(t, `g (float i, float[3] x) => (y, z) { y, z = Scan <num_scan_inputs = `+n+`, `+body+`> (i, x) }`, tensor.Scalar[float32](0), tensor.Zeros(tensor.Float32, 3)), n)
		}
		for _, attrs := range []string{"scan_input_axes = [5]", "scan_input_axes = [-9223372036854775808]", "scan_output_axes = [7]", "scan_input_directions = [1, 1, 1]", "scan_output_directions = [9]"} {
			require.NotEmpty(t, failsToRun(t, `g (float i, float[3] x) => (y, z) { y, z = Scan <num_scan_inputs = 1, `+attrs+`, `+body+`> (i, x) }`, tensor.Scalar[float32](0), tensor.Zeros(tensor.Float32, 3)), attrs)
		}
	}},
	{"onnx#8255", "Split into more parts than it has outputs, or by lists of other lengths (onnx#8275)", func(t *testing.T) {
		x := tensor.Zeros(tensor.Float32, 6)
		for _, node := range []string{
			"Split <num_outputs = 100> (x)", "Split <num_outputs = 0> (x)", "Split <num_outputs = -1> (x)", "Split <num_outputs = 9223372036854775807> (x)", "Split <axis = 3, num_outputs = 2> (x)",
			"Split (x, three)", "Split (x, much)", "Split (x, less)", "Split <num_outputs = 2> (x, three)",
		} {
			require.NotEmpty(t, failsToRun(t, `g (float[6] x) => (y, z) <int64[3] three = {2, 2, 2}, int64[2] much = {4, 4}, int64[2] less = {-1, 7}> { y, z = `+node+` }`, x), node)
		}
	}},
	{"onnx#8321", "ranks that no code expects", func(t *testing.T) {
		dims := strings.TrimSuffix(strings.Repeat("1,", 65), ",")
		for _, node := range []string{"Transpose (x)", "Flatten <axis = 64> (x)", "MatMul (x, x)", "Squeeze (x)", "Gather (x, i)", "TopK (x, k)", "ReduceSum (x)", "Unsqueeze (x, k)"} {
			findings(t, `g (float[`+dims+`] x, int64[1] k, int64[1,1,1] i) => (y) { y = `+node+` }`)
		}
		refusesTensor(t, "rank", pbTensor(1, repeated(1, 65), pb(pbRaw, make([]byte, 4))))
		many := strings.TrimSuffix(strings.Repeat("0,", 200), ",")
		require.NotEmpty(t, failsToRun(t, `g (float x) => (y) <int64[200] a = {`+many+`}> { y = Unsqueeze (x, a) }`, tensor.Scalar[float32](0)))
	}},
	{"onnx#7298", "OneHotEncoder behind an operator that nobody knows (onnx#5989)", func(t *testing.T) {
		text := `<ir_version: 9, opset_import: ["" : 18, "ai.onnx.ml" : 3, "c" : 1]> g (int64[2] x) => (y) { h = c.Custom (x)  y = ai.onnx.ml.OneHotEncoder <cats_int64s = [1, 2]> (h) }`
		findings(t, text)
	}},
}

func repeated(v uint64, n int) []uint64 {
	list := make([]uint64, n)
	for i := range list {
		list[i] = v
	}
	return list
}

// knownConversions are nodes on which the version converters of other tools crash.
var knownConversions = []knownCase{
	{"onnx#7493", "adapters that read optional inputs which are not there (onnx#4874)", func(t *testing.T) {
		for _, node := range []string{"Split (x)", "Reshape (x)", "Resize (x)", "Scatter (x)", "Squeeze (x)", "Unsqueeze (x)", "ReduceSum (x)", "Clip (x)", "Pad (x)", "Slice (x)", "TopK (x)",
			"Upsample (x)", "Dropout (x)", "Softmax (x)", "BatchNormalization (x)", "Gemm (x)", "Cast (x)"} {
			for _, from := range []int64{1, 5, 7, 9, 10, 11, 12, 13, 17, 18, 21} {
				m := parsedModel(t, fmt.Sprintf(`<ir_version: 4, opset_import: ["" : %d]> g (float[2,3] x) => (float[a,b] y) { y = %s }`, from, node))
				for to := 1; to <= op.Newest(""); to += 3 {
					_, _, err := opset.Convert(m, to, opset.Options{})
					if err != nil {
						require.NotContains(t, err.Error(), "internal error")
					}
				}
			}
		}
	}},
	{"onnx#8084", "every operator without inputs, attributes and outputs, up and down", func(t *testing.T) {
		tried := 0
		for _, k := range op.Keys() {
			if k.Domain != "" {
				continue
			}
			for _, version := range op.Versions("", k.Name) {
				for _, args := range []string{"", "x", `"", x`, "x, x, x, x, x, x, x, x"} {
					m := parsedModel(t, fmt.Sprintf(`<ir_version: 8, opset_import: ["" : %d]> g (float x) => (y) { y = %s (%s) }`, version, k.Name, args))
					for _, to := range []int{1, 8, 13, 18, op.Newest("")} {
						_, _, err := opset.Convert(m, to, opset.Options{})
						if err != nil {
							require.NotContains(t, err.Error(), "internal error", m.String())
						}
						tried++
					}
				}
			}
		}
		require.Greater(t, tried, 5000)
	}},
	{"onnx#7872", "versions that no converter knows", func(t *testing.T) {
		m := parsedModel(t, `<ir_version: 8, opset_import: ["" : 13]> g (float x) => (float y) { y = Relu (x) }`)
		for _, to := range []int{-1, 1 << 31, 1 << 62, op.Newest("") + 1} {
			_, _, err := opset.Convert(m, to, opset.Options{})
			require.Error(t, err, to)
		}
		for _, version := range []int64{-1, 0, 1 << 40} {
			m.Opsets[0].Version = version
			_, _, err := opset.Convert(m, 13, opset.Options{})
			require.Error(t, err, version)
		}
		m.Opsets = nil
		_, _, err := opset.Convert(m, 13, opset.Options{})
		require.Error(t, err)
	}},
	{"onnx#4078", "value_info of a name that no value has", func(t *testing.T) {
		m := parsedModel(t, `<ir_version: 8, opset_import: ["" : 13]> g (float x) => (float y) <float nobody> { y = Relu (x) }`)
		out, _, err := opset.Convert(m, 18, opset.Options{})
		require.NoError(t, err)
		require.NoError(t, graph.Err(out.Verify()))
	}},
}
