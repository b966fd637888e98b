package op_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

// The models of the reference data that onnx.checker (1.23.2, with full_check) refuses, and the words that ours must have. It accepts all
// others but two, on which its inference errs: node-older's test_maxpool_2d_ceil_output_size_reduce_by_one, where the last window would
// start outside of the input, and node's test_mvn, where it expands a function without its default attribute.
var refused = map[string]string{
	"node-older.tar.gz:test_group_normalization_epsilon__v1.15.0": "operator GroupNormalization is deprecated in opset 18",
	"node-older.tar.gz:test_group_normalization_example__v1.15.0": "operator GroupNormalization is deprecated in opset 18",
	"exports/bart_encoder_fused/model.onnx":                       "operator LayerNormalization exists from opset 17 on, the model imports opset 14",
	"exports/gpt2_past_fused/model.onnx":                          "operator LayerNormalization exists from opset 17 on, the model imports opset 14",
	"exports/vit_fused/model.onnx":                                "operator LayerNormalization exists from opset 17 on, the model imports opset 14",
	"exports/gqa_llama_block/model.onnx":                          "operator SimplifiedLayerNormalization is not of the standard",
	"exports/llama_simplified_fused/model.onnx":                   "operator SimplifiedLayerNormalization is not of the standard",
	"exports/moe_relu_top2/model.onnx":                            "operator SimplifiedLayerNormalization is not of the standard",
}

func checkAll(t *testing.T, f func(name string, m *graph.Model)) {
	for _, archive := range append([]string{"light.tar.gz"}, nodeArchives...) {
		eachModel(t, archive, func(name string, m *graph.Model) { f(archive+":"+name, m) })
	}
	root := modelFiles(t, "models")
	for _, file := range root {
		_, name, _ := strings.Cut(filepath.ToSlash(file), "/shared/models/")
		f(name, load(t, file))
	}
}

func TestCheckAgreesWithTheOfficialChecker(t *testing.T) {
	count, seen := 0, 0
	checkAll(t, func(name string, m *graph.Model) {
		count++
		var errors []string
		for _, f := range op.Check(m) {
			if f.Severity == graph.Error {
				errors = append(errors, f.String())
			}
		}
		want, bad := refused[name]
		if !bad {
			if len(errors) > 0 {
				t.Errorf("%s: %v", name, errors)
			}
			return
		}
		seen++
		require.Contains(t, strings.Join(errors, "\n"), want, name)
	})
	require.Equal(t, len(refused), seen)
	t.Logf("%d models, %d refused", count, seen)
}
