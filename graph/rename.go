package graph

import (
	"bytes"
	"errors"
	"fmt"
)

// Errors of RenameValue.
var (
	ErrNoValue   = errors.New("the graph has no such value")
	ErrNameTaken = errors.New("the name is taken")
)

// RenameValue gives a value of g, the main graph of a model, another name: an input, an output, an initializer or a value on the way.
// Nodes, subgraphs and declarations follow. The name must not be taken anywhere in g or below: a subgraph's value of that name would hide
// it. It is an error, and nothing is changed, when training information or a quantization annotation names the value, because these are
// not taken apart.
func (m *Model) RenameValue(name, to string) error {
	g := m.Graph
	if to == "" {
		return fmt.Errorf("rename %q: the new name is empty", name)
	}
	var v *Value
	taken := false
	g.Walk(func(sub *Graph) {
		look := func(list []*Value) {
			for _, x := range list {
				if x == nil {
					continue
				}
				taken = taken || x.Name == to
				if v == nil && sub == g && x.Name == name {
					v = x
				}
			}
		}
		look(sub.Inputs)
		look(sub.Inits)
		for n := range sub.Nodes() {
			look(n.out)
			for _, x := range n.in {
				taken = taken || x != nil && x.Name == to
			}
		}
		for _, list := range [][]*Value{sub.Outputs, sub.ValueInfo} {
			for _, x := range list {
				taken = taken || x.Name == to
			}
		}
	})
	switch {
	case v == nil:
		return fmt.Errorf("rename %q: %w", name, ErrNoValue)
	case name == to:
		return nil
	case taken:
		return fmt.Errorf("rename %q to %q: %w", name, to, ErrNameTaken)
	case len(m.Training) > 0:
		return fmt.Errorf("rename %q: the model has training information, which names values", name)
	}
	if g.Extra != nil {
		for _, f := range g.Extra.Kept {
			if bytes.Contains(f.Value, []byte(name)) {
				return fmt.Errorf("rename %q: a quantization annotation names it", name)
			}
		}
	}
	v.Name = to
	g.renameOutputInfo(name, to)
	g.ForgetNames()
	return nil
}

func (g *Graph) renameOutputInfo(name, to string) {
	if g.Extra == nil {
		return
	}
	said, ok := g.Extra.OutputInfo[name]
	if !ok {
		return
	}
	info := *said.Info
	info.Name = to
	said.Info = &info
	extra := *g.Extra
	extra.OutputInfo = map[string]OutputInfo{to: said}
	for k, x := range g.Extra.OutputInfo {
		if k != name {
			extra.OutputInfo[k] = x
		}
	}
	g.Extra = &extra
}

// SetProp is list with key's entry set to value: the first entry of that key is replaced where it stands, others of it are dropped, and
// a new key comes last.
func SetProp(list []Prop, key, value string) []Prop {
	var out []Prop
	done := false
	for _, p := range list {
		if p.Key != key {
			out = append(out, p)
			continue
		}
		if !done {
			out = append(out, Prop{Key: key, Value: value})
		}
		done = true
	}
	if !done {
		out = append(out, Prop{Key: key, Value: value})
	}
	return out
}

// RemoveProp is list without the entries of key, and whether there was one.
func RemoveProp(list []Prop, key string) ([]Prop, bool) {
	var out []Prop
	for _, p := range list {
		if p.Key != key {
			out = append(out, p)
		}
	}
	return out, len(out) < len(list)
}
