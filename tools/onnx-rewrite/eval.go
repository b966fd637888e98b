package main

import (
	"errors"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify/calib"
)

type evalCmd struct {
	Model  string  `arg:"" help:"The model."`
	Task   string  `enum:"lm,classify" default:"lm" help:"lm: perplexity on token ids; classify: top-1 accuracy of the first output on images."`
	IDs    string  `name:"ids" placeholder:"FILE" help:"Token ids (.npy, any integer type): rows are windows; flat arrays are cut by --window."`
	Window int     `default:"512" help:"Ids per window of a flat array."`
	Limit  int     `default:"0" help:"Use the first windows or images only; 0 is all."`
	Steps  bool    `help:"Feed one token at a time, with the cache that the model returns."`
	Images string  `placeholder:"FILE" help:"Images (idx, also .gz; or .npy), reshaped to the model's input."`
	Labels string  `placeholder:"FILE" help:"Their classes (idx, also .gz; or .npy)."`
	Scale  float64 `default:"1" help:"Pixels are multiplied by it before --mean and --std: (pixel*scale-mean)/std. Give 0.00392157 for 1/255."`
	Mean   float64 `default:"0" help:"See --scale."`
	Std    float64 `default:"1" help:"See --scale."`
	runFlags
	jsonFlag
}

func (*evalCmd) Help() string {
	return `Examples:

  onnx-rewrite eval model.onnx --task lm --ids val_ids.npy
  onnx-rewrite eval smollm2.onnx --task lm --ids tokens.npy --window 512 --limit 16 --json
  onnx-rewrite eval decode.onnx --task lm --ids val_ids.npy --limit 8 --steps
  onnx-rewrite eval mnist.onnx --task classify --images t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz --scale 0.00392157

Each row of ids is fed without its last, and all ids but the first are scored. Attention mask, positions and an empty cache are filled where the model has such inputs. nats is the mean negative log-likelihood, perplexity its exponential.`
}

func (c *evalCmd) Run(a *app) error {
	switch {
	case c.Task == "lm" && c.IDs == "":
		return hint(errors.New("--task lm needs token ids"), "give --ids FILE.npy")
	case c.Task == "classify" && (c.Images == "" || c.Labels == ""):
		return hint(errors.New("--task classify needs images and labels"), "give --images FILE --labels FILE")
	}
	m, err := a.load(c.Model)
	if err != nil {
		return err
	}
	defer m.Close()
	if len(m.Graph.Outputs) == 0 {
		return fmt.Errorf("%s: it has no output", c.Model)
	}
	if c.Task == "classify" {
		return c.classify(a, m)
	}
	return c.language(a, m)
}

func (c *evalCmd) language(a *app, m *graph.Model) error {
	ids, err := onnxio.ReadNPY(c.IDs)
	if err != nil {
		return withPath(c.IDs, err)
	}
	windows, err := calib.Windows(ids, c.Window, c.Limit)
	if err != nil {
		return hint(fmt.Errorf("%s: %w", c.IDs, err), "see --window")
	}
	opt := c.options(a)
	if !c.Steps {
		opt.Outputs = []string{m.Graph.Outputs[0].Name}
	}
	s, err := a.compile(m, opt)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	defer s.Close()
	evaluate := calib.Evaluate
	if c.Steps {
		evaluate = calib.EvaluateSteps
	}
	p := a.newProgress(c.JSON)
	res, err := evaluate(a.ctx, m, s, windows, p.of("evaluating"))
	p.done()
	if err != nil {
		return fmt.Errorf("%s on %s: %w", c.Model, c.IDs, err)
	}
	if c.JSON {
		return a.printJSON(res)
	}
	a.printf("nats        %.6f\nperplexity  %.4f\ntokens      %d\n", res.Nats, res.Value, res.Tokens)
	a.printProfile(s)
	return nil
}

// printProfile prints where the time went, when the knob time is on.
func (a *app) printProfile(s *runtime.Session) {
	if p := s.Profile(); p != nil {
		a.errorf("%s\n", p)
	}
}
