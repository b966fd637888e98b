package opset

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// heads brings an operand into [batch, heads, sequence, head size].
func (s *site) heads(v *graph.Value, attr string) (*graph.Value, error) {
	r, err := needRank(v)
	if err != nil {
		return nil, err
	}
	if r == 4 {
		return v, nil
	}
	n := s.n.Attrs.Int(attr, 0)
	if r != 3 || n < 1 {
		return nil, refuse(Malformed, "", "an input of rank %d wants attribute %s", r, attr)
	}
	return s.unary("Transpose", s.binary("Reshape", v, s.ints("heads", 0, 0, n, -1)), graph.IntsAttr("perm", 0, 2, 1, 3)), nil
}

// dimOf is a dim of v, which must be known.
func dimOf(v *graph.Value, i int) (int64, error) {
	if d, ok := v.Type.Shape.Dim(i).Value(); ok && d > 0 {
		return d, nil
	}
	return 0, refuse(NoShape, "", "dim %d of %q is not known", i, v.Name)
}

// scaled multiplies v by a number.
func (s *site) scaled(v *graph.Value, k float64) (*graph.Value, error) {
	c, err := s.floatOf(v, "scale", k)
	if err != nil {
		return nil, err
	}
	return s.binary("Mul", v, c), nil
}

// writeAttention writes scaled dot product attention out: caches, grouped heads, soft cap, mask, causal mask.
func writeAttention(s *site) error {
	query, mask := s.n.In(0), s.n.In(3)
	elemType := elem(query)
	inf, err := s.floatsOf(query, "limit", 0, math.Inf(-1))
	if err != nil {
		return err
	}
	var in [3]*graph.Value
	for i, attr := range []string{"q_num_heads", "kv_num_heads", "kv_num_heads"} {
		if in[i], err = s.heads(s.n.In(i), attr); err != nil {
			return err
		}
	}
	outs := make([]*graph.Value, 4)
	for i := 1; i <= 2; i++ {
		if past := s.n.In(3 + i); past != nil {
			in[i] = s.binary("Concat", past, in[i], graph.IntAttr("axis", 2))
		}
		outs[i] = in[i]
	}
	for i := 1; i <= 2; i++ {
		if in[i], err = s.repeatHeads(in[i], in[0]); err != nil {
			return err
		}
	}
	q, k, v := in[0], in[1], in[2]
	scale := float64(s.n.Attrs.Float("scale", 0))
	if s.n.Attrs.Get("scale") == nil {
		size, err := dimOf(q, 3)
		if err != nil {
			return err
		}
		scale = 1 / math.Sqrt(float64(size))
	}
	total, begin := k, s.n.In(4)
	if scale < 0 {
		return refuse(NoAttr, "", "attribute scale = %v is negative", scale)
	}
	if q, err = s.scaled(q, math.Sqrt(scale)); err != nil {
		return err
	}
	if k, err = s.scaled(s.unary("Transpose", k, graph.IntsAttr("perm", 0, 1, 3, 2)), math.Sqrt(scale)); err != nil {
		return err
	}
	mode := s.n.Attrs.Int("qk_matmul_output_mode", 0)
	tap := func(at int64, v *graph.Value) {
		if at == mode && s.used(3) {
			outs[3] = v
		}
	}
	scores := s.binary("MatMul", q, k)
	tap(0, scores)
	if c := float64(s.n.Attrs.Float("softcap", 0)); c != 0 {
		cap, err := s.floatOf(query, "softcap", c)
		if err != nil {
			return err
		}
		scores = s.binary("Mul", s.unary("Tanh", s.binary("Div", scores, cap)), cap)
	}
	tap(1, scores)
	if s.n.Attrs.Int("is_causal", 0) != 0 {
		scores = s.binary("Add", scores, s.op("Where", []*graph.Value{s.later(q, total, begin), inf[1], inf[0]}))
	}
	if mask != nil {
		have, ok := mask.Type.Shape.Dim(-1).Value()
		if want, known := scores.Type.Shape.Dim(-1).Value(); ok && known && have != want && have != 1 {
			return refuse(NoInput, "", "input attn_mask is shorter than the keys")
		}
		switch elem(mask) {
		case tensor.Undefined:
			return refuse(NoShape, "", "the element type of input attn_mask is not known")
		case tensor.Bool:
			mask = s.op("Where", []*graph.Value{mask, inf[0], inf[1]})
		default:
			mask = s.cast(mask, elemType)
		}
		scores = s.binary("Add", scores, mask)
	}
	tap(2, scores)
	weights := scores
	precision := tensor.DType(s.n.Attrs.Int("softmax_precision", int64(elemType)))
	if precision != elemType {
		weights = s.unary("Cast", weights, graph.IntAttr("to", int64(precision)))
	}
	weights = s.unary("Softmax", weights, graph.IntAttr("axis", -1))
	if precision != elemType {
		weights = s.unary("Cast", weights, graph.IntAttr("to", int64(elemType)))
	}
	if mask != nil { // a row without any key gives zeros
		dead := s.binary("Equal", s.reduce("ReduceMax", scores, 18, -1), inf[1])
		weights = s.op("Where", []*graph.Value{dead, inf[0], weights})
	}
	tap(3, weights)
	y := s.binary("MatMul", weights, v)
	if rank(query) == 3 {
		y = s.binary("Reshape", s.unary("Transpose", y, graph.IntsAttr("perm", 0, 2, 1, 3)), s.ints("joined", 0, 0, -1))
	}
	outs[0] = y
	for i := 1; i <= 2; i++ {
		if !s.used(i) {
			outs[i] = nil
		}
	}
	s.give(outs[:s.n.NumOut()]...)
	return nil
}

// repeatHeads gives every query head its key head, when several share one.
func (s *site) repeatHeads(v, query *graph.Value) (*graph.Value, error) {
	want, err := dimOf(query, 1)
	if err != nil {
		return nil, err
	}
	have, err := dimOf(v, 1)
	if err != nil {
		return nil, err
	}
	if have == want {
		return v, nil
	}
	size, err := dimOf(v, 3)
	if err != nil {
		return nil, err
	}
	if want%have != 0 {
		return nil, refuse(Malformed, "", "%d heads do not share %d", want, have)
	}
	v = s.binary("Expand", s.binary("Unsqueeze", v, s.ints("axes", 2)), s.ints("groups", 1, 1, want/have, 1, 1))
	return s.binary("Reshape", v, s.ints("heads", 0, want, -1, size)), nil
}

// later says which keys come after which queries; those of the cache come before all.
func (s *site) later(query, key, past *graph.Value) *graph.Value {
	scalar := func(v *graph.Value) *graph.Value {
		return s.binary("Squeeze", s.extent(s.unary("Shape", v), -2), s.ints("axes", 0))
	}
	numbers := func(v *graph.Value) *graph.Value {
		return s.op("Range", []*graph.Value{s.int("from", 0), scalar(v), s.int("step", 1)})
	}
	rows := numbers(query)
	if past != nil {
		rows = s.binary("Add", rows, scalar(past))
	}
	return s.binary("Greater", numbers(key), s.binary("Unsqueeze", rows, s.ints("axes", 1)))
}

// part is a range of the last axis.
func (s *site) part(v *graph.Value, start, end, step int64) *graph.Value {
	return s.op("Slice", []*graph.Value{v, s.ints("start", start), s.ints("end", end), s.ints("axes", -1), s.ints("step", step)})
}

// writeRotary writes rotary embedding out on [batch, sequence, heads, head size].
func writeRotary(s *site) error {
	x := s.n.In(0)
	r, err := needRank(x)
	if err != nil {
		return err
	}
	v := x
	switch n := s.n.Attrs.Int("num_heads", 0); {
	case r == 4:
		v = s.unary("Transpose", x, graph.IntsAttr("perm", 0, 2, 1, 3))
	case r == 3 && n > 0:
		v = s.binary("Reshape", x, s.ints("heads", 0, 0, n, -1))
	default:
		return refuse(Malformed, "", "input X of rank %d wants attribute num_heads", r)
	}
	half, err := dimOf(s.n.In(1), -1)
	if err != nil {
		return err
	}
	var turn [2]*graph.Value
	for i := range turn {
		turn[i] = s.n.In(1 + i)
		if s.n.In(3) != nil {
			turn[i] = s.binary("Gather", turn[i], s.n.In(3))
		}
		turn[i] = s.binary("Unsqueeze", turn[i], s.ints("axes", 2))
	}
	var rest *graph.Value
	if d := s.n.Attrs.Int("rotary_embedding_dim", 0); d != 0 {
		rest = s.part(v, d, math.MaxInt64, 1)
		v = s.part(v, 0, d, 1)
		half = d / 2
	}
	interleaved := s.n.Attrs.Int("interleaved", 0) != 0
	var a, b *graph.Value
	if interleaved {
		a, b = s.part(v, 0, math.MaxInt64, 2), s.part(v, 1, math.MaxInt64, 2)
	} else {
		a, b = s.part(v, 0, half, 1), s.part(v, half, 2*half, 1)
	}
	re := s.binary("Sub", s.binary("Mul", turn[0], a), s.binary("Mul", turn[1], b))
	im := s.binary("Add", s.binary("Mul", turn[1], a), s.binary("Mul", turn[0], b))
	last := graph.IntAttr("axis", -1)
	if interleaved {
		re, im = s.binary("Unsqueeze", re, s.ints("axes", -1)), s.binary("Unsqueeze", im, s.ints("axes", -1))
		v = s.binary("Reshape", s.binary("Concat", re, im, last), s.ints("joined", 0, 0, 0, -1))
	} else {
		v = s.binary("Concat", re, im, last)
	}
	if rest != nil {
		v = s.binary("Concat", v, rest, last)
	}
	if r == 4 {
		s.give(s.unary("Transpose", v, graph.IntsAttr("perm", 0, 2, 1, 3)))
	} else {
		s.give(s.binary("Reshape", v, s.unary("Shape", x)))
	}
	return nil
}
