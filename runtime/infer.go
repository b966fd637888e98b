package runtime

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// infer fills in the types of the clone's values, and makes constants of the integers that follow from the shapes. What cannot be
// inferred stays unknown: it is planned and fused less, but runs. Contradictions are findings of the check, not of the run.
func (c *compiler) infer() {
	_, contents := op.InferContents(c.model, op.InferOptions{Policy: op.Refine, Outputs: true})
	g := c.model.Graph
	known := map[*graph.Node][]*tensor.Tensor{}
	for n := range g.Nodes() {
		if n.NumOut() != 1 || n.Out(0) == nil || len(n.Subgraphs()) > 0 {
			continue
		}
		if t := knownTensor(n.Out(0), contents(n.Out(0))); t != nil {
			known[n] = []*tensor.Tensor{t}
		}
	}
	for n := range g.Nodes() {
		if t := known[n]; t != nil {
			c.replaceByConst(g, n, t)
		}
	}
}

// knownTensor is the constant that v holds if all its elements are known; nil otherwise.
func knownTensor(v *graph.Value, d *op.Data) *tensor.Tensor {
	if d == nil || v.Type.Kind != graph.KindTensor {
		return nil
	}
	list := make([]int64, len(d.Elems))
	for i, e := range d.Elems {
		x, ok := e.Value()
		if !ok {
			return nil
		}
		list[i] = x
	}
	if n, err := tensor.NumElements(d.Dims); err != nil || n != int64(len(list)) {
		return nil
	}
	switch v.Type.Elem {
	case tensor.Int64:
		return tensor.Of(list, d.Dims...)
	case tensor.Int32:
		short := make([]int32, len(list))
		for i, x := range list {
			if short[i] = int32(x); int64(short[i]) != x {
				return nil
			}
		}
		return tensor.Of(short, d.Dims...)
	}
	return nil
}
