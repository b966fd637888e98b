package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

type setCmd struct {
	Model           string   `arg:"" help:"The model."`
	Metadata        []string `sep:"none" placeholder:"KEY=VALUE" help:"Set an entry of the model's metadata. May be repeated."`
	RemoveMetadata  []string `sep:"none" placeholder:"KEY" help:"Remove an entry of the model's metadata. May be repeated."`
	Rename          []string `sep:"none" placeholder:"OLD=NEW" help:"Give a value another name: an input, an output, an initializer, a value on the way. May be repeated."`
	Dim             []string `sep:"none" placeholder:"WHAT=N|NAME" help:"Set a dimension: WHAT is VALUE:AXIS of an input or output, or a symbolic name, which is then replaced everywhere. May be repeated."`
	RenameNode      []string `sep:"none" placeholder:"OLD=NEW" help:"Give a node another name. May be repeated."`
	Doc             *string  `placeholder:"TEXT" help:"Set the model's documentation."`
	GraphName       *string  `placeholder:"NAME" help:"Set the name of the graph."`
	Producer        *string  `placeholder:"NAME" help:"Set the producer's name."`
	ProducerVersion *string  `placeholder:"TEXT" help:"Set the producer's version."`
	Domain          *string  `placeholder:"TEXT" help:"Set the model's domain."`
	ModelVersion    *int64   `placeholder:"N" help:"Set the model's version."`
	IRVersion       *int64   `name:"ir-version" placeholder:"N" help:"Set the version of the format. What the model uses must exist in it."`
	Shapes          string   `enum:"refine,strict,override," default:"" placeholder:"POLICY" help:"Infer the types of all values and write them into the model: refine keeps what is stated and adds the rest, strict refuses a model that contradicts itself, override lets what is inferred replace what is stated (but for the types of inputs)."`
	saveFlags
	jsonFlag
}

func (*setCmd) Help() string {
	return `Examples:

  onnx-rewrite set model.onnx -o named.onnx --metadata author=me --metadata license=MIT --remove-metadata draft
  onnx-rewrite set model.onnx -o named.onnx --rename input.1=pixels --rename 495=logits
  onnx-rewrite set model.onnx -o fixed.onnx --dim batch=1 --dim sequence=128
  onnx-rewrite set model.onnx -o free.onnx --dim pixels:0=N
  onnx-rewrite set model.onnx -o old.onnx --ir-version 8 --producer me --rename-node MatMul_3=classifier
  onnx-rewrite set model.onnx -o typed.onnx --shapes override

Metadata, names, dimensions and recorded types; the weights stay as they are. Where VALUE:AXIS is symbolic, that symbol is replaced everywhere; where it is a number, the types that follow from it are inferred anew. When the nodes then contradict the new dimension, as a Reshape to a fixed batch does, nothing is written.`
}

// setResult is what set reports.
type setResult struct {
	Out     string   `json:"out"`
	Changes []string `json:"changes"`
}

func (c *setCmd) Run(a *app) error {
	if err := checkOut(c.Out); err != nil {
		return err
	}
	if len(c.Metadata)+len(c.RemoveMetadata)+len(c.Rename)+len(c.RenameNode)+len(c.Dim) == 0 && len(c.fields(&graph.Model{Graph: graph.NewGraph("")})) == 0 && c.IRVersion == nil && c.Shapes == "" {
		return errors.New("nothing to set is given: --metadata, --remove-metadata, --rename, --rename-node, --dim, --doc, --graph-name, --producer, --producer-version, --domain, --model-version, --ir-version, --shapes")
	}
	m, err := a.load(c.Model)
	if err != nil {
		return err
	}
	defer m.Close()
	res := setResult{Out: c.Out}
	for _, step := range []func(*graph.Model, *setResult) error{c.metadata, c.named, c.format, c.dims, c.rename, c.shapes} {
		if err := step(m, &res); err != nil {
			return fmt.Errorf("%s: %w", c.Model, err)
		}
	}
	if err := graph.Err(m.Verify()); err != nil {
		return hint(fmt.Errorf("%s: %w", c.Model, err), "nothing was written")
	}
	if err := a.save(m, c.Out, c.options()); err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(res)
	}
	a.printf("%s\nwritten to %s\n", strings.Join(res.Changes, "\n"), c.Out)
	return nil
}

func (r *setResult) add(format string, args ...any) {
	r.Changes = append(r.Changes, fmt.Sprintf(format, args...))
}

func (c *setCmd) metadata(m *graph.Model, res *setResult) error {
	for _, key := range c.RemoveMetadata {
		list, had := graph.RemoveProp(m.Props, key)
		if !had {
			var keys []string
			for _, p := range m.Props {
				keys = append(keys, p.Key)
			}
			return fmt.Errorf("--remove-metadata: %w", unknown("key", key, keys))
		}
		m.Props = list
		res.add("metadata %s is removed", key)
	}
	for _, text := range c.Metadata {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return fmt.Errorf("--metadata %s: must be KEY=VALUE", text)
		}
		m.Props = graph.SetProp(m.Props, key, value)
		res.add("metadata %s is %q", key, value)
	}
	return nil
}

func (c *setCmd) rename(m *graph.Model, res *setResult) error {
	for _, text := range c.Rename {
		old, name, ok := strings.Cut(text, "=")
		if !ok || old == "" || name == "" {
			return fmt.Errorf("--rename %s: must be OLD=NEW", text)
		}
		err := m.RenameValue(old, name)
		if near := nearest(old, valuesOf(m.Graph)); errors.Is(err, graph.ErrNoValue) && near != "" {
			err = hint(err, fmt.Sprintf("did you mean %q?", near))
		}
		if err != nil {
			return fmt.Errorf("--rename %s: %w", text, err)
		}
		res.add("value %q is %q", old, name)
	}
	for _, text := range c.RenameNode {
		old, name, ok := strings.Cut(text, "=")
		if !ok || old == "" || name == "" {
			return fmt.Errorf("--rename-node %s: must be OLD=NEW", text)
		}
		err := m.RenameNode(old, name)
		if near := nearest(old, nodesOf(m)); errors.Is(err, graph.ErrNoNode) && near != "" {
			err = hint(err, fmt.Sprintf("did you mean %q?", near))
		}
		if err != nil {
			return fmt.Errorf("--rename-node %s: %w", text, err)
		}
		res.add("node %q is %q", old, name)
	}
	return nil
}

// dims sets dimensions, and refuses those that the nodes contradict.
func (c *setCmd) dims(m *graph.Model, res *setResult) error {
	if len(c.Dim) == 0 {
		return nil
	}
	before := map[graph.Finding]bool{}
	for _, f := range contradictions(m) {
		before[f] = true
	}
	for _, text := range c.Dim {
		if err := setDim(m, text, res); err != nil {
			return fmt.Errorf("--dim %s: %w", text, err)
		}
	}
	for _, f := range contradictions(m) {
		if !before[f] {
			return hint(fmt.Errorf("--dim: %s: %s", f.Where, f.Message), "nothing was written")
		}
	}
	return nil
}

func contradictions(m *graph.Model) []graph.Finding {
	report, _ := op.Infer(m.Clone(), op.InferOptions{}) // its error repeats the conflicts
	return report.Conflicts
}

func setDim(m *graph.Model, text string, res *setResult) error {
	at := strings.LastIndex(text, "=")
	if at <= 0 || at == len(text)-1 {
		return errors.New("must be VALUE:AXIS=N, or SYMBOL=N, where N is a number or a name")
	}
	what, size := text[:at], graph.Sym(text[at+1:])
	if n, ok := size.Value(); ok && n < 0 {
		return fmt.Errorf("%d is no size", n)
	}
	if colon := strings.LastIndex(what, ":"); colon > 0 {
		if axis, err := strconv.Atoi(what[colon+1:]); err == nil {
			return setAxis(m, what[:colon], axis, size, res)
		}
	}
	if m.ReplaceSymbol(what, size) == 0 {
		return unknown("symbolic dimension", what, symbolsOf(m))
	}
	res.add("dimension %s is %s", what, size)
	return nil
}

// setAxis sets a dimension of an input or output. What follows from it is inferred anew.
func setAxis(m *graph.Model, name string, axis int, size graph.Dim, res *setResult) error {
	var v *graph.Value
	var names []string
	for _, list := range [][]*graph.Value{realInputs(m), m.Graph.Outputs} {
		for _, x := range list {
			names = append(names, x.Name)
			if x.Name == name && v == nil {
				v = x
			}
		}
	}
	if v == nil {
		return unknown("input or output", name, names)
	}
	if v.Type.Kind != graph.KindTensor || !v.Type.Shape.Known {
		return fmt.Errorf("%q is %s, and only a tensor of known rank has dimensions to set", name, v.Type)
	}
	rank := len(v.Type.Shape.Dims)
	if axis < -rank || axis >= rank {
		return fmt.Errorf("%q has %s", name, plural(rank, "dimension"))
	}
	if axis < 0 {
		axis += rank
	}
	old := v.Type.Shape.Dims[axis]
	if symbol, ok := old.Symbol(); ok {
		m.ReplaceSymbol(symbol, size)
	} else {
		v.Type.Shape.Dims = append([]graph.Dim(nil), v.Type.Shape.Dims...)
		v.Type.Shape.Dims[axis] = size
		var users []*graph.Node
		for u := range v.Uses() {
			users = append(users, u.Node)
		}
		op.Update(m, op.InferOptions{Policy: op.Override, Outputs: true}, users...) // the caller looks for contradictions
	}
	res.add("dimension %d of %q is %s, was %s", axis, name, size, old)
	return nil
}

// symbolsOf lists the symbolic dimensions of the model's inputs and outputs.
func symbolsOf(m *graph.Model) (list []string) {
	for _, vals := range [][]*graph.Value{m.Graph.Inputs, m.Graph.Outputs} {
		for _, v := range vals {
			for _, d := range v.Type.Shape.Dims {
				list = d.Symbols(list)
			}
		}
	}
	return list
}
