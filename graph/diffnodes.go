package graph

import (
	"bytes"
	"fmt"
	"slices"
)

// nodes compares the nodes of two graphs, and the graphs inside them.
func (d *differ) nodes(where string, a, b *Graph) {
	left, right := slices.Collect(a.Nodes()), slices.Collect(b.Nodes())
	twin := matchNodes(left, right)
	place := map[*Node]int{}
	matched := map[*Node]bool{}
	for i, n := range left {
		place[n] = i
	}
	last, inOrder := -1, true
	for _, n := range right {
		o := twin[n]
		if o == nil {
			d.d.Nodes = append(d.d.Nodes, NodeChange{Where: where, Node: n.Label(), Op: n.ID.String(), Status: Added})
			continue
		}
		matched[o] = true
		inOrder = inOrder && place[o] > last
		last = place[o]
		if list := d.node(where, o, n); len(list) > 0 {
			d.d.Nodes = append(d.d.Nodes, NodeChange{Where: where, Node: n.Label(), Op: n.ID.String(), Status: Changed, Changes: list})
			continue
		}
		d.d.SameNodes++
	}
	for _, n := range left {
		if !matched[n] {
			d.d.Nodes = append(d.d.Nodes, NodeChange{Where: where, Node: n.Label(), Op: n.ID.String(), Status: Removed})
		}
	}
	if !inOrder {
		d.say(&d.d.Model, where, "order of the nodes", "as in A", "another")
	}
}

// matchNodes finds for nodes of b the one of a that has their name, else one of their output names, else the next that looks the same.
func matchNodes(a, b []*Node) map[*Node]*Node {
	twin, taken := map[*Node]*Node{}, map[*Node]bool{}
	byName := func(list []*Node) map[string]*Node {
		m, twice := map[string]*Node{}, map[string]bool{}
		for _, n := range list {
			if m[n.Name] != nil {
				twice[n.Name] = true
			}
			m[n.Name] = n
		}
		for name := range twice {
			delete(m, name)
		}
		delete(m, "")
		return m
	}
	left, right := byName(a), byName(b)
	for name, n := range right {
		if o := left[name]; o != nil {
			twin[n], taken[o] = o, true
		}
	}
	byOutput := map[string]*Node{}
	for _, o := range a {
		for _, v := range o.out {
			if v != nil && !taken[o] && byOutput[v.Name] == nil {
				byOutput[v.Name] = o
			}
		}
	}
	for _, n := range b {
		for _, v := range n.out {
			if v == nil || twin[n] != nil {
				continue
			}
			if o := byOutput[v.Name]; o != nil && !taken[o] {
				twin[n], taken[o] = o, true
			}
		}
	}
	rest := map[string][]*Node{}
	for _, o := range a {
		if !taken[o] {
			key := o.sameAs()
			rest[key] = append(rest[key], o)
		}
	}
	for _, n := range b {
		if list := rest[n.sameAs()]; twin[n] == nil && len(list) > 0 {
			twin[n], rest[n.sameAs()] = list[0], list[1:]
		}
	}
	return twin
}

// sameAs is what a node is known by when neither its name nor its outputs tell it from others; such nodes are matched in their order.
func (n *Node) sameAs() string {
	key := n.ID.Canonical().String() + "\x00" + n.Name
	for _, v := range n.out {
		if v != nil {
			key += "\x00" + v.Name
		}
	}
	return key
}

// node lists what two matched nodes say differently. Their subgraphs are compared as graphs of their own.
func (d *differ) node(where string, a, b *Node) []Change {
	var list []Change
	d.say(&list, "", "name", a.Name, b.Name)
	d.say(&list, "", "operator", a.ID.Canonical().String(), b.ID.Canonical().String())
	for _, s := range []struct {
		what string
		a, b []*Value
	}{{"input", a.in, b.in}, {"output", a.out, b.out}} {
		for i := range max(len(s.a), len(s.b)) {
			d.say(&list, "", fmt.Sprintf("%s %d", s.what, i), nameAt(s.a, i), nameAt(s.b, i))
		}
	}
	d.attrs(&list, where, a, b)
	d.say(&list, "", "documentation", a.Doc, b.Doc)
	d.keyed(&list, "", "metadata", propPairs(a.Props), propPairs(b.Props))
	if x, y := wireOf(a.Extra), wireOf(b.Extra); !bytes.Equal(x, y) {
		d.say(&list, "", "other fields", fmt.Sprintf("%d bytes", len(x)), fmt.Sprintf("%d other bytes", len(y)))
	}
	return list
}

func nameAt(list []*Value, i int) string {
	if i >= len(list) || list[i] == nil {
		return ""
	}
	return list[i].Name
}

func (d *differ) attrs(list *[]Change, where string, a, b *Node) {
	var names []string
	for _, x := range append(a.Attrs[:len(a.Attrs):len(a.Attrs)], b.Attrs...) {
		if !slices.Contains(names, x.Name) {
			names = append(names, x.Name)
		}
	}
	for _, name := range names {
		x, y := a.Attrs.Get(name), b.Attrs.Get(name)
		what := "attribute " + name
		if x == nil || y == nil || x.Ref != "" || y.Ref != "" || x.Kind != y.Kind || len(x.Graphs) != len(y.Graphs) {
			d.say(list, "", what, kindText(x), kindText(y))
			continue
		}
		below := fmt.Sprintf("node %q (%s).%s", b.Label(), b.ID, name)
		if where != "" {
			below = where + ": " + below
		}
		switch x.Kind {
		case AttrGraph:
			if x.G != nil && y.G != nil {
				d.graphs(below, x.G, y.G)
			}
		case AttrGraphs:
			for i := range x.Graphs {
				d.graphs(fmt.Sprintf("%s[%d]", below, i), x.Graphs[i], y.Graphs[i])
			}
		default:
			d.say(list, "", what, attrText(x), attrText(y))
		}
		d.say(list, "", what+": documentation", x.Doc, y.Doc)
	}
}

// kindText is the attribute with its kind; graphs by name only.
func kindText(a *Attr) string {
	switch {
	case a == nil:
		return ""
	case a.Ref == "" && a.Kind == AttrGraph && a.G != nil:
		return "graph " + a.G.Name
	case a.Ref == "" && a.Kind == AttrGraphs:
		return fmt.Sprintf("%d graphs", len(a.Graphs))
	}
	return a.Kind.String() + " " + attrText(a)
}
