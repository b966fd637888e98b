package runtime

import (
	"fmt"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

// compiler is the state of one compilation.
type compiler struct {
	env         *environment
	model       *graph.Model // the clone that lowering edits
	cache       *op.Cache
	unsupported []Unsupported
	blocks      []BlockUse
	execs       map[*graph.Node]op.Exec // of function calls, prepared before the rest
	preps       map[*graph.Node]*op.Prep
	rules       map[string]int
	readers     map[*tensor.Tensor]int // steps that read a constant when they run
	packed      map[*tensor.Tensor]bool
	returned    map[*graph.Value]bool // outputs of any graph
	programs    []*program
}

// compile makes a session. fed names the inputs with a default that the caller feeds.
func compile(m *graph.Model, env *environment, fed []string) (*Session, error) {
	if m == nil || m.Graph == nil {
		return nil, fmt.Errorf("the model has no graph")
	}
	c := &compiler{env: env, model: m.Clone(), cache: &op.Cache{}, execs: map[*graph.Node]op.Exec{}, preps: map[*graph.Node]*op.Prep{}, rules: map[string]int{},
		readers: map[*tensor.Tensor]int{}, packed: map[*tensor.Tensor]bool{}, returned: map[*graph.Value]bool{}}
	forgetVagueDims(c.model)
	g := c.model.Graph
	s := &Session{env: env, feeds: map[string]int{}}
	s.defaults = splitDefaults(g, fed)
	if len(s.defaults) > 0 {
		s.source = m.Clone()
	}
	for i, v := range g.Inputs {
		s.feeds[v.Name] = i
	}
	if err := c.chooseOutputs(); err != nil {
		return nil, err
	}
	s.inputs, s.outputs = facade(g.Inputs), facade(g.Outputs)
	if err := c.simplify(); err != nil {
		return nil, err
	}
	c.noteOutputs()
	p, err := c.program(g, nil)
	if err != nil {
		return nil, err
	}
	if len(c.unsupported) > 0 {
		return nil, &UnsupportedError{c.unsupported}
	}
	c.releasePacked()
	s.prog, s.blocks, s.rules = p, c.blocks, c.ruleCounts()
	return s, nil
}

// facade copies values for the caller, so that the compiled graph can go.
func facade(list []*graph.Value) []*graph.Value {
	out := make([]*graph.Value, len(list))
	for i, v := range list {
		out[i] = &graph.Value{Name: v.Name, Type: v.Type, Doc: v.Doc, Props: v.Props}
	}
	return out
}

// splitDefaults takes the inputs that have an initializer and are not fed out of g's inputs; the fed ones lose their initializer.
func splitDefaults(g *graph.Graph, fed []string) []*graph.Value {
	var inputs, defaults []*graph.Value
	for _, v := range g.Inputs {
		switch {
		case v.Const == nil:
			inputs = append(inputs, v)
		case slices.Contains(fed, v.Name):
			v.Const = nil
			g.Inits = slices.DeleteFunc(g.Inits, func(w *graph.Value) bool { return w == v })
			inputs = append(inputs, v)
		default:
			defaults = append(defaults, &graph.Value{Name: v.Name, Type: v.Type})
		}
	}
	g.Inputs = inputs
	return defaults
}

// chooseOutputs makes the graph's outputs those that the options ask for.
func (c *compiler) chooseOutputs() error {
	g := c.model.Graph
	opt := c.env.opt
	if opt.Outputs == nil && opt.Taps == nil {
		return nil
	}
	names := opt.Taps
	if opt.Outputs != nil {
		names = slices.Concat(opt.Outputs, opt.Taps)
		g.Outputs = nil
	}
	byName := map[string]*graph.Value{}
	for _, list := range [][]*graph.Value{g.Inputs, g.Inits} {
		for _, v := range list {
			byName[v.Name] = v
		}
	}
	for n := range g.Nodes() {
		for _, v := range n.Outputs() {
			if v != nil {
				byName[v.Name] = v
			}
		}
	}
	for _, name := range names {
		v := byName[name]
		if v == nil {
			return fmt.Errorf("the model's graph has no value %q", name)
		}
		if !slices.Contains(g.Outputs, v) {
			g.Outputs = append(g.Outputs, v)
		}
	}
	return nil
}

// simplify brings the clone into the form that programs are made of.
func (c *compiler) simplify() error {
	m := c.model
	if err := c.denseInits(); err != nil {
		return err
	}
	if err := m.Graph.Sort(); err != nil {
		return err
	}
	for _, f := range m.Functions {
		if err := f.Body.Sort(); err != nil {
			return fmt.Errorf("function %s: %w", f.ID, err)
		}
	}
	c.dropDead(m.Graph)
	c.liftConstants()
	if err := c.functions(); err != nil {
		return err
	}
	c.liftConstants()
	c.dropDead(m.Graph)
	c.fold()
	c.noteOutputs()
	c.infer()
	c.noteOutputs()
	c.splitSequences()
	c.fold()
	c.dropDead(m.Graph)
	if !c.env.opt.DisableFusion {
		c.lower()
		c.dropDead(m.Graph)
	}
	return m.Graph.Sort()
}

// opset is the version at which a node of the model's graph is read.
func (c *compiler) opset(domain string) int {
	if domain == op.Lowered {
		return 1
	}
	return int(c.model.Opset(domain))
}

// program compiles one graph. parent is that of the graph around it, nil for the main graph.
func (c *compiler) program(g *graph.Graph, parent *builder) (*program, error) {
	b := &builder{c: c, p: &program{env: c.env}, parent: parent, ids: map[*graph.Value]int{}}
	for _, v := range g.Inputs {
		b.p.inputs = append(b.p.inputs, b.add(v))
	}
	for n := range g.Nodes() {
		if err := b.node(n); err != nil {
			return nil, err
		}
	}
	for _, v := range g.Outputs {
		id, err := b.use(v)
		if err != nil {
			return nil, err
		}
		b.p.outputs = append(b.p.outputs, id)
		if t := b.p.values[id].constant; t != nil {
			c.readers[t]++
		}
	}
	p := b.p
	sources := slices.Clone(p.inputs)
	for _, k := range p.captures {
		sources = append(sources, k.inner)
	}
	p.binder = newBinder(p.values, sources)
	p.plan = makePlan(p)
	c.programs = append(c.programs, p)
	return p, nil
}

// builder makes a program from a graph.
type builder struct {
	c        *compiler
	p        *program
	parent   *builder
	ids      map[*graph.Value]int
	captured []int // by the subgraphs of the node being prepared
}

func (b *builder) add(v *graph.Value) int {
	id := len(b.p.values)
	b.ids[v] = id
	b.p.values = append(b.p.values, value{name: v.Name, typ: v.Type, producer: -1})
	return id
}

// use is the number of a value that a node of this program reads.
func (b *builder) use(v *graph.Value) (int, error) {
	if id, ok := b.ids[v]; ok {
		return id, nil
	}
	if v.IsConst() {
		id := b.add(v)
		b.p.values[id].constant = v.Const
		b.p.values[id].typ = graph.TypeOf(v.Const)
		return id, nil
	}
	if b.parent == nil {
		return 0, fmt.Errorf("value %q is not defined", v.Name)
	}
	outer, err := b.parent.use(v)
	if err != nil {
		return 0, err
	}
	if !slices.Contains(b.parent.captured, outer) {
		b.parent.captured = append(b.parent.captured, outer)
	}
	id := b.add(v)
	b.p.captures = append(b.p.captures, capture{outer, id})
	return id, nil
}

// node prepares one node and appends its step.
func (b *builder) node(n *graph.Node) error {
	s := step{node: n.Label(), id: n.ID, opset: b.c.opset(n.ID.Domain)}
	for i := range n.NumIn() {
		id := -1
		if v := n.In(i); v != nil {
			var err error
			if id, err = b.use(v); err != nil {
				return graph.AtNode(n, int64(s.opset), err)
			}
		}
		s.ins = append(s.ins, id)
	}
	b.captured = nil
	exec, def, prep, err := b.c.prepare(n, s.opset, b)
	if err != nil {
		b.c.unsupported = append(b.c.unsupported, Unsupported{n.Label(), n.ID, s.opset, err.Error()})
	}
	s.exec = exec
	s.captured = b.captured
	if def != nil {
		s.view, s.inPlace = def.View, def.InPlace
	}
	for i, id := range s.ins {
		if id < 0 || b.p.values[id].constant == nil {
			continue
		}
		if t := b.p.values[id].constant; prep != nil && slices.Contains(prep.Dropped(), i) {
			b.c.packed[t] = true
			if v := n.In(i); v.NumUses() == 1 && !b.c.returned[v] { // now, so that not all weights are resident twice
				release(t)
			}
		} else {
			b.c.readers[t]++
		}
	}
	at := len(b.p.steps)
	for i := range n.NumOut() {
		id := -1
		if v := n.Out(i); b.c.used(v) {
			id = b.add(v)
			b.p.values[id].producer = at
		}
		s.outs = append(s.outs, id)
	}
	b.p.steps = append(b.p.steps, s)
	return nil
}

// used reports whether anything reads v.
func (c *compiler) used(v *graph.Value) bool {
	return v != nil && v.Name != "" && (v.NumUses() > 0 || c.returned[v])
}

// prepare makes the executable form of a node.
func (c *compiler) prepare(n *graph.Node, opset int, b *builder) (op.Exec, *op.OpDef, *op.Prep, error) {
	if exec, ok := c.execs[n]; ok {
		return exec, nil, c.preps[n], nil
	}
	def, err := find(n, opset)
	if err != nil {
		return nil, nil, nil, err
	}
	p := c.prep(n, opset)
	if b != nil {
		p.Used = func(i int) bool { return c.used(n.Out(i)) }
		p.Sub = func(g *graph.Graph) (op.SubExec, error) { return c.sub(g, b) }
	}
	exec, err := def.Prepare(p)
	if err == nil && exec == nil {
		err = fmt.Errorf("the operator table made nothing of it")
	}
	return exec, def, p, err
}

// find is the operator table's entry for a node.
func find(n *graph.Node, opset int) (*op.OpDef, error) {
	if def := op.Lookup(n.ID.Domain, n.ID.Op, opset); def != nil {
		return def, nil
	}
	switch {
	case opset == 0 && n.ID.Domain != "":
		return nil, fmt.Errorf("the model does not import domain %q", n.ID.Domain)
	case op.Known(n.ID.Domain, n.ID.Op):
		return nil, fmt.Errorf("the operator is not implemented in this version")
	}
	return nil, fmt.Errorf("the operator is not implemented")
}

// prep is what the operator table may know of a node.
func (c *compiler) prep(n *graph.Node, opset int) *op.Prep {
	return &op.Prep{
		Node: n, Opset: opset, Pool: c.env.pool, Cache: c.cache,
		Const: func(i int) *tensor.Tensor {
			if v := n.In(i); v != nil && v.IsConst() {
				return v.Const
			}
			return nil
		},
		Type:    func(i int) graph.Type { return typeOf(n.In(i)) },
		OutType: func(i int) graph.Type { return typeOf(n.Out(i)) },
		Sub: func(*graph.Graph) (op.SubExec, error) {
			return nil, fmt.Errorf("a subgraph cannot be run here")
		},
	}
}

func typeOf(v *graph.Value) graph.Type {
	switch {
	case v == nil:
		return graph.Type{}
	case v.Const != nil && v.IsConst():
		return graph.TypeOf(v.Const)
	}
	return v.Type
}

// releasePacked lets go of the constants that every reader has packed.
func (c *compiler) releasePacked() {
	drop := func(t *tensor.Tensor) bool { return t != nil && c.packed[t] && c.readers[t] == 0 }
	for _, p := range c.programs {
		for i := range p.values {
			if drop(p.values[i].constant) {
				p.values[i].constant = nil
			}
		}
	}
	c.model.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			if !drop(v.Const) {
				continue
			}
			release(v.Const)
			v.Const = nil
		}
	})
}

// release gives back the memory behind a constant, as far as its storage can: it is read again if somebody else needs it.
func release(t *tensor.Tensor) {
	if r, ok := t.Storage().(interface{ Release() }); ok {
		r.Release()
	}
}
