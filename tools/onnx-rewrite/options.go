package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
)

// rewriteKind is a parametrised rewrite: the options struct of a pass and its constructor.
type rewriteKind struct {
	name  string
	blank func() any // a pointer to zero options
	pass  func(opt any) passes.Pass
}

var rewriteKinds = []rewriteKind{
	{"prune-neurons", func() any { return new(passes.PruneOptions) }, func(o any) passes.Pass { return passes.PruneNeurons(*o.(*passes.PruneOptions)) }},
	{"topk-ffn", func() any { return new(passes.TopKOptions) }, func(o any) passes.Pass { return passes.TopKFFN(*o.(*passes.TopKOptions)) }},
	{"split-experts", func() any { return new(passes.MoEOptions) }, func(o any) passes.Pass { return passes.SplitExperts(*o.(*passes.MoEOptions)) }},
	{"apply-mask", func() any { return new(passes.MaskOptions) }, func(o any) passes.Pass { return passes.ApplyMask(*o.(*passes.MaskOptions)) }},
}

// passNames lists every pass that --pass takes.
func passNames() []string {
	var list []string
	for _, p := range append(append(passes.Pipeline{}, passes.Default...), passes.Rewrites()...) {
		list = append(list, p.Name)
	}
	return list
}

// optionNames lists the options of a rewrite as the command writes them.
func optionNames(opt any) []string {
	t := reflect.TypeOf(opt).Elem()
	var list []string
	for i := range t.NumField() {
		list = append(list, kebab(t.Field(i).Name))
	}
	return list
}

// kebab turns DeadUnits into dead-units.
func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 && !(name[i-1] >= 'A' && name[i-1] <= 'Z') {
				b.WriteByte('-')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// parsePass reads NAME or NAME:key=value,key=value, and tells whether the pass claims to change no output. open loads the model that an
// option names.
func parsePass(text string, open func(path string) (*graph.Model, error)) (p passes.Pass, exact bool, err error) {
	name, rest, _ := strings.Cut(text, ":")
	for _, k := range rewriteKinds {
		if k.name != name {
			continue
		}
		opt := k.blank()
		for _, part := range splitOptions(rest) {
			key, value, ok := strings.Cut(part, "=")
			if !ok {
				value = "true"
			}
			if err := setOption(opt, key, value, open); err != nil {
				return p, false, fmt.Errorf("--pass %s: %w", text, err)
			}
		}
		moe, ok := opt.(*passes.MoEOptions)
		return k.pass(opt), ok && sameOutputs(moe), nil
	}
	if p, err = passes.Named(name); err != nil {
		return p, false, fmt.Errorf("--pass %s: %w", text, unknown("pass", name, passNames()))
	}
	if rest != "" {
		return p, false, fmt.Errorf("--pass %s: %s has no options", text, name)
	}
	return p, true, nil
}

// splitOptions cuts at commas that begin a new option, so that layers=0,2,keep=0.5 reads as two.
func splitOptions(text string) []string {
	if text == "" {
		return nil
	}
	var list []string
	for _, part := range strings.Split(text, ",") {
		if n := len(list); n > 0 && part != "" && part[0] >= '0' && part[0] <= '9' {
			list[n-1] += "," + part
			continue
		}
		list = append(list, part)
	}
	return list
}

// setOption sets the field that key names. Zero is refused where it stands for the default.
func setOption(opt any, key, value string, open func(string) (*graph.Model, error)) error {
	v := reflect.ValueOf(opt).Elem()
	t := v.Type()
	for i := range t.NumField() {
		if kebab(t.Field(i).Name) != key {
			continue
		}
		if err := setField(v.Field(i), value, key == "shared", open); err != nil {
			return fmt.Errorf("option %s: %w", key, err)
		}
		return nil
	}
	return unknown("option", key, optionNames(opt))
}

func setField(f reflect.Value, value string, zeroFine bool, open func(string) (*graph.Model, error)) error {
	switch f.Kind() {
	case reflect.String:
		if value == "" {
			return fmt.Errorf("no value is given")
		}
		f.SetString(value)
	case reflect.Float64:
		x, err := strconv.ParseFloat(value, 64)
		if err != nil || x != x {
			return fmt.Errorf("%q is no number", value)
		}
		if x == 0 {
			return fmt.Errorf("0 is no value for it; leave it out for the default")
		}
		f.SetFloat(x)
	case reflect.Int:
		x, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("%q is no integer", value)
		}
		if x == 0 && !zeroFine {
			return fmt.Errorf("0 is no value for it; leave it out for the default")
		}
		f.SetInt(int64(x))
	case reflect.Bool:
		x, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		f.SetBool(x)
	case reflect.Slice:
		var list []int
		for _, part := range strings.Split(value, ",") {
			x, err := strconv.Atoi(part)
			if err != nil || x < 0 {
				return fmt.Errorf("%q is no list of block numbers such as 0,2,5", value)
			}
			list = append(list, x)
		}
		f.Set(reflect.ValueOf(list))
	case reflect.Pointer:
		if f.Type() == reflect.TypeOf((*graph.Model)(nil)) {
			m, err := open(value)
			if err != nil {
				return err
			}
			f.Set(reflect.ValueOf(m))
			return nil
		}
		x, err := strconv.ParseFloat(value, 64)
		if err != nil || x != x {
			return fmt.Errorf("%q is no number", value)
		}
		f.Set(reflect.ValueOf(&x))
	default:
		return fmt.Errorf("cannot be given on the command line")
	}
	return nil
}

// fillOptions sets the options whose flags were given: the fields of flags are pointers to text, named like those of the options.
func fillOptions(opt, flags any, open func(string) (*graph.Model, error)) error {
	v := reflect.ValueOf(flags)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Tag.Get("kong") == "-" || v.Field(i).Kind() == reflect.Bool {
			if v.Field(i).Kind() == reflect.Bool && v.Field(i).Bool() {
				if err := setOption(opt, kebab(f.Name), "true", open); err != nil {
					return err
				}
			}
			continue
		}
		p, _ := v.Field(i).Interface().(*string)
		if p == nil {
			continue
		}
		if err := setOption(opt, kebab(f.Name), *p, open); err != nil {
			return fmt.Errorf("--%s %s: %w", kebab(f.Name), *p, err)
		}
	}
	return nil
}
