package main

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

type stripCmd struct {
	Model     string `arg:"" help:"The model."`
	Out       string `short:"o" required:"" placeholder:"FILE" help:"Where to write the model without its weights."`
	Threshold int64  `default:"1024" help:"Least bytes of an initializer that is left out."`
	jsonFlag
}

func (*stripCmd) Help() string {
	return `Examples:

  onnx-rewrite strip model.onnx -o shareable.onnx
  onnx-rewrite strip model.onnx -o shareable.onnx --threshold 1
  onnx-rewrite refill shareable.onnx --from model.onnx -o whole.onnx

Leaves the values of large initializers out and keeps everything else, so that a model can be shown without giving its weights away. Each tensor keeps its type, shape and hash: refill finds the values in whatever model has them. Tools that need no values (viewers, shape inference) read the result; runtimes refuse it.`
}

// stripResult is what strip reports.
type stripResult struct {
	Out      string            `json:"out"`
	Stripped []onnxio.Stripped `json:"stripped"`
	Bytes    int64             `json:"bytes"` // that were left out
}

func (c *stripCmd) Run(a *app) error {
	if c.Threshold < 1 {
		return fmt.Errorf("--threshold %d: must be at least 1", c.Threshold)
	}
	if err := checkOut(c.Out); err != nil {
		return err
	}
	m, err := a.load(c.Model)
	if err != nil {
		return err
	}
	defer m.Close()
	thin, list := onnxio.Strip(m, c.Threshold)
	if len(list) == 0 {
		return failed("%s: no initializer has %d bytes or more, so nothing was left out; nothing was written", c.Model, c.Threshold)
	}
	if err := a.save(thin, c.Out, onnxio.SaveOptions{}); err != nil {
		return err
	}
	res := stripResult{Out: c.Out, Stripped: list}
	for _, s := range list {
		res.Bytes += s.Bytes
	}
	if c.JSON {
		return a.printJSON(res)
	}
	a.printf("left out %s of %s; written to %s\n", bytesText(res.Bytes), plural(len(list), "initializer"), c.Out)
	return nil
}

type refillCmd struct {
	Model string   `arg:"" help:"A model that strip wrote, or what became of it."`
	From  []string `required:"" sep:"none" placeholder:"FILE" help:"A model that has the weights, under whatever names. May be repeated."`
	saveFlags
	jsonFlag
}

func (*refillCmd) Help() string {
	return `Examples:

  onnx-rewrite refill shareable.onnx --from model.onnx -o whole.onnx
  onnx-rewrite refill shareable.onnx --from encoder.onnx --from decoder.onnx -o whole.onnx

The inverse of strip: finds each tensor by its hash, over type, shape and values, among the initializers and attributes of the given models. Exit code 1: some tensors were not found; they are listed and nothing is written.`
}

// refillResult is what refill reports.
type refillResult struct {
	Out     string            `json:"out"`
	Filled  int               `json:"filled"`
	Missing []onnxio.Stripped `json:"missing"` // when there is one, nothing was written
}

func (c *refillCmd) Run(a *app) error {
	if err := checkOut(c.Out); err != nil {
		return err
	}
	opt := a.read
	opt.Lenient = true // the values that were left out are missing
	m, err := a.loadWith(c.Model, opt)
	if err != nil {
		return err
	}
	defer m.Close()
	wanted := onnxio.StrippedOf(m)
	if len(wanted) == 0 {
		return failed("%s: no initializer was left out by strip; nothing was written", c.Model)
	}
	known := map[string]*tensor.Tensor{}
	for _, path := range c.From {
		from, err := a.load(path)
		if err != nil {
			return err
		}
		defer from.Close()
		collect(from, wanted, known)
	}
	res := refillResult{Out: c.Out}
	res.Filled = onnxio.Refill(m, func(s onnxio.Stripped) *tensor.Tensor { return known[s.Hash] })
	res.Missing = onnxio.StrippedOf(m)
	if len(res.Missing) == 0 {
		if err := a.save(m, c.Out, c.options()); err != nil {
			return err
		}
	}
	if c.JSON {
		err = a.printJSON(res)
	} else {
		c.print(a, &res)
	}
	if err == nil && len(res.Missing) > 0 {
		err = failed("%s: %d of %d tensors were not found; nothing was written", c.Model, len(res.Missing), len(wanted))
	}
	return err
}

func (c *refillCmd) print(a *app, res *refillResult) {
	t := newTable("not found", "initializer", "type", ">bytes")
	for _, s := range res.Missing {
		t.AppendRow([]any{s.Name, s.Type, s.Bytes})
	}
	printTable(a.out, t)
	if len(res.Missing) == 0 {
		a.printf("filled %s; written to %s\n", plural(res.Filled, "initializer"), res.Out)
	}
}

// collect enters the tensors of m by hash, those of a type and shape that is wanted.
func collect(m *graph.Model, wanted []onnxio.Stripped, known map[string]*tensor.Tensor) {
	types := map[string]bool{}
	for _, s := range wanted {
		types[s.Type] = true
	}
	tensorsOf(m, func(t *tensor.Tensor) {
		if types[graph.TypeOf(t).String()] && t.Storage() != nil {
			known[hashText(t)] = t
		}
	})
}
