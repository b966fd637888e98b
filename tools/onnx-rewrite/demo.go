package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify/calib"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels/demo"
)

type demoCmd struct {
	Out     string  `short:"o" default:"onnx-rewrite-demo" placeholder:"DIR" help:"Folder for the models."`
	Seconds float64 `default:"1" help:"How long each latency is measured."`
	Threads int     `default:"1" help:"Goroutines for the kernels."`
	jsonFlag
}

func (*demoCmd) Help() string {
	return `Examples:

  onnx-rewrite demo
  onnx-rewrite demo --out /tmp/models --json

Takes a small trained character language model that is built in, makes experts, top-k sparsity, a pruned model and a lottery ticket of it, and shows what each changed: weights, work, perplexity on text that the model was not trained on, latency, and how far our kernels are from the plain ONNX bodies that other runtimes run. Needs no file and no network. Exit code 1: a check failed.`
}

// demoRewrite is one of the four rewrites. bound is the largest perplexity allowed, relative to the dense model's.
type demoRewrite struct {
	name, title string
	pass        func(initial *graph.Model) passes.Pass
	bound       float64
	sparse      bool // makes blocks with a kernel of their own
}

var demoRewrites = []demoRewrite{
	{"experts", "each feed-forward block becomes 16 experts; a router picks 8 of them for each token",
		func(*graph.Model) passes.Pass { return passes.SplitExperts(passes.MoEOptions{Experts: 16, Active: 8}) }, 1.12, true},
	{"topk", "of 384 hidden values only the 96 largest are kept for each token",
		func(*graph.Model) passes.Pass {
			return passes.TopKFFN(passes.TopKOptions{K: 96, Rule: block.KeepExact})
		}, 1.01, true},
	{"pruned", "a quarter of the hidden neurons is removed, the rest takes over by least squares",
		func(*graph.Model) passes.Pass { return passes.PruneNeurons(passes.PruneOptions{Keep: 0.75}) }, 1.04, false},
	{"ticket", "a lottery ticket from the pair of trained and untrained model: 30 % of the weights are zero",
		func(initial *graph.Model) passes.Pass {
			return passes.ApplyMask(passes.MaskOptions{Density: ticketDensity, Other: initial})
		}, 1.05, false},
}

// ticketDensity is the share of the weights that the ticket keeps.
const ticketDensity = 0.7

// demoResult is what the demo reports of one rewrite.
type demoResult struct {
	Name       string        `json:"name"`
	Title      string        `json:"title"`
	Blocks     int           `json:"changed"`
	File       string        `json:"file"`
	Also       string        `json:"also,omitempty"`
	Weights    [2]int64      `json:"weights"` // before, after; those that are not zero
	FLOPs      [2]int64      `json:"flops_per_token"`
	Perplexity [2]float64    `json:"perplexity"`
	Bound      float64       `json:"perplexity_bound"`
	Latency    []demoLatency `json:"latency"`
	Checks     []blockCheck  `json:"blocks,omitempty"`
	Kernel     *number       `json:"kernel_against_body,omitempty"` // largest relative difference
	Wrong      []string      `json:"wrong,omitempty"`
	report     *passes.Report
}

type demoLatency struct {
	Shape  string `json:"shape"`
	Before int64  `json:"before_ns"`
	After  int64  `json:"after_ns"`
	Ratio  number `json:"ratio"` // median of the interleaved pairs
}

type demoReport struct {
	Folder     string        `json:"folder"`
	Weights    int64         `json:"weights"`
	FLOPs      int64         `json:"flops_per_token"`
	Perplexity float64       `json:"perplexity"`
	Tokens     int64         `json:"tokens"`
	Rewrites   []*demoResult `json:"rewrites"`
	Seconds    float64       `json:"seconds"`
	OK         bool          `json:"ok"`
}

// demoRun is what the rewrites share.
type demoRun struct {
	cmd              *demoCmd
	a                *app
	p                *progress
	trained, initial *graph.Model
	dense            *runtime.Session
	data             *calib.Data
	opt              runtime.Options
	res              demoReport
}

func (c *demoCmd) Run(a *app) error {
	start := time.Now()
	d := &demoRun{cmd: c, a: a, p: a.newProgress(c.JSON)}
	defer d.p.done()
	if err := d.prepare(); err != nil {
		return err
	}
	defer d.dense.Close()
	if !c.JSON {
		a.printf("The model: a character language model like GPT-2, 3 layers, d = 96, feed-forward 96-384-96 with ReLU.\n"+
			"%s weights, %s FLOPs a token in its matrices, perplexity %.4f on %d characters that it was not trained on.\n",
			count(d.res.Weights), count(d.res.FLOPs), d.res.Perplexity, d.res.Tokens)
	}
	for i, r := range demoRewrites {
		out, err := d.rewrite(r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		d.res.Rewrites = append(d.res.Rewrites, out)
		d.res.OK = d.res.OK && len(out.Wrong) == 0
		d.p.done()
		if !c.JSON {
			out.print(a, i+1)
		}
	}
	d.res.Seconds = time.Since(start).Seconds()
	if c.JSON {
		if err := a.printJSON(d.res); err != nil {
			return err
		}
	} else {
		a.printf("\nThe models are in %s. Next: onnx-rewrite inspect %s\n", c.Out, filepath.Join(c.Out, "experts.onnx"))
	}
	if !d.res.OK {
		return failed("a check of the demo failed")
	}
	return nil
}

// prepare loads the pair and the text, writes the originals and measures the dense model.
func (d *demoRun) prepare() error {
	var err error
	if d.trained, err = demo.Trained(); err != nil {
		return err
	}
	if d.initial, err = demo.Initial(); err != nil {
		return err
	}
	d.opt = d.a.runtimeOptions()
	d.opt.Threads, d.opt.Profile = d.cmd.Threads, false
	ids, _ := calib.SplitTargets(demo.Calib())
	if d.data, err = calib.OfArrays(d.trained, map[string]*tensor.Tensor{realInputs(d.trained)[0].Name: ids}, calib.Options{}); err != nil {
		return err
	}
	if d.dense, err = d.a.compile(d.trained, d.opt); err != nil {
		return err
	}
	if err := os.MkdirAll(d.cmd.Out, 0o755); err != nil {
		return hint(err, "choose another folder with --out")
	}
	for name, m := range map[string]*graph.Model{"trained.onnx": d.trained, "initial.onnx": d.initial} {
		if err := d.a.save(m, filepath.Join(d.cmd.Out, name), onnxio.SaveOptions{}); err != nil {
			return err
		}
	}
	ppl, err := calib.Evaluate(d.a.ctx, d.trained, d.dense, demo.Eval(), d.p.of("evaluating"))
	if err != nil {
		return err
	}
	d.res = demoReport{Folder: d.cmd.Out, Weights: storedWeights(d.trained), Perplexity: ppl.Value, Tokens: ppl.Tokens, OK: true}
	for _, l := range passes.FindLinears(d.trained) {
		d.res.FLOPs += 2 * int64(l.Matrix.Len())
	}
	return nil
}

// storedWeights counts the numbers in a model's float initializers.
func storedWeights(m *graph.Model) (n int64) {
	for _, v := range m.Graph.Inits {
		if v.Const != nil && v.Const.Elem.IsFloat() {
			n += int64(v.Const.Len())
		}
	}
	return n
}

func (d *demoRun) rewrite(r demoRewrite) (*demoResult, error) {
	res := &demoResult{Name: r.name, Title: r.title, Bound: r.bound, report: &passes.Report{}, File: filepath.Join(d.cmd.Out, r.name+".onnx")}
	env := d.a.passEnv(d.trained, d.data)
	env.Report, env.Progress = res.report, d.p.step
	out, n, err := passes.Apply(env, d.trained, r.pass(d.initial))
	if err != nil {
		return nil, err
	}
	res.Blocks = n
	if n == 0 {
		res.wrong("nothing was changed")
		return res, nil
	}
	res.size(d)
	if err := d.checkKernels(r, res, out); err != nil {
		return nil, err
	}
	again, err := d.writeAndRead(res, out)
	if err != nil {
		return nil, err
	}
	defer again.Close()
	s, err := d.a.compile(again, d.opt)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	ppl, err := calib.Evaluate(d.a.ctx, again, s, demo.Eval(), d.p.of("evaluating"))
	if err != nil {
		return nil, err
	}
	res.Perplexity = [2]float64{d.res.Perplexity, ppl.Value}
	if !(ppl.Value <= r.bound*d.res.Perplexity) {
		res.wrong("perplexity %.4f is more than %.2f times the dense model's %.4f", ppl.Value, r.bound, d.res.Perplexity)
	}
	if r.name == "ticket" {
		if err := d.rewind(res); err != nil {
			return nil, err
		}
	}
	return res, d.time(res, s)
}

func (res *demoResult) wrong(format string, args ...any) {
	res.Wrong = append(res.Wrong, fmt.Sprintf(format, args...))
}

// size sums the weights and the work of the whole model.
func (res *demoResult) size(d *demoRun) {
	res.Weights = [2]int64{d.res.Weights, d.res.Weights}
	res.FLOPs = [2]int64{d.res.FLOPs, d.res.FLOPs}
	for _, row := range res.report.Rows {
		if row.Status == passes.Fired {
			res.Weights[1] += row.WeightsAfter - row.WeightsBefore
			res.FLOPs[1] += row.FLOPsAfter - row.FLOPsBefore
		}
	}
}

// checkKernels compares each block's kernel with its plain ONNX body on the same inputs.
func (d *demoRun) checkKernels(r demoRewrite, res *demoResult, out *graph.Model) error {
	c, err := d.a.check(d.trained, out, d.data, 1)
	if err != nil {
		return err
	}
	if why := c.wrong(false); why != "" {
		res.wrong("%s", why)
	}
	if c.NotRun != "" {
		res.wrong("not run: %s", c.NotRun)
	}
	res.Checks = c.Blocks
	if !r.sparse {
		return nil
	}
	if len(c.Blocks) != res.Blocks {
		res.wrong("%d blocks were changed, %d were checked", res.Blocks, len(c.Blocks))
	}
	worst := number(0)
	for _, b := range c.Blocks {
		worst = max(worst, b.Relative)
		if !b.Fused {
			res.wrong("block %q runs its %s", b.Node, b.BlockUse)
		}
	}
	res.Kernel = &worst
	return nil
}

// writeAndRead saves the model and loads it again; both must give the same outputs, bit for bit.
func (d *demoRun) writeAndRead(res *demoResult, out *graph.Model) (*graph.Model, error) {
	if err := d.a.save(out, res.File, onnxio.SaveOptions{}); err != nil {
		return nil, err
	}
	again, err := d.a.load(res.File)
	if err != nil {
		return nil, err
	}
	feeds := d.data.Feeds(0)
	var got [2]runtime.Fetches
	for i, m := range []*graph.Model{out, again} {
		s, err := d.a.compile(m, d.opt)
		if err != nil {
			return nil, errors.Join(err, again.Close())
		}
		got[i], err = s.Run(d.a.ctx, feeds)
		s.Close()
		if err != nil {
			return nil, errors.Join(err, again.Close())
		}
	}
	for name, want := range got[0] {
		if diff, err := measure(got[1][name], want); err != nil || !diff.Exact {
			res.wrong("output %q of the file differs from the model's in memory by %s", name, figure(float64(diff.Max)))
		}
	}
	return again, nil
}

// rewind writes the untrained model under the ticket's mask: the start of a retraining.
func (d *demoRun) rewind(res *demoResult) error {
	env := d.a.passEnv(d.initial, nil)
	env.Report = &passes.Report{}
	out, n, err := passes.Apply(env, d.initial, passes.ApplyMask(passes.MaskOptions{Density: ticketDensity, Other: d.trained, Rewound: true}))
	if err != nil {
		return err
	}
	if n != res.Blocks {
		res.wrong("the rewound ticket masks %d matrices, the trained one %d", n, res.Blocks)
	}
	res.Also = filepath.Join(d.cmd.Out, "ticket-rewound.onnx")
	return d.a.save(out, res.Also, onnxio.SaveOptions{})
}

// time measures the rewritten model in turns with the dense one.
func (d *demoRun) time(res *demoResult, s *runtime.Session) error {
	for _, shape := range []struct {
		name string
		seq  int64
	}{{"1 x 128", 128}, {"one token", 1}} {
		inputs, err := newRandom(d.trained, nil, shape.seq, 1)
		if err != nil {
			return err
		}
		pair := []*latency{{Model: "dense", session: d.dense}, {Model: res.Name, session: s}}
		if err := measureLatency(d.a.ctx, inputs, pair, 0, time.Duration(d.cmd.Seconds*float64(time.Second)), d.p.of("measuring")); err != nil {
			return err
		}
		res.Latency = append(res.Latency, demoLatency{shape.name, pair[0].Median, pair[1].Median, number(medianRatio(pair[1].times, pair[0].times))})
	}
	return nil
}

func (res *demoResult) print(a *app, i int) {
	a.printf("\n%d. %s: %s\n", i, res.Name, res.Title)
	line := func(what, format string, args ...any) { a.printf("   %-15s %s\n", what, fmt.Sprintf(format, args...)) }
	what := "blocks"
	if res.Name == "ticket" {
		what = "matrices"
	}
	line("changed", "%d %s", res.Blocks, what)
	line("weights", "%s", change(res.Weights[0], res.Weights[1]))
	line("FLOPs a token", "%s", change(res.FLOPs[0], res.FLOPs[1]))
	if res.Perplexity[1] > 0 {
		line("perplexity", "%.4f -> %.4f (%+.2f %%, allowed %+.0f %%)", res.Perplexity[0], res.Perplexity[1],
			100*(res.Perplexity[1]/res.Perplexity[0]-1), math.Round(100*(res.Bound-1)))
	}
	for _, l := range res.Latency {
		line(l.Shape, "%s -> %s (ratio %.2f)", lasts(time.Duration(l.Before)), lasts(time.Duration(l.After)), float64(l.Ratio))
	}
	if res.Kernel != nil {
		rows, ties := 0, 0
		for _, b := range res.Checks {
			rows, ties = rows+b.Rows, ties+b.Ties
		}
		line("kernel - body", "%s at most, relative, on %d tokens (%d ties left out)", figure(float64(*res.Kernel)), rows, ties)
	}
	written := res.File
	if res.Also != "" {
		written += ", and rewound: " + res.Also
	}
	line("written", "%s", written)
	for _, w := range res.Wrong {
		line("WRONG", "%s", w)
	}
}
