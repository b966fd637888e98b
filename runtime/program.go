package runtime

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

// program is a compiled graph: the main graph of a session, or the body of If, Loop or Scan. It does not change after compilation.
type program struct {
	env      *environment
	values   []value
	inputs   []int // formal inputs
	captures []capture
	outputs  []int
	steps    []step
	plan     *Plan
	binder   binder
	states   stateList
}

// value is one tensor of a program.
type value struct {
	name     string
	typ      graph.Type
	constant *tensor.Tensor // nil for all that a run computes, and for constants that every reader has packed
	producer int            // step; -1 for inputs, captures and constants
}

// capture is a value of the surrounding program.
type capture struct{ outer, inner int }

// step is one prepared node.
type step struct {
	node     string
	id       graph.OpID
	opset    int
	exec     op.Exec
	ins      []int // -1: omitted
	outs     []int // -1: not wanted
	captured []int // values that the node's subgraphs read
	view     bool
	inPlace  []int
	frees    []int // classes whose last use this is
}

// environment is what all programs of a session share.
type environment struct {
	opt     Options
	pool    *kernel.Pool
	profile *profiler
}

// run executes the steps that need (nil: all) marks. Inputs and captures are in st.vals. Slots hold the results afterwards.
func (st *state) run(ctx context.Context, need []bool) (err error) {
	p := st.prog
	at := -1
	defer func() {
		if r := recover(); r != nil {
			err = p.failure(at, r)
		}
	}()
	prof := p.env.profile
	for i := range p.steps {
		if need != nil && !need[i] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		at = i
		s := &p.steps[i]
		c := &st.calls[i]
		for k, id := range s.ins {
			if id >= 0 {
				c.In[k] = st.vals[id]
			}
		}
		c.Ctx = ctx
		c.UseScratch(&st.scratch)
		var start time.Time
		if prof != nil {
			start = time.Now()
		}
		if err := s.exec.Run(c); err != nil {
			return p.at(i, err)
		}
		if prof != nil {
			prof.add(p, i, time.Since(start))
		}
		for k, id := range s.outs {
			if id < 0 {
				continue
			}
			v := c.Outs[k].Value()
			if v == nil {
				return p.at(i, fmt.Errorf("output %d was not computed", k))
			}
			st.vals[id] = v
		}
		if len(s.frees) > 0 {
			st.free(s.frees)
		}
	}
	return nil
}

func (p *program) at(i int, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s := &p.steps[i]
	return &graph.NodeError{Node: s.node, Op: s.id, Opset: int64(s.opset), Err: err}
}

// failure turns a panic in step i into an error. A kernel that panics on data is a bug, so the stack is kept.
func (p *program) failure(i int, r any) error {
	var err error
	if f, ok := r.(*op.Failure); ok {
		err = f.Err
	} else {
		err = fmt.Errorf("internal error: %v\n%s", r, debug.Stack())
	}
	if i < 0 {
		return err
	}
	return p.at(i, err)
}
