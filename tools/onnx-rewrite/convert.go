package main

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/passes/opset"
)

type convertCmd struct {
	Model     string   `arg:"" help:"The model."`
	Opset     int      `placeholder:"N" help:"Version of the default domain to convert to, up or down."`
	Domain    []string `sep:"none" placeholder:"NAME=N" help:"Version of another domain, for example ai.onnx.ml=3. May be repeated."`
	IRVersion int64    `name:"ir-version" placeholder:"N" help:"IR version to write; else it is raised to what the opset needs and never lowered."`
	Seed      uint64   `default:"0" help:"Of the random inputs that both models are run on."`
	DryRun    bool     `help:"Do and check everything, write nothing."`
	saveFlags
	jsonFlag
}

func (*convertCmd) Help() string {
	return `Examples:

  onnx-rewrite convert model.onnx --opset 21 -o new.onnx
  onnx-rewrite convert model.onnx --opset 12 -o old.onnx --ir-version 7
  onnx-rewrite convert trees.onnx --domain ai.onnx.ml=3 -o older.onnx
  onnx-rewrite convert model.onnx --opset 17 -o out.onnx --dry-run --json

Every node is carried to the other version of its operator, in subgraphs and functions too: attributes become inputs and the other way round, changed meanings are written out, newer operators are written with older ones. The result is checked before it is written: structure, operators, and the outputs on random inputs against the original's. Nodes that cannot be converted are all named, each with its reason, nothing is written, and the exit code is 1.`
}

// convertResult is what convert reports.
type convertResult struct {
	Model    string          `json:"model"`
	Out      string          `json:"out,omitempty"`
	Written  bool            `json:"written"`
	Report   *opset.Report   `json:"report,omitempty"`
	Refusals []opset.Refusal `json:"refusals,omitempty"`
	Checks   *checks         `json:"checks,omitempty"`
}

func (c *convertCmd) Run(a *app) error {
	domains, err := c.domains()
	if err != nil {
		return err
	}
	if err := checkOut(c.Out); err != nil {
		return err
	}
	m, err := a.load(c.Model)
	if err != nil {
		return err
	}
	defer m.Close()
	p := a.newProgress(c.JSON)
	defer p.done()
	res := convertResult{Model: c.Model, Out: c.Out}
	out, report, err := opset.Convert(m, c.Opset, opset.Options{Domains: domains, IRVersion: c.IRVersion})
	var refused *opset.RefusedError
	if errors.As(err, &refused) {
		p.done()
		res.Refusals = refused.Refusals
		if err := c.print(a, &res); err != nil {
			return err
		}
		return failed("%s: %d nodes cannot be converted, so nothing was written", c.Model, len(refused.Refusals))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	res.Report = report
	if len(report.Domains) == 0 && report.IRFrom == report.IRTo {
		p.done()
		return failed("%s: it is of that version already, so nothing was written", c.Model)
	}
	p.step("checking", 0, 0)
	if res.Checks, err = a.check(m, out, nil, c.Seed); err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	if why := res.Checks.wrong(true); why != "" {
		p.done()
		if err := c.print(a, &res); err != nil {
			return err
		}
		return failed("%s: the result is not right, so nothing was written: %s", c.Model, why)
	}
	if !c.DryRun {
		opt := c.options()
		opt.Progress = func(done, total int64) { p.step("writing", int(done>>20), int(total>>20)) }
		if err := a.save(out, c.Out, opt); err != nil {
			return err
		}
		res.Written = true
	}
	p.done()
	return c.print(a, &res)
}

func (c *convertCmd) domains() (map[string]int, error) {
	if c.Opset == 0 && len(c.Domain) == 0 {
		return nil, errors.New("no version is given: --opset or --domain")
	}
	if c.Opset < 0 {
		return nil, fmt.Errorf("--opset %d: must be 1 or above", c.Opset)
	}
	domains := map[string]int{}
	for _, text := range c.Domain {
		name, value, ok := strings.Cut(text, "=")
		v, err := strconv.Atoi(value)
		if !ok || name == "" || err != nil || v < 1 {
			return nil, fmt.Errorf("--domain %s: must be NAME=VERSION", text)
		}
		domains[name] = v
	}
	return domains, nil
}

func (c *convertCmd) print(a *app, res *convertResult) error {
	if c.JSON {
		return a.printJSON(res)
	}
	if len(res.Refusals) > 0 {
		t := newTable("", "node", "operator", "version", "reason", "")
		for _, r := range res.Refusals {
			what := r.Detail
			if r.Fix != "" {
				what += "; " + r.Fix
			}
			t.AppendRow([]any{r.Where + r.Node, r.Operator, fmt.Sprintf("%d -> %d", r.From, r.To), r.Reason, what})
		}
		printTable(a.out, t)
		return nil
	}
	for _, d := range res.Report.Domains {
		where := ""
		if d.Function != "" {
			where = " in function " + d.Function
		}
		name := d.Domain
		if name == "" {
			name = "ai.onnx"
		}
		a.printf("%s: opset %d -> %d%s\n", name, d.From, d.To, where)
	}
	if res.Report.IRFrom != res.Report.IRTo {
		a.printf("IR version %d -> %d\n", res.Report.IRFrom, res.Report.IRTo)
	}
	t := newTable("", "operator", "version", ">nodes", "result")
	for _, r := range byOperator(res.Report.Changes) {
		t.AppendRow([]any{r.Operator, fmt.Sprintf("%d -> %d", r.From, r.To), r.Nodes, r.How})
	}
	printTable(a.out, t)
	for _, n := range res.Report.Notes {
		a.printf("note: %d nodes %s: %s\n", n.Nodes, n.Operator, n.Detail)
	}
	if res.Checks != nil {
		res.Checks.print(a)
	}
	switch {
	case res.Written:
		a.printf("\nwritten to %s\n", c.Out)
	case c.DryRun:
		a.printf("\ndry run: nothing was written\n")
	}
	return nil
}

// byOperator puts what was done before what only passed.
func byOperator(list []opset.Change) []opset.Change {
	out := append([]opset.Change(nil), list...)
	sort.SliceStable(out, func(i, j int) bool { return out[i].How != opset.Same && out[j].How == opset.Same })
	return out
}
