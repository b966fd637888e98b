package main

import (
	"fmt"
	"sort"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

type checkCmd struct {
	Model     string `arg:"" help:"The model."`
	Security  bool   `help:"Look at a file from a stranger, without reading its weights: where its data lie, what is hidden in it, what it would do. Also works on files that are refused otherwise."`
	Integrity bool   `help:"Read the data files and hold them against checksums and places; find bytes that no tensor has, and leftovers."`
	All       bool   `help:"Print every finding; else the first 5 of a rule."`
	Strict    bool   `help:"Warnings count as errors for the exit code."`
	Lenient   bool   `help:"Go on when the data of a tensor are missing or do not fit, and report it."`
	jsonFlag
}

func (*checkCmd) Help() string {
	return `Examples:

  onnx-rewrite check model.onnx
  onnx-rewrite check model.onnx --json | jq '.findings[] | select(.severity == "error")'
  onnx-rewrite check --security downloaded.onnx
  onnx-rewrite check --integrity model.onnx

Looks at structure (names, order, scopes), operators (types, attributes, versions, functions), shapes that contradict each other, values that have no type because inference stopped, and at what other tools are known to refuse; docs/checks.md lists the rules. With --security or --integrity it looks at that only, or at both. Exit code 1: an error was found.`
}

type checkResult struct {
	Model    string          `json:"model"`
	Errors   int             `json:"errors"`
	Warnings int             `json:"warnings"`
	Findings []graph.Finding `json:"findings"`

	Limits []onnxio.LimitUse `json:"limits,omitempty"` // with --security
}

func (c *checkCmd) Run(a *app) error {
	res := checkResult{Model: c.Model, Findings: []graph.Finding{}}
	add := func(f graph.Finding) { res.Findings = append(res.Findings, f) }
	var err error
	switch {
	case c.Security || c.Integrity:
		err = c.fileOnly(a, &res)
	default:
		err = c.model(a, add)
	}
	if err != nil {
		return err
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

// model looks at what the model says.
func (c *checkCmd) model(a *app, add func(graph.Finding)) error {
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
	for _, f := range append(report.Conflicts, report.Findings()...) {
		add(f)
	}
	for _, f := range onnxio.Lint(m) {
		add(f)
	}
	return nil
}

// fileOnly looks at the files that the model consists of.
func (c *checkCmd) fileOnly(a *app, res *checkResult) error {
	if c.Security {
		r, err := onnxio.Security(c.Model, onnxio.SecurityOptions{Load: a.read, Ctx: a.ctx, Standard: isStandard})
		if err != nil {
			return loadError(c.Model, err)
		}
		res.Findings, res.Limits = append(res.Findings, r.Findings...), r.Sizes
	}
	if c.Integrity {
		p := a.newProgress(c.JSON)
		defer p.done()
		read := p.of("reading (MiB)")
		found, err := onnxio.Integrity(c.Model, onnxio.IntegrityOptions{Load: a.read, Ctx: a.ctx,
			Progress: func(done, total int64) { read(int(done>>20), int(total>>20)) }})
		if err != nil && !c.Security {
			return loadError(c.Model, err)
		}
		res.Findings = append(res.Findings, found...) // a model that is not read at all, --security has told of
	}
	return nil
}

func isStandard(id graph.OpID) bool {
	return len(op.Versions(id.Domain, id.Op)) > 0 || op.HasRule(id.Domain, id.Op)
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

// findingRows is how many findings of a rule are printed without --all.
const findingRows = 5

func (c *checkCmd) print(a *app, res *checkResult) {
	printed, left := map[string]int{}, map[string]int{}
	var order []string
	for _, f := range res.Findings {
		kind := f.Severity.String() + " " + f.Rule
		if printed[kind]++; !c.All && f.Rule != "" && printed[kind] > findingRows {
			if left[kind]++; left[kind] == 1 {
				order = append(order, kind)
			}
			continue
		}
		a.printf("%s\n", visible(f.String()))
		if f.Fix != "" {
			a.printf("    %s\n", visible(f.Fix))
		}
	}
	for _, kind := range order {
		a.printf("and %d more of %s (--all)\n", left[kind], kind)
	}
	t := newTable("", "limit", ">the model has", ">of")
	for _, l := range res.Limits {
		if l.Value > l.Limit/2 {
			t.AppendRow([]any{l.Name, l.Value, l.Limit})
		}
	}
	printTable(a.out, t)
	a.printf("%s: %d errors, %d warnings, %s\n", c.Model, res.Errors, res.Warnings, plural(len(res.Findings)-res.Errors-res.Warnings, "note"))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
