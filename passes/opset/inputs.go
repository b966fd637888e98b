package opset

import (
	"math"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// splitInputToAttr: the lengths could be an input.
func splitInputToAttr(s *site) error {
	if s.n.In(1) != nil {
		v, ok := s.floats(s.n.In(1))
		if !ok {
			return refuse(NotConst, "", "input split becomes an attribute and is not constant")
		}
		lens := make([]int64, len(v))
		for i, x := range v {
			lens[i] = int64(x)
		}
		s.set(graph.IntsAttr("split", lens...))
	}
	s.cut(1)
	return nil
}

// splitToInput: the lengths were an attribute.
func splitToInput(s *site) error {
	if a := s.n.Attrs.Get("split"); a != nil {
		s.drop("split")
		s.put(1, s.ints("split", a.Ints...))
	}
	return nil
}

func splitToAttr(s *site) error {
	if s.n.In(1) == nil {
		return nil
	}
	v, err := s.needInts(1)
	if err != nil {
		return err
	}
	s.cut(1)
	s.set(graph.IntsAttr("split", v...))
	return nil
}

// splitCount: without lengths, the number of outputs said how many parts there are.
func splitCount(s *site) error {
	if s.n.In(1) == nil {
		s.set(graph.IntAttr("num_outputs", int64(s.n.NumOut())))
	}
	return nil
}

// splitSizes: parts were all alike, so a shorter last one must be written out.
func splitSizes(s *site) error {
	if s.n.In(1) != nil {
		s.drop("num_outputs")
		return nil
	}
	parts := s.n.Attrs.Int("num_outputs", int64(s.n.NumOut()))
	if parts < 1 || parts != int64(s.n.NumOut()) {
		return refuse(Malformed, "", "num_outputs = %d and there are %d outputs", parts, s.n.NumOut())
	}
	s.drop("num_outputs")
	axis := s.n.Attrs.Int("axis", 0)
	size, ok := s.n.In(0).Type.Shape.Dim(int(axis)).Value()
	if !ok {
		length := s.extent(s.unary("Shape", s.n.In(0)), axis)
		each := s.binary("Div", s.binary("Add", length, s.ints("round", parts-1)), s.ints("parts", parts))
		lens := slices.Repeat([]*graph.Value{each}, int(parts))
		lens[parts-1] = s.binary("Sub", length, s.binary("Mul", each, s.ints("before", parts-1)))
		s.put(1, s.op("Concat", lens, graph.IntAttr("axis", 0)))
		return nil
	}
	if size%parts == 0 {
		return nil
	}
	lens := slices.Repeat([]int64{(size + parts - 1) / parts}, int(parts))
	lens[parts-1] = size - lens[0]*(parts-1)
	if lens[parts-1] < 0 {
		return refuse(NoShape, "", "%d elements do not make %d parts", size, parts)
	}
	s.put(1, s.ints("split", lens...))
	return nil
}

// sliceToInputs: starts, ends and axes were attributes.
func sliceToInputs(s *site) error {
	for i, name := range []string{"starts", "ends", "axes"} {
		if a := s.n.Attrs.Get(name); a != nil {
			s.drop(name)
			s.put(i+1, s.ints(name, a.Ints...))
		}
	}
	return nil
}

func sliceToAttrs(s *site) error {
	if s.n.In(4) != nil {
		steps, err := s.needInts(4)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(steps, func(v int64) bool { return v != 1 }) {
			return refuse(NoInput, "", "input steps = %v came with version 10", steps)
		}
	}
	for i, name := range []string{"starts", "ends", "axes"} {
		if s.n.In(i+1) == nil {
			continue
		}
		v, err := s.needInts(i + 1)
		if err != nil {
			return err
		}
		s.set(graph.IntsAttr(name, v...))
	}
	s.cut(1)
	return nil
}

// sliceFront: axes were counted from the front.
func sliceFront(s *site) error {
	axes, ok := s.integers(s.n.In(3))
	if !ok || !slices.ContainsFunc(axes, func(v int64) bool { return v < 0 }) {
		return nil
	}
	r, err := needRank(s.n.In(0))
	if err != nil {
		return err
	}
	front, err := wrapAll(axes, r)
	if err != nil {
		return err
	}
	s.put(3, s.constant("axes", likeInts(elem(s.n.In(1)), front, []int64{int64(len(front))})))
	return nil
}

// padToInputs: pads and value were attributes.
func padToInputs(s *site) error {
	pads := s.n.Attrs.Ints("pads")
	if v := s.n.Attrs.Float("value", 0); v != 0 && s.n.Attrs.String("mode", "constant") == "constant" {
		value, err := s.number("value", elem(s.n.In(0)), float64(v))
		if err != nil {
			return err
		}
		s.put(2, value)
	}
	s.put(1, s.ints("pads", pads...))
	s.drop("pads")
	s.drop("value")
	return nil
}

func padToAttrs(s *site) error {
	pads, err := s.needInts(1)
	if err != nil {
		return err
	}
	if s.n.In(2) != nil && s.n.Attrs.String("mode", "constant") == "constant" {
		v, ok := s.floats(s.n.In(2))
		if !ok || len(v) != 1 {
			return s.dynamic(2)
		}
		if float64(float32(v[0])) != v[0] && !math.IsNaN(v[0]) {
			return refuse(NoAttr, "", "the value %v is no 32-bit float, as attribute value is", v[0])
		}
		s.set(graph.FloatAttr("value", float32(v[0])))
	}
	s.cut(1)
	s.set(graph.IntsAttr("pads", pads...))
	return nil
}

// padAllAxes: pads were given for all axes.
func padAllAxes(s *site) error {
	if s.n.In(3) == nil {
		return nil
	}
	axes, err := s.needInts(3)
	if err != nil {
		return err
	}
	pads, ok := s.integers(s.n.In(1))
	if !ok {
		return refuse(NotConst, "", "input pads is for some axes only and is not constant")
	}
	r, err := needRank(s.n.In(0))
	if err != nil {
		return err
	}
	if axes, err = wrapAll(axes, r); err != nil {
		return err
	}
	if len(pads) != 2*len(axes) || slices.Contains(axes, r) {
		return refuse(Malformed, "", "there are %d pads for %d axes", len(pads), len(axes))
	}
	all := make([]int64, 2*r)
	for i, a := range axes {
		all[a], all[r+a] = pads[i], pads[len(axes)+i]
	}
	s.put(1, s.ints("pads", all...))
	s.cut(3)
	return nil
}
