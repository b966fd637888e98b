package opset

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// broadcastUp: before 7 the second operand was laid at an axis of the first, on request.
func broadcastUp(s *site) error {
	a, b := s.n.In(0), s.n.In(1)
	on := s.n.Attrs.Int("broadcast", 0) != 0
	axis := s.n.Attrs.Get("axis")
	s.drop("broadcast")
	s.drop("axis")
	if !on || axis == nil {
		return nil
	}
	if n, ok := dims(b); ok && product(n) == 1 && len(n) <= 1 {
		return nil
	}
	ra, err := needRank(a)
	if err != nil {
		return err
	}
	rb, err := needRank(b)
	if err != nil {
		return err
	}
	at, err := wrap(axis.I, ra)
	if err != nil {
		return err
	}
	behind := ra - at - rb
	if behind < 0 {
		return refuse(Malformed, "", "the second operand's rank %d does not fit at axis %d of rank %d", rb, at, ra)
	}
	if behind > 0 {
		s.put(1, s.unary("Unsqueeze", b, graph.IntsAttr("axes", count(rb, behind)...)))
	}
	return nil
}

// count is n integers from first on.
func count(first, n int64) []int64 {
	out := make([]int64, 0, max(n, 0))
	for i := range n {
		out = append(out, first+i)
	}
	return out
}

func product(dims []int64) int64 {
	p := int64(1)
	for _, d := range dims {
		p *= d
	}
	return p
}

// broadcastDown asks for broadcasting where the shapes differ, with the larger operand first where the operator does not care.
func broadcastDown(s *site) error {
	a, b := s.n.In(0), s.n.In(1)
	if a == b || a.Type.Shape.Equal(b.Type.Shape) {
		return nil
	}
	at, strip, ok := lay(a, b)
	if !ok {
		switch s.n.ID.Op {
		case "Add", "Mul", "And", "Or", "Xor", "Equal":
			if at, strip, ok = lay(b, a); ok {
				s.n.SetIn(0, b)
				s.n.SetIn(1, a)
				a, b = b, a
			}
		}
	}
	if !ok {
		return refuse(NoShape, "", "shapes %s and %s: before version 7 the second operand had to be a run of the first one's dims", a.Type.Shape, b.Type.Shape)
	}
	if strip != nil {
		b = s.unary("Squeeze", b, graph.IntsAttr("axes", strip...))
		s.n.SetIn(1, b)
	}
	s.set(graph.IntAttr("broadcast", 1))
	if at >= 0 {
		s.set(graph.IntAttr("axis", at))
	}
	return nil
}

// lay finds the axis of a at which b lies once its outer dims of 1, which strip lists, are gone. axis -1: b has one element.
func lay(a, b *graph.Value) (axis int64, strip []int64, ok bool) {
	da, db := a.Type.Shape, b.Type.Shape
	if !da.Known || !db.Known || db.Rank() > da.Rank() {
		return 0, nil, false
	}
	lo, hi := 0, db.Rank()
	for lo < hi && db.Dims[lo].Is(1) {
		lo++
	}
	for hi > lo && db.Dims[hi-1].Is(1) {
		hi--
	}
	at := da.Rank() - db.Rank() + lo
	for i := lo; i < hi; i++ {
		if !db.Dims[i].Equal(da.Dims[at+i-lo]) {
			return 0, nil, false
		}
	}
	if lo == hi && db.Rank() <= 1 {
		return -1, nil, true
	}
	if lo == hi { // one element: keep one dim
		return -1, count(0, int64(db.Rank()-1)), true
	}
	strip = append(count(0, int64(lo)), count(int64(hi), int64(db.Rank()-hi))...)
	if len(strip) == 0 {
		strip = nil
	}
	return int64(at), strip, true
}

// gemmUp: broadcasting was on request.
func gemmUp(s *site) error {
	s.drop("broadcast")
	return nil
}

func gemmDown(s *site) error {
	y, c := s.n.Out(0), s.n.In(2)
	if c == nil || y == nil || c.Type.Shape.Equal(y.Type.Shape) {
		return nil
	}
	if y.Type.Shape.Rank() != 2 {
		return refuse(NoShape, "", "the shape of the output is not known")
	}
	at, strip, ok := lay(y, c)
	if !ok || at == 0 {
		return refuse(NoShape, "", "input C of shape %s: before version 7 it had to be one element, or the last dims of the output", c.Type.Shape)
	}
	if strip != nil {
		s.n.SetIn(2, s.unary("Squeeze", c, graph.IntsAttr("axes", strip...)))
	}
	s.set(graph.IntAttr("broadcast", 1))
	return nil
}

// gemmZero: the third input was required.
func gemmZero(s *site) error {
	if s.n.In(2) != nil {
		return nil
	}
	zero, err := s.number("zero", elem(s.n.In(0)), 0, 1)
	if err != nil {
		return err
	}
	s.put(2, zero)
	return nil
}

// slopeUp: one slope for each channel was a vector laid at axis 1.
func slopeUp(s *site) error {
	x, slope := s.n.In(0), s.n.In(1)
	if d, ok := dims(slope); ok && product(d) == 1 {
		return nil
	}
	r, err := needRank(x)
	if err != nil {
		return err
	}
	if k := rank(slope); k != 1 {
		return refuse(NoShape, "", "input slope has rank %d; 1 was expected", k)
	}
	if r > 2 {
		s.put(1, s.unary("Unsqueeze", slope, graph.IntsAttr("axes", count(1, r-2)...)))
	}
	return nil
}

func slopeDown(s *site) error {
	x, slope := s.n.In(0), s.n.In(1)
	d, ok := dims(slope)
	r := rank(x)
	switch {
	case !ok || r < 0:
		return refuse(NoShape, "", "the shapes of the inputs are not known")
	case product(d) == 1 && len(d) == 1:
		return nil
	case product(d) == 1:
		s.put(1, s.binary("Reshape", slope, s.ints("one", 1)))
		return nil
	}
	at, strip, ok := lay(x, slope)
	if !ok || at != 1 || int64(len(d)-len(strip)) != 1 {
		return refuse(NoShape, "", "input slope of shape %v: before version 7 it had one element, or one for each channel", d)
	}
	if strip != nil {
		s.put(1, s.unary("Squeeze", slope, graph.IntsAttr("axes", strip...)))
	}
	return nil
}

// variadicDown: before 8 all shapes had to be alike.
func variadicDown(s *site) error {
	in := s.n.Inputs()
	alike := true
	for _, v := range in[1:] {
		alike = alike && v != nil && in[0] != nil && (v == in[0] || v.Type.Shape.Equal(in[0].Type.Shape))
	}
	if alike {
		return nil
	}
	if s.n.ID.Op != "Sum" && s.n.ID.Op != "Mean" {
		return refuse(NoShape, "", "the inputs' shapes are not known to be alike, as versions before 8 want them")
	}
	n, err := s.number("count", elem(in[0]), float64(len(in)))
	if err != nil {
		return err
	}
	sum := in[0]
	for _, v := range in[1:] {
		sum = s.binary("Add", sum, v)
	}
	if s.n.ID.Op == "Mean" {
		sum = s.binary("Div", sum, n)
	}
	s.give(sum)
	return nil
}
