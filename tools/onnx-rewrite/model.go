package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

func withPath(path string, err error) error {
	if strings.Contains(err.Error(), path) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// saveFlags say how a model is written.
type saveFlags struct {
	Out       string `short:"o" required:"" placeholder:"FILE" help:"Where to write the model."`
	Functions string `enum:"keep,inline" default:"keep" help:"keep: sparse blocks are functions with a kernel of their own; inline: plain nodes only."`
	External  string `enum:"keep,auto,never,always" default:"keep" help:"Weights in a data file beside the model: keep as it was, auto (beyond 2 GiB), never, always."`
}

func (f *saveFlags) options() onnxio.SaveOptions {
	opt := onnxio.SaveOptions{}
	if f.Functions == "inline" {
		opt.Functions = onnxio.InlineFunctions
	}
	opt.External = map[string]onnxio.ExternalForm{"keep": onnxio.ExternalKeep, "auto": onnxio.ExternalAuto, "never": onnxio.ExternalNever, "always": onnxio.ExternalAlways}[f.External]
	return opt
}

// save writes m, whole or not at all.
func (a *app) save(m *graph.Model, path string, opt onnxio.SaveOptions) error {
	a.saving.Add(1)
	defer a.saving.Add(-1)
	opt.Ctx = a.ctx
	if err := onnxio.Save(m, path, opt); err != nil {
		return withPath(path, err)
	}
	if left, err := onnxio.Leftovers(filepath.Dir(path)); err == nil && len(left) > 0 {
		fmt.Fprintf(a.err, "note: %s of killed saves in %s: see onnx-rewrite gc %s\n", plural(len(left), "unfinished file"), filepath.Dir(path), filepath.Dir(path))
	}
	return nil
}

// checkOut refuses a place that cannot be written to, before the work is done.
func checkOut(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return hint(fmt.Errorf("-o %s: the folder %s does not exist", path, dir), "make it first")
	case !info.IsDir():
		return fmt.Errorf("-o %s: %s is no folder", path, dir)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return hint(fmt.Errorf("-o %s is a folder", path), "give the name of a file")
	}
	return nil
}

// runFlags say how a model is executed.
type runFlags struct {
	Threads int  `default:"0" help:"Goroutines for the kernels; 0 is one for each core. Results do not depend on it."`
	NoFuse  bool `help:"Run the operators one by one, without fusing."`
	Bodies  bool `help:"Run the bodies of sparse blocks in place of their kernels."`
}

func (f *runFlags) options(a *app) runtime.Options {
	o := a.runtimeOptions()
	if f.Threads > 0 {
		o.Threads = f.Threads
	}
	o.DisableFusion = o.DisableFusion || f.NoFuse
	o.UseBodies = o.UseBodies || f.Bodies
	return o
}

// runtimeOptions are the options that the debug knobs ask for.
func (a *app) runtimeOptions() runtime.Options {
	return runtime.Options{Check: a.knobs.Check, NoPlan: a.knobs.NoPlan, DisableFusion: a.knobs.NoFuse, UseBodies: a.knobs.Bodies, Profile: a.knobs.Time}
}

// compile prepares a model for execution.
func (a *app) compile(m *graph.Model, opt runtime.Options) (*runtime.Session, error) {
	s, err := runtime.Compile(m, opt)
	var u *runtime.UnsupportedError
	if errors.As(err, &u) {
		return nil, hint(err, "onnx-rewrite ops lists what runs")
	}
	return s, err
}

// realInputs are the inputs that a run must give.
func realInputs(m *graph.Model) []*graph.Value {
	var list []*graph.Value
	for _, v := range m.Graph.Inputs {
		if v.Const == nil {
			list = append(list, v)
		}
	}
	return list
}
