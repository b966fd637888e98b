package op_test

import (
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// shapeOperands is the inputs of an operator whose contents decide the shape of an output, by the text of the standard; all of them when
// the list is empty. It says nothing of how inference works: it is the measure that inference is held to.
var shapeOperands = map[string][]int{
	"AffineGrid": {1}, "BlackmanWindow": {0}, "CenterCropPad": {1}, "Col2Im": {1, 2}, "Compress": {1}, "ConcatFromSequence": {}, "ConstantOfShape": {0},
	"DFT": {1, 2}, "Expand": {1}, "HammingWindow": {0}, "HannWindow": {0}, "ImageDecoder": {0}, "Loop": {0, 1}, "MaxUnpool": {2}, "MelWeightMatrix": {0, 1},
	"NonMaxSuppression": {}, "NonZero": {0}, "OneHot": {1}, "Pad": {1, 3}, "Range": {0, 1, 2}, "Reshape": {1}, "Resize": {1, 2, 3}, "STFT": {1, 3},
	"SequenceAt": {1}, "SequenceErase": {}, "Slice": {1, 2, 3, 4}, "Split": {1}, "SplitToSequence": {1}, "Squeeze": {1}, "StringNormalizer": {0},
	"StringSplit": {0}, "Tile": {1}, "TopK": {1}, "Unique": {0}, "Unsqueeze": {1}, "Upsample": {1}, "If": {0}, "OptionalGetElement": {0},
	"ReduceL1": {1}, "ReduceL2": {1}, "ReduceLogSum": {1}, "ReduceLogSumExp": {1}, "ReduceMax": {1}, "ReduceMean": {1}, "ReduceMin": {1},
	"ReduceProd": {1}, "ReduceSum": {1}, "ReduceSumSquare": {1},
}

// contentDependent is the values whose shape depends on what inputs of the model hold that are not known: an operand that decides a shape
// comes from such an input, here or in a node before. Contents do not flow through Shape and Size, shapes do.
func contentDependent(m *graph.Model, known map[string]*tensor.Tensor) map[*graph.Value]bool {
	content, shape := map[*graph.Value]bool{}, map[*graph.Value]bool{}
	for _, v := range m.Graph.Inputs {
		content[v] = known[v.Name] == nil
	}
	var visit func(g *graph.Graph)
	visit = func(g *graph.Graph) {
		for n := range g.Nodes() {
			subContent, subShape := false, false
			for _, sub := range n.Subgraphs() {
				for _, v := range sub.Inputs { // slices, rounds and what the rounds before made
					content[v] = true
				}
				visit(sub)
				for _, v := range sub.Outputs {
					subContent, subShape = subContent || content[v], subShape || shape[v]
				}
			}
			operands, decides := shapeOperands[n.ID.Op]
			c, s := subContent, subShape
			for i := range n.NumIn() {
				v := n.In(i)
				c = c || content[v]
				s = s || shape[v] || content[v] && decides && (len(operands) == 0 || slices.Contains(operands, i))
			}
			if n.Is("Shape") || n.Is("Size") {
				c, s = s, false
			}
			for _, v := range n.Outputs() {
				if v != nil {
					content[v], shape[v] = c, s
				}
			}
		}
	}
	visit(m.Graph)
	return shape
}
