package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Lowered is the domain of the fused operators that the session makes while compiling (runtime/lower*.go). They are float32 only, and
// never saved.
const Lowered = "onnxrewrite.lowered"

// loweredOps are the fused operators.
func loweredOps() []OpDef {
	return []OpDef{
		{Domain: Lowered, Op: "Linear", Prepare: prepareLinear},
		{Domain: Lowered, Op: "Activate", Prepare: prepareActivate, InPlace: []int{0}},
		{Domain: Lowered, Op: "LayerNorm", Prepare: prepareLoweredNorm, InPlace: []int{0}},
		{Domain: Lowered, Op: "RMSNorm", Prepare: prepareLoweredNorm, InPlace: []int{0}},
		{Domain: Lowered, Op: "Rotary", Prepare: prepareLoweredRotary, InPlace: []int{0}},
		{Domain: Lowered, Op: "Attention", Prepare: prepareLoweredAttention},
		{Domain: Lowered, Op: "Conv", Prepare: prepareLoweredConv},
	}
}

// floatIn is input i as float32 data with its shape; nil when it is omitted.
func floatIn(c *Call, i int) (*tensor.Tensor, []float32, error) {
	t := input(c, i)
	if t == nil {
		return nil, nil, nil
	}
	if t.Elem != tensor.Float32 {
		return nil, nil, fmt.Errorf("input %d is %s, want float", i, t.Elem)
	}
	return t, tensor.Data[float32](t), nil
}

// constFloats is constant input i as float32; nil when it is omitted or not constant.
func constFloats(p *Prep, i int) []float32 {
	t := p.Const(i)
	if t == nil || t.Elem != tensor.Float32 {
		return nil
	}
	return tensor.Data[float32](t)
}
