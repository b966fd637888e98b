package main

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

type inspectCmd struct {
	Model string `arg:"" help:"The model."`
	Ops   bool   `help:"List all operators, not only the most frequent."`
	Tied  bool   `help:"Look for weights that are stored more than once, also transposed. Reads the weights."`
	jsonFlag
}

func (*inspectCmd) Help() string {
	return `Examples:

  onnx-rewrite inspect model.onnx
  onnx-rewrite inspect model.onnx --json | jq '.ffn | length'
  onnx-rewrite inspect model.onnx --tied

Shows inputs, outputs, sizes, operators, the feed-forward blocks that rewrites can take (and why they cannot take the others), and what each rewrite would save. For a rewritten model it says of each sparse block whether our kernel runs it (fused) or its plain ONNX body, and why.`
}

// inspection is everything inspect reports.
type inspection struct {
	Model     string             `json:"model"`
	IRVersion int64              `json:"ir_version"`
	Producer  string             `json:"producer,omitempty"`
	Opsets    map[string]int64   `json:"opsets"`
	FileBytes int64              `json:"file_bytes"`
	Data      []string           `json:"data_files,omitempty"`
	Inputs    []port             `json:"inputs"`
	Outputs   []port             `json:"outputs"`
	Weights   int64              `json:"weights"`
	Bytes     int64              `json:"weight_bytes"`
	Types     map[string]int64   `json:"weights_by_type"`
	Nodes     int                `json:"nodes"`
	Ops       []opCount          `json:"ops"`
	Functions []string           `json:"functions,omitempty"`
	Inference inferenceInfo      `json:"inference"`
	Tied      []graph.Twins      `json:"tied,omitempty"` // with --tied
	FFN       []ffnInfo          `json:"ffn"`
	Declined  []declinedFFN      `json:"declined"`
	Savings   []saving           `json:"savings,omitempty"`
	Blocks    []runtime.BlockUse `json:"blocks,omitempty"`
}

type port struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type opCount struct {
	Op    string `json:"op"`
	Count int    `json:"count"`
}

// inferenceInfo says how far the types of the values between the nodes are known.
type inferenceInfo struct {
	Values  int        `json:"values"`
	Typed   int        `json:"typed"`  // with element type and rank
	Static  int        `json:"static"` // of them, with constant dimensions only
	Stopped []op.Cause `json:"stopped"`
}

type ffnInfo struct {
	Name    string `json:"name"`
	Act     string `json:"act"`
	Gated   bool   `json:"gated"`
	In      int    `json:"in"`
	Hidden  int    `json:"hidden"`
	Out     int    `json:"out"`
	Weights int64  `json:"weights"`
	FLOPs   int64  `json:"flops"`
}

type declinedFFN struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// saving is what a rewrite with the options named would do to the model.
type saving struct {
	Rewrite       string `json:"rewrite"`
	Command       string `json:"command"`
	WeightsBefore int64  `json:"weights_before"`
	WeightsAfter  int64  `json:"weights_after"`
	FLOPsBefore   int64  `json:"flops_before"` // of the parts that it rewrites, per token
	FLOPsAfter    int64  `json:"flops_after"`
}

func (c *inspectCmd) Run(a *app) error {
	m, err := a.load(c.Model)
	if err != nil {
		return err
	}
	defer m.Close()
	r := inspection{Model: c.Model, IRVersion: m.IRVersion, Producer: strings.TrimSpace(m.Producer + " " + m.ProducerVersion), Opsets: map[string]int64{},
		Types: map[string]int64{}, Inputs: []port{}, Outputs: []port{}, Ops: []opCount{}, FFN: []ffnInfo{}, Declined: []declinedFFN{}}
	if info, err := os.Stat(c.Model); err == nil {
		r.FileBytes = info.Size()
	}
	r.Data = onnxio.Locations(m)
	for _, o := range m.Opsets {
		r.Opsets[graph.CanonicalDomain(o.Domain)] = o.Version
	}
	for _, v := range realInputs(m) {
		r.Inputs = append(r.Inputs, port{v.Name, v.Type.String()})
	}
	for _, v := range m.Graph.Outputs {
		r.Outputs = append(r.Outputs, port{v.Name, v.Type.String()})
	}
	r.count(m)
	r.find(m)
	if c.Tied {
		r.Tied = m.FindTwins(leastTwin)
	}
	if r.Blocks, err = a.blockUses(m); err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	if c.JSON {
		return a.printJSON(r)
	}
	c.print(a, &r)
	return nil
}

// count sums weights and operators, those of subgraphs and functions included.
func (r *inspection) count(m *graph.Model) {
	ops := map[string]int{}
	m.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			if v.Const != nil {
				r.Weights += int64(v.Const.Len())
				r.Bytes += v.ConstBytes()
				r.Types[v.Const.Elem.String()] += int64(v.Const.Len())
			}
		}
		for n := range g.Nodes() {
			r.Nodes++
			ops[n.ID.Canonical().String()]++
		}
	})
	for name, n := range ops {
		r.Ops = append(r.Ops, opCount{name, n})
	}
	sort.Slice(r.Ops, func(i, j int) bool {
		if r.Ops[i].Count != r.Ops[j].Count {
			return r.Ops[i].Count > r.Ops[j].Count
		}
		return r.Ops[i].Op < r.Ops[j].Op
	})
	for _, f := range m.Functions {
		r.Functions = append(r.Functions, f.ID.String())
	}
}

// find lists the feed-forward blocks of a typed clone, and what rewrites would save.
func (r *inspection) find(m *graph.Model) {
	typed := m.Clone()
	report, _ := op.Infer(typed, op.InferOptions{}) // contradictions are the business of check
	r.Inference = inferenceInfo{report.Values, report.Typed, report.Static, report.Causes()}
	var blocks []passes.FFN
	for _, f := range passes.FindFFN(typed) {
		if f.Reason != "" {
			r.Declined = append(r.Declined, declinedFFN{f.Name, f.Reason})
			continue
		}
		blocks = append(blocks, f)
		r.FFN = append(r.FFN, ffnInfo{f.Name, string(f.Act), f.Gated(), f.In, f.Hidden, f.Out, f.Weights(), f.FLOPs()})
	}
	if len(blocks) > 0 {
		r.Savings = append(r.Savings, ffnSavings(blocks, r.Weights)...)
	}
	if linears := passes.FindLinears(typed); len(linears) > 0 {
		s := saving{Rewrite: "apply-mask", Command: "mask --density 0.5", WeightsBefore: r.Weights, WeightsAfter: r.Weights}
		for _, l := range linears {
			if l.Matrix.Elem != tensor.Float32 {
				continue // declined
			}
			n := int64(l.Matrix.Len())
			s.FLOPsBefore += 2 * n
			s.FLOPsAfter += n
			s.WeightsAfter -= n / 2
		}
		if s.FLOPsBefore > 0 {
			r.Savings = append(r.Savings, s)
		}
	}
}

func ffnSavings(blocks []passes.FFN, weights int64) []saving {
	prune := saving{Rewrite: "prune-neurons", Command: "prune --keep 0.75", WeightsBefore: weights, WeightsAfter: weights}
	topk := saving{Rewrite: "topk-ffn", Command: "topk --keep 0.1", WeightsBefore: weights, WeightsAfter: weights}
	moe := saving{Rewrite: "split-experts", Command: "moe --experts 16 --active 4", WeightsBefore: weights, WeightsAfter: weights}
	for _, f := range blocks {
		flops := f.FLOPs()
		for _, s := range []*saving{&prune, &topk, &moe} {
			s.FLOPsBefore += flops
		}
		kept := int64(sparsify.KeepCount(0.75, f.Hidden))
		prune.FLOPsAfter += flops * kept / int64(f.Hidden)
		prune.WeightsAfter -= f.Weights() * (int64(f.Hidden) - kept) / int64(f.Hidden)
		down := 2 * int64(f.Hidden) * int64(f.Out)
		topk.FLOPsAfter += flops - down + 2*int64(sparsify.KeepCount(0.1, f.Hidden))*int64(f.Out)
		moe.FLOPsAfter += flops/4 + 2*int64(f.In)*16
		moe.WeightsAfter += 16 * (int64(f.In) + int64(f.Out) + 1)
	}
	return []saving{prune, topk, moe}
}

// blockUses says how the model's functions are executed: by compiling it, or, where an operator is missing, by reading the calls.
func (a *app) blockUses(m *graph.Model) ([]runtime.BlockUse, error) {
	if len(m.Functions) == 0 {
		return nil, nil
	}
	s, err := runtime.Compile(m, a.runtimeOptions())
	if err == nil {
		defer s.Close()
		return s.Blocks(), nil
	}
	var u *runtime.UnsupportedError
	if !errors.As(err, &u) {
		return nil, err
	}
	var list []runtime.BlockUse
	m.Graph.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			if m.Function(n.ID) == nil {
				continue
			}
			b := runtime.BlockUse{Node: n.Label(), Function: n.ID.String(), Fused: block.IsBlock(n.ID)}
			if _, b.Why = block.Match(n, m.Function); b.Why != "" {
				b.Fused = false
			}
			list = append(list, b)
		}
	})
	return list, nil
}

func (c *inspectCmd) print(a *app, r *inspection) {
	a.printf("%s: IR version %d, %s\n", r.Model, r.IRVersion, visible(opsetText(r.Opsets)))
	if r.Producer != "" {
		a.printf("made by %s\n", visible(r.Producer))
	}
	a.printf("file %s", bytesText(r.FileBytes))
	if len(r.Data) > 0 {
		a.printf(" and %s", visible(strings.Join(r.Data, ", ")))
	}
	var types []string
	for e, n := range r.Types {
		types = append(types, count(n)+" "+e)
	}
	sort.Strings(types)
	a.printf("; %s weights, %s (%s)\n\n", count(r.Weights), bytesText(r.Bytes), strings.Join(types, ", "))
	t := newTable("", "", "name", "type")
	for _, p := range r.Inputs {
		t.AppendRow([]any{"input", p.Name, p.Type})
	}
	for _, p := range r.Outputs {
		t.AppendRow([]any{"output", p.Name, p.Type})
	}
	printTable(a.out, t)
	var ops []string
	for i, o := range r.Ops {
		if i == 12 && !c.Ops {
			ops = append(ops, fmt.Sprintf("and %d more kinds (--ops)", len(r.Ops)-i))
			break
		}
		ops = append(ops, fmt.Sprintf("%s %d", o.Op, o.Count))
	}
	a.printf("\n%d nodes: %s\n", r.Nodes, visible(strings.Join(ops, ", ")))
	c.printInference(a, r.Inference)
	c.printTied(a, r.Tied)
	t = newTable("\n"+plural(len(r.FFN), "feed-forward block"), ">#", "block", "form", ">in", ">hidden", ">out", ">weights", ">FLOPs a token")
	for i, f := range r.FFN {
		form := f.Act
		if f.Gated {
			form = "gated " + f.Act
		}
		t.AppendRow([]any{i, f.Name, form, f.In, f.Hidden, f.Out, count(f.Weights), count(f.FLOPs)})
	}
	printTable(a.out, t)
	if len(r.FFN) == 0 {
		a.printf("\nno feed-forward block was found\n")
	}
	t = newTable("\nlooks like a feed-forward block, but is declined", "block", "reason")
	for _, d := range r.Declined {
		t.AppendRow([]any{d.Name, d.Reason})
	}
	printTable(a.out, t)
	t = newTable("\nwhat rewrites would save", "rewrite", ">weights", ">FLOPs a token of what it rewrites")
	for _, s := range r.Savings {
		t.AppendRow([]any{s.Command, change(s.WeightsBefore, s.WeightsAfter), change(s.FLOPsBefore, s.FLOPsAfter)})
	}
	printTable(a.out, t)
	printBlocks(a, r.Blocks)
}

// leastTwin is the bytes from which on a tensor stored twice is worth telling.
const leastTwin = 1 << 10

func (c *inspectCmd) printTied(a *app, twins []graph.Twins) {
	t := newTable("\nweights stored more than once", "weight", "the same", "transposed", ">bytes to save")
	total := int64(0)
	for _, x := range twins {
		saved := x.Bytes * int64(len(x.Names)+len(x.Transposed)-1)
		total += saved
		t.AppendRow([]any{x.Names[0], strings.Join(x.Names[1:], ", "), strings.Join(x.Transposed, ", "), bytesText(saved)})
	}
	printTable(a.out, t)
	if c.Tied && len(twins) == 0 {
		a.printf("no weight of %s or more is stored twice\n", bytesText(leastTwin))
	}
	if total > 0 {
		a.printf("%s in all; saving to a data file stores the same tensors once, transposed ones stay\n", bytesText(total))
	}
}

func (c *inspectCmd) printInference(a *app, x inferenceInfo) {
	a.printf("types: %d of %s between the nodes are known, %d of them with constant dimensions\n", x.Typed, plural(x.Values, "value"), x.Static)
	t := newTable("\ninference of types stopped", "at node", "operator", "because", ">values without a type")
	for i, s := range x.Stopped {
		if i == diffRows {
			t.AppendRow([]any{fmt.Sprintf("and %d more", len(x.Stopped)-i)})
			break
		}
		t.AppendRow([]any{s.Node, s.OpName, s.Reason, s.Values})
	}
	printTable(a.out, t)
}

func opsetText(opsets map[string]int64) string {
	var list []string
	for d, v := range opsets {
		if d == "" {
			d = "opset"
		}
		list = append(list, fmt.Sprintf("%s %d", d, v))
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}
