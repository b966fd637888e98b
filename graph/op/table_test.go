package op_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

// Every operator of the standard has an inference rule, and every rule an operator, but for the ones ONNX Runtime adds.
func TestEveryOperatorHasARule(t *testing.T) {
	var missing []string
	for _, k := range op.Keys() {
		if !op.HasRule(k.Domain, k.Name) {
			missing = append(missing, k.String())
		}
	}
	require.Empty(t, missing)
	var strays []string
	for _, k := range op.RuleKeys() {
		if k.Domain != "com.microsoft" && len(op.Versions(k.Domain, k.Name)) == 0 {
			strays = append(strays, k.String())
		}
	}
	require.Equal(t, []string{"SimplifiedLayerNormalization"}, strays)
}
