package opset

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// writeWindow writes the windows of spectral analysis as sums of cosines.
func writeWindow(s *site) error {
	size := s.n.In(0)
	terms := map[string][]float64{"HannWindow": {0.5, -0.5}, "HammingWindow": {25.0 / 46, -21.0 / 46}, "BlackmanWindow": {0.42, -0.5, 0.08}}[s.n.ID.Op]
	to := tensor.DType(s.n.Attrs.Int("output_datatype", 1))
	in := elem(size)
	if in == tensor.Undefined {
		return refuse(NoShape, "", "the element type of input size is not known")
	}
	ints, err := s.floatsOf(size, "step", 0, 1)
	if err != nil {
		return err
	}
	length := size
	if s.n.Attrs.Int("periodic", 1) == 0 {
		length = s.binary("Sub", size, ints[1])
	}
	part := s.binary("Div", s.cast(s.op("Range", []*graph.Value{ints[0], size, ints[1]}), tensor.Float32), s.cast(length, tensor.Float32))
	sum := s.constant("term", tensor.Scalar(float32(terms[0])))
	for i, k := range terms[1:] {
		turn := s.binary("Mul", part, s.constant("turn", tensor.Scalar(float32(2*math.Pi*float64(i+1)))))
		sum = s.binary("Add", sum, s.binary("Mul", s.unary("Cos", turn), s.constant("term", tensor.Scalar(float32(k)))))
	}
	s.give(s.cast(sum, to))
	return nil
}

// writeTrilu keeps the elements on one side of a diagonal by comparing row and column numbers.
func writeTrilu(s *site) error {
	x := s.n.In(0)
	zero, err := s.floatOf(x, "zero", 0)
	if err != nil {
		return err
	}
	if mask := s.triangle(); mask != nil {
		s.give(s.op("Where", []*graph.Value{s.constant("outside", mask), zero, x}))
		return nil
	}
	shape := s.unary("Shape", x)
	size := func(axis int64) *graph.Value {
		return s.op("Gather", []*graph.Value{s.extent(shape, axis), s.int("first", 0)})
	}
	numbers := func(axis int64) *graph.Value {
		return s.op("Range", []*graph.Value{s.int("from", 0), size(axis), s.int("step", 1)})
	}
	rows := s.binary("Unsqueeze", numbers(-2), s.ints("axes", 1))
	above := s.binary("Sub", numbers(-1), rows)
	k := s.n.In(1)
	if k == nil {
		k = s.int("k", 0)
	}
	beyond := "Less"
	if s.n.Attrs.Int("upper", 1) == 0 {
		beyond = "Greater"
	}
	s.give(s.op("Where", []*graph.Value{s.binary(beyond, above, k), zero, x}))
	return nil
}

// maxMask bounds the elements of a mask that is stored.
const maxMask = 1 << 20

// triangle is the mask of what Trilu drops, where size and diagonal are known; else nil.
func (s *site) triangle() *tensor.Tensor {
	shape := s.n.In(0).Type.Shape
	rows, ok1 := shape.Dim(-2).Value()
	cols, ok2 := shape.Dim(-1).Value()
	k := []int64{0}
	if s.n.In(1) != nil {
		k, _ = s.integers(s.n.In(1))
	}
	if !ok1 || !ok2 || len(k) != 1 || rows < 0 || cols < 0 || rows > maxMask || cols > maxMask || rows*cols > maxMask {
		return nil
	}
	upper := s.n.Attrs.Int("upper", 1) != 0
	out := make([]bool, 0, rows*cols)
	for i := range rows {
		for j := range cols {
			out = append(out, upper && j-i < k[0] || !upper && j-i > k[0])
		}
	}
	return tensor.Of(out, rows, cols)
}

// extent is the dim of a shape at an axis, as a vector of one.
func (s *site) extent(shape *graph.Value, axis int64) *graph.Value {
	end := axis + 1
	if end == 0 {
		end = math.MaxInt64
	}
	return s.op("Slice", []*graph.Value{shape, s.ints("start", axis), s.ints("end", end), s.ints("axes", 0)})
}

// writeCropPad cuts and pads by constant numbers.
func writeCropPad(s *site) error {
	x := s.n.In(0)
	shape, ok := s.integers(s.n.In(1))
	if !ok {
		return refuse(NotConst, "", "input shape is not constant, and its operator is written with constant numbers")
	}
	in, known := dims(x)
	if !known {
		return refuse(NoShape, "", "the shape of input input_data is not known")
	}
	r := int64(len(in))
	axes := count(0, r)
	if a := s.n.Attrs.Get("axes"); a != nil {
		var err error
		if axes, err = wrapAll(a.Ints, r); err != nil {
			return err
		}
	}
	if len(axes) != len(shape) {
		return refuse(Malformed, "", "there are %d sizes for %d axes", len(shape), len(axes))
	}
	starts, ends, pads, cut := make([]int64, len(axes)), make([]int64, len(axes)), make([]int64, 2*r), false
	for i, a := range axes {
		if a >= r {
			return refuse(Malformed, "", "axis %d does not exist in rank %d", a, r)
		}
		more := in[a] - shape[i]
		ends[i] = in[a]
		switch {
		case more > 0:
			starts[i], ends[i], cut = more/2, more/2+shape[i], true
		case more < 0:
			pads[a] = -more / 2
			pads[r+a] = -more - pads[a]
		}
	}
	if cut {
		x = s.op("Slice", []*graph.Value{x, s.ints("starts", starts...), s.ints("ends", ends...), s.ints("axes", axes...)})
	}
	s.give(s.binary("Pad", x, s.ints("pads", pads...)))
	return nil
}
