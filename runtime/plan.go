package runtime

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// SizeKind says when the size of a buffer is known.
type SizeKind uint8

// The kinds of size.
const (
	Static   SizeKind = iota // at compile time
	Symbolic                 // when the inputs' dims are bound
	Dynamic                  // only after the step that computes it
)

// String is "static", "symbolic" or "dynamic".
func (k SizeKind) String() string { return [...]string{"static", "symbolic", "dynamic"}[k] }

// Class is a set of values that lie in the same bytes, one after the other or as views of each other.
type Class struct {
	Kind        SizeKind
	Size        graph.Dim // bytes; Unknown when dynamic
	First, Last int       // steps: the first that writes it, the last that touches it
	Values      []string

	members []int
}

// Plan is what the session knows about memory before the sizes of the inputs are known. Values that enter or leave the session, and
// constants, belong to no class: they are never arena memory.
type Plan struct {
	Classes []Class

	prog      *program
	classOf   []int // by value; -1 for none
	inPlaceOf []int // by value: the input whose buffer its step overwrites; -1 for none
	escaping  []escape
}

// escape is a value whose memory leaves the run.
type escape struct {
	value int
	share bool // it is a view of another escaping value
}

// planner decides classes step by step.
type planner struct {
	p       *program
	root    []int // by value: union-find parent of its storage
	last    []int // by value: the last step that reads it, or for a root, anything in its buffer; -1 for none
	leaves  map[int]bool
	inPlace []int
}

func makePlan(p *program) *Plan {
	pl := &planner{p: p, root: make([]int, len(p.values)), last: make([]int, len(p.values)), leaves: map[int]bool{}, inPlace: make([]int, len(p.values))}
	for i := range p.values {
		pl.root[i] = i
		pl.inPlace[i], pl.last[i] = -1, -1
	}
	for i := range p.steps {
		s := &p.steps[i]
		for _, list := range [][]int{s.ins, s.captured} {
			for _, id := range list {
				if id >= 0 {
					pl.last[id] = i
				}
			}
		}
	}
	for i := range p.steps { // views first: a buffer is dead only when all views of it are
		if s := &p.steps[i]; s.view && s.outs[0] >= 0 && s.ins[0] >= 0 {
			pl.join(s.outs[0], s.ins[0])
		}
	}
	views := append([]int(nil), pl.root...)
	for _, id := range p.outputs {
		if p.values[id].producer >= 0 {
			pl.leaves[pl.storage(id)] = true
		}
	}
	plan := &Plan{prog: p, classOf: make([]int, len(p.values)), inPlaceOf: pl.inPlace}
	for i := range p.steps {
		pl.reuse(i)
	}
	pl.escapes(plan, views)
	pl.classes(plan)
	return plan
}

// storage is the value whose buffer v lies in.
func (pl *planner) storage(v int) int {
	for pl.root[v] != v {
		pl.root[v] = pl.root[pl.root[v]]
		v = pl.root[v]
	}
	return v
}

// join makes v lie in the buffer of into.
func (pl *planner) join(v, into int) {
	r := pl.storage(into)
	pl.root[v] = r
	pl.last[r] = max(pl.last[r], pl.last[v])
}

// planned reports whether the session may choose where v lies.
func (pl *planner) planned(v int) bool {
	r := pl.storage(v)
	return pl.p.values[r].producer >= 0 && !pl.leaves[r]
}

// reuse lets step i write its output over an input that dies there.
func (pl *planner) reuse(i int) {
	s := &pl.p.steps[i]
	if len(s.inPlace) == 0 || s.outs[0] < 0 || s.view || !pl.planned(s.outs[0]) {
		return
	}
	out := s.outs[0]
	for _, k := range s.inPlace {
		if k >= len(s.ins) || s.ins[k] < 0 {
			continue
		}
		in := s.ins[k]
		r := pl.storage(in)
		if !pl.planned(in) || r == out || pl.last[r] > i || !pl.sameSize(r, out) || pl.sharedInput(s, k) {
			continue
		}
		pl.join(pl.storage(out), r)
		pl.inPlace[out] = k
		return
	}
}

// sharedInput reports whether another input of the step lies in the same buffer as input k without being the same value, or a subgraph
// reads it.
func (pl *planner) sharedInput(s *step, k int) bool {
	r := pl.storage(s.ins[k])
	for j, id := range s.ins {
		if j != k && id >= 0 && id != s.ins[k] && pl.storage(id) == r {
			return true
		}
	}
	for _, id := range s.captured {
		if pl.storage(id) == r {
			return true
		}
	}
	return false
}

func (pl *planner) sameSize(a, b int) bool {
	return byteSize(pl.p.values[a].typ).Equal(byteSize(pl.p.values[b].typ))
}

// byteSize is the size of a value of type t; Unknown when it has none yet.
func byteSize(t graph.Type) graph.Dim {
	if t.Kind != graph.KindTensor || t.Elem.Bits()%8 != 0 || t.Elem.Bits() == 0 || !t.Shape.Known {
		return graph.Unknown()
	}
	size := graph.Const(int64(t.Elem.Bits() / 8))
	for _, d := range t.Shape.Dims {
		size = size.Mul(d)
	}
	return size
}

// escapes lists the values whose memory leaves the run: outputs, and what they are views of.
func (pl *planner) escapes(plan *Plan, views []int) {
	isOutput := map[int]bool{}
	for _, id := range pl.p.outputs {
		isOutput[id] = true
	}
	for i := range pl.p.steps {
		for _, id := range pl.p.steps[i].outs {
			if id < 0 || !pl.leaves[pl.storage(id)] {
				continue
			}
			switch root := rootOf(views, id); {
			case root == id:
				plan.escaping = append(plan.escaping, escape{value: id})
			case isOutput[id]:
				plan.escaping = append(plan.escaping, escape{value: id, share: pl.p.values[root].producer >= 0 && !isOutput[root]})
			}
		}
	}
	for _, id := range pl.p.outputs { // views of inputs and constants are copied
		if v := pl.p.values[id]; v.producer >= 0 && pl.p.values[rootOf(views, id)].producer < 0 {
			plan.escaping = append(plan.escaping, escape{value: id})
		}
	}
}

func rootOf(root []int, v int) int {
	for root[v] != v {
		v = root[v]
	}
	return v
}

// classes numbers the planned buffers in the order in which they are first written.
func (pl *planner) classes(plan *Plan) {
	number := map[int]int{}
	for i := range plan.classOf {
		plan.classOf[i] = -1
	}
	for i := range pl.p.steps {
		for _, id := range pl.p.steps[i].outs {
			if id < 0 || !pl.planned(id) {
				continue
			}
			r := pl.storage(id)
			n, ok := number[r]
			if !ok {
				n = len(plan.Classes)
				number[r] = n
				plan.Classes = append(plan.Classes, Class{First: i, Last: i})
			}
			c := &plan.Classes[n]
			c.members = append(c.members, id)
			c.Values = append(c.Values, pl.p.values[id].name)
			c.Last = max(c.Last, i, pl.last[r])
			if size := byteSize(pl.p.values[id].typ); !c.Size.IsKnown() {
				c.Size = size
			}
			plan.classOf[id] = n
		}
	}
	for n := range plan.Classes {
		c := &plan.Classes[n]
		switch _, static := c.Size.Value(); {
		case static:
			c.Kind = Static
		case c.Size.IsKnown() && pl.p.binder.covers(c.Size):
			c.Kind = Symbolic
		default:
			c.Kind = Dynamic
		}
		s := &pl.p.steps[c.Last]
		s.frees = append(s.frees, n)
	}
}

// String lists the steps with the class of each output ("+" a new buffer, "=" a view, "^" in place) and what dies after it, then the classes.
func (p *Plan) String() string {
	var b strings.Builder
	seen := map[int]bool{}
	for i := range p.prog.steps {
		s := &p.prog.steps[i]
		fmt.Fprintf(&b, "%3d %s ->", i, s.id)
		for k, id := range s.outs {
			if id < 0 {
				b.WriteString(" _")
				continue
			}
			v := p.prog.values[id]
			fmt.Fprintf(&b, " %s %s", v.name, v.typ)
			class := p.classOf[id]
			switch {
			case class < 0 && s.view && k == 0:
				b.WriteString(" =")
			case class < 0:
				b.WriteString(" out")
			case seen[class] && p.inPlaceOf[id] >= 0:
				fmt.Fprintf(&b, " ^%d", class)
			case seen[class]:
				fmt.Fprintf(&b, " =%d", class)
			default:
				fmt.Fprintf(&b, " +%d", class)
			}
			if class >= 0 {
				seen[class] = true
			}
		}
		if len(s.frees) > 0 {
			fmt.Fprintf(&b, "  free %v", s.frees)
		}
		b.WriteByte('\n')
	}
	for n, c := range p.Classes {
		fmt.Fprintf(&b, "class %d: %s %s bytes, steps %d-%d: %s\n", n, c.Kind, c.Size, c.First, c.Last, strings.Join(c.Values, " "))
	}
	return b.String()
}
