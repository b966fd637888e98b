package onnxgo

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// testedOpset is the opset of onnx-go's own operator tests, and what its operators mean where nothing says otherwise.
const testedOpset = 9

// OpsetOf is the version of ONNX's default domain that an encoded model imports, for Graph.Opset.
func OpsetOf(model []byte) (int64, error) {
	m, err := onnxio.Decode(model, onnxio.LoadOptions{})
	if err != nil {
		return 0, err
	}
	defer m.Close()
	v := m.Opset("")
	if v == 0 {
		return 0, fmt.Errorf("onnxgo: the model imports no version of ONNX's default domain")
	}
	return v, nil
}

// importOpsets makes m import the domains of its nodes: the default one at opset, or, when that is 0, at the version that suits most of them.
func importOpsets(m *graph.Model, opset int64) {
	nodes := map[string][]*graph.Node{}
	for n := range m.Graph.Nodes() {
		nodes[n.ID.Domain] = append(nodes[n.ID.Domain], n)
	}
	if opset == 0 {
		opset = suiting(nodes[""])
	}
	m.Import("", opset)
	for _, domain := range append(domains[1:], contrib) {
		if len(nodes[domain]) > 0 {
			m.Import(domain, int64(max(1, op.Newest(domain))))
		}
	}
}

// suiting is the opset that most of the nodes fit: of several the lowest from testedOpset on, else the highest.
func suiting(nodes []*graph.Node) int64 {
	best, most := testedOpset, -1
	try := func(v int) {
		fit := 0
		for _, n := range nodes {
			if s := op.Lookup("", n.ID.Op, v); s != nil && fits(n, s) {
				fit++
			}
		}
		if fit > most {
			best, most = v, fit
		}
	}
	for v := testedOpset; v <= op.Newest(""); v++ {
		try(v)
	}
	for v := testedOpset - 1; v > 0; v-- {
		try(v)
	}
	return int64(best)
}

// fits reports whether a node has the form that a schema asks for.
func fits(n *graph.Node, s *op.Schema) bool {
	in := n.NumIn()
	for in > 0 && n.In(in-1) == nil {
		in--
	}
	if s.Deprecated || in < s.MinIn || n.NumIn() > s.MaxIn || n.NumOut() > s.MaxOut {
		return false
	}
	for i := range in {
		f, v := s.Input(i), n.In(i)
		if v == nil && f.Option != op.Optional {
			return false
		}
		if v != nil && v.Type.Kind == graph.KindTensor && v.Type.Elem != tensor.Undefined && f.Types != nil && !f.Types.Tensor.Has(v.Type.Elem) {
			return false
		}
	}
	for _, a := range n.Attrs {
		if spec := s.Attr(a.Name); spec == nil || spec.Kind != a.Kind {
			return false
		}
	}
	for _, spec := range s.Attrs {
		if spec.Required && n.Attrs.Get(spec.Name) == nil {
			return false
		}
	}
	return true
}
