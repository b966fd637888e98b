package opset

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// floatOf is a scalar of the element type of v.
func (s *site) floatOf(v *graph.Value, what string, x float64) (*graph.Value, error) {
	return s.number(what, elem(v), x)
}

// floatsOf are several of them.
func (s *site) floatsOf(v *graph.Value, what string, x ...float64) ([]*graph.Value, error) {
	out := make([]*graph.Value, len(x))
	for i := range x {
		var err error
		if out[i], err = s.floatOf(v, what, x[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func writeMish(s *site) error {
	x := s.n.In(0)
	s.give(s.binary("Mul", x, s.unary("Tanh", s.unary("Softplus", x))))
	return nil
}

func writeHardSwish(s *site) error {
	x := s.n.In(0)
	s.give(s.binary("Mul", x, s.unary("HardSigmoid", x, graph.FloatAttr("alpha", 1.0/6), graph.FloatAttr("beta", 0.5))))
	return nil
}

func writeGelu(s *site) error {
	x := s.n.In(0)
	inner := x
	switch approx := s.n.Attrs.String("approximate", "none"); approx {
	case "none":
		k, err := s.floatOf(x, "sqrt_half", math.Sqrt(0.5))
		if err != nil {
			return err
		}
		inner = s.unary("Erf", s.binary("Mul", x, k))
	case "tanh":
		k, err := s.floatsOf(x, "tanh", math.Sqrt(2/math.Pi), 0.044715)
		if err != nil {
			return err
		}
		cube := s.binary("Mul", s.binary("Mul", x, x), x)
		inner = s.unary("Tanh", s.binary("Mul", s.binary("Add", x, s.binary("Mul", cube, k[1])), k[0]))
	default:
		return refuse(Malformed, "", "attribute approximate = %q is not known", approx)
	}
	k, err := s.floatsOf(x, "gelu", 1, 0.5)
	if err != nil {
		return err
	}
	s.give(s.binary("Mul", s.binary("Mul", x, k[1]), s.binary("Add", inner, k[0])))
	return nil
}

// swish is x·sigmoid(alpha·x).
func (s *site) swish(x *graph.Value) (*graph.Value, error) {
	inner := x
	if alpha := s.n.Attrs.Float("alpha", 1); alpha != 1 {
		k, err := s.floatOf(x, "alpha", float64(alpha))
		if err != nil {
			return nil, err
		}
		inner = s.binary("Mul", x, k)
	}
	return s.binary("Mul", x, s.unary("Sigmoid", inner)), nil
}

func writeSwish(s *site) error {
	y, err := s.swish(s.n.In(0))
	if err == nil {
		s.give(y)
	}
	return err
}

func writeSwiGLU(s *site) error {
	y, err := s.swish(s.n.In(0))
	if err == nil {
		s.give(s.binary("Mul", y, s.n.In(1)))
	}
	return err
}

func writeCelu(s *site) error {
	x := s.n.In(0)
	k, err := s.floatOf(x, "alpha", float64(s.n.Attrs.Float("alpha", 1)))
	if err != nil {
		return err
	}
	s.give(s.binary("Mul", s.unary("Elu", s.binary("Div", x, k)), k))
	return nil
}

func writeThresholded(s *site) error {
	x := s.n.In(0)
	k, err := s.floatsOf(x, "threshold", float64(s.n.Attrs.Float("alpha", 1)), 0)
	if err != nil {
		return err
	}
	s.give(s.op("Where", []*graph.Value{s.binary("Greater", x, k[0]), x, k[1]}))
	return nil
}

func writeCastLike(s *site) error {
	to := elem(s.n.In(1))
	if to == tensor.Undefined {
		return refuse(NoShape, "", "the element type of input target_type is not known")
	}
	s.give(s.unary("Cast", s.n.In(0), graph.IntAttr("to", int64(to))))
	return nil
}

func writeBernoulli(s *site) error {
	x := s.n.In(0)
	to := tensor.DType(s.n.Attrs.Int("dtype", int64(elem(x))))
	if to == tensor.Undefined {
		return refuse(NoShape, "", "the element type of the input is not known")
	}
	attrs := []*graph.Attr{graph.IntAttr("dtype", int64(elem(x)))}
	if a := s.n.Attrs.Get("seed"); a != nil {
		attrs = append(attrs, a)
	}
	s.give(s.unary("Cast", s.binary("Less", s.unary("RandomUniformLike", x, attrs...), x), graph.IntAttr("to", int64(to))))
	return nil
}
