package graph

import "strconv"

// nameSet hands out names that no value and no node of a model or function has.
type nameSet struct {
	used map[string]bool
	next map[string]int
}

// NewName is a name that nothing in the outermost graph around g, nor in its subgraphs, has: hint itself, or hint with a number. It is
// taken from now on.
func (g *Graph) NewName(hint string) string {
	set := g.nameSet()
	if hint == "" {
		hint = "v"
	}
	name := hint
	for set.used[name] {
		set.next[hint]++
		name = hint + "_" + strconv.Itoa(set.next[hint])
	}
	set.used[name] = true
	return name
}

// claim takes name whether or not it is free; Verify reports duplicates.
func (g *Graph) claim(name string) string {
	g.nameSet().used[name] = true
	return name
}

// ForgetNames makes the next NewName look at the graph again. Call it after names were assigned directly.
func (g *Graph) ForgetNames() { g.top().names = nil }

func (g *Graph) top() *Graph {
	for g.Parent() != nil {
		g = g.Parent()
	}
	return g
}

func (g *Graph) nameSet() *nameSet {
	t := g.top()
	if t.names == nil {
		t.names = &nameSet{used: map[string]bool{}, next: map[string]int{}}
		t.names.collect(t)
	}
	return t.names
}

func (s *nameSet) collect(g *Graph) {
	for _, list := range [][]*Value{g.Inputs, g.Outputs, g.Inits, g.ValueInfo} {
		for _, v := range list {
			s.used[v.Name] = true
		}
	}
	for n := range g.Nodes() {
		s.used[n.Name] = true
		for _, v := range append(n.Inputs(), n.out...) {
			if v != nil {
				s.used[v.Name] = true
			}
		}
		for _, sub := range n.Subgraphs() {
			s.collect(sub)
		}
	}
}
