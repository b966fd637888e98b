package opset

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// constantDense writes a sparse value out.
func constantDense(s *site) error {
	a := s.n.Attrs.Get("sparse_value")
	if a == nil || a.Sparse == nil {
		return nil
	}
	n, err := tensor.NumElements(a.Sparse.Dims)
	if err != nil || n > 1<<24 {
		return refuse(NoAttr, "", "attribute sparse_value is too large to be written out")
	}
	t, err := a.Sparse.Dense()
	if err != nil {
		return refuse(Malformed, "", "attribute sparse_value: %v", err)
	}
	s.drop("sparse_value")
	s.set(graph.TensorAttr("value", t))
	return nil
}

// constantTensor: numbers and strings were tensors.
func constantTensor(s *site) error {
	t, err := constantOf(s.n)
	if err != nil || t == nil || s.n.Attrs.Get("value") != nil {
		return err
	}
	for _, name := range []string{"value_float", "value_floats", "value_int", "value_ints", "value_string", "value_strings"} {
		s.drop(name)
	}
	s.set(graph.TensorAttr("value", t))
	return nil
}

// constantOf is the dense tensor of a Constant node; nil when it has none.
func constantOf(n *graph.Node) (*tensor.Tensor, error) {
	for _, a := range n.Attrs {
		if a.Ref != "" {
			continue
		}
		switch a.Name {
		case "value":
			return a.T, nil
		case "value_float":
			return tensor.Scalar(a.F), nil
		case "value_floats":
			return tensor.Of(a.Floats, int64(len(a.Floats))), nil
		case "value_int":
			return tensor.Scalar(a.I), nil
		case "value_ints":
			return tensor.Of(a.Ints, int64(len(a.Ints))), nil
		case "value_string":
			return tensor.FromStrings(nil, [][]byte{a.S})
		case "value_strings":
			return tensor.FromStrings([]int64{int64(len(a.Strings))}, a.Strings)
		}
	}
	return nil, nil
}

// constantInit makes an initializer of a constant whose type Constant did not give.
func constantInit(s *site) error {
	v := s.n.Out(0)
	t := s.n.Attrs.Tensor("value")
	if s.f != nil || t == nil || v == nil || s.older.TypeFault(s.n) == "" {
		return nil
	}
	if v.IsOutput() {
		s.give(s.unary("Identity", s.constant("value", t)))
		return nil
	}
	s.c.needIR(4)
	s.g.Remove(s.n)
	v.Const, v.Type = t, graph.TypeOf(t)
	s.g.Adopt(v)
	s.g.Inits = append(s.g.Inits, v)
	return nil
}
