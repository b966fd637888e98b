package op

import (
	"fmt"
	"slices"
	"strings"

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
	key, memo := c.callKey(f)
	if old := r.calls[key]; memo && old != nil {
		copy(c.out, old.out)
		copy(c.outData, old.data)
		return old.err
	}
	err := c.callBody(f)
	if memo {
		r.calls[key] = &callResult{append([]graph.Type(nil), c.out...), append([]*Data(nil), c.outData...), err}
	}
	return err
}

// callResult is what a call came to; the same call elsewhere comes to the same.
type callResult struct {
	out  []graph.Type
	data []*Data
	err  error
}

// callKey is equal for calls of one function with equal types, contents and attributes; false when attributes are too large to compare.
func (c *call) callKey(f *graph.Function) (string, bool) {
	var b strings.Builder
	fmt.Fprintf(&b, "%p %d", f, len(c.out))
	for i := range c.numIn() {
		fmt.Fprintf(&b, "|%s", c.in(i))
		if d := c.data(i); d != nil {
			fmt.Fprintf(&b, "=%v%v", d.Dims, d.Elems)
		}
	}
	for _, a := range c.node.Attrs {
		name := a.Name
		if a.Ref != "" {
			if a = c.env.attrs[a.Ref]; a == nil {
				continue
			}
		}
		if a.T != nil || a.G != nil || a.Sparse != nil || a.TP != nil || len(a.Tensors)+len(a.Graphs)+len(a.Sparses)+len(a.Types) > 0 {
			return "", false
		}
		fmt.Fprintf(&b, "|%s:%d %d %v %q %v %v %q", name, a.Kind, a.I, a.F, a.S, a.Ints, a.Floats, a.Strings)
	}
	return b.String(), true
}

func (c *call) callBody(f *graph.Function) error {
	r := c.env.run
	r.stack = append(r.stack, f.ID.Canonical())
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
