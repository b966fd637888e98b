package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// call is one node under inference: what a rule reads and where it puts its answer.
type call struct {
	env     *Env
	node    *graph.Node
	opset   int
	out     []graph.Type
	outData []*Data
}

func newCall(e *Env, n *graph.Node, opset int) *call {
	return &call{env: e, node: n, opset: opset, out: make([]graph.Type, n.NumOut()), outData: make([]*Data, n.NumOut())}
}

// infer dispatches: a model-local function of the node's name comes before the operator table.
func (c *call) infer() error {
	id := c.node.ID.Canonical()
	if f := c.env.run.functions[id]; f != nil {
		return c.callFunction(f)
	}
	key := Key{id.Domain, id.Op}
	r, ok := rules()[key]
	if !ok {
		if !Known(id.Domain) {
			return stopf("operator %s is not one of the standard, and no function of the model", id)
		}
		return stopf("there is no inference rule for operator %s", id)
	}
	if s := Lookup(id.Domain, id.Op, c.opset); s != nil && c.node.NumIn() < s.MinIn {
		return contradict("%d inputs, operator %s of opset %d takes at least %d", c.node.NumIn(), id, c.opset, s.MinIn)
	}
	for _, want := range inputRanks[key] {
		if c.opset >= want.since && c.has(want.input) {
			if err := wantRank(fmt.Sprintf("input %d", want.input), c.shape(want.input), want.rank); err != nil {
				return err
			}
		}
	}
	return r(c)
}

// inputRanks is the ranks that operators want of inputs whose shape does not lead to the output's.
var inputRanks = map[Key][]struct{ input, rank, since int }{
	{"", "AffineGrid"}:                {{1, 1, 1}},
	{"", "Expand"}:                    {{1, 1, 1}},
	{"", "ImageDecoder"}:              {{0, 1, 1}},
	{"", "NegativeLogLikelihoodLoss"}: {{2, 1, 1}},
	{"", "OneHot"}:                    {{2, 1, 1}},
	{"", "Resize"}:                    {{1, 1, 11}, {2, 1, 11}, {3, 1, 11}},
	{"", "ReverseSequence"}:           {{1, 1, 1}},
	{"", "SoftmaxCrossEntropyLoss"}:   {{2, 1, 1}},
	{"", "TensorScatter"}:             {{2, 1, 1}},
}

func (c *call) numIn() int { return c.node.NumIn() }

// has reports whether input i is given.
func (c *call) has(i int) bool {
	v := c.node.In(i)
	return v != nil && v.Name != ""
}

// wants reports whether output i is used.
func (c *call) wants(i int) bool {
	v := c.node.Out(i)
	return v != nil && v.Name != ""
}

func (c *call) in(i int) graph.Type        { return c.env.typeOf(c.node.In(i)) }
func (c *call) elem(i int) tensor.DType    { return c.in(i).Elem }
func (c *call) shape(i int) graph.Shape    { return c.in(i).Shape }
func (c *call) ints(i int) ([]int64, bool) { return c.data(i).ints() }

// data is what input i holds, or nil. It has the rank that the input's type states; a model may contradict itself there.
func (c *call) data(i int) *Data {
	d := c.env.dataOf(c.node.In(i))
	if d == nil {
		return nil
	}
	s := c.shape(i)
	if s.Known && len(s.Dims) != len(d.Dims) {
		return nil
	}
	for k, n := range s.Dims {
		if v, ok := n.Value(); ok && v != d.Dims[k] {
			return nil
		}
	}
	return d
}

// int is input i as one constant integer.
func (c *call) int(i int) (int64, bool) {
	v, ok := c.ints(i)
	if !ok || len(v) != 1 {
		return 0, false
	}
	return v[0], true
}

// floats is constant input i as numbers.
func (c *call) floats(i int) ([]float64, bool) {
	t := c.env.constOf(c.node.In(i))
	if t == nil || t.Len() > maxData || !holdsValues(t) {
		return nil, false
	}
	v, err := t.Float64s()
	return v, err == nil
}

// attr is an attribute with the enclosing function's parameters put in.
func (c *call) attr(name string) *graph.Attr {
	a := c.node.Attrs.Get(name)
	if a != nil && a.Ref != "" {
		return c.env.attrs[a.Ref]
	}
	return a
}

func (c *call) attrInt(name string, def int64) int64 {
	if a := c.attr(name); a != nil && a.Kind == graph.AttrInt {
		return a.I
	}
	return def
}

func (c *call) attrInts(name string) ([]int64, bool) {
	if a := c.attr(name); a != nil && a.Kind == graph.AttrInts {
		return a.Ints, true
	}
	return nil, false
}

func (c *call) attrFloats(name string) ([]float32, bool) {
	if a := c.attr(name); a != nil && a.Kind == graph.AttrFloats {
		return a.Floats, true
	}
	return nil, false
}

func (c *call) attrStrings(name string) ([][]byte, bool) {
	if a := c.attr(name); a != nil && a.Kind == graph.AttrStrings {
		return a.Strings, true
	}
	return nil, false
}

func (c *call) attrString(name, def string) string {
	if a := c.attr(name); a != nil && a.Kind == graph.AttrString {
		return string(a.S)
	}
	return def
}

// attrElem is an attribute that names an element type, or def.
func (c *call) attrElem(name string, def tensor.DType) tensor.DType {
	return tensor.DType(c.attrInt(name, int64(def)))
}

// set states the type of output i.
func (c *call) set(i int, t graph.Type) {
	if i >= 0 && i < len(c.out) {
		c.out[i] = t
	}
}

// tensor states that output i is a tensor.
func (c *call) tensor(i int, elem tensor.DType, shape graph.Shape) {
	c.set(i, graph.TensorType(elem, shape))
}

// dims states that output i is a tensor of these dims.
func (c *call) dims(i int, elem tensor.DType, dims ...graph.Dim) {
	c.tensor(i, elem, graph.ShapeOf(dims...))
}

// setData states the contents of output i, when it knows them.
func (c *call) setData(i int, d *Data) {
	if i >= 0 && i < len(c.outData) {
		c.outData[i] = d
	}
}

// axis brings an axis into [0, rank).
func axis(a int64, rank int) (int, error) {
	n := a
	if n < 0 {
		n += int64(rank)
	}
	if n < 0 || n >= int64(rank) {
		return 0, contradict("axis %d is outside of rank %d", a, rank)
	}
	return int(n), nil
}

// wantRank is an error unless the shape is unknown or has that rank.
func wantRank(what string, s graph.Shape, rank int) error {
	if s.Known && len(s.Dims) != rank {
		return contradict("%s has shape %s, want rank %d", what, s, rank)
	}
	return nil
}

// unknownDims is a shape of that rank with no dim known.
func unknownDims(rank int) graph.Shape {
	if rank < 0 || rank > maxRank {
		return graph.Shape{}
	}
	return graph.ShapeOf(make([]graph.Dim, rank)...)
}

// vectorLen is the constant length of a rank-1 shape.
func vectorLen(s graph.Shape) (int, bool) {
	if !s.Known || len(s.Dims) != 1 {
		return 0, false
	}
	n, ok := s.Dims[0].Value()
	return int(n), ok && n >= 0 && n <= 1<<16
}
