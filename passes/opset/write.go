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

// writeOrEqual: a comparison or equality; a NaN makes both false.
func writeOrEqual(name string) adapter {
	return func(s *site) error {
		a, b := s.n.In(0), s.n.In(1)
		s.give(s.binary("Or", s.binary(name, a, b), s.binary("Equal", a, b)))
		return nil
	}
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

// writeLoss writes the two losses over classes, whose axis is 1.
func writeLoss(s *site) error {
	x, labels, weight := s.n.In(0), s.n.In(1), s.n.In(2)
	axis := graph.IntsAttr("axes", 1)
	logp := x
	outs := make([]*graph.Value, s.n.NumOut())
	if s.n.ID.Op == "SoftmaxCrossEntropyLoss" {
		below := s.binary("Sub", x, s.unary("ReduceMax", x, axis))
		logp = s.binary("Sub", below, s.unary("Log", s.unary("ReduceSum", s.unary("Exp", below), axis)))
		if s.used(1) {
			outs[1] = logp
		}
	}
	to := elem(x)
	var ignored *graph.Value
	if a := s.n.Attrs.Get("ignore_index"); a != nil {
		k, err := s.floatsOf(labels, "ignore", float64(a.I), 0)
		if err != nil {
			return err
		}
		ignored = s.binary("Equal", labels, k[0])
		labels = s.op("Where", []*graph.Value{ignored, k[1], labels})
	}
	k, err := s.floatsOf(x, "one", 0, 1)
	if err != nil {
		return err
	}
	picked := s.binary("GatherElements", logp, s.unary("Unsqueeze", labels, axis), graph.IntAttr("axis", 1))
	loss := s.unary("Neg", s.unary("Squeeze", picked, axis))
	if weight != nil {
		weight = s.binary("Gather", weight, labels)
	}
	if ignored != nil {
		if weight == nil {
			weight = s.unary("Cast", s.unary("Not", ignored), graph.IntAttr("to", int64(to)))
		} else {
			weight = s.op("Where", []*graph.Value{ignored, k[0], weight})
		}
		loss = s.op("Where", []*graph.Value{ignored, k[0], loss})
	}
	if weight != nil {
		loss = s.binary("Mul", loss, weight)
	}
	flat := graph.IntAttr("keepdims", 0)
	switch how := s.n.Attrs.String("reduction", "mean"); {
	case how == "sum":
		loss = s.unary("ReduceSum", loss, flat)
	case how == "mean" && weight != nil:
		loss = s.binary("Div", s.unary("ReduceSum", loss, flat), s.unary("ReduceSum", weight, flat))
	case how == "mean":
		loss = s.unary("ReduceMean", loss, flat)
	case how != "none":
		return refuse(Malformed, "", "attribute reduction = %q is not known", how)
	}
	outs[0] = loss
	s.give(outs...)
	return nil
}

// writeEqual compares floats with the operators that took them before 11: neither less nor greater, and no NaN on either side.
func writeEqual(s *site) error {
	a, b := s.n.In(0), s.n.In(1)
	switch elem(a) {
	case tensor.Float32, tensor.Float64, tensor.Float16:
	default:
		return nil
	}
	k, err := s.floatsOf(a, "number", 0, 1)
	if err != nil {
		return err
	}
	number := func(v *graph.Value) *graph.Value {
		return s.binary("Or", s.binary("Less", v, k[1]), s.binary("Greater", v, k[0]))
	}
	same := s.unary("Not", s.binary("Or", s.binary("Less", a, b), s.binary("Greater", a, b)))
	s.give(s.binary("And", same, s.binary("And", number(a), number(b))))
	return nil
}

// lastIndex finds the last extreme as the first one of the reversed axis.
func lastIndex(s *site) error {
	if s.n.Attrs.Int("select_last_index", 0) == 0 {
		s.drop("select_last_index")
		return nil
	}
	x, axis := s.n.In(0), s.n.Attrs.Int("axis", 0)
	back := s.op("Slice", []*graph.Value{x, s.ints("start", -1), s.ints("end", math.MinInt64+1), s.ints("axes", axis), s.ints("step", -1)})
	i := s.unary(s.n.ID.Op, back, graph.IntAttr("axis", axis), graph.IntAttr("keepdims", s.n.Attrs.Int("keepdims", 1)))
	last := s.binary("Sub", s.binary("Gather", s.unary("Shape", x), s.int("axis", axis)), s.int("one", 1))
	s.give(s.binary("Sub", last, i))
	return nil
}

// columnsFirst writes DepthToSpace's other order as a transposition.
func columnsFirst(s *site) error {
	if mode := s.n.Attrs.String("mode", "DCR"); mode != "CRD" {
		return only("mode", "DCR")(s)
	}
	d, ok := dims(s.n.In(0))
	size := s.n.Attrs.Int("blocksize", 0)
	if !ok || len(d) != 4 || size < 1 || d[1]%(size*size) != 0 {
		return refuse(NoShape, "", "attribute mode = CRD came with version 11, and the input's shape is not known")
	}
	y := s.binary("Reshape", s.n.In(0), s.ints("blocks", d[0], d[1]/(size*size), size, size, d[2], d[3]))
	y = s.unary("Transpose", y, graph.IntsAttr("perm", 0, 1, 4, 2, 5, 3))
	s.give(s.binary("Reshape", y, s.ints("image", d[0], d[1]/(size*size), d[2]*size, d[3]*size)))
	return nil
}

// extremeOfInts: Max, Min and Clip took floats only. Integers are compared and chosen.
func extremeOfInts(s *site) error {
	if s.older.TypeFault(s.n) == "" || !elem(s.n.In(0)).IsInteger() {
		return nil
	}
	choose := func(greater bool, a, b *graph.Value) *graph.Value {
		if b == nil {
			return a
		}
		name := "Less"
		if greater {
			name = "Greater"
		}
		return s.op("Where", []*graph.Value{s.binary(name, a, b), a, b})
	}
	y := s.n.In(0)
	if s.n.ID.Op == "Clip" {
		y = choose(false, choose(true, y, s.n.In(1)), s.n.In(2))
	} else {
		for _, v := range s.n.Inputs()[1:] {
			y = choose(s.n.ID.Op == "Max", y, v)
		}
	}
	s.give(y)
	return nil
}
