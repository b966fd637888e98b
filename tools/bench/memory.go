package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// runsForMemory is how often a model runs before its peak is read.
const runsForMemory = 5

// memory starts this program again, once for each side.
func (r *result) memory(ctx context.Context, o options, path string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for side, to := range map[string]*int64{"ours": &r.Ours.Memory, "theirs": &r.Theirs.Memory} {
		args := []string{"-only", side, "-lib", o.lib, "-threads", strconv.Itoa(o.threads), "-seed", strconv.FormatUint(o.seed, 10)}
		for name, n := range o.dims {
			args = append(args, "-dim", fmt.Sprintf("%s=%d", name, n))
		}
		out, err := exec.CommandContext(ctx, self, append(args, path)...).Output()
		if err != nil {
			return err
		}
		if *to, err = strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64); err != nil {
			return err
		}
	}
	return nil
}

// alone runs one side a few times and prints the process's peak memory in bytes.
func alone(ctx context.Context, o options, path string, out io.Writer) error {
	run := func(i int) error { return nil }
	switch o.only {
	case "ours":
		e, err := newOurs(path, o.threads)
		if err != nil {
			return err
		}
		defer e.close()
		in, err := makeInputs(e.model, o.dims, o.seed, runsForMemory)
		if err != nil {
			return err
		}
		run = func(i int) error { _, err := e.session.Run(ctx, in[i]); return err }
	case "theirs":
		e, err := newTheirs(o.lib, path, o.threads)
		if err != nil {
			return err
		}
		defer e.close()
		var m *graph.Model // only for the inputs
		if m, err = onnxio.Load(path, onnxio.LoadOptions{}); err != nil {
			return err
		}
		in, err := makeInputs(m, o.dims, o.seed, runsForMemory)
		if err != nil {
			return err
		}
		run = func(i int) error {
			feeds, err := e.feeds(in[i])
			if err != nil {
				return err
			}
			_, err = e.outputs(ctx, feeds)
			return err
		}
	default:
		return fmt.Errorf("-only is ours or theirs")
	}
	for i := range runsForMemory {
		if err := run(i); err != nil {
			return err
		}
	}
	peak, err := peakMemory()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, peak)
	return err
}

// peakMemory is VmHWM of this process, in bytes.
func peakMemory() (int64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), "VmHWM:")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 2 || fields[1] != "kB" {
		return 0, fmt.Errorf("/proc/self/status has no VmHWM")
	}
	kb, err := strconv.ParseInt(fields[0], 10, 64)
	return kb * 1024, err
}
