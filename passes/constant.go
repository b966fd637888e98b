package passes

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// constOf is the tensor that v always has: an initializer that no input overrides, or the output of a Constant node, reached through
// Identity. nil when v is no constant.
func constOf(v *graph.Value) *tensor.Tensor {
	for v != nil {
		if v.IsConst() {
			return v.Const
		}
		p, _ := v.Producer()
		switch {
		case p == nil:
			return nil
		case p.Is("Identity"):
			v = p.In(0)
		case p.Is("Constant"):
			return constantNode(p)
		default:
			return nil
		}
	}
	return nil
}

func constantNode(n *graph.Node) *tensor.Tensor {
	if len(n.Attrs) != 1 || n.Attrs[0].Ref != "" {
		return nil
	}
	switch a := n.Attrs[0]; a.Name {
	case "value":
		return a.T
	case "value_float":
		return tensor.Scalar(a.F)
	case "value_int":
		return tensor.Scalar(a.I)
	case "value_floats":
		return tensor.Of(a.Floats, int64(len(a.Floats)))
	case "value_ints":
		return tensor.Of(a.Ints, int64(len(a.Ints)))
	}
	return nil
}

// scalarOf is the value of a constant of one element.
func scalarOf(v *graph.Value) (float64, bool) {
	t := constOf(v)
	if t == nil || t.Len() != 1 || t.Elem == tensor.String {
		return 0, false
	}
	f, err := t.Float64s()
	if err != nil {
		return 0, false
	}
	return f[0], true
}

// intsOf is the value of an integer constant.
func intsOf(v *graph.Value) ([]int64, bool) {
	t := constOf(v)
	if t == nil {
		return nil, false
	}
	ints, err := t.Int64s()
	return ints, err == nil
}

// near reports whether a and b are the same number as far as exporters write it.
func near(a, b float64) bool { return math.Abs(a-b) <= 2e-3*math.Abs(b) }
