package op

import (
	"errors"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// scanPlan is a Scan's attributes, by scan input and output.
type scanPlan struct {
	g               *graph.Graph
	sub             SubExec
	states, ins     int
	inAxes, outAxes []int64
	inBack, outBack []bool
}

func newScan(p *Prep, first int) (*scanPlan, error) {
	if err := wantTensors(p); err != nil {
		return nil, err
	}
	g, sub, err := body(p, "body")
	if err != nil {
		return nil, err
	}
	a := p.Attrs()
	s := &scanPlan{g: g, sub: sub, ins: int(a.Int("num_scan_inputs", 0))}
	s.states = p.Node.NumIn() - first - s.ins
	if s.ins < 1 || s.states < 0 || len(g.Inputs) != s.states+s.ins || len(g.Outputs) < s.states {
		return nil, fmt.Errorf("the body has %d inputs and %d outputs for %d states and %d scan inputs", len(g.Inputs), len(g.Outputs), s.states, s.ins)
	}
	outs := len(g.Outputs) - s.states
	list := func(name string, n int) ([]int64, error) {
		v := a.Ints(name)
		if v == nil {
			return make([]int64, n), nil
		}
		if len(v) != n {
			return nil, fmt.Errorf("attribute %s is %v, want %d values", name, v, n)
		}
		return v, nil
	}
	flags := func(name string, n int) ([]bool, error) {
		v, err := list(name, n)
		out := make([]bool, n)
		for i, x := range v {
			if x != 0 && x != 1 {
				return nil, fmt.Errorf("attribute %s is %v: 0 is forward, 1 is backward", name, v)
			}
			out[i] = x == 1
		}
		return out, err
	}
	dirs := "scan_input_directions"
	if p.Opset < 9 {
		dirs = "directions"
	}
	if s.inBack, err = flags(dirs, s.ins); err != nil {
		return nil, err
	}
	if s.outBack, err = flags("scan_output_directions", outs); err != nil {
		return nil, err
	}
	if s.inAxes, err = list("scan_input_axes", s.ins); err != nil {
		return nil, err
	}
	s.outAxes, err = list("scan_output_axes", outs)
	return s, err
}

// run scans seqs from the given states. It returns the last states and the collected outputs.
func (s *scanPlan) run(c *Call, state, seqs []*tensor.Tensor) ([]*tensor.Tensor, []stack, error) {
	state = append([]*tensor.Tensor(nil), state...)
	steps := int64(-1)
	axes := make([]int, s.ins)
	for i, t := range seqs {
		if t == nil {
			return nil, nil, fmt.Errorf("scan input %d is missing", i)
		}
		k, err := axisIn(s.inAxes[i], len(t.Shape))
		if err != nil {
			return nil, nil, err
		}
		axes[i] = k
		if steps >= 0 && t.Shape[k] != steps {
			return nil, nil, fmt.Errorf("scan inputs have %d and %d steps", steps, t.Shape[k])
		}
		steps = t.Shape[k]
	}
	out := make([]stack, len(s.g.Outputs)-s.states)
	for step := range steps {
		if err := c.Ctx.Err(); err != nil {
			return nil, nil, err
		}
		in := append([]*tensor.Tensor(nil), state...)
		for i, t := range seqs {
			at := step
			if s.inBack[i] {
				at = steps - 1 - step
			}
			in = append(in, row(t, axes[i], int(at)))
		}
		res, err := s.sub.Run(c, in)
		if err != nil {
			return nil, nil, fmt.Errorf("step %d: %w", step, err)
		}
		copy(state, res[:s.states])
		for k := range out {
			if s.outBack[k] {
				out[k].items = append([]*tensor.Tensor{res[s.states+k]}, out[k].items...)
				continue
			}
			out[k].items = append(out[k].items, res[s.states+k])
		}
	}
	return state, out, nil
}

// row is a copy of slice i of t along an axis, without that axis.
func row(t *tensor.Tensor, axis, i int) *tensor.Tensor {
	dims := append(append([]int64{}, t.Shape[:axis]...), t.Shape[axis+1:]...)
	y := newTensor(t.Elem, dims)
	outer, inner := splitAt(t.Shape, axis)
	for o := range outer {
		copyBlock(y, o*inner, t, (o*int(t.Shape[axis])+i)*inner, inner)
	}
	return y
}

func prepareScan(p *Prep) (Exec, error) {
	s, err := newScan(p, 0)
	if err != nil {
		return nil, err
	}
	return ExecFunc(func(c *Call) error {
		if len(c.In) != s.states+s.ins {
			return fmt.Errorf("%d inputs, want %d", len(c.In), s.states+s.ins)
		}
		state, out, err := s.run(c, c.In[:s.states], c.In[s.states:])
		if err != nil {
			return err
		}
		emit(c, 0, state)
		for k := range out {
			if !c.Wanted(s.states + k) {
				continue
			}
			if err := out[k].join(c, s.states+k, s.outAxes[k], s.g.Outputs[s.states+k].Type); err != nil {
				return err
			}
		}
		return nil
	}), nil
}

// prepareScan8 is the Scan of opset 8: the first dim of every input and output is a batch, the second the sequence.
func prepareScan8(p *Prep) (Exec, error) {
	s, err := newScan(p, 1)
	if err != nil {
		return nil, err
	}
	return ExecFunc(func(c *Call) error {
		if input(c, 0) != nil {
			return refusal("Scan with sequence_lens")
		}
		in := c.In[1:]
		batch := int(in[0].Shape[0])
		states := make([]stack, s.states)
		outs := make([]stack, len(s.g.Outputs)-s.states)
		for b := range batch {
			var one []*tensor.Tensor
			for i, t := range in {
				if t == nil || len(t.Shape) == 0 || int(t.Shape[0]) != batch {
					return fmt.Errorf("input %d is %v, want a batch of %d", i+1, t, batch)
				}
				one = append(one, row(t, 0, b))
			}
			state, out, err := s.run(c, one[:s.states], one[s.states:])
			if err != nil {
				return err
			}
			for i, t := range state {
				states[i].items = append(states[i].items, t)
			}
			for i := range out {
				t, err := piled(&out[i])
				if err != nil {
					return err
				}
				outs[i].items = append(outs[i].items, t)
			}
		}
		for i, st := range append(states, outs...) {
			if c.Wanted(i) {
				if err := st.join(c, i, 0, s.g.Outputs[i].Type); err != nil {
					return err
				}
			}
		}
		return nil
	}), nil
}

// piled is the stack as one tensor with a new first dim.
func piled(s *stack) (*tensor.Tensor, error) {
	if len(s.items) == 0 {
		return nil, errors.New("a sequence without steps")
	}
	first := s.items[0]
	y := newTensor(first.Elem, append([]int64{int64(len(s.items))}, first.Shape...))
	for i, t := range s.items {
		if !equalDims(t.Shape, first.Shape) {
			return nil, fmt.Errorf("scan output changes from shape %v to %v", first.Shape, t.Shape)
		}
		copyBlock(y, i*first.Len(), t, 0, first.Len())
	}
	return y, nil
}
