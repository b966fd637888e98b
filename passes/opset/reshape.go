package opset

import (
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// reshapeToInput: the shape was an attribute.
func reshapeToInput(s *site) error {
	a := s.n.Attrs.Get("shape")
	if a == nil {
		return refuse(Malformed, "", "attribute shape is missing")
	}
	s.drop("shape")
	s.put(1, s.ints("shape", a.Ints...))
	return nil
}

func reshapeToAttr(s *site) error {
	shape, err := s.needInts(1)
	if err != nil {
		return err
	}
	s.cut(1)
	s.set(graph.IntsAttr("shape", shape...))
	return nil
}

// allowZero: a zero in the shape always meant the input's dim. Where the shape has none, or one would be the input's dim anyway, the
// attribute goes; where that hangs on an input of no elements, it goes with a note.
func allowZero(s *site) error {
	if s.n.Attrs.Int("allowzero", 0) == 0 {
		s.drop("allowzero")
		return nil
	}
	x, list := s.n.In(0).Type.Shape, s.dimsIn(1)
	zero := func(d graph.Dim) bool { return d.Is(0) }
	if y := s.n.Out(0); slices.ContainsFunc(x.Dims, zero) || y != nil && slices.ContainsFunc(y.Type.Shape.Dims, zero) {
		return refuse(NoAttr, "", "attribute allowzero = 1 of an empty tensor came with version 14")
	}
	sure := list != nil
	for i, d := range list {
		v, fixed := d.Value()
		same := d.IsKnown() && x.Known && i < x.Rank() && d.Equal(x.Dims[i])
		if fixed && v == 0 && !same {
			return refuse(NoAttr, "", "attribute allowzero = 1 with a zero in the shape came with version 14")
		}
		sure = sure && (fixed || same)
	}
	if !sure {
		s.c.note("Reshape", "a shape that is computed may hold a zero when a tensor is empty, and means the input's dim then, as before version 14")
	}
	s.drop("allowzero")
	return nil
}

// tileRepeats: one axis was repeated, and number and axis were inputs.
func tileRepeats(s *site) error {
	r, err := needRank(s.n.In(0))
	if err != nil {
		return err
	}
	tiles, ok1 := s.floats(s.n.In(1))
	axis, ok2 := s.floats(s.n.In(2))
	if !ok1 || !ok2 || len(tiles) != 1 || len(axis) != 1 {
		return refuse(NotConst, "", "inputs tiles and axis become one input and are not constant")
	}
	at, err := wrap(int64(axis[0]), r)
	if err != nil || at >= r {
		return refuse(Malformed, "", "axis %v does not exist in rank %d", axis[0], r)
	}
	repeats := slices.Repeat([]int64{1}, int(r))
	repeats[at] = int64(tiles[0])
	s.cut(1)
	s.put(1, s.ints("repeats", repeats...))
	return nil
}

func tileAxis(s *site) error {
	repeats, err := s.needInts(1)
	if err != nil {
		return err
	}
	x := s.n.In(0)
	if fault := s.older.TypeFault(s.n); fault != "" && elem(x) != tensor.Float32 && elem(x) != tensor.Float64 && elem(x) != tensor.Float16 {
		return refuse(NoType, "", "%s", fault)
	}
	for i, k := range repeats {
		if k == 1 {
			continue
		}
		n, err := s.number("tiles", elem(x), float64(k))
		if err != nil {
			return err
		}
		axis, err := s.number("axis", elem(x), float64(i))
		if err != nil {
			return err
		}
		x = s.op("Tile", []*graph.Value{x, n, axis})
	}
	s.give(x)
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
