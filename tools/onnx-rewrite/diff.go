package main

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

type diffCmd struct {
	A   string `arg:"" help:"The model before."`
	B   string `arg:"" help:"The model after."`
	All bool   `help:"Print every difference; else the first 40 of a kind."`
	jsonFlag
}

func (*diffCmd) Help() string {
	return `Examples:

  onnx-rewrite diff model.onnx rewritten.onnx
  onnx-rewrite diff model.onnx rewritten.onnx --json | jq '.weights[] | {name, max_abs, share, density_b}'
  onnx-rewrite diff before.onnx after.onnx && echo nothing changed

Compares what two models say: versions, metadata, inputs and outputs, nodes with their attributes, functions, weights. Nodes are matched by name, else by the name of an output; weights by name. How the files store it (data files, encodings) does not count. verify compares what they compute. Exit code 1: they differ.`
}

// diffResult is what diff reports.
type diffResult struct {
	A     string `json:"a"`
	B     string `json:"b"`
	Equal bool   `json:"equal"`
	*graph.Diff
}

func (c *diffCmd) Run(a *app) error {
	ma, err := a.load(c.A)
	if err != nil {
		return err
	}
	defer ma.Close()
	mb, err := a.load(c.B)
	if err != nil {
		return err
	}
	defer mb.Close()
	res := diffResult{A: c.A, B: c.B, Diff: graph.Compare(ma, mb)}
	res.Equal = res.Diff.Equal()
	if c.JSON {
		err = a.printJSON(res)
	} else {
		c.print(a, &res)
	}
	if err == nil && !res.Equal {
		err = failed("%s and %s differ", c.A, c.B)
	}
	return err
}

// diffRows is how many differences of a kind are printed without --all.
const diffRows = 40

func (c *diffCmd) print(a *app, res *diffResult) {
	d := res.Diff
	c.changes(a, "model", d.Model)
	t := newTable("\nnodes", "node", "operator", "", "what", "before", "after")
	for i, n := range d.Nodes {
		if c.cut(t, i, len(d.Nodes)) {
			break
		}
		label := place(n.Where, n.Node)
		if len(n.Changes) == 0 {
			t.AppendRow([]any{label, n.Op, string(n.Status), "", "", ""})
		}
		for k, x := range n.Changes {
			if k > 0 {
				t.AppendRow([]any{"", "", "", x.What, short(x.A), short(x.B)})
				continue
			}
			t.AppendRow([]any{label, n.Op, string(n.Status), x.What, short(x.A), short(x.B)})
		}
	}
	printTable(a.out, t)
	t = newTable("\nweights", "weight", "", "before", "after", ">max|a-b|", ">/ max|b|", ">changed", ">density", ">after")
	for i, w := range d.Weights {
		if c.cut(t, i, len(d.Weights)) {
			break
		}
		t.AppendRow([]any{place(w.Where, w.Name), string(w.Status), w.A, w.B, figureText(w.Max, 1, ""), figureText(w.Relative, 1, ""), figureText(w.Share, 100, " %"), figureText(w.DensityA, 100, " %"), figureText(w.DensityB, 100, " %")})
	}
	printTable(a.out, t)
	c.changes(a, "types of values", d.Values)
	if res.Equal {
		a.printf("equal: %s, %s\n", plural(d.SameNodes, "node"), plural(d.SameWeights, "weight"))
		return
	}
	a.printf("\n%s: %s", plural(len(d.Model), "difference")+" of the model", byStatus("node", d.SameNodes, countNodes(d.Nodes)))
	a.printf("; %s\n", byStatus("weight", d.SameWeights, countWeights(d.Weights)))
}

func (c *diffCmd) changes(a *app, title string, list []graph.Change) {
	t := newTable("\n"+title, "what", "before", "after")
	for i, x := range list {
		if c.cut(t, i, len(list)) {
			break
		}
		t.AppendRow([]any{place(x.Where, x.What), short(x.A), short(x.B)})
	}
	printTable(a.out, t)
}

// cut says that the rest of a list is left out.
func (c *diffCmd) cut(t *report, i, n int) bool {
	if c.All || i < diffRows {
		return false
	}
	t.AppendRow([]any{fmt.Sprintf("and %d more (--all)", n-i)})
	return true
}

func place(where, what string) string {
	if where == "" {
		return what
	}
	return where + ": " + what
}

// short cuts a text to what fits into a column.
func short(s string) string {
	s = strings.ReplaceAll(s, "\n", " ")
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}

func figureText(f *graph.Figure, scale float64, unit string) string {
	if f == nil {
		return ""
	}
	return figure(float64(*f)*scale) + unit
}

func countNodes(list []graph.NodeChange) map[graph.Status]int {
	n := map[graph.Status]int{}
	for _, x := range list {
		n[x.Status]++
	}
	return n
}

func countWeights(list []graph.WeightChange) map[graph.Status]int {
	n := map[graph.Status]int{}
	for _, x := range list {
		n[x.Status]++
	}
	return n
}

func byStatus(what string, same int, n map[graph.Status]int) string {
	return fmt.Sprintf("%s added, %d removed, %d changed, %d equal", plural(n[graph.Added], what), n[graph.Removed], n[graph.Changed], same)
}
