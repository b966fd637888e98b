package block

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

var texts = map[Family]func(Variant, int64) string{SparseLinear: sparseLinearText, TopKFFN: topKText, MoEFFN: moeText}

// Build is the function of a variant for a model that imports the default domain at opset. It is an error when there is no body for
// that version or variant.
func Build(v Variant, opset int64) (*graph.Function, error) {
	if err := v.valid(); err != nil {
		return nil, fmt.Errorf("%s: %w", v.Name(), err)
	}
	if opset < MinOpset {
		return nil, fmt.Errorf("%s: bodies exist from opset %d up, the model has %d", v.Name(), MinOpset, opset)
	}
	f, err := graph.ParseFunction(texts[v.Family](v, opset), graph.ParseOptions{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Name(), err)
	}
	return f, nil
}

// Install makes sure that the model has the function of v and may hold it: IR version 8 at least, our domain imported. It returns the ID
// for the call.
func Install(m *graph.Model, v Variant) (graph.OpID, error) {
	id := v.ID()
	f, err := Build(v, m.Opset(""))
	if err != nil {
		return id, err
	}
	if have := m.Function(id); have != nil {
		if fingerprint(have) != fingerprint(f) {
			return id, fmt.Errorf("the model has another function %s already", id)
		}
		return id, nil
	}
	m.Functions = append(m.Functions, f)
	m.Import(Domain, Version)
	m.IRVersion = max(m.IRVersion, 8)
	return id, nil
}

// CountAttr and ThresholdAttr are the attributes of a call, in the form that the body of that opset reads.
func CountAttr(opset int64, name string, v ...int64) *graph.Attr {
	if opset < 12 {
		return graph.TensorAttr(name, tensor.Of(v, int64(len(v))))
	}
	return graph.IntsAttr(name, v...)
}

// ThresholdAttr: see CountAttr.
func ThresholdAttr(opset int64, v float32) *graph.Attr {
	if opset < 12 {
		return graph.TensorAttr("threshold", tensor.Scalar(v))
	}
	return graph.FloatAttr("threshold", v)
}

// fingerprint is the function's text with values renamed in order and without names, metadata and types of nodes.
func fingerprint(f *graph.Function) string {
	c := f.Clone()
	c.Doc, c.Props, c.Extra = "", nil, nil
	seen := map[*graph.Value]bool{}
	rename := func(list []*graph.Value) {
		for _, v := range list {
			if v != nil && !seen[v] {
				seen[v] = true
				v.Name = fmt.Sprintf("v%d", len(seen))
			}
		}
	}
	c.Body.Walk(func(g *graph.Graph) {
		g.Name, g.Doc, g.ValueInfo = "g", "", nil
		rename(g.Inputs)
		for n := range g.Nodes() {
			n.Name, n.Doc, n.Props = "", "", nil
			n.ID = n.ID.Canonical()
			rename(n.Outputs())
		}
		rename(g.Outputs)
		for _, list := range [][]*graph.Value{g.Inputs, g.Outputs} {
			for _, v := range list {
				v.Type = graph.Type{}
			}
		}
	})
	for i := range c.Opsets {
		c.Opsets[i].Domain = graph.CanonicalDomain(c.Opsets[i].Domain)
	}
	return c.String()
}
