package opset

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// rename gives an attribute another name.
func rename(from, to string) adapter {
	return func(s *site) error {
		if a := s.n.Attrs.Get(from); a != nil {
			k := *a
			k.Name = to
			s.drop(from)
			s.set(&k)
		}
		return nil
	}
}

// setDefault writes an integer that the other version takes when nothing is said.
func setDefault(name string, v int64) adapter {
	return func(s *site) error {
		if s.n.Attrs.Get(name) == nil {
			s.set(graph.IntAttr(name, v))
		}
		return nil
	}
}

func setString(name, v string) adapter {
	return func(s *site) error {
		if s.n.Attrs.Get(name) == nil {
			s.set(graph.StringAttr(name, v))
		}
		return nil
	}
}

// only refuses values of an attribute that the older version does not know.
func only(name string, known ...string) adapter {
	return func(s *site) error {
		v := s.n.Attrs.String(name, known[0])
		for _, k := range known {
			if v == k {
				return nil
			}
		}
		return refuse(NoAttr, "", "attribute %s = %q came with version %d", name, v, s.newer.Since)
	}
}

// concatAxis: the axis was 1 when not given.
func concatAxis(s *site) error { return setDefault("axis", 1)(s) }

// normToInt: p was a float.
func normToInt(s *site) error {
	if s.n.ID.Op == "LpPool" && s.n.Attrs.Get("kernel_shape") == nil {
		return refuse(Malformed, "", "attribute kernel_shape is missing")
	}
	a := s.n.Attrs.Get("p")
	if a == nil {
		return nil
	}
	if a.F != float32(int64(a.F)) {
		return refuse(NoAttr, "", "attribute p = %v is not whole", a.F)
	}
	s.set(graph.IntAttr("p", int64(a.F)))
	return nil
}

func normToFloat(s *site) error {
	if a := s.n.Attrs.Get("p"); a != nil {
		s.set(graph.FloatAttr("p", float32(a.I)))
	}
	return nil
}

// castNames are the names that Cast-1 gave to element types.
var castNames = []string{"UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16", "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128"}

func castToInt(s *site) error {
	to := s.n.Attrs.String("to", "")
	for i, name := range castNames {
		if name == to {
			s.set(graph.IntAttr("to", int64(i)))
			return nil
		}
	}
	return refuse(NoAttr, "", "attribute to = %q names no element type", to)
}

func castToName(s *site) error {
	to := s.n.Attrs.Int("to", 0)
	if to < 0 || to >= int64(len(castNames)) {
		return refuse(NoType, "", "element type %s came with a later version", tensor.DType(to))
	}
	s.set(graph.StringAttr("to", castNames[to]))
	return nil
}

// sampleNames: bilinear and bicubic became linear and cubic.
func sampleNames(s *site) error {
	switch s.n.Attrs.String("mode", "bilinear") {
	case "bilinear":
		s.set(graph.StringAttr("mode", "linear"))
	case "bicubic":
		s.set(graph.StringAttr("mode", "cubic"))
	}
	return nil
}

func sampleOldNames(s *site) error {
	switch r := rank(s.n.In(0)); {
	case r < 0:
		return refuse(NoShape, "", "the rank of input X is not known; version 16 takes 4 only")
	case r != 4:
		return refuse(NoShape, "", "input X has rank %d; version 16 takes 4 only", r)
	}
	switch s.n.Attrs.String("mode", "linear") {
	case "linear":
		s.set(graph.StringAttr("mode", "bilinear"))
	case "cubic":
		s.set(graph.StringAttr("mode", "bicubic"))
	}
	return nil
}

// roiCorner: before 16 there were no pixel centres.
func roiCorner(s *site) error {
	if err := only("coordinate_transformation_mode", "half_pixel", "output_half_pixel")(s); err != nil {
		return err
	}
	if s.n.Attrs.String("coordinate_transformation_mode", "half_pixel") != "output_half_pixel" {
		return refuse(NoAttr, "", "attribute coordinate_transformation_mode = half_pixel came with version 16")
	}
	s.drop("coordinate_transformation_mode")
	return nil
}

// scatterUp and scatterDown: Scatter became ScatterElements.
func scatterUp(s *site) error {
	s.give(s.op("ScatterElements", s.n.Inputs(), s.n.Attrs...))
	return nil
}

func scatterDown(s *site) error {
	if err := frontAxes(s); err != nil {
		return err
	}
	if fault := s.newer.TypeFault(s.n); fault != "" {
		return refuse(NoType, "", "%s", fault)
	}
	s.give(s.op("Scatter", s.n.Inputs(), s.n.Attrs...))
	return nil
}
