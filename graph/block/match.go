package block

import (
	"fmt"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// Call is a call of one of our functions, read.
type Call struct {
	Variant
	Node      *graph.Node
	K         int64    // of the exact rule and of MoEFFN
	Threshold float32  // of the other rules
	Dims      [2]int64 // SparseLinear: in, out
	inputs    []string // formal names
}

// In is the value given for a formal input, by its name in the function ("x", "up", "router", …); nil when the variant has none.
func (c *Call) In(name string) *graph.Value {
	return c.Node.In(slices.Index(c.inputs, name))
}

// IsBlock reports whether a node calls one of our functions, by its name alone.
func IsBlock(id graph.OpID) bool {
	_, ok := ParseName(id.Op)
	return ok && id.Domain == Domain
}

// Match reads node n of a model whose functions are looked up with find. A non-empty reason says why it is no block that a kernel may
// stand in for: another operator, a body that differs from what Build writes, attributes out of range.
func Match(n *graph.Node, find func(graph.OpID) *graph.Function) (call *Call, reason string) {
	if n.ID.Domain != Domain {
		return nil, "not in domain " + Domain
	}
	v, ok := ParseName(n.ID.Op)
	if !ok {
		return nil, "no variant has the name " + n.ID.Op
	}
	f := find(n.ID)
	if f == nil {
		return nil, "the model does not define the function"
	}
	want, err := Build(v, f.Opset(""))
	if err != nil {
		return nil, err.Error()
	}
	if fingerprint(f) != fingerprint(want) {
		return nil, "the body was edited: it differs from the one that this version writes"
	}
	c := &Call{Variant: v, Node: n}
	for _, formal := range want.Body.Inputs {
		c.inputs = append(c.inputs, formal.Name)
	}
	if n.NumIn() != len(c.inputs) || slices.Contains(n.Inputs(), nil) {
		return nil, fmt.Sprintf("%d inputs are given, %d needed", n.NumIn(), len(c.inputs))
	}
	return c, c.readAttrs(n.Attrs)
}

func (c *Call) readAttrs(attrs graph.Attrs) string {
	switch {
	case c.Family == SparseLinear:
		dims := intsOf(attrs, "shape")
		if len(dims) != 2 || dims[0] < 0 || dims[1] < 0 {
			return "attribute shape is not [in, out]"
		}
		c.Dims = [2]int64(dims)
	case c.Family == MoEFFN || c.Keep == KeepExact:
		k := intsOf(attrs, "k")
		if len(k) != 1 || k[0] < 0 {
			return "attribute k is not one count"
		}
		c.K = k[0]
	default:
		if t := attrs.Tensor("threshold"); t != nil {
			f, err := t.Float32s()
			if err != nil || len(f) != 1 {
				return "attribute threshold is not one float"
			}
			c.Threshold = f[0]
			return ""
		}
		a := attrs.Get("threshold")
		if a == nil || a.Kind != graph.AttrFloat {
			return "attribute threshold is not given"
		}
		c.Threshold = a.F
	}
	return ""
}

func intsOf(attrs graph.Attrs, name string) []int64 {
	if t := attrs.Tensor(name); t != nil {
		v, _ := t.Int64s()
		return v
	}
	return attrs.Ints(name)
}
