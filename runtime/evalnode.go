package runtime

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

// newestOpset stands for the newest version of a domain in EvalNode.
const newestOpset = 1 << 20

// EvalNode computes one node without subgraphs for the given inputs (nil: omitted), read at the newest opset. A model's own version
// counts with Evaluator. Outputs that the node does not name are nil.
func EvalNode(n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	return evalNode(n, in, newestOpset)
}

// Evaluator is EvalNode at the opset versions that m imports, in the form that passes.Env.Eval has.
func Evaluator(m *graph.Model) func(*graph.Node, []*tensor.Tensor) ([]*tensor.Tensor, error) {
	return func(n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
		return evalNode(n, in, int(m.Opset(n.ID.Domain)))
	}
}

func evalNode(n *graph.Node, in []*tensor.Tensor, opset int) ([]*tensor.Tensor, error) {
	if len(in) != n.NumIn() {
		return nil, graph.AtNode(n, 0, fmt.Errorf("has %d inputs, %d were given", n.NumIn(), len(in)))
	}
	def, err := find(n, opset)
	if err != nil {
		return nil, graph.AtNode(n, 0, err)
	}
	exec, err := def.Prepare(&op.Prep{
		Node: n, Opset: opset,
		Const:   func(i int) *tensor.Tensor { return at(in, i) },
		Type:    func(i int) graph.Type { return constType(at(in, i)) },
		OutType: func(i int) graph.Type { return typeOf(n.Out(i)) },
		Sub: func(*graph.Graph) (op.SubExec, error) {
			return nil, fmt.Errorf("a node with a subgraph cannot be evaluated alone")
		},
	})
	if err != nil {
		return nil, graph.AtNode(n, 0, err)
	}
	out, err := runOnce(exec, n, in, &environment{}, 0)
	if err != nil {
		return nil, graph.AtNode(n, 0, err)
	}
	return out, nil
}

func at(list []*tensor.Tensor, i int) *tensor.Tensor {
	if i < 0 || i >= len(list) {
		return nil
	}
	return list[i]
}

func constType(t *tensor.Tensor) graph.Type {
	if t == nil {
		return graph.Type{}
	}
	return graph.TypeOf(t)
}
