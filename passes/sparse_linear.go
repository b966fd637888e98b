package passes

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// storeSparse replaces every use of the matrix by a sparse-linear function with the non-zeros of data, which is laid out as the matrix.
func (t *masked) storeSparse(m *graph.Model, data []float32) (reason string, err error) {
	in, out := t.Dims()
	if int64(in)*int64(out) > math.MaxInt32 {
		return fmt.Sprintf("%d x %d positions do not fit int32", in, out), nil
	}
	for _, l := range t.uses {
		if l.Nodes[0].Is("Gemm") && l.Bias != nil && len(l.Bias.Shape) > 1 {
			return "the Gemm's bias is no vector", nil
		}
	}
	index, value := nonzeros(data, in, out, t.Trans)
	opset := m.Opset("")
	variants := map[bool]graph.OpID{}
	for _, l := range t.uses {
		id, err := block.Install(m, block.Variant{Family: block.SparseLinear, Bias: l.Bias != nil})
		if err != nil {
			return err.Error(), nil
		}
		variants[l.Bias != nil] = id
	}
	g := m.Graph
	name := constName(t.Weight)
	iv := g.AddInit(name+"_index", tensor.Of(index, int64(len(index))))
	vv := g.AddInit(name+"_value", tensor.Of(value, int64(len(value))))
	ops := newOperands(m)
	for _, l := range t.uses {
		weights := []*graph.Value{iv, vv}
		if l.Bias != nil {
			b, err := ops.bias(l)
			if err != nil {
				return "", err
			}
			weights = append(weights, b)
		}
		f := FFN{Name: l.Nodes[0].Label(), X: l.Nodes[0].In(0), Y: l.Out, Nodes: l.Nodes} // l.In may have been replaced since
		if err := f.replace(m, "apply-mask", variants[l.Bias != nil], weights, block.CountAttr(opset, "shape", int64(in), int64(out))); err != nil {
			return "", err
		}
	}
	return "", nil
}

// nonzeros lists the non-zeros of a matrix by their position in its [in, out] order.
func nonzeros(data []float32, in, out int, trans bool) (index []int32, value []float32) {
	for i := range in {
		for j := range out {
			at := i*out + j
			if trans {
				at = j*in + i
			}
			if v := data[at]; v != 0 {
				index, value = append(index, int32(i*out+j)), append(value, v)
			}
		}
	}
	return index, value
}
