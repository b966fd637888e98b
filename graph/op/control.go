package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// body is the graph attribute of that name, or an error.
func (c *call) body(name string) (*graph.Graph, error) {
	if a := c.attr(name); a != nil && a.Kind == graph.AttrGraph && a.G != nil {
		return a.G, nil
	}
	return nil, contradict("no graph attribute %s", name)
}

// ifElse gives what both branches agree on, or one branch where the condition is constant.
func ifElse(c *call) error {
	then, err := c.body("then_branch")
	if err != nil {
		return err
	}
	other, err := c.body("else_branch")
	if err != nil {
		return err
	}
	if n := len(then.Inputs) + len(other.Inputs); n > 0 {
		return contradict("branches have %d formal inputs, want none", n)
	}
	if len(then.Outputs) != len(c.out) || len(other.Outputs) != len(c.out) {
		return contradict("branches have %d and %d outputs, node has %d", len(then.Outputs), len(other.Outputs), len(c.out))
	}
	cond, constant := c.int(0)
	c.branch(then, constant && cond == 0)
	c.branch(other, constant && cond != 0)
	for i := range c.out {
		a, b := c.env.typeOf(then.Outputs[i]), c.env.typeOf(other.Outputs[i])
		switch {
		case constant && cond != 0:
			c.set(i, a)
			c.setData(i, c.env.dataOf(then.Outputs[i]))
		case constant:
			c.set(i, b)
			c.setData(i, c.env.dataOf(other.Outputs[i]))
		default:
			c.set(i, join(a, b))
		}
	}
	return nil
}

// branch infers a branch; one that is never taken may hold what cannot run.
func (c *call) branch(g *graph.Graph, dead bool) {
	if dead {
		c.env.run.dead++
		defer func() { c.env.run.dead-- }()
	}
	c.env.inferGraph(g)
}

// loop finds types of the carried values that one more round does not change, then infers the body with them.
func loop(c *call) error {
	body, err := c.body("body")
	if err != nil {
		return err
	}
	carried := max(c.numIn()-2, 0)
	if len(body.Inputs) != carried+2 || len(body.Outputs) < carried+1 {
		return contradict("body has %d inputs and %d outputs for %d carried values", len(body.Inputs), len(body.Outputs), carried)
	}
	if len(c.out) != len(body.Outputs)-1 {
		return contradict("%d outputs, body gives %d", len(c.out), len(body.Outputs)-1)
	}
	state := make([]graph.Type, carried)
	for i := range state {
		state[i] = c.in(i + 2)
	}
	enter := func(e *Env) error {
		e.bindFormal(body.Inputs[0], graph.TensorType(tensor.Int64, graph.ShapeOf()))
		e.bindFormal(body.Inputs[1], graph.TensorType(tensor.Bool, graph.ShapeOf()))
		for i, t := range state {
			e.bindFormal(body.Inputs[i+2], t)
		}
		e.inferGraph(body)
		return nil
	}
	c.settle(body, state, 1, enter)
	if err := enter(c.env); err != nil {
		return err
	}
	trips := c.trips(body)
	for i := range c.out {
		t := c.env.typeOf(body.Outputs[i+1])
		if i < carried {
			c.set(i, join(t, state[i]))
			continue
		}
		c.set(i, stacked(t, 0, trips))
	}
	return nil
}

// settle widens the carried types until the body's outputs, from index first on, fit them.
func (c *call) settle(body *graph.Graph, state []graph.Type, first int, enter func(*Env) error) {
	for range 4 {
		if len(state) == 0 {
			return
		}
		t := c.env.trial()
		if enter(t) != nil {
			return
		}
		changed := false
		for i := range state {
			if out := t.typeOf(body.Outputs[i+first]); !sameType(out, state[i]) {
				wide := join(state[i], out)
				if !sameType(wide, state[i]) {
					state[i], changed = wide, true
				}
			}
		}
		if !changed {
			return
		}
	}
}

// bindFormal gives a subgraph's formal input a type that is found outside.
func (e *Env) bindFormal(v *graph.Value, t graph.Type) {
	if t.Kind == graph.KindUnknown {
		return
	}
	if err := e.bind(v, t); err != nil && e.firstErr == nil {
		e.firstErr = err
	}
	e.data[v] = nil
}

func sameType(a, b graph.Type) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case graph.KindTensor, graph.KindSparseTensor:
		if a.Elem != b.Elem || a.Shape.Known != b.Shape.Known || len(a.Shape.Dims) != len(b.Shape.Dims) {
			return false
		}
		for i, d := range a.Shape.Dims {
			if o := b.Shape.Dims[i]; d.IsKnown() != o.IsKnown() || d.IsKnown() && !d.Equal(o) {
				return false
			}
		}
	case graph.KindSequence, graph.KindOptional:
		if a.Of == nil || b.Of == nil {
			return a.Of == b.Of
		}
		return sameType(*a.Of, *b.Of)
	}
	return true
}

// trips is the number of rounds, where the trip count is known and nothing can end the loop before.
func (c *call) trips(body *graph.Graph) graph.Dim {
	d := c.data(0)
	if !c.has(0) || d == nil || len(d.Elems) != 1 {
		return graph.Unknown()
	}
	if c.has(1) {
		if on, ok := c.int(1); !ok || on == 0 {
			return graph.Unknown()
		}
	}
	cond := body.Outputs[0]
	for range 16 {
		if cond == body.Inputs[1] {
			return atLeastZero(d.Elems[0])
		}
		if v, ok := c.env.dataOf(cond).ints(); ok && len(v) == 1 && v[0] != 0 {
			return atLeastZero(d.Elems[0])
		}
		n, _ := cond.Producer()
		if n == nil || !n.Is("Identity") || n.In(0) == nil {
			break
		}
		cond = n.In(0)
	}
	return graph.Unknown()
}

// stacked is a tensor type with one more dim at position at.
func stacked(t graph.Type, at int, n graph.Dim) graph.Type {
	if t.Kind != graph.KindTensor {
		return graph.Type{}
	}
	if !t.Shape.Known || at > len(t.Shape.Dims) {
		return graph.TensorType(t.Elem, graph.Shape{})
	}
	dims := append([]graph.Dim(nil), t.Shape.Dims[:at]...)
	dims = append(append(dims, n), t.Shape.Dims[at:]...)
	return graph.TensorType(t.Elem, graph.ShapeOf(dims...))
}

// sliced is a tensor type without the dim at position at, and that dim.
func sliced(t graph.Type, at int) (graph.Type, graph.Dim) {
	if t.Kind != graph.KindTensor || !t.Shape.Known {
		return graph.Type{Kind: t.Kind, Elem: t.Elem}, graph.Unknown()
	}
	if at < 0 {
		at += len(t.Shape.Dims)
	}
	if at < 0 || at >= len(t.Shape.Dims) {
		return graph.TensorType(t.Elem, graph.Shape{}), graph.Unknown()
	}
	return graph.TensorType(t.Elem, graph.ShapeOf(without(t.Shape.Dims, at)...)), t.Shape.Dims[at]
}

// scan runs the body over slices of its scan inputs. In opset 8 values also have a batch dim and a first input of sequence lengths.
func scan(c *call) error {
	body, err := c.body("body")
	if err != nil {
		return err
	}
	batched := c.opset == 8
	scans := int(c.attrInt("num_scan_inputs", 1))
	first := 0
	if batched {
		first = 1
	}
	states := c.numIn() - first - scans
	if scans < 1 || states < 0 || len(body.Inputs) != states+scans || len(body.Outputs) < states {
		return contradict("body has %d inputs and %d outputs for %d states and %d scan inputs", len(body.Inputs), len(body.Outputs), states, scans)
	}
	if len(c.out) != len(body.Outputs) {
		return contradict("%d outputs, body gives %d", len(c.out), len(body.Outputs))
	}
	inAxes, _ := c.attrInts("scan_input_axes")
	outAxes, _ := c.attrInts("scan_output_axes")
	at := func(axes []int64, i int) int {
		if i < len(axes) {
			return int(axes[i])
		}
		return 0
	}
	batch, length := graph.Unknown(), graph.Unknown()
	unbatch := func(t graph.Type) graph.Type {
		if batched {
			var n graph.Dim
			if t, n = sliced(t, 0); !batch.IsKnown() {
				batch = n
			}
		}
		return t
	}
	state := make([]graph.Type, states)
	for i := range state {
		state[i] = unbatch(c.in(first + i))
	}
	rows := make([]graph.Type, scans)
	for i := range rows {
		t := unbatch(c.in(first + states + i))
		var n graph.Dim
		rows[i], n = sliced(t, at(inAxes, i))
		if l, err := unify(length, n); err == nil {
			length = l
		}
	}
	enter := func(e *Env) error {
		for i, t := range append(append([]graph.Type(nil), state...), rows...) {
			e.bindFormal(body.Inputs[i], t)
		}
		e.inferGraph(body)
		return nil
	}
	c.settle(body, state, 0, enter)
	if err := enter(c.env); err != nil {
		return err
	}
	for i := range c.out {
		t := c.env.typeOf(body.Outputs[i])
		if i < states {
			t = join(t, state[i])
		} else {
			a := at(outAxes, i-states)
			if a < 0 {
				a += t.Shape.Rank() + 1
			}
			t = stacked(t, max(a, 0), length)
		}
		if batched {
			t = stacked(t, 0, batch)
		}
		c.set(i, t)
	}
	return nil
}
