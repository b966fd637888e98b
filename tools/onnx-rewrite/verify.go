package main

import (
	"fmt"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

type verifyCmd struct {
	A         string   `arg:"" help:"The model to judge."`
	B         string   `arg:"" help:"The model to compare with."`
	Tolerance float64  `default:"1e-4" help:"Largest max|a-b| / max|b| of an output, and of a value on the way."`
	Dim       []string `sep:"none" placeholder:"NAME=N" help:"Size of a symbolic dim for random inputs; else 1 for the first dim and 16 for others."`
	Seed      uint64   `default:"1" help:"Of random inputs."`
	dataFlags
	runFlags
	jsonFlag
}

func (*verifyCmd) Help() string {
	return `Examples:

  onnx-rewrite verify rewritten.onnx model.onnx
  onnx-rewrite verify rewritten.onnx model.onnx --data val_ids.npy --limit 16 --tolerance 1e-3
  onnx-rewrite verify rewritten.onnx model.onnx --json

Runs both models on the data, or on seeded random inputs, and prints statistics of the difference for each output. When an output differs, the values that both models name alike are compared in order, and the first one that diverges is named. Exit code 1: an output is over the tolerance.`
}

type verifyResult struct {
	A       string         `json:"a"`
	B       string         `json:"b"`
	Batches int            `json:"batches"`
	Outputs []verifyOutput `json:"outputs"`
	First   *divergence    `json:"first_diverging,omitempty"`
	OK      bool           `json:"ok"`
}

// verifyOutput is the worst batch of one output, and its mean over all.
type verifyOutput struct {
	Name string `json:"name"`
	difference
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

// divergence is the first value, in the order of model A, that differs.
type divergence struct {
	Value    string `json:"value"`
	Node     string `json:"node"`
	Op       string `json:"op"`
	Relative number `json:"max_relative"`
	Reason   string `json:"reason,omitempty"`
	Compared int    `json:"values_compared"`
}

func (c *verifyCmd) Run(a *app) error {
	ma, err := a.load(c.A)
	if err != nil {
		return err
	}
	defer ma.Close()
	mb, err := a.load(c.B)
	if err != nil {
		return err
	}
	defer mb.Close()
	if err := sameInterface(ma, mb); err != nil {
		return hint(fmt.Errorf("%s and %s cannot be compared: %w", c.A, c.B, err), "both need the same inputs and outputs")
	}
	batches, err := c.batches(mb)
	if err != nil {
		return err
	}
	res := verifyResult{A: c.A, B: c.B, Batches: len(batches), OK: true}
	p := a.newProgress(c.JSON)
	defer p.done()
	if err := c.outputs(a, ma, mb, batches, &res, p); err != nil {
		return err
	}
	if !res.OK {
		if res.First, err = c.first(a, ma, mb, batches[0], p); err != nil {
			return err
		}
	}
	p.done()
	if err := c.report(a, &res); err != nil {
		return err
	}
	if !res.OK {
		return failed("%s and %s differ by more than %g", c.A, c.B, c.Tolerance)
	}
	return nil
}

func sameInterface(a, b *graph.Model) error {
	names := func(list []*graph.Value) (out []string) {
		for _, v := range list {
			out = append(out, v.Name)
		}
		slices.Sort(out)
		return out
	}
	if x, y := names(realInputs(a)), names(realInputs(b)); !slices.Equal(x, y) {
		return fmt.Errorf("inputs are %v and %v", x, y)
	}
	if x, y := names(a.Graph.Outputs), names(b.Graph.Outputs); !slices.Equal(x, y) {
		return fmt.Errorf("outputs are %v and %v", x, y)
	}
	return nil
}

func (c *verifyCmd) batches(m *graph.Model) ([]runtime.Feeds, error) {
	var list []runtime.Feeds
	if len(c.Data) == 0 {
		r, err := newRandom(m, c.Dim, 16, c.Seed)
		if err != nil {
			return nil, err
		}
		for range 2 {
			feeds, err := r.next()
			if err != nil {
				return nil, err
			}
			list = append(list, feeds)
		}
		return list, nil
	}
	d, err := c.open(m)
	if err != nil {
		return nil, err
	}
	for i := range d.Batches() {
		list = append(list, d.Feeds(i))
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("--data %v holds no sample", c.Data)
	}
	return list, nil
}

func (c *verifyCmd) outputs(a *app, ma, mb *graph.Model, batches []runtime.Feeds, res *verifyResult, p *progress) error {
	sa, err := a.compile(ma, c.options(a))
	if err != nil {
		return fmt.Errorf("%s: %w", c.A, err)
	}
	defer sa.Close()
	sb, err := a.compile(mb, c.options(a))
	if err != nil {
		return fmt.Errorf("%s: %w", c.B, err)
	}
	defer sb.Close()
	for _, v := range mb.Graph.Outputs {
		res.Outputs = append(res.Outputs, verifyOutput{Name: v.Name, OK: true, difference: difference{Exact: true}})
	}
	for i, feeds := range batches {
		p.step("comparing", i, len(batches))
		x, err := sa.Run(a.ctx, feeds)
		if err != nil {
			return fmt.Errorf("%s: %w", c.A, err)
		}
		y, err := sb.Run(a.ctx, feeds)
		if err != nil {
			return fmt.Errorf("%s: %w", c.B, err)
		}
		for k := range res.Outputs {
			o := &res.Outputs[k]
			o.add(x[o.Name], y[o.Name], c.Tolerance)
			res.OK = res.OK && o.OK
		}
	}
	return nil
}

// add takes in one batch: the largest figures, and the mean weighted by elements.
func (o *verifyOutput) add(a, b *tensor.Tensor, tolerance float64) {
	d, err := measure(a, b)
	if err != nil {
		o.OK, o.Reason, o.Exact = false, err.Error(), false
		return
	}
	if n := o.Count + d.Count; n > 0 {
		o.Mean = (o.Mean*number(o.Count) + d.Mean*number(d.Count)) / number(n)
		o.Count = n
	}
	o.Max, o.Relative = max(o.Max, d.Max), max(o.Relative, d.Relative)
	o.Median, o.P99 = max(o.Median, d.Median), max(o.P99, d.P99)
	o.Exact = o.Exact && d.Exact
	o.OK = o.OK && float64(d.Relative) <= tolerance
}

// common lists the values that nodes of both models' main graphs give under the same name, in the order of a.
func common(a, b *graph.Model) []*graph.Value {
	in := map[string]bool{}
	for n := range b.Graph.Nodes() {
		for _, v := range n.Outputs() {
			if v != nil {
				in[v.Name] = true
			}
		}
	}
	var list []*graph.Value
	for n := range a.Graph.Nodes() {
		for _, v := range n.Outputs() {
			if v != nil && in[v.Name] && v.Type.Kind != graph.KindSequence && v.Type.Kind != graph.KindOptional && v.Type.Kind != graph.KindMap {
				list = append(list, v)
			}
		}
	}
	return list
}

// tapsAtOnce bounds the values that are kept in memory for the comparison.
const tapsAtOnce = 48

// first finds the first common value that diverges.
func (c *verifyCmd) first(a *app, ma, mb *graph.Model, feeds runtime.Feeds, p *progress) (*divergence, error) {
	list := common(ma, mb)
	for lo := 0; lo < len(list); lo += tapsAtOnce {
		p.step("looking for the first difference", lo, len(list))
		part := list[lo:min(len(list), lo+tapsAtOnce)]
		x, err := c.tapped(a, ma, part, feeds)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.A, err)
		}
		y, err := c.tapped(a, mb, part, feeds)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.B, err)
		}
		for i, v := range part {
			d, err := measure(x[v.Name], y[v.Name])
			if err == nil && float64(d.Relative) <= c.Tolerance {
				continue
			}
			n, _ := v.Producer()
			f := &divergence{Value: v.Name, Node: n.Label(), Op: n.ID.String(), Relative: d.Relative, Compared: lo + i + 1}
			if err != nil {
				f.Reason = err.Error()
			}
			return f, nil
		}
	}
	return nil, nil
}

func (c *verifyCmd) tapped(a *app, m *graph.Model, vals []*graph.Value, feeds runtime.Feeds) (runtime.Fetches, error) {
	opt := c.options(a)
	for _, v := range vals {
		opt.Outputs = append(opt.Outputs, v.Name)
	}
	s, err := a.compile(m, opt)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	wanted := runtime.Feeds{}
	for _, v := range s.Inputs() {
		if t := feeds[v.Name]; t != nil {
			wanted[v.Name] = t
		}
	}
	return s.Run(a.ctx, wanted)
}

func (c *verifyCmd) report(a *app, res *verifyResult) error {
	if c.JSON {
		return a.printJSON(res)
	}
	t := newTable("", "output", ">max|a-b|", ">/ max|b|", ">mean", ">median", ">99 %", "result")
	for _, o := range res.Outputs {
		result := "ok"
		if !o.OK {
			result = "DIFFERS"
			if o.Reason != "" {
				result += ": " + o.Reason
			}
		}
		t.AppendRow([]any{o.Name, figure(float64(o.Max)), figure(float64(o.Relative)), figure(float64(o.Mean)), figure(float64(o.Median)), figure(float64(o.P99)), result})
	}
	printTable(a.out, t)
	if f := res.First; f != nil {
		a.printf("\nfirst diverging value: %q of node %q (%s), by %s%s\n", f.Value, f.Node, f.Op, figure(float64(f.Relative)), f.Reason)
	} else if !res.OK {
		a.printf("\nno value that both models name alike diverges before the outputs\n")
	}
	return nil
}
