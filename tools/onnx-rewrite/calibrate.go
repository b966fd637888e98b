package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify/calib"
)

type calibrateCmd struct {
	Model  string   `arg:"" optional:"" help:"The model."`
	Out    string   `short:"o" placeholder:"FILE" help:"Where to write the statistics."`
	Merge  []string `sep:"none" placeholder:"FILE" help:"Join statistics files instead of running a model. May be repeated; one alone is shown."`
	Shard  string   `placeholder:"I/N" help:"Take part I (from 0) of N parts of the data, to be merged later."`
	Leaf   int      `default:"16" help:"Samples per leaf, the unit that parts are made of. Runs with other leaves do not merge."`
	Gram   bool     `help:"Gather the Gram matrix of the hidden values, for refits."`
	CoFire bool     `name:"co-fire" help:"Count how often two neurons fire together."`
	Fire   float64  `default:"0" help:"A neuron fires where |h| is above it."`
	dataFlags
	runFlags
	jsonFlag
}

func (*calibrateCmd) Help() string {
	return `Examples:

  onnx-rewrite calibrate model.onnx --data calib_ids.npy -o model.stats
  onnx-rewrite calibrate model.onnx --data calib_ids.npy --shard 0/2 -o part0.stats
  onnx-rewrite calibrate model.onnx --data calib_ids.npy --shard 1/2 -o part1.stats
  onnx-rewrite calibrate --merge part0.stats --merge part1.stats -o model.stats
  onnx-rewrite calibrate --merge model.stats

Gathers moments, firing rates and magnitude histograms of the hidden values of every feed-forward block. The parts of a run merge to the same bytes in any order and number.`
}

// tapSummary is what is printed of one block's hidden values.
type tapSummary struct {
	Name      string  `json:"name"`
	Width     int     `json:"width"`
	Rows      int64   `json:"rows"`
	FireRate  number  `json:"fire_rate"` // share of hidden values that fire
	AbsMax    number  `json:"abs_max"`
	Threshold *number `json:"threshold_10,omitempty"` // that keeps 10 % of all values
	Quarter   *number `json:"threshold_25,omitempty"`
}

type calibrateResult struct {
	Out    string       `json:"out,omitempty"`
	Digest string       `json:"digest"`
	Leaves int64        `json:"leaves"`
	Of     int64        `json:"leaves_planned"`
	Taps   []tapSummary `json:"taps"`
}

func (c *calibrateCmd) Run(a *app) error {
	if c.Out != "" {
		if err := checkOut(c.Out); err != nil {
			return err
		}
	}
	var stats *sparsify.Stats
	var err error
	switch {
	case len(c.Merge) > 0 && c.Model != "":
		return errors.New("--merge joins files and takes no model")
	case len(c.Merge) > 0:
		stats, err = mergeStats(c.Merge)
	case c.Model == "":
		return hint(errors.New("no model is given"), "see onnx-rewrite calibrate --help")
	case len(c.Data) == 0:
		return hint(errors.New("no data is given"), "use --data FILE")
	case c.Out == "":
		return hint(errors.New("no place for the statistics is given"), "use -o FILE")
	default:
		stats, err = c.collect(a)
	}
	if err != nil {
		return err
	}
	if c.Out != "" {
		a.saving.Add(1)
		err := stats.SaveFile(c.Out)
		a.saving.Add(-1)
		if err != nil {
			return withPath(c.Out, err)
		}
	}
	return c.report(a, stats)
}

func mergeStats(files []string) (*sparsify.Stats, error) {
	var all *sparsify.Stats
	for _, f := range files {
		s, err := sparsify.LoadStatsFile(f)
		if err != nil {
			return nil, withPath(f, err)
		}
		if all == nil {
			all = s
			continue
		}
		if err := all.Merge(s); err != nil {
			return nil, hint(fmt.Errorf("%s: %w", f, err), "merge parts of one run only")
		}
	}
	return all, nil
}

func (c *calibrateCmd) collect(a *app) (*sparsify.Stats, error) {
	opt := calib.CollectOptions{Run: c.options(a), Numerics: kernel.ActiveLevel().String()}
	if c.Shard != "" {
		if _, err := fmt.Sscanf(c.Shard, "%d/%d", &opt.Shard, &opt.Shards); err != nil || opt.Shards < 1 || fmt.Sprintf("%d/%d", opt.Shard, opt.Shards) != c.Shard {
			return nil, hint(fmt.Errorf("--shard %s is no part", c.Shard), "write 0/4 for the first of four")
		}
	}
	m, err := a.load(c.Model)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	taps := c.taps(m)
	if len(taps) == 0 {
		return nil, hint(failed("%s: no feed-forward block was found", c.Model), "onnx-rewrite inspect says why")
	}
	data, err := calib.Open(m, c.Data, calib.Options{Window: c.Window, Limit: c.Limit, Every: c.Every, Batch: max(1, c.Leaf)})
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	p := a.newProgress(c.JSON)
	defer p.done()
	opt.Progress = p.of("calibrating")
	stats, err := data.Collect(a.ctx, m, taps, opt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Model, err)
	}
	return stats, nil
}

// taps are the hidden values of the model's feed-forward blocks.
func (c *calibrateCmd) taps(m *graph.Model) []sparsify.TapSpec {
	typed := m.Clone()
	op.Infer(typed, op.InferOptions{}) // contradictions are the business of check
	var list []sparsify.TapSpec
	for _, f := range passes.FindFFN(typed) {
		if f.Reason == "" {
			list = append(list, sparsify.TapSpec{Name: f.H.Name, Width: f.Hidden, Fire: float32(c.Fire), Gram: c.Gram, CoFire: c.CoFire,
				Magnitude: true, Deviation: sparsify.DeviationAbs})
		}
	}
	return list
}

func (c *calibrateCmd) report(a *app, stats *sparsify.Stats) error {
	digest, err := stats.Digest()
	if err != nil {
		return err
	}
	set := stats.Settings()
	res := calibrateResult{Out: c.Out, Digest: fmt.Sprintf("%x", digest), Leaves: stats.Leaves(), Of: set.Leaves, Taps: []tapSummary{}}
	for _, spec := range set.Taps {
		t, err := stats.Tap(spec.Name)
		if err != nil {
			return err
		}
		s := tapSummary{Name: spec.Name, Width: spec.Width, Rows: t.Rows()}
		for _, r := range t.FireRate() {
			s.FireRate += number(r) / number(spec.Width)
		}
		for _, m := range t.AbsMax() {
			s.AbsMax = max(s.AbsMax, number(m))
		}
		for share, to := range map[float64]**number{0.1: &s.Threshold, 0.25: &s.Quarter} {
			if x, ok := t.Threshold(share); ok {
				n := number(x)
				*to = &n
			}
		}
		res.Taps = append(res.Taps, s)
	}
	if c.JSON {
		return a.printJSON(res)
	}
	t := newTable("", "hidden value", ">neurons", ">tokens", ">fire", ">max |h|", ">|h| of the top 10 %", ">25 %")
	for _, s := range res.Taps {
		t.AppendRow([]any{s.Name, s.Width, s.Rows, fmt.Sprintf("%.1f %%", 100*float64(s.FireRate)), figure(float64(s.AbsMax)), optional(s.Threshold), optional(s.Quarter)})
	}
	printTable(a.out, t)
	a.printf("\n%d of %d leaves, digest %s\n", res.Leaves, res.Of, strings.ToLower(res.Digest[:16]))
	if c.Out != "" {
		a.printf("written to %s\n", c.Out)
	}
	return nil
}
