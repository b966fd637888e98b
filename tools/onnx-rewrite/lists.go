package main

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph/debug"
	schema "github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

type passesCmd struct{ jsonFlag }

func (*passesCmd) Help() string {
	return `Examples:

  onnx-rewrite passes
  onnx-rewrite rewrite model.onnx -o out.onnx --pass prune-neurons:keep=0.75 --pass topk-ffn:keep=0.1

Lists the passes of --pass with their options, written as NAME:key=value,key=value.`
}

type passInfo struct {
	Name    string       `json:"name"`
	Doc     string       `json:"doc"`
	Default bool         `json:"default"` // part of --clean
	Options []optionInfo `json:"options,omitempty"`
}

type optionInfo struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Doc  string `json:"doc"`
}

// optionDocs are the help texts of the options: those of the short forms' flags.
func optionDocs(pass string) map[string]string {
	flags := map[string]any{"prune-neurons": pruneFlags{}, "topk-ffn": topkFlags{}, "split-experts": moeFlags{}, "apply-mask": maskFlags{}}[pass]
	docs := map[string]string{
		"other":   "The other model of a lottery-ticket pair: before training, or after it when rewound.",
		"rewound": "The model at hand is the untrained one.",
	}
	if flags != nil {
		t := reflect.TypeOf(flags)
		for i := range t.NumField() {
			docs[kebab(t.Field(i).Name)] = t.Field(i).Tag.Get("help")
		}
	}
	return docs
}

func allPasses() []passInfo {
	var list []passInfo
	for _, p := range passes.Default {
		list = append(list, passInfo{Name: p.Name, Doc: p.Doc, Default: true})
	}
	for _, p := range passes.Rewrites() {
		info := passInfo{Name: p.Name, Doc: p.Doc}
		for _, k := range rewriteKinds {
			if k.name != p.Name {
				continue
			}
			docs := optionDocs(p.Name)
			t := reflect.TypeOf(k.blank()).Elem()
			for i := range t.NumField() {
				name := kebab(t.Field(i).Name)
				info.Options = append(info.Options, optionInfo{name, optionType(t.Field(i).Type), docs[name]})
			}
		}
		list = append(list, info)
	}
	return list
}

func optionType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Float64:
		return "number"
	case reflect.Int:
		return "integer"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list of integers"
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Struct {
			return "model file"
		}
		return "number"
	}
	return "name"
}

func (c *passesCmd) Run(a *app) error {
	list := allPasses()
	if c.JSON {
		return a.printJSON(list)
	}
	t := newTable("", "pass", "", "what it does")
	for _, p := range list {
		when := "on request"
		if p.Default {
			when = "--clean"
		}
		t.AppendRow([]any{p.Name, when, p.Doc})
	}
	printTable(a.out, t)
	for _, p := range list {
		t := newTable("\n"+p.Name, "option", "value", "meaning")
		for _, o := range p.Options {
			t.AppendRow([]any{o.Name, o.Type, o.Doc})
		}
		printTable(a.out, t)
	}
	return nil
}

type knobsCmd struct{ jsonFlag }

func (*knobsCmd) Help() string {
	return `Examples:

  onnx-rewrite knobs
  ONNXDEBUG=time=1 onnx-rewrite eval model.onnx --ids val_ids.npy
  ONNXDEBUG=check=1,dump=split-experts onnx-rewrite moe model.onnx -o out.onnx
  ONNXDEBUG=stop=2 onnx-rewrite prune model.onnx -o two.onnx

The debug switches, read from ONNXDEBUG.`
}

func (c *knobsCmd) Run(a *app) error {
	if c.JSON {
		var list []map[string]string
		for _, k := range debug.All() {
			list = append(list, map[string]string{"name": k.Name, "type": k.Type, "default": k.Default, "help": k.Help})
		}
		return a.printJSON(list)
	}
	t := newTable("", "knob", "type", "default", "what it does")
	for _, k := range debug.All() {
		t.AppendRow([]any{k.Name, k.Type, k.Default, k.Help})
	}
	printTable(a.out, t)
	a.printf("\n%s=name=value,name=value; a name alone is name=1\n", debug.Env)
	return nil
}

type opsCmd struct {
	Missing bool   `help:"List only operators that are not run, or not in all versions."`
	Domain  string `default:"*" placeholder:"NAME" help:"List one domain; ai.onnx is the default one."`
	jsonFlag
}

func (*opsCmd) Help() string {
	return `Examples:

  onnx-rewrite ops
  onnx-rewrite ops --missing
  onnx-rewrite ops --domain ai.onnx.ml --json

Which operators of the ONNX standard, and which others, this version runs, from which opset on.`
}

// opInfo is the coverage of one operator.
type opInfo struct {
	Domain   string `json:"domain"`
	Name     string `json:"name"`
	Versions []int  `json:"versions,omitempty"` // of the standard
	Runs     []int  `json:"runs"`               // of them, those that run
	From     int    `json:"from,omitempty"`     // first opset that runs
	Inferred bool   `json:"inferred"`           // types and shapes are inferred
	Deprec   bool   `json:"deprecated,omitempty"`
}

type opsResult struct {
	Versions int      `json:"versions"`
	Run      int      `json:"versions_run"`
	Ops      []opInfo `json:"ops"`
}

// coverage compares the schema table with the runtime's.
func coverage() opsResult {
	var r opsResult
	seen := map[schema.Key]bool{}
	for _, k := range schema.Keys() {
		seen[k] = true
		info := opInfo{Domain: k.Domain, Name: k.Name, Runs: []int{}, Inferred: schema.HasRule(k.Domain, k.Name)}
		for _, v := range schema.Versions(k.Domain, k.Name) {
			if s := schema.Lookup(k.Domain, k.Name, v); s != nil && s.Deprecated {
				info.Deprec = true
				continue
			}
			info.Versions = append(info.Versions, v)
			if d := op.Lookup(k.Domain, k.Name, v); d != nil {
				if len(info.Runs) == 0 {
					info.From = v
				}
				info.Runs = append(info.Runs, v)
			}
		}
		r.Versions += len(info.Versions)
		r.Run += len(info.Runs)
		r.Ops = append(r.Ops, info)
	}
	for _, d := range op.All() {
		k := schema.Key{Domain: d.Domain, Name: d.Op}
		if !seen[k] && !strings.HasPrefix(d.Domain, op.Lowered) {
			seen[k] = true
			r.Ops = append(r.Ops, opInfo{Domain: d.Domain, Name: d.Op, Runs: []int{d.Since}, From: d.Since})
		}
	}
	sort.SliceStable(r.Ops, func(i, j int) bool { return r.Ops[i].Domain < r.Ops[j].Domain })
	return r
}

func (c *opsCmd) Run(a *app) error {
	r := coverage()
	kept := r.Ops[:0:0]
	domains := map[string]bool{}
	for _, o := range r.Ops {
		domain := o.Domain
		if domain == "" {
			domain = "ai.onnx"
		}
		domains[domain] = true
		if (c.Domain == "*" || c.Domain == domain) && (!c.Missing || len(o.Runs) < len(o.Versions)) {
			kept = append(kept, o)
		}
	}
	if c.Domain != "*" && !domains[c.Domain] {
		var names []string
		for d := range domains {
			names = append(names, d)
		}
		sort.Strings(names)
		return fmt.Errorf("--domain: %w", unknown("domain", c.Domain, names))
	}
	r.Ops = kept
	if c.JSON {
		return a.printJSON(r)
	}
	t := newTable("", "domain", "operator", "versions", "run")
	for _, o := range r.Ops {
		runs := "all"
		switch {
		case len(o.Versions) == 0 && len(o.Runs) == 0:
			runs = "deprecated"
		case len(o.Runs) == 0:
			runs = "no"
		case len(o.Runs) < len(o.Versions):
			runs = fmt.Sprint(o.Runs)
		}
		t.AppendRow([]any{o.Domain, o.Name, strings.Trim(fmt.Sprint(o.Versions), "[]"), runs})
	}
	printTable(a.out, t)
	a.printf("\n%d of %d operator versions of the standard run\n", r.Run, r.Versions)
	return nil
}
