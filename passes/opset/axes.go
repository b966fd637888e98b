package opset

import (
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// frontAxes counts negative axes from the front, for versions that do not know them.
func frontAxes(s *site) error {
	a := s.n.Attrs.Get("axis")
	if a != nil && a.I < 0 {
		r, err := needRank(s.n.In(0))
		if err != nil {
			return err
		}
		axis, err := wrap(a.I, r)
		if err != nil {
			return err
		}
		s.set(graph.IntAttr("axis", axis))
	}
	axes := s.n.Attrs.Ints("axes")
	if slices.ContainsFunc(axes, func(v int64) bool { return v < 0 }) {
		r, err := needRank(s.n.In(0))
		if err != nil {
			return err
		}
		if s.n.ID.Op == "Unsqueeze" {
			r += int64(len(axes))
		}
		front, err := wrapAll(axes, r)
		if err != nil {
			return err
		}
		s.set(graph.IntsAttr("axes", front...))
	}
	if s.n.ID.Op == "Gather" {
		return s.frontIndices()
	}
	return nil
}

func wrapAll(axes []int64, rank int64) ([]int64, error) {
	out := make([]int64, len(axes))
	for i, v := range axes {
		k, err := wrap(v, rank)
		if err != nil {
			return nil, err
		}
		out[i] = k
	}
	return out, nil
}

// frontIndices counts constant negative indices from the front. Others pass: the older text does not say what a negative one means.
func (s *site) frontIndices() error {
	t := s.tensor(s.n.In(1))
	if t == nil {
		return nil
	}
	idx, err := t.Int64s()
	if err != nil || !slices.ContainsFunc(idx, func(v int64) bool { return v < 0 }) {
		return nil
	}
	size, ok := s.n.In(0).Type.Shape.Dim(int(s.n.Attrs.Int("axis", 0))).Value()
	if !ok {
		return refuse(NoShape, "", "an index is negative, and the size of the axis is not known")
	}
	front, err := wrapAll(idx, size)
	if err != nil {
		return err
	}
	s.put(1, s.constant("indices", likeInts(t.Elem, front, t.Shape)))
	return nil
}

// likeInts is a tensor of int32 or int64.
func likeInts(elem tensor.DType, v []int64, shape []int64) *tensor.Tensor {
	if elem != tensor.Int32 {
		return tensor.Of(v, shape...)
	}
	narrow := make([]int32, len(v))
	for i, x := range v {
		narrow[i] = int32(x)
	}
	return tensor.Of(narrow, shape...)
}

// axesToInput: the axes were an attribute.
func axesToInput(s *site) error {
	a := s.n.Attrs.Get("axes")
	if a == nil {
		return nil
	}
	s.drop("axes")
	if len(a.Ints) > 0 || s.n.ID.Op == "Unsqueeze" {
		s.put(1, s.ints("axes", a.Ints...))
	}
	return nil
}

// axesToAttr also writes what a reduction over no axes is.
func axesToAttr(s *site) error {
	noop := s.n.Attrs.Int("noop_with_empty_axes", 0) != 0
	var axes []int64
	if s.n.In(1) != nil {
		var err error
		if axes, err = s.needInts(1); err != nil {
			return err
		}
	}
	if len(axes) == 0 && noop {
		switch s.n.ID.Op {
		case "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceLogSumExp":
			s.give(s.unary("Identity", s.n.In(0)))
		case "ReduceL1", "ReduceL2":
			s.give(s.unary("Abs", s.n.In(0)))
		case "ReduceLogSum":
			s.give(s.unary("Log", s.n.In(0)))
		case "ReduceSumSquare":
			s.give(s.binary("Mul", s.n.In(0), s.n.In(0)))
		}
		return nil
	}
	s.cut(1)
	s.drop("noop_with_empty_axes")
	if len(axes) > 0 {
		s.set(graph.IntsAttr("axes", axes...))
	}
	return nil
}

// axisToInput: DFT's axis was an attribute, 1 when not given.
func axisToInput(s *site) error {
	v := s.int("axis", s.n.Attrs.Int("axis", 1))
	s.drop("axis")
	s.put(2, v)
	return nil
}

func axisToAttr(s *site) error {
	axis := int64(-2)
	if s.n.In(2) != nil {
		v, err := s.needInts(2)
		if err != nil {
			return err
		}
		if len(v) != 1 {
			return refuse(Malformed, "", "input axis has %d elements", len(v))
		}
		axis = v[0]
	}
	s.cut(2)
	s.set(graph.IntAttr("axis", axis))
	return nil
}

// flattenedUp: before 13 the input was taken as a matrix whose rows begin at the axis.
func flattenedUp(s *site) error {
	x := s.n.In(0)
	axis, r := s.n.Attrs.Int("axis", 1), rank(x)
	if axis == -1 || r >= 0 && axis == r-1 {
		s.set(graph.IntAttr("axis", -1))
		return nil
	}
	if axis < 0 && r < 0 {
		return refuse(NoShape, "", "the axis is negative and the rank of the input not known")
	}
	if axis < 0 {
		axis += r
	}
	y := s.unary(s.n.ID.Op, s.unary("Flatten", x, graph.IntAttr("axis", axis)), graph.IntAttr("axis", -1))
	s.give(s.binary("Reshape", y, s.unary("Shape", x)))
	return nil
}

func flattenedDown(s *site) error {
	x := s.n.In(0)
	axis, r := s.n.Attrs.Int("axis", -1), rank(x)
	if axis == -1 && r < 0 {
		s.set(graph.IntAttr("axis", -1))
		return nil
	}
	if r <= 0 {
		return refuse(NoShape, "", "the rank of the input is not known, or 0")
	}
	axis, err := wrap(axis, r)
	if err != nil {
		return err
	}
	if axis == r-1 {
		s.set(graph.IntAttr("axis", axis))
		return nil
	}
	perm := make([]int64, r)
	for i := range perm {
		perm[i] = int64(i)
	}
	if axis >= r {
		return refuse(Malformed, "", "axis %d does not exist in rank %d", axis, r)
	}
	perm[axis], perm[r-1] = r-1, axis
	swap := graph.IntsAttr("perm", perm...)
	y := s.unary(s.n.ID.Op, s.unary("Transpose", x, swap), graph.IntAttr("axis", r-1))
	s.give(s.unary("Transpose", y, graph.IntsAttr("perm", perm...)))
	return nil
}

// oneHotWrap: negative indices did not count from the back.
func oneHotWrap(s *site) error {
	if axis := s.n.Attrs.Int("axis", -1); axis < -1 {
		r, err := needRank(s.n.In(0))
		if err != nil {
			return err
		}
		if axis, err = wrap(axis, r+1); err != nil {
			return err
		}
		s.set(graph.IntAttr("axis", axis))
	}
	idx := s.n.In(0)
	if x, ok := s.integers(idx); ok && !slices.ContainsFunc(x, func(v int64) bool { return v < 0 }) {
		return nil
	}
	zero, err := s.number("zero", elem(idx), 0)
	if err != nil {
		return err
	}
	depth := s.n.In(1)
	if rank(depth) == 1 {
		depth = s.unary("Squeeze", depth, graph.IntsAttr("axes", 0))
	}
	depth = s.unary("Cast", depth, graph.IntAttr("to", int64(elem(idx))))
	idx = s.op("Where", []*graph.Value{s.binary("Less", idx, zero), s.binary("Add", idx, depth), idx})
	s.put(0, s.op("Where", []*graph.Value{s.binary("Less", idx, zero), depth, idx})) // still negative: out of range, as depth is
	return nil
}

// shapeRange: the range of axes is cut out of the whole shape.
func shapeRange(s *site) error {
	start, end := s.n.Attrs.Int("start", 0), s.n.Attrs.Get("end")
	if start == 0 && end == nil {
		s.drop("start")
		return nil
	}
	last := int64(1 << 62)
	if end != nil {
		last = end.I
	}
	whole := s.unary("Shape", s.n.In(0))
	s.give(s.op("Slice", []*graph.Value{whole, s.ints("start", start), s.ints("end", last), s.ints("axis", 0)}))
	return nil
}

// topToInput: k was an attribute.
func topToInput(s *site) error {
	k := s.ints("k", s.n.Attrs.Int("k", 0))
	s.drop("k")
	s.put(1, k)
	return nil
}

func topToAttr(s *site) error {
	k, err := s.needInts(1)
	if err != nil {
		return err
	}
	if len(k) != 1 {
		return refuse(Malformed, "", "input K has %d elements", len(k))
	}
	s.cut(1)
	s.set(graph.IntAttr("k", k[0]))
	return nil
}

// topSmallest: the smallest are the largest of the negatives. The order that sorted = 0 leaves open may as well be the sorted one.
func topSmallest(s *site) error {
	s.drop("sorted")
	if s.n.Attrs.Int("largest", 1) != 0 {
		s.drop("largest")
		return nil
	}
	if fault := s.older.TypeFault(s.n); fault != "" {
		return refuse(NoType, "", "%s", fault)
	}
	var attrs []*graph.Attr
	if a := s.n.Attrs.Get("axis"); a != nil {
		attrs = append(attrs, a)
	}
	k := s.node("TopK", []*graph.Value{s.unary("Neg", s.n.In(0)), s.n.In(1)}, 2, attrs...)
	s.give(s.unary("Neg", k.Out(0)), k.Out(1))
	return nil
}
