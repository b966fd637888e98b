// Command bench times our runtime beside ONNX Runtime: one process, the same inputs, turn by turn, other inputs at every turn.
//
//	cd tools/bench
//	go run . -lib ~/venv/lib/python3.11/site-packages/onnxruntime/capi/libonnxruntime.so.1.32.0 -threads 1 model.onnx ...
//	go run . -lib LIB -dim batch=1 -dim seq=128 -seconds 10 -json model.onnx
//
// The library is that of the onnxruntime wheel. A turn runs both once, in an order that alternates; only the run itself is timed: inputs lie ready,
// outputs are released afterwards. ratio is the median of ours over the median of theirs, below 1 when we are faster. With more than one thread
// a pause separates the two, because ONNX Runtime's workers spin for a while after a run. Peak memory is that of a process of its own with
// only one of the two in it (VmHWM, Linux). The outputs are compared before anything is timed.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"
)

type options struct {
	lib     string
	threads int
	seconds float64
	dims    dims
	seed    uint64
	pause   time.Duration
	json    bool
	only    string // in a process of its own: "ours" or "theirs"
}

// dims are the sizes of symbolic dims, by name.
type dims map[string]int64

func (d dims) String() string { return "" }

// Set implements flag.Value.
func (d dims) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	n, err := strconv.ParseInt(value, 10, 64)
	if !ok || err != nil || n < 0 {
		return fmt.Errorf("want name=size")
	}
	d[name] = n
	return nil
}

func main() {
	o := options{dims: dims{}}
	flag.StringVar(&o.lib, "lib", os.Getenv("ONNX_REWRITE_ORT_LIB"), "ONNX Runtime's shared library")
	flag.IntVar(&o.threads, "threads", 1, "threads of each")
	flag.Float64Var(&o.seconds, "seconds", 5, "how long to measure a model")
	flag.Var(o.dims, "dim", "size of a symbolic dim, name=size; else 1 for the first dim of an input, 128 for others")
	flag.Uint64Var(&o.seed, "seed", 1, "of the inputs")
	flag.DurationVar(&o.pause, "pause", -1, "between the two; by default 5ms with more than one thread, else none")
	flag.BoolVar(&o.json, "json", false, "print one JSON document")
	flag.StringVar(&o.only, "only", "", "run a few times with one side (ours, theirs) and print the peak memory")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, flag.Args(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, models []string, out, progress io.Writer) error {
	if len(models) == 0 {
		return fmt.Errorf("no model is given")
	}
	if o.lib == "" && o.only != "ours" {
		return fmt.Errorf("give ONNX Runtime's shared library with -lib")
	}
	if o.only != "" {
		return alone(ctx, o, models[0], out)
	}
	if o.pause < 0 {
		o.pause = 0
		if o.threads != 1 {
			o.pause = 5 * time.Millisecond
		}
	}
	var list []*result
	for _, path := range models {
		fmt.Fprintln(progress, path)
		r, err := compare(ctx, o, path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := r.memory(ctx, o, path); err != nil {
			fmt.Fprintf(progress, "peak memory is not known: %v\n", err)
		}
		list = append(list, r)
	}
	if o.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(list)
	}
	printTable(out, list)
	return nil
}
