package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

type benchCmd struct {
	Model   string   `arg:"" help:"The model."`
	Against string   `placeholder:"FILE" help:"Another model with the same inputs: both run in turns on the same inputs."`
	Iters   int      `default:"0" help:"Measured runs of each model; 0 is as many as --seconds allows."`
	Seconds float64  `default:"3" help:"How long to measure."`
	Dim     []string `sep:"none" placeholder:"NAME=N" help:"Size of a symbolic dim; else 1 for the first dim and --seq for others."`
	Seq     int64    `default:"128" help:"Size of symbolic dims other than the first."`
	Seed    uint64   `default:"1" help:"Of the inputs."`
	Profile bool     `help:"Print the time of each operator."`
	runFlags
	jsonFlag
}

func (*benchCmd) Help() string {
	return `Examples:

  onnx-rewrite bench model.onnx --threads 1
  onnx-rewrite bench sparse.onnx --against model.onnx --threads 1 --dim batch=1 --dim seq=128
  onnx-rewrite bench model.onnx --seq 1 --profile

The inputs differ between the runs: token ids within the vocabulary, floats from the normal distribution. ratio is the median of the model's time over the other's, run by run in turns. Peak memory is that of the whole process (VmHWM, Linux). Weights touched are those that one run over one token reads.`
}

// latency is what one model's runs took.
type latency struct {
	Model   string             `json:"model"`
	Median  int64              `json:"median_ns"`
	P90     int64              `json:"p90_ns"`
	Min     int64              `json:"min_ns"`
	Iters   int                `json:"iterations"`
	Weights int64              `json:"weights"`
	Touched int64              `json:"weights_touched_per_token"`
	Blocks  []runtime.BlockUse `json:"blocks,omitempty"`

	session *runtime.Session
	times   []time.Duration
}

type benchResult struct {
	Models  []*latency `json:"models"`
	Ratio   *number    `json:"ratio,omitempty"` // of the first over the second, median of the interleaved pairs
	Peak    int64      `json:"peak_memory_bytes,omitempty"`
	Inputs  []string   `json:"inputs"`
	Threads int        `json:"threads"`
}

func (c *benchCmd) Run(a *app) error {
	res := benchResult{Threads: c.Threads}
	var models []*graph.Model
	for _, path := range []string{c.Model, c.Against} {
		if path == "" {
			continue
		}
		m, err := a.load(path)
		if err != nil {
			return err
		}
		defer m.Close()
		opt := c.options(a)
		opt.Profile = opt.Profile || c.Profile
		s, err := a.compile(m, opt)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer s.Close()
		l := &latency{Model: path, session: s, Blocks: s.Blocks()}
		l.Weights, l.Touched = weightsTouched(m)
		models, res.Models = append(models, m), append(res.Models, l)
	}
	inputs, err := newRandom(models[0], c.Dim, c.Seq, c.Seed)
	if err != nil {
		return err
	}
	p := a.newProgress(c.JSON)
	err = measureLatency(a.ctx, inputs, res.Models, c.Iters, time.Duration(c.Seconds*float64(time.Second)), p.of("measuring"))
	p.done()
	if err != nil {
		return hint(err, "other sizes may suit the model: --seq N, --dim NAME=N")
	}
	if len(res.Models) == 2 {
		r := number(medianRatio(res.Models[0].times, res.Models[1].times))
		res.Ratio = &r
	}
	feeds, err := inputs.next()
	if err != nil {
		return err
	}
	for _, v := range realInputs(models[0]) {
		res.Inputs = append(res.Inputs, fmt.Sprintf("%s %s%v", v.Name, v.Type.Elem, feeds[v.Name].Shape))
	}
	res.Peak = peakMemory()
	return c.report(a, &res)
}

// measureLatency runs the models in turns on inputs that differ from turn to turn, in a random order within each turn, after warming up.
func measureLatency(ctx context.Context, inputs *randomInputs, list []*latency, iters int, long time.Duration, progress func(done, total int)) error {
	order := rand.New(rand.NewPCG(7, 7))
	turn := func(keep bool) error {
		feeds, err := inputs.next()
		if err != nil {
			return err
		}
		first := order.IntN(len(list))
		for i := range list {
			l := list[(first+i)%len(list)]
			start := time.Now()
			if _, err := l.session.Run(ctx, feeds); err != nil {
				return fmt.Errorf("%s: %w", l.Model, err)
			}
			if keep {
				l.times = append(l.times, time.Since(start))
			}
		}
		return nil
	}
	begin := time.Now()
	for i := 0; i < 3 && (i == 0 || time.Since(begin) < long/3); i++ {
		if err := turn(false); err != nil {
			return err
		}
	}
	begin = time.Now()
	for i := 0; iters > 0 && i < iters || iters == 0 && (i < 5 || time.Since(begin) < long); i++ {
		if err := turn(true); err != nil {
			return err
		}
		if progress != nil && i%16 == 0 {
			progress(i, iters)
		}
	}
	for _, l := range list {
		sorted := append([]time.Duration(nil), l.times...)
		sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
		l.Iters = len(sorted)
		l.Median, l.P90, l.Min = int64(median(sorted)), int64(sorted[(len(sorted)-1)*9/10]), int64(sorted[0])
	}
	return nil
}

func median(sorted []time.Duration) time.Duration {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// medianRatio is the median of a[i]/b[i].
func medianRatio(a, b []time.Duration) float64 {
	var r []float64
	for i := range a {
		r = append(r, float64(a[i])/float64(b[i]))
	}
	sort.Float64s(r)
	n := len(r)
	return (r[(n-1)/2] + r[n/2]) / 2
}

// weightsTouched counts the stored weights and those that one token reads: of the experts only the active ones, under top-k
// only the kept rows of the down projection and, where the gate decides, of the up projection. Tables that are gathered from count as one row.
func weightsTouched(m *graph.Model) (total, touched int64) {
	for _, v := range m.Graph.Inits {
		if v.Const == nil || !v.Const.Elem.IsFloat() && v.NumUses() == 0 {
			continue
		}
		n := int64(v.Const.Len())
		total += n
		touched += readOf(m, v, n)
	}
	return total, touched
}

// readOf is how many of the n weights of v one token reads, by v's most demanding use.
func readOf(m *graph.Model, v *graph.Value, n int64) int64 {
	most := int64(0)
	for u := range v.Uses() {
		read := n
		if u.Node == nil {
			continue
		}
		var c *block.Call
		reason := ""
		if block.IsBlock(u.Node.ID) {
			c, reason = block.Match(u.Node, m.Function)
		}
		switch {
		case u.Node.Is("Gather") && u.Index == 0 && len(v.Const.Shape) > 1:
			read = n / max(1, v.Const.Shape[0])
		case c == nil || reason != "":
		case c.Family == block.MoEFFN && len(v.Const.Shape) == 3 && v.Const.Shape[0] > 0:
			read = n / v.Const.Shape[0] * min(c.K, v.Const.Shape[0])
		case c.Family == block.TopKFFN && c.Keep == block.KeepExact && v == c.In("down") && v.Const.Shape[0] > 0:
			read = n / v.Const.Shape[0] * min(c.K, v.Const.Shape[0])
		case c.Family == block.TopKFFN && c.Keep == block.KeepExact && c.Gated && c.On != block.OnHidden && v == c.In("up") && v.Const.Shape[1] > 0:
			read = n / v.Const.Shape[1] * min(c.K, v.Const.Shape[1])
		}
		most = max(most, read)
	}
	return most
}

// peakMemory is the process's largest resident memory so far (Linux); 0 elsewhere.
func peakMemory() int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}

func (c *benchCmd) report(a *app, res *benchResult) error {
	if c.JSON {
		return a.printJSON(res)
	}
	t := newTable("inputs: "+strings.Join(res.Inputs, ", "), "model", ">median", ">p90", ">min", ">runs", ">weights", ">touched a token")
	for _, l := range res.Models {
		t.AppendRow([]any{l.Model, lasts(time.Duration(l.Median)), lasts(time.Duration(l.P90)), lasts(time.Duration(l.Min)), l.Iters, count(l.Weights), count(l.Touched)})
	}
	printTable(a.out, t)
	if res.Ratio != nil {
		a.printf("\nratio        %.3f (%s over %s, median of interleaved pairs)\n", float64(*res.Ratio), res.Models[0].Model, res.Models[1].Model)
	}
	if res.Peak > 0 {
		a.printf("peak memory  %s\n", bytesText(res.Peak))
	}
	for _, l := range res.Models {
		printBlocks(a, l.Blocks)
		if p := l.session.Profile(); p != nil {
			a.printf("\n%s\n%s", l.Model, p)
		}
	}
	return nil
}

// printBlocks lists how the calls of model-local functions are executed.
func printBlocks(a *app, blocks []runtime.BlockUse) {
	if len(blocks) == 0 {
		return
	}
	t := newTable("", "block", "function", "runs as")
	for _, b := range blocks {
		t.AppendRow([]any{b.Node, b.Function, b.String()})
	}
	a.printf("\n")
	printTable(a.out, t)
}
