package opset

import (
	"math"

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

// batchConsumed: the attribute was required.
func batchConsumed(s *site) error {
	s.set(graph.IntsAttr("consumed_inputs", 0, 0, 0, 1, 1))
	return nil
}

// testMode drops is_test; without it the operator was in training.
func (s *site) testMode() error {
	if s.n.Attrs.Int("is_test", 0) == 0 {
		return refuse(Meaning, "set is_test to 1 if the model is for inference", "is_test is not set: the operator is in training mode, which version %d does not have", s.newer.Since)
	}
	s.drop("is_test")
	return nil
}

func batchTest(s *site) error { return s.testMode() }

func batchSetTest(s *site) error {
	if s.n.NumOut() > 1 {
		return refuse(NoOutput, "", "has outputs of training")
	}
	s.set(graph.IntAttr("is_test", 1))
	return nil
}

func dropoutTest(s *site) error {
	if s.used(1) {
		return refuse(NoOutput, "", "output mask is used, and is not filled outside of training")
	}
	return s.testMode()
}

func dropoutSetTest(s *site) error {
	if s.used(1) {
		return refuse(NoOutput, "", "output mask is used, and is not filled outside of training")
	}
	s.set(graph.IntAttr("is_test", 1))
	return nil
}

// maskToBool: the mask had the type of the data.
func maskToBool(s *site) error { return s.castMask(elem(s.n.Out(1))) }

func maskToFloat(s *site) error { return s.castMask(tensor.Bool) }

// castMask casts the node's second output to the type that its readers have.
func (s *site) castMask(to tensor.DType) error {
	if !s.used(1) {
		return nil
	}
	if to == tensor.Undefined {
		if to = elem(s.n.In(0)); to == tensor.Undefined {
			return refuse(NoShape, "", "the element type of output mask is not known")
		}
	}
	k := s.node("Dropout", s.n.Inputs(), 2, s.n.Attrs...)
	s.give(k.Out(0), s.unary("Cast", k.Out(1), graph.IntAttr("to", int64(to))))
	return nil
}

// ratioToInput: the ratio stays for whoever trains on; outside of training nothing reads it.
func ratioToInput(s *site) error {
	if a := s.n.Attrs.Get("ratio"); a != nil {
		ratio := s.constant("ratio", tensor.Scalar(a.F))
		s.drop("ratio")
		s.put(1, ratio)
	}
	return nil
}

func ratioToAttr(s *site) error {
	if t := s.n.In(2); t != nil {
		mode, ok := s.integers(t)
		switch {
		case !ok || len(mode) != 1:
			return s.dynamic(2)
		case mode[0] != 0:
			return refuse(Meaning, "", "is in training mode, which versions before 12 do not have")
		}
	}
	if ratio, ok := s.floats(s.n.In(1)); ok && len(ratio) == 1 {
		s.set(graph.FloatAttr("ratio", float32(ratio[0])))
	}
	s.cut(1)
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

// sequenceOutput: whether the sequence is given is said by the output being there.
func sequenceOutput(s *site) error {
	if s.n.Attrs.Int("output_sequence", 0) == 0 && s.used(0) {
		return refuse(Meaning, "set output_sequence to 1", "output Y is used, and output_sequence says that it is not given")
	}
	s.drop("output_sequence")
	if s.n.Attrs.String("direction", "") == "foward" {
		s.set(graph.StringAttr("direction", "forward"))
	}
	return nil
}

func allSequence(s *site) error {
	if s.n.Out(0) != nil {
		s.set(graph.IntAttr("output_sequence", 1))
	}
	return nil
}

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

// scanFront: scan axes were counted from the front.
func scanFront(s *site) error {
	for _, name := range []string{"scan_input_axes", "scan_output_axes"} {
		for _, v := range s.n.Attrs.Ints(name) {
			if v < 0 {
				return refuse(NoAttr, "count the axes from the front", "attribute %s has negative axes", name)
			}
		}
	}
	return nil
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
