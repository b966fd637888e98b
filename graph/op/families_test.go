package op_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

// One node of each of the operators of ai.onnx.ml and com.microsoft that few models have; the types are those that the standard and the
// documentation of ONNX Runtime give.
func TestTypesOfRareFamilies(t *testing.T) {
	for _, c := range []struct {
		formals, node string
		want          []string // of r, s
	}{
		{"float[N,3] x", `r = ai.onnx.ml.Scaler (x)`, []string{"float[N,3]"}},
		{"float[N,3] x, int64[2] i", `r = ai.onnx.ml.ArrayFeatureExtractor (x, i)`, []string{"float[N,2]"}},
		{"float[5] x, int64[2] i", `r = ai.onnx.ml.ArrayFeatureExtractor (x, i)`, []string{"float[1,2]"}},
		{"float x, int64[2] i", `r = ai.onnx.ml.ArrayFeatureExtractor (x, i)`, []string{"float[]"}},
		{"map(int64, float) x", `r = ai.onnx.ml.CastMap <cast_to = "TO_STRING", map_form = "SPARSE", max_map = 4> (x)`, []string{"string[1,4]"}},
		{"map(int64, float) x", `r = ai.onnx.ml.CastMap (x)`, []string{"float[1,?]"}},
		{"string[N] x", `r = ai.onnx.ml.CategoryMapper <cats_int64s = [1], cats_strings = ["a"]> (x)`, []string{"int64[N]"}},
		{"int64[N] x", `r = ai.onnx.ml.CategoryMapper <cats_int64s = [1], cats_strings = ["a"]> (x)`, []string{"string[N]"}},
		{"map(string, int64) x", `r = ai.onnx.ml.DictVectorizer <string_vocabulary = ["a", "b"]> (x)`, []string{"int64[1,2]"}},
		{"map(int64, float) x", `r = ai.onnx.ml.DictVectorizer <int64_vocabulary = [1, 2, 3]> (x)`, []string{"float[1,3]"}},
		{"float[N,2] x, float[N,3] i", `r = ai.onnx.ml.FeatureVectorizer <inputdimensions = [2, 3]> (x, i)`, []string{"float[N,5]"}},
		{"float[2] x", `r = ai.onnx.ml.FeatureVectorizer (x)`, []string{"float[1,?]"}},
		{"string[N,2] x", `r = ai.onnx.ml.LabelEncoder <keys_strings = ["a"], values_int64s = [1]> (x)`, []string{"int64[N,2]"}},
		{"int64[N,2] x", `r = ai.onnx.ml.LabelEncoder <keys_int64s = [1], values_strings = ["a"]> (x)`, []string{"string[N,2]"}},
		{"int64[N] x", `r = ai.onnx.ml.LabelEncoder <keys_tensor = int64[1] {1}, values_tensor = double[1] {0.5}> (x)`, []string{"double[N]"}},
		{"int64[N,2] x", `r = ai.onnx.ml.OneHotEncoder <cats_int64s = [1, 2, 3]> (x)`, []string{"float[N,2,3]"}},
		{"string[N] x", `r = ai.onnx.ml.OneHotEncoder <cats_strings = ["a", "b"]> (x)`, []string{"float[N,2]"}},
		{"float[N,3] x", `r, s = ai.onnx.ml.LinearClassifier <classlabels_strings = ["a", "b"], coefficients = [1.0]> (x)`, []string{"string[N]", "float[N,2]"}},
		{"float[N,3] x", `r, s = ai.onnx.ml.LinearClassifier <classlabels_ints = [1, 2, 3], coefficients = [1.0]> (x)`, []string{"int64[N]", "float[N,3]"}},
		{"float[N,3] x", `r = ai.onnx.ml.LinearRegressor <targets = 4> (x)`, []string{"float[N,4]"}},
		{"float[N,3] x", `r = ai.onnx.ml.SVMRegressor (x)`, []string{"float[N,1]"}},
		{"float[N,3] x", `r = ai.onnx.ml.ZipMap <classlabels_strings = ["a"]> (x)`, []string{"seq(map(string, float))"}},
		{"float[N,3] x", `r = ai.onnx.ml.ZipMap <classlabels_int64s = [1]> (x)`, []string{"seq(map(int64, float))"}},

		{"int32[N,L] x, int32[N,L] i, float[99,8] w, float[20,8] p, float[2,8] g, float[8] b",
			`r, s = com.microsoft.EmbedLayerNormalization (x, i, w, p, g, b, b)`, []string{"float[N,L,8]", "int32[N]"}},
		{"float[N,L,8] x, float[8,24] w, float[24] b", `r, s = com.microsoft.Attention <num_heads = 2> (x, w, b)`, []string{"float[N,L,8]", "float[2,N,2,L,4]"}},
		{"float[N,L,8] x, float[8,20] w, float[20] b, float[2,N,2,P,4] past", `r, s = com.microsoft.Attention <num_heads = 2, qkv_hidden_sizes = [8, 8, 4]> (x, w, b, , past)`,
			[]string{"float[N,L,4]", "float[2,N,2,L + P,2]"}},
		{"float[N,L,16] x", `r, s = com.microsoft.GroupQueryAttention <num_heads = 4, kv_num_heads = 2> (x)`, []string{"float[N,L,8]", "float[N,2,?,2]"}},
		{"float[N,L,16] x, float[N,L,8] k", `r, s = com.microsoft.GroupQueryAttention <num_heads = 4, kv_num_heads = 2> (x, k, k)`, []string{"float[N,L,16]", "float[N,2,?,4]"}},
		{"float[N,L,16] x, float[N,M,16] k, float[N,M,8] v", `r, s = com.microsoft.MultiHeadAttention <num_heads = 2> (x, k, v)`, []string{"float[N,L,8]", "float[?,?,?,?]"}},
		{"float[N,L,16] x, float[N,2,M,8] k", `r = com.microsoft.MultiHeadAttention <num_heads = 2> (x, k, k)`, []string{"float[N,L,16]"}},
		{"float[N,L,16] x, uint8[32,1,8] w", `r = com.microsoft.MatMulNBits <K = 16, N = 32, bits = 4, block_size = 16> (x, w)`, []string{"float[N,L,32]"}},
		{"uint8[N,4] x, int8[4,6] w, float q", `r = com.microsoft.MatMulIntegerToFloat (x, w, q, q)`, []string{"float[N,6]"}},
		{"float[N,4] x, float[6,4] w", `r = com.microsoft.FusedMatMul <transB = 1> (x, w)`, []string{"float[N,6]"}},
		{"float[4,N] x, float[4,6] w", `r = com.microsoft.FusedMatMul <transA = 1> (x, w)`, []string{"float[N,6]"}},
		{"uint8[N,4] x, float q, uint8 z, int8[6,4] w", `r = com.microsoft.QGemm <transB = 1> (x, q, z, w, q, z)`, []string{"float[N,6]"}},
		{"uint8[4,N] x, float q, uint8 z, int8[4,6] w", `r = com.microsoft.QGemm <transA = 1> (x, q, z, w, q, z, , q, z)`, []string{"uint8[N,6]"}},
		{"uint8[N,4] x, float q, uint8 z, uint8[4] w", `r = com.microsoft.QLinearAdd (x, q, z, w, q, z, q, z)`, []string{"uint8[N,4]"}},
		{"uint8[N,4] x, float q, uint8 z, uint8[N,5] w", `r = com.microsoft.QLinearConcat <axis = 1> (q, z, x, q, z, w, q, z)`, []string{"uint8[N,9]"}},
		{"uint8[N,4] x, float q, uint8 z, uint8 w", `r = com.microsoft.QLinearConcat <axis = 0> (q, z, x, q, z)`, []string{"uint8[N,4]"}},
	} {
		outputs := "r"
		if len(c.want) > 1 {
			outputs = "s"
		}
		m := parse(t, `<ir_version: 8, opset_import: ["" : 18, "ai.onnx.ml" : 4, "com.microsoft" : 1]> g (`+c.formals+`) => (float y) { `+c.node+` y = Identity (`+outputs+`) }`)
		env := op.NewEnv(m, op.InferOptions{Policy: op.Override})
		report := env.Run()
		require.Zero(t, env.Panics(), c.node)
		require.NotNil(t, m.Graph.Find("r"), "%s: %v", c.node, report.Stopped)
		var got []string
		for _, name := range []string{"r", "s"}[:len(c.want)] {
			got = append(got, m.Graph.Find(name).Type.String())
		}
		t.Run(c.node, func(t *testing.T) { require.Equal(t, c.want, got) })
	}
}

// What cannot be as the model has it is told, with the reason.
func TestRareFamiliesContradicted(t *testing.T) {
	for _, c := range []struct{ formals, node, want string }{
		{"float[N,16] x", `r = com.microsoft.GroupQueryAttention <num_heads = 4, kv_num_heads = 2> (x)`, "query has shape [N,16], want rank 3"},
		{"float[N,L,16] x", `r = com.microsoft.GroupQueryAttention (x)`, "0 heads, 0 key-value heads"},
		{"float[N,8] x, float[8,24] w, float[24] b", `r = com.microsoft.Attention <num_heads = 2> (x, w, b)`, "input has shape [N,8], want rank 3"},
		{"uint8[N,4] x, float q, uint8 z, uint8[N,5] w", `r = com.microsoft.QLinearConcat <axis = 7> (q, z, x, q, z, w, q, z)`, "axis 7 is outside of rank 2"},
		{"float[2,3] x, bool c", `r = If (c) <then_branch = t (float p) => (a) { a = Neg (x) }, else_branch = e () => (b) { b = Neg (x) }>`, "branches have 1 formal inputs, want none"},
		{"float[2,3] x, bool c", `r, s = If (c) <then_branch = t () => (a) { a = Neg (x) }, else_branch = e () => (b) { b = Neg (x) }>`, "branches have 1 and 1 outputs, node has 2"},
		{"float[2,3] x", `r = Resize (x)`, "neither scales nor sizes are given"},
		{"float[2,3] x, float[2] k, int64[2] z", `r = Resize (x, , k, z)`, "both scales and sizes are given"},
		{"float[2,3] x, int64[3] z", `r = Resize (x, , , z)`, "3 sizes for 2 axes"},
		{"float[2,3,4] x, int64[2] i", `r = NegativeLogLikelihoodLoss (x, i)`, "want one dim less"},
		{"float[2,3] x", `r = Softmax <axis = 5> (x)`, "axis 5 is outside of rank 2"},
		{"float[2,3] x", `r, s = Split <axis = 0> (x)`, "neither split nor num_outputs is given"},
		{"int64[2] x, int64 d, float[3] v", `r = OneHot (x, d, v)`, "3 values, want 2"},
		{"float[1,3,4,4] x, float[2] k", `r = BatchNormalization (x, k, k, k, k)`, "input 1 has 2 elements for 3 channels"},
		{"float[1,3,4,4] x, float[3] k", `r, s = BatchNormalization (x, k, k, k, k)`, "2 outputs outside of training, want 1"},
		{"float[2,3] x, int64[2,1] i", `r = Expand (x, i)`, "input 1 has shape [2,1], want rank 1"},
		{"int64[2,3,4] x", `r = TfIdfVectorizer <max_gram_length = 1, max_skip_count = 0, min_gram_length = 1, mode = "TF", ngram_counts = [0], ngram_indexes = [0], pool_int64s = [1]> (x)`, "want rank 1 or 2"},
	} {
		m := parse(t, `<ir_version: 8, opset_import: ["" : 18, "ai.onnx.ml" : 4, "com.microsoft" : 1]> g (`+c.formals+`) => (float y) { `+c.node+` y = Identity (r) }`)
		found := ""
		for _, f := range op.Check(m) {
			if f.Rule == "op/shape" {
				found += f.Message + "\n"
			}
		}
		t.Run(c.node, func(t *testing.T) { require.Contains(t, found, c.want) })
	}
}
