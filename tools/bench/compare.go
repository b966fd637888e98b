package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	ort "github.com/shota3506/onnxruntime-purego/onnxruntime"

	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// inputSets is the number of different inputs that the turns go through.
const inputSets = 16

// result is one model.
type result struct {
	Model      string  `json:"model"`
	Threads    int     `json:"threads"`
	Level      string  `json:"kernel_level"`
	Version    string  `json:"onnxruntime"`
	Turns      int     `json:"turns"`
	Ours       timing  `json:"ours"`
	Theirs     timing  `json:"theirs"`
	Ratio      float64 `json:"ratio"` // of the medians
	Difference float64 `json:"difference"`
	Otherwise  int     `json:"chose_otherwise,omitempty"` // input sets left out of Difference, of inputSets
}

// timing is one side. Times are milliseconds, memory bytes (0: not known).
type timing struct {
	Load   float64 `json:"load_ms"` // and prepare
	Median float64 `json:"median_ms"`
	P90    float64 `json:"p90_ms"`
	Memory int64   `json:"peak_memory"`
}

// bound is how much an output may differ, as max|a-b| / max|b|.
const bound = 1e-4

// compare measures one model in both.
func compare(ctx context.Context, o options, path string) (*result, error) {
	r := &result{Model: label(path), Threads: o.threads, Level: kernel.ActiveLevel().String()}
	start := time.Now()
	a, err := newOurs(path, o.threads)
	if err != nil {
		return nil, err
	}
	defer a.close()
	r.Ours.Load = milliseconds(time.Since(start))
	start = time.Now()
	b, err := newTheirs(o.lib, path, o.threads)
	if err != nil {
		return nil, fmt.Errorf("ONNX Runtime: %w", err)
	}
	defer b.close()
	r.Theirs.Load, r.Version = milliseconds(time.Since(start)), b.lib.GetVersionString()

	in, err := makeInputs(a.model, o.dims, o.seed, inputSets)
	if err != nil {
		return nil, err
	}
	theirIn := make([]map[string]*ort.Value, len(in))
	for i := range in {
		if theirIn[i], err = b.feeds(in[i]); err != nil {
			return nil, err
		}
	}
	differ := make([]float64, len(in))
	for i := range in {
		if differ[i], err = outputsDiffer(ctx, a, b, in[i], theirIn[i]); err != nil {
			return nil, err
		}
	}
	if err := r.accept(differ); err != nil {
		return nil, err
	}
	oursRun := func(i int) (time.Duration, error) {
		start := time.Now()
		_, err := a.session.Run(ctx, in[i])
		return time.Since(start), err
	}
	theirsRun := func(i int) (time.Duration, error) {
		start := time.Now()
		out, err := b.session.Run(ctx, theirIn[i])
		took := time.Since(start)
		for _, v := range out {
			v.Close()
		}
		return took, err
	}
	mine, other, err := turns(ctx, o, len(in), oursRun, theirsRun)
	if err != nil {
		return nil, err
	}
	r.Turns = len(mine)
	r.Ours.Median, r.Ours.P90 = quantile(mine, 0.5), quantile(mine, 0.9)
	r.Theirs.Median, r.Theirs.P90 = quantile(other, 0.5), quantile(other, 0.9)
	r.Ratio = r.Ours.Median / r.Theirs.Median
	return r, nil
}

// label is the file's name, or that of its folder where the file is called model.
func label(path string) string {
	name := strings.TrimSuffix(filepath.Base(path), ".onnx")
	if abs, err := filepath.Abs(path); name == "model" && err == nil {
		return filepath.Base(filepath.Dir(abs))
	}
	return name
}

// turns runs a and b by turns, each first in every other turn, for o.seconds after warming up, and returns the times in milliseconds.
func turns(ctx context.Context, o options, sets int, a, b func(i int) (time.Duration, error)) (timesA, timesB []float64, err error) {
	turn := func(i int, keep bool) error {
		order := []func(int) (time.Duration, error){a, b}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		var took [2]time.Duration
		for k, run := range order {
			if k > 0 || i > 0 {
				time.Sleep(o.pause)
			}
			var err error
			if took[k], err = run(i % sets); err != nil {
				return err
			}
		}
		if i%2 == 1 {
			took[0], took[1] = took[1], took[0]
		}
		if keep {
			timesA, timesB = append(timesA, milliseconds(took[0])), append(timesB, milliseconds(took[1]))
		}
		return nil
	}
	long := time.Duration(o.seconds * float64(time.Second))
	for i, begin := 0, time.Now(); i < 2 || i < 10 && time.Since(begin) < long/4; i++ {
		if err := turn(i, false); err != nil {
			return nil, nil, err
		}
	}
	for i, begin := 0, time.Now(); i < 10 || time.Since(begin) < long; i++ {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if err := turn(i, true); err != nil {
			return nil, nil, err
		}
	}
	return timesA, timesB, nil
}

// accept is an error when the outputs of the input sets differ. A model that chooses by scores (top-k, experts) may choose otherwise where two
// scores are equal but for rounding, and then computes something else: that is let pass in at most a quarter of the sets, and counted.
func (r *result) accept(differ []float64) error {
	for _, d := range differ {
		if !(d <= bound) {
			r.Otherwise++
			continue
		}
		r.Difference = max(r.Difference, d)
	}
	if 4*r.Otherwise > len(differ) {
		return fmt.Errorf("the outputs differ in %d of %d runs, by up to %.1e", r.Otherwise, len(differ), slices.Max(differ))
	}
	return nil
}

// outputsDiffer is the largest difference of the float outputs.
func outputsDiffer(ctx context.Context, a *ours, b *theirs, in runtime.Feeds, theirIn map[string]*ort.Value) (float64, error) {
	mine, err := a.session.Run(ctx, in)
	if err != nil {
		return 0, err
	}
	other, err := b.outputs(ctx, theirIn)
	if err != nil {
		return 0, err
	}
	if len(other) == 0 {
		return 0, fmt.Errorf("there is no float output to compare")
	}
	largest := 0.0
	for name, want := range other {
		got, err := mine[name].Float32s()
		if err != nil {
			return 0, fmt.Errorf("output %q: %w", name, err)
		}
		largest = max(largest, difference(got, want))
	}
	return largest, nil
}

// difference is max|a-b| / max|b|, +Inf for different lengths or NaN.
func difference(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var diff, largest float64
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		diff, largest = max(diff, d), max(largest, math.Abs(float64(b[i])))
	}
	if diff == 0 {
		return 0
	}
	return diff / largest
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// quantile of the times, by the nearest rank.
func quantile(times []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func printTable(w io.Writer, list []*result) {
	if len(list) > 0 {
		fmt.Fprintf(w, "%d thread(s), kernels %s, ONNX Runtime %s; medians of runs by turns\n\n", list[0].Threads, list[0].Level, list[0].Version)
	}
	fmt.Fprintln(w, "| model | ours ms | ONNX Runtime ms | ratio | p90 ours | p90 theirs | turns | load ours | load theirs | peak ours MB | peak theirs MB | difference | chose otherwise |")
	fmt.Fprintln(w, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
	mb := func(n int64) string {
		if n == 0 {
			return "-"
		}
		return fmt.Sprintf("%.0f", float64(n)/1e6)
	}
	for _, r := range list {
		fmt.Fprintf(w, "| %s | %.3f | %.3f | %.2f | %.3f | %.3f | %d | %.0f | %.0f | %s | %s | %.0e | %d of %d |\n", r.Model, r.Ours.Median, r.Theirs.Median, r.Ratio, r.Ours.P90, r.Theirs.P90,
			r.Turns, r.Ours.Load, r.Theirs.Load, mb(r.Ours.Memory), mb(r.Theirs.Memory), r.Difference, r.Otherwise, inputSets)
	}
}
