package main

import (
	"fmt"
	"sort"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

type checkCmd struct {
	Model   string `arg:"" help:"The model."`
	Strict  bool   `help:"Warnings count as errors for the exit code."`
	Lenient bool   `help:"Go on when the data of a tensor are missing or do not fit, and report it."`
	jsonFlag
}

func (*checkCmd) Help() string {
	return `Examples:

  onnx-rewrite check model.onnx
  onnx-rewrite check model.onnx --json | jq '.findings[] | select(.severity == "error")'

Looks at structure (names, order, scopes), operators (types, attributes, versions, functions), shapes that contradict each other, unfinished files of a save that was killed, and at what other tools are known to refuse. Exit code 1: an error was found.`
}

type checkResult struct {
	Model    string          `json:"model"`
	Errors   int             `json:"errors"`
	Warnings int             `json:"warnings"`
	Findings []graph.Finding `json:"findings"`
}

func (c *checkCmd) Run(a *app) error {
	res := checkResult{Model: c.Model, Findings: []graph.Finding{}}
	add := func(f graph.Finding) { res.Findings = append(res.Findings, f) }
	m, err := c.load(a, add)
	if err != nil {
		return err
	}
	defer m.Close()
	for _, f := range m.Verify() {
		add(f)
	}
	for _, f := range op.Check(m) {
		add(f)
	}
	typed := m.Clone()
	report, _ := op.Infer(typed, op.InferOptions{}) // its error repeats the conflicts
	for _, f := range report.Conflicts {
		add(f)
	}
	for _, f := range onnxio.Lint(m) {
		add(f)
	}
	res.Findings = unique(res.Findings)
	sort.SliceStable(res.Findings, func(i, j int) bool { return res.Findings[i].Severity > res.Findings[j].Severity })
	for _, f := range res.Findings {
		switch f.Severity {
		case graph.Error:
			res.Errors++
		case graph.Warning:
			res.Warnings++
		}
	}
	if c.JSON {
		err = a.printJSON(res)
	} else {
		c.print(a, &res)
	}
	if err == nil && (res.Errors > 0 || c.Strict && res.Warnings > 0) {
		err = failed("%s: %d errors, %d warnings", c.Model, res.Errors, res.Warnings)
	}
	return err
}

func (c *checkCmd) load(a *app, add func(graph.Finding)) (*graph.Model, error) {
	if !c.Lenient {
		return a.load(c.Model)
	}
	opt := a.read
	opt.Lenient, opt.Report = true, add
	return a.loadWith(c.Model, opt)
}

func unique(list []graph.Finding) []graph.Finding {
	seen := map[graph.Finding]bool{}
	var out []graph.Finding
	for _, f := range list {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	if out == nil {
		out = []graph.Finding{}
	}
	return out
}

func (c *checkCmd) print(a *app, res *checkResult) {
	for _, f := range res.Findings {
		a.printf("%s\n", f)
		if f.Fix != "" {
			a.printf("    %s\n", f.Fix)
		}
	}
	a.printf("%s: %d errors, %d warnings, %s\n", c.Model, res.Errors, res.Warnings, plural(len(res.Findings)-res.Errors-res.Warnings, "note"))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
