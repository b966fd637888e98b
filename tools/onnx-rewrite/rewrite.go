package main

import (
	"fmt"
	"runtime/debug"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify/calib"
)

// dataFlags name calibration data.
type dataFlags struct {
	Data   []string `sep:"none" placeholder:"FILE" help:"Calibration data: .npy of the only input or of token ids, name=file.npy, .npz, or a folder with recorded inputs. May be repeated."`
	Every  int      `default:"1" help:"Use every n-th sample of the data."`
	Limit  int      `default:"0" help:"Use the first samples only; 0 is all."`
	Window int      `default:"512" help:"Ids per window of a flat array of token ids."`
}

func (f *dataFlags) open(m *graph.Model) (*calib.Data, error) {
	d, err := calib.Open(m, f.Data, calib.Options{Window: f.Window, Limit: f.Limit, Every: f.Every})
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	return d, nil
}

// rewriteFlags are what every rewriting verb takes.
type rewriteFlags struct {
	saveFlags
	dataFlags
	Stats  string `placeholder:"FILE" help:"Statistics of this model (onnx-rewrite calibrate), for passes that need no more than those of the hidden values."`
	Seed   uint64 `default:"0" help:"Of every random choice. The same command gives the same bytes."`
	Clean  bool   `help:"Run the clean-up passes afterwards (see onnx-rewrite passes)."`
	DryRun bool   `help:"Do and check everything, write nothing."`
	jsonFlag
}

type rewriteCmd struct {
	Model string   `arg:"" help:"The model."`
	Pass  []string `short:"p" sep:"none" placeholder:"NAME:KEY=VALUE,..." help:"A pass with its options; may be repeated. Without any the model is loaded and saved."`
	rewriteFlags
}

func (*rewriteCmd) Help() string {
	return `Examples:

  onnx-rewrite rewrite model.onnx -o clean.onnx --clean
  onnx-rewrite rewrite model.onnx -o small.onnx --pass prune-neurons:keep=0.75 --data calib_ids.npy
  onnx-rewrite rewrite model.onnx -o sparse.onnx --pass prune-neurons:keep=0.5,layers=0,1 --pass topk-ffn:keep=0.1,layers=2,3 --data calib_ids.npy
  onnx-rewrite rewrite model.onnx -o copy.onnx --functions inline

onnx-rewrite passes lists the passes and their options. The result is checked before it is written: structure, operators, and the kernels of sparse blocks against their plain ONNX bodies. A rewrite that changes nothing says why, writes nothing, and has exit code 1.`
}

func (c *rewriteCmd) Run(a *app) error {
	job := rewriteJob{flags: &c.rewriteFlags, path: c.Model}
	exact := true
	for _, text := range c.Pass {
		p, same, err := parsePass(text, job.opener(a))
		if err != nil {
			job.close()
			return err
		}
		job.passes = append(job.passes, p)
		exact = exact && same
	}
	job.exact = exact
	return job.run(a)
}

// rewriteJob is one rewrite from a file to a file.
type rewriteJob struct {
	flags  *rewriteFlags
	path   string
	passes []passes.Pass
	exact  bool           // the passes claim to change no output
	opened []*graph.Model // other models in use
}

// opener loads the models that options name.
func (j *rewriteJob) opener(a *app) func(string) (*graph.Model, error) {
	return func(path string) (*graph.Model, error) {
		m, err := a.load(path)
		if err == nil {
			j.opened = append(j.opened, m)
		}
		return m, err
	}
}

func (j *rewriteJob) close() {
	for _, m := range j.opened {
		m.Close()
	}
}

// rewriteResult is what a rewriting verb reports.
type rewriteResult struct {
	Model   string       `json:"model"`
	Out     string       `json:"out,omitempty"`
	Written bool         `json:"written"`
	Changes int          `json:"changes"`
	Rows    []passes.Row `json:"rows"`
	Checks  *checks      `json:"checks,omitempty"`
}

func (j *rewriteJob) run(a *app) error {
	defer j.close()
	if err := checkOut(j.flags.Out); err != nil {
		return err
	}
	m, err := a.load(j.path)
	if err != nil {
		return err
	}
	defer m.Close()
	if weightBytes(m) > wholeModel {
		defer debug.SetGCPercent(debug.SetGCPercent(20)) // dead copies of matrices would take as much memory as the living
	}
	var data *calib.Data
	if len(j.flags.Data) > 0 {
		if data, err = j.flags.open(m); err != nil {
			return err
		}
	}
	p := a.newProgress(j.flags.JSON)
	defer p.done()
	res := rewriteResult{Model: j.path, Out: j.flags.Out, Rows: []passes.Row{}}
	out, err := j.apply(a, m, data, p, &res)
	if err != nil {
		return fmt.Errorf("%s: %w", j.path, err)
	}
	if len(j.passes) > 0 && res.Changes == 0 {
		p.done()
		if err := j.report(a, &res); err != nil {
			return err
		}
		return failed("%s: nothing was changed, so nothing was written", j.path)
	}
	if out != m {
		p.step("checking", 0, 0)
		if res.Checks, err = a.check(m, out, data, j.flags.Seed); err != nil {
			return fmt.Errorf("%s: %w", j.path, err)
		}
		if why := res.Checks.wrong(j.exact); why != "" {
			p.done()
			if err := j.report(a, &res); err != nil {
				return err
			}
			return failed("%s: the result is not right, so nothing was written: %s", j.path, why)
		}
	}
	if !j.flags.DryRun {
		opt := j.flags.options()
		opt.Progress = func(done, total int64) { p.step("writing", int(done>>20), int(total>>20)) }
		if err := a.save(out, j.flags.Out, opt); err != nil {
			return err
		}
		res.Written = true
	}
	p.done()
	return j.report(a, &res)
}

// apply runs the passes and, when asked, the clean-up.
func (j *rewriteJob) apply(a *app, m *graph.Model, data *calib.Data, p *progress, res *rewriteResult) (*graph.Model, error) {
	list := append([]passes.Pass(nil), j.passes...)
	if j.flags.Clean {
		list = append(list, passes.Default...)
	}
	if len(list) == 0 {
		return m, nil
	}
	report := &passes.Report{}
	env := a.passEnv(m, data)
	if j.flags.Stats != "" {
		var err error
		if env.Stats, err = loadStats(j.flags.Stats, m); err != nil {
			return nil, err
		}
	}
	env.Report, env.Seed, env.Progress = report, j.flags.Seed, p.step
	out, n, err := passes.Apply(env, m, list...)
	res.Changes = n
	res.Rows = append(res.Rows, report.Rows...)
	return out, err
}

// loadStats reads statistics and refuses those of another model.
func loadStats(path string, m *graph.Model) (*sparsify.Stats, error) {
	s, err := sparsify.LoadStatsFile(path)
	if err != nil {
		return nil, withPath(path, err)
	}
	hash, err := calib.ModelHash(m)
	if err != nil {
		return nil, err
	}
	if err := s.Check(hash); err != nil {
		return nil, hint(withPath(path, err), "collect them on this model: onnx-rewrite calibrate")
	}
	return s, nil
}

// passEnv is the environment that passes get from this command.
func (a *app) passEnv(m *graph.Model, data *calib.Data) *passes.Env {
	env := calib.NewEnv(m, data)
	env.Ctx, env.Knobs = a.ctx, a.knobs
	if data != nil {
		env.Observe = data.Observer(a.runtimeOptions())
	}
	if a.knobs.Time {
		env.Log = func(format string, args ...any) { a.errorf(format+"\n", args...) }
	}
	return env
}

func (j *rewriteJob) report(a *app, res *rewriteResult) error {
	if j.flags.JSON {
		return a.printJSON(res)
	}
	printRows(a, res.Rows)
	if res.Checks != nil {
		res.Checks.print(a)
	}
	switch {
	case res.Written:
		a.printf("\nwritten to %s\n", j.flags.Out)
	case j.flags.DryRun && res.Changes > 0:
		a.printf("\ndry run: nothing was written\n")
	}
	return nil
}

// printRows prints what passes did, block by block, and the sums.
func printRows(a *app, rows []passes.Row) {
	t := newTable("", "pass", "block", ">weights", ">FLOPs a token", "result")
	var sum passes.Row
	fired, twice := 0, map[string]int{}
	for _, r := range rows {
		result := ""
		for _, d := range r.Details {
			result += fmt.Sprintf("%s %s  ", d.Name, figure(d.Value))
		}
		if r.Reason != "" {
			result = fmt.Sprintf("%s: %s", r.Status, r.Reason)
		}
		t.AppendRow([]any{r.Pass, r.Block, change(r.WeightsBefore, r.WeightsAfter), change(r.FLOPsBefore, r.FLOPsAfter), result})
		if r.Status == passes.Fired {
			fired++
			twice[r.Block]++
			sum.WeightsBefore += r.WeightsBefore
			sum.WeightsAfter += r.WeightsAfter
			sum.FLOPsBefore += r.FLOPsBefore
			sum.FLOPsAfter += r.FLOPsAfter
		}
	}
	if fired > 1 && len(twice) == fired { // a block that changed twice would count twice
		t.AppendSeparator()
		t.AppendRow([]any{"sum", fmt.Sprintf("%d changed", fired), change(sum.WeightsBefore, sum.WeightsAfter), change(sum.FLOPsBefore, sum.FLOPsAfter), ""})
	}
	printTable(a.out, t)
}
