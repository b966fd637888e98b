package onnxgo

import (
	"fmt"
	"math"
	"sort"
	"strings"

	onnx "github.com/owulveryck/onnx-go"
	gonum "gonum.org/v1/gonum/graph"
	gorgonia "gorgonia.org/tensor"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

// operation is one operator of the model.
type operation struct {
	id      graph.OpID
	attrs   []*graph.Attr
	outputs []*Node
}

// ApplyOperation says that o computes the nodes, in the order of its outputs, from what their edges lead to. The error is an
// *onnx.ErrNotImplemented when there is no such operator or an attribute cannot be used.
func (g *Graph) ApplyOperation(o onnx.Operation, nodes ...gonum.Node) error {
	id, ok := find(o.Name)
	if !ok {
		return &onnx.ErrNotImplemented{Operator: o.Name, Message: "no domain of ONNX has it, and onnx-go passes no functions"}
	}
	p := &operation{id: id}
	for name, x := range o.Attributes {
		a, err := attribute(o.Name, name, x)
		if err != nil {
			return err
		}
		p.attrs = append(p.attrs, a)
	}
	sort.Slice(p.attrs, func(i, j int) bool { return p.attrs[i].Name < p.attrs[j].Name })
	for _, n := range nodes {
		own, ok := g.own(n)
		if !ok {
			return g.misuse
		}
		if own.v.by != nil {
			return fmt.Errorf("onnxgo: two operations compute value %s: a Graph holds one model, make one for each", quoted(own.v))
		}
		p.outputs = append(p.outputs, own)
	}
	for _, n := range p.outputs {
		if !n.v.omitted {
			n.v.by = p
		}
	}
	g.drop()
	g.ops = append(g.ops, p)
	return nil
}

// find is the operator of that name. onnx-go does not say of which domain.
func find(name string) (graph.OpID, bool) {
	for _, domain := range domains {
		if op.Versions(domain, name) != nil {
			return graph.OpID{Domain: domain, Op: name}, true
		}
	}
	if op.HasRule(contrib, name) {
		return graph.OpID{Domain: contrib, Op: name}, true
	}
	return graph.OpID{Op: name}, op.HasRule("", name) || name == imageScaler
}

// domains are those of ONNX, the default one first.
var domains = []string{"", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training"}

const contrib = "com.microsoft"

// attribute converts what onnx-go makes of an attribute.
func attribute(operator, name string, x any) (*graph.Attr, error) {
	switch x := x.(type) {
	case float32:
		return graph.FloatAttr(name, x), nil
	case int64:
		return graph.IntAttr(name, x), nil
	case string:
		return graph.StringAttr(name, x), nil
	case []float32:
		return graph.FloatsAttr(name, x...), nil
	case []int64:
		return graph.IntsAttr(name, x...), nil
	case []string:
		list := make([][]byte, len(x))
		for i, s := range x {
			list[i] = []byte(s)
		}
		return &graph.Attr{Name: name, Kind: graph.AttrStrings, Strings: list}, nil
	case gorgonia.Tensor:
		t, err := fromGorgonia(x)
		if err == nil {
			return graph.TensorAttr(name, t), nil
		}
		return nil, &onnx.ErrNotImplemented{Operator: operator, AttributeName: name, AttributeValue: x, Message: err.Error()}
	}
	return nil, &onnx.ErrNotImplemented{Operator: operator, AttributeName: name, AttributeValue: x, Message: "onnx-go passed no value that an attribute may have"}
}

// inputs are the values that the operation reads, by position; nil where one is omitted.
func (g *Graph) inputs(p *operation) ([]*value, error) {
	var from *Node
	for _, n := range p.outputs {
		if !n.v.omitted {
			from = n
			break
		}
	}
	if from == nil {
		return nil, nil
	}
	var list []*value
	for _, e := range from.in {
		w := e.Weight()
		if w < 0 || w > math.MaxUint16 || w != math.Trunc(w) {
			return nil, fmt.Errorf("onnxgo: %s: an edge weighs %v: want the position of the input", p.label(), w)
		}
		for len(list) <= int(w) {
			list = append(list, nil)
		}
		if v := e.To().(*Node).v; !v.omitted {
			list[int(w)] = v
		}
	}
	if len(list) == 1 && list[0] != nil && list[0].madeUp() && p.needsNothing() {
		return nil, nil
	}
	return list, nil
}

// madeUp reports whether v looks like the input that onnx-go makes up for an operation that has none.
func (v *value) madeUp() bool {
	return v.by == nil && v.t == nil && strings.HasSuffix(v.name, "/input")
}

// needsNothing reports whether a version of the operator may have no inputs.
func (p *operation) needsNothing() bool {
	for _, v := range op.Versions(p.id.Domain, p.id.Op) {
		if op.Lookup(p.id.Domain, p.id.Op, v).MinIn == 0 {
			return true
		}
	}
	return false
}

// label names the operation as errors do.
func (p *operation) label() string {
	for _, n := range p.outputs {
		if n.name != "" {
			return fmt.Sprintf("operator %s of %q", p.id.Op, n.name)
		}
	}
	return "operator " + p.id.Op
}

func quoted(v *value) string {
	if v.name == "" && len(v.nodes) > 0 {
		return fmt.Sprintf("of node %d", v.nodes[0].id)
	}
	return fmt.Sprintf("%q", v.name)
}
