package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Env is what inference knows while it walks a graph: types found so far, the contents of small integer tensors, the versions in force.
// It remembers values by identity: after an edit that changes the type of a value it has seen, make a new one. One goroutine may use it.
type Env struct {
	run    *run
	parent *Env // of a trial: consulted for what this one does not know
	write  bool // store types in the values; a trial or a function's body must not
	report bool // list what stops and contradicts in the report
	lazy   bool // find contents by running the rules of nodes that were not visited

	known  map[*graph.Value]graph.Type
	data   map[*graph.Value]*Data
	inputs map[*graph.Value]bool // inputs of the model: an initializer of the same name is only a default
	infos  map[*graph.Graph]map[*graph.Value]bool

	function *graph.Function        // whose body this is; nil in the model's graph
	attrs    map[string]*graph.Attr // of the function's call
	firstErr error                  // of a trial
}

// NewEnv prepares inference over m.
func NewEnv(m *graph.Model, opt InferOptions) *Env {
	r := &run{model: m, opt: opt, functions: map[graph.OpID]*graph.Function{},
		contents: map[*graph.Value]*tensor.Tensor{}, calls: map[string]*callResult{}}
	for _, f := range m.Functions {
		id := f.ID.Canonical()
		if _, ok := r.functions[id]; !ok {
			r.functions[id] = f
		}
	}
	r.budget = minBudget
	if m.Graph != nil {
		r.budget += 64 * m.Graph.NumNodes()
	}
	e := &Env{run: r, write: true, report: true}
	e.reset()
	if m.Graph != nil {
		for _, v := range m.Graph.Inputs {
			e.inputs[v] = true
			if t := opt.Known[v.Name]; t != nil {
				r.contents[v] = t
			}
		}
	}
	return e
}

func (e *Env) reset() {
	e.known = map[*graph.Value]graph.Type{}
	e.data = map[*graph.Value]*Data{}
	e.inputs = map[*graph.Value]bool{}
	e.infos = map[*graph.Graph]map[*graph.Value]bool{}
}

// trial is an environment whose findings are not stored in values.
func (e *Env) trial() *Env {
	t := &Env{run: e.run, parent: e, function: e.function, attrs: e.attrs}
	t.reset()
	return t
}

// opset is the version of a domain in force: the function's import, else the model's. Files older than IR 3 import nothing and mean
// version 1 of the default domain. A domain that nothing imports is taken at its newest.
func (e *Env) opset(domain string) int {
	if e.function != nil {
		if v := e.function.Opset(domain); v != 0 {
			return int(v)
		}
	}
	if m := e.run.model; m.IRVersion < 3 && len(m.Opsets) == 0 && graph.CanonicalDomain(domain) == "" {
		return 1
	}
	if v := e.run.model.Opset(domain); v != 0 {
		return int(v)
	}
	return Newest(domain)
}

// typeOf is the best type known for v.
func (e *Env) typeOf(v *graph.Value) graph.Type {
	if v == nil {
		return graph.Type{}
	}
	for s := e; s != nil; s = s.parent {
		if t, ok := s.known[v]; ok {
			return t
		}
	}
	if v.Const != nil && !e.isInput(v) {
		return graph.TypeOf(v.Const)
	}
	if v.Sparse != nil && v.Sparse.Values != nil && v.Type.Kind == graph.KindUnknown {
		return graph.TensorType(v.Sparse.Values.Elem, graph.ConstShape(v.Sparse.Dims))
	}
	return v.Type
}

func (e *Env) isInput(v *graph.Value) bool {
	for s := e; s != nil; s = s.parent {
		if s.inputs[v] {
			return true
		}
	}
	return false
}

// constOf is the tensor that v always is, or nil. Files older than IR 4 had to list their initializers as inputs; there they count as
// constants.
func (e *Env) constOf(v *graph.Value) *tensor.Tensor {
	if v == nil {
		return nil
	}
	if t := e.run.contents[v]; t != nil {
		return t
	}
	if v.Const != nil {
		if e.run.model.IRVersion >= 4 && e.isInput(v) {
			return nil
		}
		return v.Const
	}
	if n, _ := v.Producer(); n != nil && n.Is("Constant") {
		if a := n.Attrs; len(a) > 0 {
			return constantTensor(a[0])
		}
	}
	return nil
}

// dataOf is the contents of v as dimensions, or nil.
func (e *Env) dataOf(v *graph.Value) *Data {
	if v == nil {
		return nil
	}
	for s := e; s != nil; s = s.parent {
		if d, ok := s.data[v]; ok {
			return d
		}
	}
	d := dataFrom(e.constOf(v))
	e.data[v] = d
	if d == nil && e.lazy {
		d = e.lazyData(v)
	}
	return d
}

// lazyData runs the rule of v's producer for what v holds, where v is small enough.
func (e *Env) lazyData(v *graph.Value) *Data {
	n, i := v.Producer()
	dims, ok := e.typeOf(v).Shape.Ints()
	if n == nil || !ok || len(n.Subgraphs()) > 0 || e.run.depth > 16*maxDepth {
		return nil
	}
	if size, err := tensor.NumElements(dims); err != nil || size > maxData {
		return nil
	}
	e.run.depth++
	defer func() { e.run.depth-- }()
	c := newCall(e, n, e.opset(n.ID.Domain))
	if c.infer() != nil || c.outData[i] == nil {
		return nil
	}
	e.data[v] = c.outData[i].clamp()
	return e.data[v]
}

// assign stores what a rule found for output i, by the policy. The error is a contradiction with what the model states.
func (e *Env) assign(n *graph.Node, i int, found graph.Type) error {
	v := n.Out(i)
	if v == nil || v.Name == "" {
		return nil
	}
	return e.bind(v, found)
}

// bind merges found into what is known of v.
func (e *Env) bind(v *graph.Value, found graph.Type) error {
	found = clampType(found)
	stated := v.Type
	if old, ok := e.known[v]; ok && !e.write {
		stated = old
	}
	var err error
	merged := found
	if stated.Kind != graph.KindUnknown {
		if why := conflict(stated, found); why != "" {
			err = contradict("value %q: %s", v.Name, why)
			if e.report && e.run.dead == 0 {
				e.run.report.Conflicts = append(e.run.report.Conflicts, graph.Finding{Severity: graph.Error, Rule: "op/stated-type",
					Where: fmt.Sprintf("value %q", v.Name), Message: why, Fix: "drop the stated type, or infer with the override policy"})
				err = nil
			}
		}
		if e.run.opt.Policy == Override {
			merged = merge(found, stated)
		} else {
			merged = merge(stated, found)
		}
	}
	e.known[v] = sharpen(merged, found)
	if !e.write {
		return err
	}
	if stated.Kind != graph.KindUnknown && !e.run.opt.Outputs && v.Graph() == e.run.model.Graph && v.IsOutput() {
		return err
	}
	v.Type = merged
	return err
}
