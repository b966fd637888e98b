package opset

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// site is a node at one boundary between two versions of its operator.
type site struct {
	c            *converter
	g            *graph.Graph
	n            *graph.Node
	f            *graph.Function // whose body the node is in; nil in the model's graph
	up           bool
	older, newer *op.Schema    // older is nil when the operator's first version is crossed downwards
	ver          int           // opset that the nodes made here obey
	made         []*graph.Node // in the graph, before n
	consts       []made
	edited       bool
}

// made is a constant that was made.
type made struct {
	value  *graph.Value
	tensor *tensor.Tensor
}

// target is the version that the node becomes, or the opset where its operator is missing.
func (s *site) target() int {
	switch {
	case s.up:
		return s.newer.Since
	case s.older == nil:
		return s.ver
	}
	return s.older.Since
}

// cross brings the node over the boundary.
func (s *site) cross() (How, error) {
	from, to := s.older, s.newer
	if !s.up {
		from, to = s.newer, s.older
	}
	if fault := from.FormFault(s.n); fault != "" && !from.Deprecated {
		return "", refuse(Malformed, "see onnx-rewrite check", "%s", fault)
	}
	if adapt := find(s.c.domain, s.n.ID.Op, s.newer.Since, s.up); adapt != nil {
		for _, a := range s.n.Attrs {
			if a.Ref != "" && !(s.n.ID.Op == "Constant" && s.newer.Since >= 13) {
				return "", refuse(Parameter, inlineFirst, "attribute %s is parameter %s of the function", a.Name, a.Ref)
			}
		}
		if err := adapt(s); err != nil {
			return "", err
		}
		if s.n.Graph() == nil {
			return Rewritten, nil
		}
	}
	switch {
	case to == nil:
		return "", refuse(NoOperator, fmt.Sprintf("convert to opset %d or above; where its inputs are constant, onnx-rewrite rewrite --clean folds it away", s.newer.Since), "there is no such operator before opset %d", s.newer.Since)
	case to.Deprecated:
		return "", refuse(Deprecated, "", "the operator is deprecated in opset %d", to.Since)
	}
	if err := s.fit(from, to); err != nil {
		return "", err
	}
	if s.edited || len(s.made) > 0 {
		return Edited, nil
	}
	return Same, nil
}

// constant makes t a value of the graph: an initializer, or in a function a Constant node.
func (s *site) constant(what string, t *tensor.Tensor) *graph.Value {
	for _, v := range s.consts {
		if x := v.tensor; x.Elem == t.Elem && slices.Equal(x.Shape, t.Shape) && bytes.Equal(x.Bytes(), t.Bytes()) {
			return v.value
		}
	}
	var v *graph.Value
	if s.f != nil {
		v = s.op("Constant", nil, graph.TensorAttr("value", t))
	} else {
		s.c.needIR(4)
		v = s.g.AddInit(s.hint()+"_"+what, t)
	}
	s.consts = append(s.consts, made{v, t})
	return v
}

func (s *site) ints(what string, v ...int64) *graph.Value {
	return s.constant(what, tensor.Of(v, int64(len(v))))
}

func (s *site) int(what string, v int64) *graph.Value { return s.constant(what, tensor.Scalar(v)) }

// number makes a scalar of an element type; an error when the type cannot hold the value.
func (s *site) number(what string, elem tensor.DType, v float64, shape ...int64) (*graph.Value, error) {
	t, err := numberOf(elem, v, shape...)
	if err != nil {
		return nil, err
	}
	return s.constant(what, t), nil
}

func numberOf(elem tensor.DType, v float64, shape ...int64) (*tensor.Tensor, error) {
	switch elem {
	case tensor.Float32:
		return tensor.Of([]float32{float32(v)}, shape...), nil
	case tensor.Float64:
		return tensor.Of([]float64{v}, shape...), nil
	case tensor.Float16:
		return tensor.FromBytes(elem, shape, tensor.AsBytes([]uint16{tensor.Float32ToHalf(float32(v))}))
	case tensor.BFloat16:
		return tensor.FromBytes(elem, shape, tensor.AsBytes([]uint16{tensor.Float32ToBFloat16(float32(v))}))
	case tensor.Bool:
		return tensor.Of([]bool{v != 0}, shape...), nil
	}
	if elem.IsInteger() && elem.Bits()%8 == 0 && v == float64(int64(v)) {
		b := make([]byte, 0, 8)
		for i := range elem.Bits() / 8 {
			b = append(b, byte(int64(v)>>(8*i)))
		}
		return tensor.FromBytes(elem, shape, b)
	}
	return nil, refuse(NoShape, "", "the element type of a constant, %s, is not known or has no value %v", elem, v)
}
