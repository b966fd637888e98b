package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

type extractCmd struct {
	Model   string   `arg:"" help:"The model."`
	Inputs  []string `placeholder:"NAME,..." help:"Values to begin at: inputs, values on the way, initializers. Default: the model's inputs that are needed."`
	Outputs []string `placeholder:"NAME,..." help:"Values to end at. Default: the model's outputs."`
	saveFlags
	jsonFlag
}

func (*extractCmd) Help() string {
	return `Examples:

  onnx-rewrite extract model.onnx -o encoder.onnx --outputs last_hidden_state
  onnx-rewrite extract model.onnx -o block3.onnx --inputs /layer.2/out --outputs /layer.3/out,/layer.3/attn
  onnx-rewrite text model.onnx | less     # the names of the values

Writes the part of a model that computes the outputs from the inputs, with only the weights and functions that it needs. Types of values on the way are inferred where the model does not state them. Training information and quantization annotations, which speak of the whole model, are left out.`
}

// extraction is what extract reports.
type extraction struct {
	Out           string   `json:"out"`
	Inputs        []port   `json:"inputs"`
	Outputs       []port   `json:"outputs"`
	Unused        []string `json:"unused_inputs"` // given, and needed by nothing
	Nodes         int      `json:"nodes"`
	NodesBefore   int      `json:"nodes_before"`
	Weights       int64    `json:"weights"`
	WeightsBefore int64    `json:"weights_before"`
	Functions     []string `json:"functions"`
}

func (c *extractCmd) Run(a *app) error {
	if err := checkOut(c.Out); err != nil {
		return err
	}
	if len(c.Inputs)+len(c.Outputs) == 0 {
		return fmt.Errorf("neither --inputs nor --outputs is given, so there is nothing to cut")
	}
	m, err := a.load(c.Model)
	if err != nil {
		return err
	}
	defer m.Close()
	typed := m.Clone()
	op.Infer(typed, op.InferOptions{}) // contradictions are the business of check
	part, err := graph.Extract(typed, c.Inputs, c.Outputs)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, explainExtract(m, err))
	}
	for _, list := range [][]*graph.Value{part.Graph.Inputs, part.Graph.Outputs} {
		for _, v := range list {
			if v.Type.Kind == graph.KindUnknown || v.Type.Kind == graph.KindTensor && v.Type.Elem == 0 {
				return hint(fmt.Errorf("%s: the type of value %q is neither stated nor can it be inferred", c.Model, v.Name), "cut at another value")
			}
		}
	}
	if err := graph.Err(part.Verify()); err != nil {
		return hint(fmt.Errorf("%s: %w", c.Model, err), "nothing was written")
	}
	if err := a.save(part, c.Out, c.options()); err != nil {
		return err
	}
	return c.report(a, m, part)
}

// explainExtract adds the nearest name, or what to add, to the error of graph.Extract.
func explainExtract(m *graph.Model, err error) error {
	var e *graph.ExtractError
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case len(e.Unknown) > 0:
		if near := nearest(e.Unknown[0], valuesOf(m.Graph)); near != "" {
			return hint(err, fmt.Sprintf("did you mean %q?", near))
		}
		return hint(err, "onnx-rewrite text shows the names of the values")
	case len(e.Inner) > 0:
		return hint(err, "cut at a value of the main graph")
	case len(e.Missing) > 0:
		var names []string
		for _, x := range e.Missing {
			names = append(names, x.Input)
		}
		return hint(err, "add to --inputs: "+strings.Join(names, ","))
	}
	return err
}

// valuesOf lists the names of g's inputs, initializers and nodes' outputs.
func valuesOf(g *graph.Graph) []string {
	var list []string
	for _, vals := range [][]*graph.Value{g.Inputs, g.Inits} {
		for _, v := range vals {
			list = append(list, v.Name)
		}
	}
	for n := range g.Nodes() {
		for _, v := range n.Outputs() {
			if v != nil {
				list = append(list, v.Name)
			}
		}
	}
	return list
}

func (c *extractCmd) report(a *app, m, part *graph.Model) error {
	x := extraction{Out: c.Out, Inputs: []port{}, Outputs: []port{}, Unused: []string{}, Functions: []string{},
		Nodes: part.Graph.NumNodes(), NodesBefore: m.Graph.NumNodes(), Weights: weightsOf(part), WeightsBefore: weightsOf(m)}
	for _, v := range realInputs(part) {
		x.Inputs = append(x.Inputs, port{v.Name, v.Type.String()})
		if v.NumUses() == 0 && !v.IsOutput() {
			x.Unused = append(x.Unused, v.Name)
		}
	}
	for _, v := range part.Graph.Outputs {
		x.Outputs = append(x.Outputs, port{v.Name, v.Type.String()})
	}
	for _, f := range part.Functions {
		x.Functions = append(x.Functions, f.ID.String())
	}
	if c.JSON {
		return a.printJSON(x)
	}
	t := newTable("", "", "name", "type")
	for _, p := range x.Inputs {
		t.AppendRow([]any{"input", p.Name, p.Type})
	}
	for _, p := range x.Outputs {
		t.AppendRow([]any{"output", p.Name, p.Type})
	}
	printTable(a.out, t)
	for _, name := range x.Unused {
		a.printf("nothing needs input %q\n", name)
	}
	a.printf("nodes %s, weights %s; written to %s\n", change(int64(x.NodesBefore), int64(x.Nodes)), change(x.WeightsBefore, x.Weights), c.Out)
	return nil
}

// weightsOf counts the elements of all dense initializers.
func weightsOf(m *graph.Model) (n int64) {
	m.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			if v.Const != nil {
				n += int64(v.Const.Len())
			}
		}
	})
	return n
}
