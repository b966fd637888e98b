// Package debug is the one table of switches for those who look inside: ONNXDEBUG=check=1,time=1,dump=split-experts,stop=17.
//
// Every package may import it; it imports none of ours. Only the command reads the environment (Parse(os.Getenv(Env))): libraries
// get their options as structs.
package debug

import (
	"fmt"
	"strconv"
	"strings"
)

// Env is the environment variable that the command reads.
const Env = "ONNXDEBUG"

// Knobs are the switches. The zero value is everything off.
type Knobs struct {
	Check  bool   // verify the graph after each pass, fill freed arena ranges with NaN
	Time   bool   // print time per pass and per operator
	Dump   string // pass whose result is written as text ("all" for every pass)
	Stop   int    // apply only the first n rewrites; 0 is no limit
	NoPlan bool   // allocate each value on its own
	NoFuse bool   // run operators one by one
	Bodies bool   // run the bodies of sparse blocks instead of the fused kernels
	Level  string // portable, avx2 or avx512: use no more than that
}

// Knob describes one switch.
type Knob struct{ Name, Type, Default, Help string }

type knob struct {
	Knob
	set func(*Knobs, string) error
}

func boolKnob(name, help string, field func(*Knobs) *bool) knob {
	return knob{Knob{name, "bool", "0", help}, func(k *Knobs, s string) (err error) {
		*field(k), err = strconv.ParseBool(s)
		return err
	}}
}

var table = []knob{
	boolKnob("check", "verify the graph after each pass; fill freed arena ranges with NaN", func(k *Knobs) *bool { return &k.Check }),
	boolKnob("time", "print the time of each pass and each operator", func(k *Knobs) *bool { return &k.Time }),
	{Knob{"dump", "pass", "", "write the graph as text after this pass (all: after each)"}, func(k *Knobs, s string) error { k.Dump = s; return nil }},
	{Knob{"stop", "int", "0", "apply only the first n rewrites"}, func(k *Knobs, s string) (err error) {
		if k.Stop, err = strconv.Atoi(s); err == nil && k.Stop < 0 {
			err = fmt.Errorf("want a count, have %d", k.Stop)
		}
		return err
	}},
	boolKnob("noplan", "allocate each value on its own instead of in the arena", func(k *Knobs) *bool { return &k.NoPlan }),
	boolKnob("nofuse", "run the operators one by one, without fused kernels", func(k *Knobs) *bool { return &k.NoFuse }),
	boolKnob("bodies", "run the bodies of sparse blocks instead of their kernels", func(k *Knobs) *bool { return &k.Bodies }),
	{Knob{"level", "name", "", "use no more than portable, avx2 or avx512"}, func(k *Knobs, s string) error {
		switch s {
		case "portable", "avx2", "avx512":
			k.Level = s
			return nil
		}
		return fmt.Errorf("want portable, avx2 or avx512")
	}},
}

// All lists the knobs, in the table's order.
func All() []Knob {
	list := make([]Knob, len(table))
	for i, k := range table {
		list[i] = k.Knob
	}
	return list
}

// Parse reads "name=value,name=value"; a name alone is name=1.
func Parse(s string) (Knobs, error) {
	var k Knobs
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, val, ok := strings.Cut(part, "=")
		if !ok {
			val = "1"
		}
		if err := k.set(name, val); err != nil {
			return Knobs{}, fmt.Errorf("%s: %s: %w", Env, name, err)
		}
	}
	return k, nil
}

func (k *Knobs) set(name, val string) error {
	for _, row := range table {
		if row.Name == name {
			return row.set(k, val)
		}
	}
	return fmt.Errorf("no such knob (onnx-rewrite knobs lists them)")
}
