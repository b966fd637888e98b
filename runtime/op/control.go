package op

import (
	"errors"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// controlOps run subgraphs.
func controlOps() []OpDef {
	return []OpDef{
		{Op: "If", Since: 1, Prepare: prepareIf},
		{Op: "Loop", Since: 1, Prepare: prepareLoop},
		{Op: "Scan", Since: 9, Prepare: prepareScan},
		{Op: "Scan", Since: 8, Until: 8, Prepare: prepareScan8},
	}
}

// body compiles a graph attribute. Values that are no tensors are refused.
func body(p *Prep, name string) (*graph.Graph, SubExec, error) {
	g := p.Attrs().Graph(name)
	if g == nil {
		return nil, nil, fmt.Errorf("attribute %s is missing", name)
	}
	for _, v := range append(append([]*graph.Value{}, g.Inputs...), g.Outputs...) {
		if err := wantTensor(v.Name, v.Type.Kind); err != nil {
			return nil, nil, err
		}
	}
	sub, err := p.Sub(g)
	return g, sub, err
}

func wantTensors(p *Prep) error {
	for i := range p.Node.NumIn() {
		if v := p.Node.In(i); v != nil {
			if err := wantTensor(v.Name, p.Type(i).Kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// truthOf is the only element of a Bool tensor.
func truthOf(t *tensor.Tensor) (bool, error) {
	if t.Elem != tensor.Bool || t.Len() != 1 {
		return false, fmt.Errorf("condition is %s%v, want one bool", t.Elem, t.Shape)
	}
	return t.Bytes()[0] != 0, nil
}

// emit makes the results of a body the node's outputs.
func emit(c *Call, from int, res []*tensor.Tensor) {
	for i, t := range res {
		if from+i < len(c.Outs) {
			c.Alias(from+i, t, t.Shape...)
		}
	}
}

func prepareIf(p *Prep) (Exec, error) {
	tg, then, err := body(p, "then_branch")
	if err != nil {
		return nil, err
	}
	eg, els, err := body(p, "else_branch")
	if err != nil {
		return nil, err
	}
	if n := p.Node.NumOut(); len(tg.Outputs) < n || len(eg.Outputs) < n {
		return nil, fmt.Errorf("branches have %d and %d outputs, the node %d", len(tg.Outputs), len(eg.Outputs), n)
	}
	return ExecFunc(func(c *Call) error {
		t, err := needInput(c, 0)
		if err != nil {
			return err
		}
		cond, err := truthOf(t)
		if err != nil {
			return err
		}
		branch := els
		if cond {
			branch = then
		}
		res, err := branch.Run(c, nil)
		if err != nil {
			return err
		}
		emit(c, 0, res)
		return nil
	}), nil
}

// stack collects the scan outputs of a loop: equal tensors that become one along a new axis.
type stack struct {
	items []*tensor.Tensor
}

// join writes the collected tensors to output i along axis; the empty stack has the shape and type that the body declares.
func (s *stack) join(c *Call, i int, axis int64, declared graph.Type) error {
	if len(s.items) == 0 {
		dims := []int64{0}
		for _, d := range declared.Shape.Dims {
			v, _ := d.Value()
			dims = append(dims, max(v, 0))
		}
		if declared.Elem == tensor.Undefined {
			return errors.New("a scan output without iterations has no known type")
		}
		c.Out(i, declared.Elem, dims...)
		return nil
	}
	first := s.items[0]
	for _, t := range s.items {
		if t.Elem != first.Elem || !equalDims(t.Shape, first.Shape) {
			return fmt.Errorf("scan output %d changes from %s%v to %s%v", i, first.Elem, first.Shape, t.Elem, t.Shape)
		}
	}
	k, err := axisIn(axis, len(first.Shape)+1)
	if err != nil {
		return err
	}
	dims := append(append(append([]int64{}, first.Shape[:k]...), int64(len(s.items))), first.Shape[k:]...)
	y := c.Out(i, first.Elem, dims...)
	outer, inner := numel(first.Shape[:k]), numel(first.Shape[k:])
	for n, t := range s.items {
		for o := range outer {
			copyBlock(y, (o*len(s.items)+n)*inner, t, o*inner, inner)
		}
	}
	return nil
}

func prepareLoop(p *Prep) (Exec, error) {
	if err := wantTensors(p); err != nil {
		return nil, err
	}
	g, sub, err := body(p, "body")
	if err != nil {
		return nil, err
	}
	carried := p.Node.NumIn() - 2
	scans := len(g.Outputs) - 1 - carried
	if carried < 0 || len(g.Inputs) != carried+2 || scans < 0 {
		return nil, fmt.Errorf("the body has %d inputs and %d outputs for %d carried values", len(g.Inputs), len(g.Outputs), carried)
	}
	return ExecFunc(func(c *Call) error {
		limit, bounded := int64(0), false
		if t := input(c, 0); t != nil {
			var err error
			if limit, err = scalarInt(t, "trip count"); err != nil {
				return err
			}
			bounded = true
		}
		cond := true
		if t := input(c, 1); t != nil {
			var err error
			if cond, err = truthOf(t); err != nil {
				return err
			}
		}
		state := append([]*tensor.Tensor(nil), c.In[2:]...)
		for len(state) < carried {
			state = append(state, nil)
		}
		out := make([]stack, scans)
		for i := int64(0); cond && (!bounded || i < limit); i++ {
			if err := c.Ctx.Err(); err != nil {
				return err
			}
			res, err := sub.Run(c, append([]*tensor.Tensor{tensor.Scalar(i), tensor.Scalar(cond)}, state...))
			if err != nil {
				return fmt.Errorf("iteration %d: %w", i, err)
			}
			if cond, err = truthOf(res[0]); err != nil {
				return err
			}
			copy(state, res[1:1+carried])
			for k := range out {
				out[k].items = append(out[k].items, res[1+carried+k])
			}
		}
		emit(c, 0, state)
		for k := range out {
			if c.Wanted(carried + k) {
				if err := out[k].join(c, carried+k, 0, g.Outputs[1+carried+k].Type); err != nil {
					return err
				}
			}
		}
		return nil
	}), nil
}

// newTensor is a tensor of its own memory.
func newTensor(elem tensor.DType, dims []int64) *tensor.Tensor {
	if elem == tensor.String {
		return &tensor.Tensor{Elem: elem, Shape: dims, Strs: make([][]byte, numel(dims))}
	}
	return tensor.Zeros(elem, dims...)
}
