package op

import (
	"fmt"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// callFunction infers a call into a model-local function by walking its body with the call's types and attributes.
func (c *call) callFunction(f *graph.Function) error {
	r := c.env.run
	id := f.ID.Canonical()
	if slices.Contains(r.stack, id) {
		return contradict("function %s calls itself", f.ID)
	}
	if len(r.stack) > maxDepth || f.Body == nil {
		return stopf("function %s is nested too deep or has no body", f.ID)
	}
	if c.numIn() > len(f.Body.Inputs) || len(c.out) > len(f.Body.Outputs) {
		return contradict("%d inputs and %d outputs, function %s has %d and %d", c.numIn(), len(c.out), f.ID, len(f.Body.Inputs), len(f.Body.Outputs))
	}
	r.stack = append(r.stack, id)
	defer func() { r.stack = r.stack[:len(r.stack)-1] }()

	e := &Env{run: r, function: f, attrs: map[string]*graph.Attr{}}
	e.reset()
	for _, d := range f.Attrs {
		if d.Default != nil {
			e.attrs[d.Name] = d.Default
		}
	}
	for _, a := range c.node.Attrs {
		if a.Ref == "" {
			e.attrs[a.Name] = a
		} else if outer := c.env.attrs[a.Ref]; outer != nil {
			e.attrs[a.Name] = outer
		}
	}
	for i, v := range f.Body.Inputs {
		e.known[v] = c.in(i)
		if d := c.data(i); d != nil {
			e.data[v] = d
		} else {
			e.data[v] = nil
		}
	}
	e.inferGraph(f.Body)
	for i := range c.out {
		v := f.Body.Outputs[i]
		c.set(i, e.typeOf(v))
		c.setData(i, e.dataOf(v))
	}
	if e.firstErr != nil {
		for i := range c.out {
			if c.wants(i) && !isTyped(c.out[i]) {
				return stopf("in function %s: %v", f.ID, fmt.Errorf("%w", e.firstErr))
			}
		}
	}
	return nil
}
