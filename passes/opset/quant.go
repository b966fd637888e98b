package opset

import (
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// perAxis lays scale and zero point along the node's axis; nil scale: there is one for the whole tensor.
func (s *site) perAxis() (scale, zero *graph.Value, err error) {
	d, ok := dims(s.n.In(1))
	if !ok && rank(s.n.In(1)) != 0 {
		return nil, nil, refuse(NoShape, "", "the shape of the scale is not known")
	}
	if product(d) == 1 && len(d) <= 1 {
		return nil, nil, nil
	}
	r, err := needRank(s.n.In(0))
	if err != nil {
		return nil, nil, err
	}
	axis, err := wrap(s.n.Attrs.Int("axis", 1), r)
	if err != nil {
		return nil, nil, err
	}
	if len(d) != 1 {
		return nil, nil, refuse(NoAttr, "", "the scale has rank %d", len(d))
	}
	if scale, err = s.lift(s.n.In(1), r-1-axis); err != nil {
		return nil, nil, err
	}
	if zero = s.n.In(2); zero != nil {
		zero, err = s.lift(zero, r-1-axis)
	}
	return scale, zero, err
}

// dequantizeAxis writes out what has a scale for each place of an axis.
func dequantizeAxis(s *site) error {
	if fault := s.older.TypeFault(s.n); fault != "" {
		return refuse(NoType, "", "%s", fault)
	}
	scale, zero, err := s.perAxis()
	if err != nil || scale == nil {
		s.drop("axis")
		return err
	}
	x := s.cast(s.n.In(0), tensor.Int32)
	if zero != nil {
		x = s.binary("Sub", x, s.cast(zero, tensor.Int32))
	}
	s.give(s.binary("Mul", s.cast(x, tensor.Float32), scale))
	return nil
}

func quantizeAxis(s *site) error {
	if fault := s.older.TypeFault(s.n); fault != "" {
		return refuse(NoType, "", "%s", fault)
	}
	scale, zero, err := s.perAxis()
	if err != nil || scale == nil {
		s.drop("axis")
		return err
	}
	to, lo, hi := tensor.Uint8, 0.0, 255.0
	if elem(zero) == tensor.Int8 {
		to, lo, hi = tensor.Int8, -128, 127
	}
	x := s.unary("Round", s.binary("Div", s.cast(s.n.In(0), tensor.Float32), scale))
	if zero != nil {
		x = s.binary("Add", x, s.cast(zero, tensor.Float32))
	}
	low, err := s.number("low", tensor.Float32, lo)
	if err != nil {
		return err
	}
	high, err := s.number("high", tensor.Float32, hi)
	if err != nil {
		return err
	}
	s.give(s.cast(s.op("Clip", []*graph.Value{x, low, high}), to))
	return nil
}

// quantizeBlocks: scales for blocks, and a result type without a zero point, came with version 21.
func quantizeBlocks(s *site) error {
	if block := s.n.Attrs.Int("block_size", 0); block != 0 {
		return refuse(NoAttr, "", "attribute block_size = %d came with version 21", block)
	}
	s.drop("block_size")
	if s.n.ID.Op == "DequantizeLinear" {
		return nil
	}
	to := tensor.DType(s.n.Attrs.Int("output_dtype", 0))
	s.drop("output_dtype")
	if to == tensor.Undefined || s.n.In(2) != nil {
		return nil
	}
	d, ok := dims(s.n.In(1))
	if !ok || slices.ContainsFunc(d, func(v int64) bool { return v < 0 || v > 1<<20 }) || product(d) > 1<<20 || to.Bits() < 8 {
		return refuse(NoAttr, "", "attribute output_dtype = %s came with version 21, and a zero point of the scale's shape cannot be made", to)
	}
	s.put(2, s.constant("zero_point", tensor.Zeros(to, d...)))
	return nil
}

// quantizeTypes: the scale's type decided the type of the result, or of the computation.
func quantizeTypes(s *site) error {
	scale := elem(s.n.In(1))
	if s.n.ID.Op == "DequantizeLinear" {
		if to := tensor.DType(s.n.Attrs.Int("output_dtype", 0)); to != tensor.Undefined && to != scale {
			return refuse(NoAttr, "", "attribute output_dtype = %s, other than the scale's type %s, came with version 23", to, scale)
		}
		s.drop("output_dtype")
		return nil
	}
	if to := tensor.DType(s.n.Attrs.Int("precision", 0)); to != tensor.Undefined && to != scale {
		return refuse(NoAttr, "", "attribute precision = %s, other than the scale's type %s, came with version 23", to, scale)
	}
	s.drop("precision")
	return nil
}

// writeDequantize writes out what has one scale.
func writeDequantize(s *site) error {
	x := s.cast(s.n.In(0), tensor.Int32)
	if zero := s.n.In(2); zero != nil {
		x = s.binary("Sub", x, s.cast(zero, tensor.Int32))
	}
	s.give(s.binary("Mul", s.cast(x, tensor.Float32), s.n.In(1)))
	return nil
}
