package graph

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// Errors of RenameValue.
var (
	ErrNoValue   = errors.New("the graph has no such value")
	ErrNameTaken = errors.New("the name is taken")
	ErrManySuch  = errors.New("several subgraphs have a value of that name")
	ErrNoNode    = errors.New("the model has no such node")
	ErrManyNodes = errors.New("several nodes have that name")
)

// RenameNode gives the node of that name, in the main graph, a subgraph or a function, another one. The names of nodes are for people;
// a name that a node has already is refused all the same.
func (m *Model) RenameNode(name, to string) error {
	var found []*Node
	taken := false
	m.Walk(func(g *Graph) {
		for n := range g.Nodes() {
			if n.Name == name {
				found = append(found, n)
			}
			taken = taken || n.Name == to
		}
	})
	switch {
	case to == "":
		return fmt.Errorf("rename node %q: the new name is empty", name)
	case len(found) == 0:
		return fmt.Errorf("rename node %q: %w", name, ErrNoNode)
	case len(found) > 1:
		return fmt.Errorf("rename node %q: %w", name, ErrManyNodes)
	case taken && name != to:
		return fmt.Errorf("rename node %q to %q: %w", name, to, ErrNameTaken)
	}
	found[0].Name = to
	return nil
}

// RenameValue gives a value another name: an input, an output, an initializer or a value on the way, of the main graph or else of the only
// subgraph that has one of that name. Nodes, subgraphs and declarations follow. The name must not be taken anywhere in g or below: a subgraph's value of that name would hide
// it. It is an error, and nothing is changed, when training information or a quantization annotation names the value, because these are
// not taken apart.
func (m *Model) RenameValue(name, to string) error {
	g := m.Graph
	if to == "" {
		return fmt.Errorf("rename %q: the new name is empty", name)
	}
	var v *Value
	var inner []*Value
	taken := false
	g.Walk(func(sub *Graph) {
		look := func(list []*Value) {
			for _, x := range list {
				if x == nil {
					continue
				}
				taken = taken || x.Name == to
				switch {
				case x.Name != name:
				case sub != g && !slices.Contains(inner, x):
					inner = append(inner, x)
				case sub == g && v == nil:
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
	if v == nil && len(inner) == 1 {
		v = inner[0]
	}
	switch {
	case v == nil && len(inner) > 1:
		return fmt.Errorf("rename %q: %w", name, ErrManySuch)
	case v == nil, name == "": // what has no name cannot be called by it
		return fmt.Errorf("rename %q: %w", name, ErrNoValue)
	case name == to:
		return nil
	case taken:
		return fmt.Errorf("rename %q to %q: %w", name, to, ErrNameTaken)
	case len(m.Training) > 0:
		return fmt.Errorf("rename %q: the model has training information, which names values", name)
	}
	if home := v.graph; home != nil {
		g = home
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
