package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify/calib"
)

type runCmd struct {
	Model  string   `arg:"" help:"The model."`
	Data   []string `sep:"none" placeholder:"DIR" help:"A test_data_set_k folder, or a folder that holds several: run each and compare with the recorded outputs."`
	Input  []string `short:"i" sep:"none" placeholder:"NAME=FILE" help:"An input from a .npy file (or a .pb with one TensorProto)."`
	Random bool     `help:"Make up the inputs that are not given: seeded, token ids within the vocabulary."`
	Dim    []string `sep:"none" placeholder:"NAME=N" help:"Size of a symbolic dim for --random; else 1 for the first dim and 16 for others."`
	Seed   uint64   `default:"1" help:"Of --random."`
	Out    string   `short:"o" placeholder:"DIR" help:"Folder for the outputs, as .npy."`
	RTol   *float64 `name:"rtol" help:"Compare elementwise, |a-b| <= atol + rtol·|b|, in place of max|a-b| / max|b| with the default bounds."`
	ATol   *float64 `name:"atol" help:"See --rtol."`
	runFlags
	jsonFlag
}

func (*runCmd) Help() string {
	return `Examples:

  onnx-rewrite run model.onnx --data test_data_set_0
  onnx-rewrite run model.onnx --data model_folder --rtol 1e-3 --atol 1e-7
  onnx-rewrite run model.onnx -i x=x.npy -o outputs
  onnx-rewrite run model.onnx --random --dim batch=2 --dim seq=32

Without --rtol and --atol an output may differ by max|a-b| / max|b| of 1e-4 (float, double), 5e-3 (float16), 3e-2 (bfloat16 and quantised models); integers, booleans and strings must be equal. Exit code 1: an output differs.`
}

// outputResult is one output of one run.
type outputResult struct {
	Set   string  `json:"data_set,omitempty"`
	Name  string  `json:"name"`
	Type  string  `json:"type"`
	Shape []int64 `json:"shape"`
	*difference
	Bound  *float64 `json:"bound,omitempty"`
	OK     *bool    `json:"ok,omitempty"`
	Reason string   `json:"reason,omitempty"`
	Min    *number  `json:"min,omitempty"`
	Max    *number  `json:"max,omitempty"`
	Mean   *number  `json:"mean,omitempty"`
}

type runResult struct {
	Model   string             `json:"model"`
	Outputs []outputResult     `json:"outputs"`
	Blocks  []runtime.BlockUse `json:"blocks,omitempty"`
	OK      bool               `json:"ok"`
}

func (c *runCmd) Run(a *app) error {
	m, err := a.load(c.Model)
	if err != nil {
		return err
	}
	defer m.Close()
	sets, err := c.sets(m)
	if err != nil {
		return err
	}
	s, err := a.compile(m, c.options(a))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	defer s.Close()
	res := runResult{Model: c.Model, OK: true, Blocks: s.Blocks()}
	b := boundsOf(m)
	compared := 0
	p := a.newProgress(c.JSON)
	for i, set := range sets {
		p.step("running", i, len(sets))
		got, err := s.Run(a.ctx, set.in)
		if err != nil {
			p.done()
			return fmt.Errorf("%s, %s: %w", c.Model, set.name, err)
		}
		for _, v := range m.Graph.Outputs {
			o := c.judge(b, v, got[v.Name], set)
			if o.OK != nil {
				compared++
				res.OK = res.OK && *o.OK
			}
			res.Outputs = append(res.Outputs, o)
		}
		if c.Out != "" {
			if err := writeOutputs(c.Out, set.name, len(sets) > 1, m, got); err != nil {
				p.done()
				return err
			}
		}
	}
	p.done()
	if err := c.report(a, &res, compared); err != nil {
		return err
	}
	if s.Profile() != nil && !c.JSON {
		a.printf("\n%s", s.Profile())
	}
	if !res.OK {
		return failed("%s: outputs differ from the recorded ones", c.Model)
	}
	return nil
}

// sets are the inputs to run: recorded, given, or made up.
func (c *runCmd) sets(m *graph.Model) ([]*dataSet, error) {
	if len(c.Data) == 0 && len(c.Input) == 0 && !c.Random && len(realInputs(m)) > 0 {
		return nil, hint(errors.New("no inputs are given"), "use --data DIR, -i name=file.npy or --random")
	}
	if len(c.Data) > 0 {
		if len(c.Input) > 0 || c.Random {
			return nil, errors.New("--data goes with neither -i nor --random")
		}
		var list []*dataSet
		for _, dir := range c.Data {
			folders, err := dataFolders(dir, c.Model)
			if err != nil {
				return nil, err
			}
			for _, f := range folders {
				d, err := readDataSet(f, m)
				if err != nil {
					return nil, err
				}
				list = append(list, d)
			}
		}
		return list, nil
	}
	given, err := namedArrays(c.Input, m)
	if err != nil {
		return nil, err
	}
	feeds := runtime.Feeds{}
	if c.Random {
		r, err := newRandom(m, c.Dim, 16, c.Seed)
		if err != nil {
			return nil, err
		}
		r.given = given
		if feeds, err = r.next(); err != nil {
			return nil, err
		}
	}
	for name, t := range given {
		feeds[name] = t
	}
	if err := calib.FillLanguageInputs(m, feeds); err != nil {
		return nil, hint(err, "give it with -i, or use --random")
	}
	return []*dataSet{{name: "inputs", in: feeds}}, nil
}

func (c *runCmd) judge(b bounds, v *graph.Value, got *tensor.Tensor, set *dataSet) outputResult {
	o := outputResult{Set: set.name, Name: v.Name}
	if got != nil {
		o.Type, o.Shape = got.Elem.String(), append([]int64{}, got.Shape...)
	}
	want := set.out[v.Name]
	if want == nil {
		o.Min, o.Max, o.Mean = summary(got)
		return o
	}
	d, err := measure(got, want)
	ok := err == nil
	if ok {
		o.difference = &d
		if c.RTol != nil || c.ATol != nil {
			err = elementwise(got, want, value(c.RTol), value(c.ATol))
			ok = err == nil
		} else {
			bound := b.of(want.Elem)
			o.Bound = &bound
			ok = b.within(d, want.Elem)
		}
	}
	if err != nil {
		o.Reason = err.Error()
	}
	o.OK = &ok
	return o
}

func value(p *float64) float64 {
	if p == nil {
		return 0
	}
	return *p
}

func summary(t *tensor.Tensor) (least, most, mean *number) {
	if t == nil || t.Len() == 0 {
		return nil, nil, nil
	}
	x, err := t.Float64s()
	if err != nil {
		return nil, nil, nil
	}
	lo, hi, sum := x[0], x[0], 0.0
	for _, v := range x {
		lo, hi, sum = min(lo, v), max(hi, v), sum+v
	}
	l, h, mid := number(lo), number(hi), number(sum/float64(len(x)))
	return &l, &h, &mid
}

func (c *runCmd) report(a *app, res *runResult, compared int) error {
	if c.JSON {
		return a.printJSON(res)
	}
	if compared == 0 {
		t := newTable("", "output", "type", "shape", ">min", ">max", ">mean")
		for _, o := range res.Outputs {
			t.AppendRow([]any{o.Name, o.Type, fmt.Sprint(o.Shape), optional(o.Min), optional(o.Max), optional(o.Mean)})
		}
		printTable(a.out, t)
		return nil
	}
	t := newTable("", "data set", "output", "shape", ">max|a-b|", ">/ max|b|", ">mean", ">bound", "result")
	for _, o := range res.Outputs {
		row := []any{o.Set, o.Name, fmt.Sprint(o.Shape), "", "", "", "", "not recorded"}
		if o.difference != nil {
			row[3], row[4], row[5] = figure(float64(o.difference.Max)), figure(float64(o.Relative)), figure(float64(o.difference.Mean))
		}
		if o.Bound != nil {
			row[6] = figure(*o.Bound)
		}
		if o.OK != nil {
			row[7] = "ok"
			if !*o.OK {
				row[7] = strings.TrimSuffix("DIFFERS: "+o.Reason, ": ")
			}
		}
		t.AppendRow(row)
	}
	printTable(a.out, t)
	return nil
}

func optional(n *number) string {
	if n == nil {
		return ""
	}
	return figure(float64(*n))
}

// writeOutputs writes the outputs as .npy into dir, in a folder for each data set when there are several.
func writeOutputs(dir, set string, several bool, m *graph.Model, got runtime.Fetches) error {
	if several {
		dir = filepath.Join(dir, set)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, v := range m.Graph.Outputs {
		t := got[v.Name]
		name := strings.Map(func(r rune) rune {
			if strings.ContainsRune(`/\:*?"<>|`, r) || r < ' ' {
				return '_'
			}
			return r
		}, v.Name)
		if t == nil {
			continue
		}
		if t.Elem == tensor.BFloat16 { // NumPy has no such type
			f, err := t.Float32s()
			if err != nil {
				return err
			}
			t = tensor.Of(append([]float32{}, f...), t.Shape...)
		}
		if err := onnxio.WriteNPY(filepath.Join(dir, name+".npy"), t); err != nil {
			return fmt.Errorf("output %q: %w", v.Name, err)
		}
	}
	return nil
}
