package opset

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// clipToInputs: the bounds were attributes.
func clipToInputs(s *site) error {
	for i, name := range []string{"min", "max"} {
		a := s.n.Attrs.Get(name)
		if a == nil {
			continue
		}
		if math.IsInf(float64(a.F), 2*i-1) {
			s.drop(name)
			continue
		}
		v, err := s.number(name, elem(s.n.In(0)), float64(a.F))
		if err != nil {
			return err
		}
		s.drop(name)
		s.put(i+1, v)
	}
	return nil
}

// clipToAttrs: bounds that are not constant are written with Min and Max.
func clipToAttrs(s *site) error {
	bounds := [2]*graph.Value{s.n.In(1), s.n.In(2)}
	fixed := true
	for i, v := range bounds {
		if v == nil {
			continue
		}
		x, ok := s.floats(v)
		if !ok || len(x) != 1 {
			fixed = false
			break
		}
		s.set(graph.FloatAttr([]string{"min", "max"}[i], float32(x[0])))
	}
	if fixed {
		s.cut(1)
		return nil
	}
	x := s.n.In(0)
	for i, name := range []string{"Max", "Min"} {
		if bounds[i] != nil {
			x = s.binary(name, x, bounds[i])
		}
	}
	s.give(x)
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
