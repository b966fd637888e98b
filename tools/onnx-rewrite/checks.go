package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify/calib"
)

// blockTolerance is the largest difference of a fused kernel from the body, relative to the largest output.
const blockTolerance = 1e-5

// checkRows bounds how many tokens a block is checked on.
const checkRows = 512

// checks are what is known about a rewritten model before it is written.
type checks struct {
	Findings []graph.Finding `json:"findings,omitempty"` // errors that the original does not have
	Blocks   []blockCheck    `json:"blocks,omitempty"`
	Outputs  []outputChange  `json:"outputs,omitempty"` // rewritten against original, on the first batch or on random inputs
	NotRun   string          `json:"not_run,omitempty"` // why the models could not be run
	bounds   bounds
}

// blockCheck compares a block's kernel with its body on identical inputs.
type blockCheck struct {
	runtime.BlockUse
	Rows     int    `json:"rows"`
	Ties     int    `json:"ties"` // rows left out: their choice hangs on a difference below 1e-5
	Relative number `json:"max_relative"`
	Error    string `json:"error,omitempty"`
}

// outputChange is how far an output of the rewritten model is from the original's.
type outputChange struct {
	Name string `json:"name"`
	difference
	Error string `json:"error,omitempty"`
	elem  tensor.DType
}

// check examines out, a rewrite of m.
func (a *app) check(m, out *graph.Model, data *calib.Data, seed uint64) (*checks, error) {
	c := &checks{bounds: boundsOf(m)}
	c.Findings = newErrors(m, out)
	if len(c.Findings) > 0 {
		return c, nil
	}
	if n := weightBytes(out); n > wholeModel {
		c.NotRun = fmt.Sprintf("the models have %s of weights, so new blocks were run one by one, on random inputs; onnx-rewrite verify compares the models", bytesText(n))
		return c, c.runAlone(a, m, out, seed)
	}
	feeds, err := a.checkInputs(m, data, seed)
	if err != nil {
		c.NotRun = err.Error()
		return c, nil
	}
	return c, c.run(a, m, out, feeds)
}

// newErrors are the errors in out that m does not have.
func newErrors(m, out *graph.Model) []graph.Finding {
	had := map[string]bool{}
	for _, f := range append(m.Verify(), op.Check(m)...) {
		had[f.Message] = true
	}
	var list []graph.Finding
	for _, f := range append(out.Verify(), op.Check(out)...) {
		if f.Severity == graph.Error && !had[f.Message] {
			list = append(list, f)
		}
	}
	return list
}

func (a *app) checkInputs(m *graph.Model, data *calib.Data, seed uint64) (runtime.Feeds, error) {
	if data != nil && data.Batches() > 0 {
		return firstRows(data.Feeds(0), 4)
	}
	r, err := newRandom(m, nil, 16, seed+1)
	if err != nil {
		return nil, err
	}
	return r.next()
}

// firstRows keeps n samples of a batch, when every input has as many.
func firstRows(feeds runtime.Feeds, n int64) (runtime.Feeds, error) {
	samples := int64(-1)
	for _, t := range feeds {
		if len(t.Shape) == 0 || samples >= 0 && t.Shape[0] != samples || t.Elem.Bits()%8 != 0 || t.Elem.Bits() == 0 {
			return feeds, nil
		}
		samples = t.Shape[0]
	}
	if samples <= n {
		return feeds, nil
	}
	cut := runtime.Feeds{}
	for name, t := range feeds {
		b := t.Bytes()
		x, err := tensor.FromBytes(t.Elem, append([]int64{n}, t.Shape[1:]...), b[:int64(len(b))/samples*n])
		if err != nil {
			return nil, err
		}
		cut[name] = x
	}
	return cut, nil
}

// run executes both models, tapping what enters the blocks.
func (c *checks) run(a *app, m, out *graph.Model, feeds runtime.Feeds) error {
	opt := a.runtimeOptions()
	opt.Profile = false
	calls := blockCalls(out)
	for _, call := range calls {
		for _, v := range call.Node.Inputs() {
			if v != nil && !v.IsConst() {
				opt.Taps = append(opt.Taps, v.Name)
			}
		}
	}
	s, err := runtime.Compile(out, opt)
	var u *runtime.UnsupportedError
	if errors.As(err, &u) {
		c.NotRun = err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	defer s.Close()
	got, err := s.Run(a.ctx, feeds)
	if errors.Is(err, context.Canceled) {
		return err
	}
	if err != nil {
		c.NotRun = err.Error()
		return nil
	}
	uses := map[string]runtime.BlockUse{}
	for _, b := range s.Blocks() {
		uses[b.Node] = b
	}
	for _, call := range calls {
		b := blockCheck{BlockUse: uses[call.Node.Label()]}
		if b.Fused {
			if err := b.compare(a.ctx, out, call, got); err != nil {
				if a.ctx.Err() != nil {
					return a.ctx.Err()
				}
				b.Error = err.Error()
			}
		}
		c.Blocks = append(c.Blocks, b)
	}
	return c.compareOutputs(a, m, out, feeds, got)
}

func (c *checks) compareOutputs(a *app, m, out *graph.Model, feeds runtime.Feeds, got runtime.Fetches) error {
	opt := a.runtimeOptions()
	opt.Profile = false
	s, err := a.compile(m, opt)
	if err != nil {
		c.NotRun = "the original: " + err.Error()
		return nil
	}
	defer s.Close()
	want, err := s.Run(a.ctx, feeds)
	if err != nil {
		if a.ctx.Err() != nil {
			return err
		}
		c.NotRun = "the original: " + err.Error()
		return nil
	}
	for _, v := range m.Graph.Outputs {
		o := outputChange{Name: v.Name, elem: v.Type.Elem}
		if want[v.Name] != nil {
			o.elem = want[v.Name].Elem
		}
		if o.difference, err = measure(got[v.Name], want[v.Name]); err != nil {
			o.Error = err.Error()
		}
		c.Outputs = append(c.Outputs, o)
	}
	return nil
}

// blockCalls are the calls of our functions in the model's main graph.
func blockCalls(m *graph.Model) []*block.Call {
	var list []*block.Call
	for n := range m.Graph.Nodes() {
		if block.IsBlock(n.ID) {
			if c, reason := block.Match(n, m.Function); reason == "" {
				list = append(list, c)
			}
		}
	}
	return list
}

// wrong says what forbids writing the model; "" is nothing. exact: the outputs must be the original's.
func (c *checks) wrong(exact bool) string {
	if len(c.Findings) > 0 {
		return c.Findings[0].String()
	}
	for _, b := range c.Blocks {
		switch {
		case b.Error != "":
			return fmt.Sprintf("block %q: %s", b.Node, b.Error)
		case !(float64(b.Relative) <= blockTolerance):
			return fmt.Sprintf("block %q: the kernel differs from the body by %s, more than %g", b.Node, figure(float64(b.Relative)), blockTolerance)
		}
	}
	for _, o := range c.Outputs {
		switch {
		case o.Error != "":
			return fmt.Sprintf("output %q: %s", o.Name, o.Error)
		case exact && !c.bounds.within(o.difference, o.elem):
			return fmt.Sprintf("output %q differs from the original's by %s", o.Name, figure(float64(o.Relative)))
		}
	}
	return ""
}

func (c *checks) print(a *app) {
	for _, f := range c.Findings {
		a.printf("%s\n", visible(f.String()))
	}
	t := newTable("\nkernel against plain ONNX body, on the same inputs", "block", "function", "runs as", ">tokens", ">ties left out", ">max|a-b| / max|b|")
	for _, b := range c.Blocks {
		t.AppendRow([]any{b.Node, b.Function, b.String(), b.Rows, b.Ties, figure(float64(b.Relative)) + b.Error})
	}
	printTable(a.out, t)
	t = newTable("\noutputs of the rewritten model against the original's", "output", ">max|a-b|", ">/ max|b|", ">mean")
	for _, o := range c.Outputs {
		t.AppendRow([]any{o.Name, figure(float64(o.Max)), figure(float64(o.Relative)), figure(float64(o.Mean)) + o.Error})
	}
	printTable(a.out, t)
	if c.NotRun != "" {
		a.printf("\nnot run: %s\n", c.NotRun)
	}
}
