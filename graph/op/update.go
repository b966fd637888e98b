package op

import (
	"errors"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Update infers again after an edit: the outputs of the changed nodes, and from there on whatever depends on a type that came out
// otherwise. Stated types in that cone are dropped first, so nothing stale survives; the rest of the model is neither visited nor
// changed. A changed initializer is named by the nodes that use it. A changed node in a subgraph stands for the node that holds it.
// The report counts the values visited. The error joins the contradictions found.
func Update(m *graph.Model, opt InferOptions, changed ...*graph.Node) (InferReport, error) {
	e := NewEnv(m, opt)
	e.lazy = true
	dirty := map[*graph.Node]bool{}
	mark := func(n *graph.Node) {
		for n.Graph() != nil && n.Graph().Owner() != nil {
			n = n.Graph().Owner()
		}
		if n.Graph() == m.Graph {
			dirty[n] = true
		}
	}
	for _, n := range changed {
		mark(n)
	}
	if len(dirty) == 0 || m.Graph == nil {
		return InferReport{}, nil
	}
	for n := range m.Graph.Nodes() {
		if !dirty[n] {
			continue
		}
		before := make([]graph.Type, n.NumOut())
		for i, v := range n.Outputs() {
			if v != nil {
				before[i] = v.Type
			}
		}
		formals := map[*graph.Value]graph.Type{}
		forget(n, m.Graph, formals)
		err := e.inferNode(n, e.opset(n.ID.Domain))
		if e.restore(formals) {
			err = e.inferNode(n, e.opset(n.ID.Domain))
		}
		if err != nil {
			e.stopped(n, err)
		} else {
			e.count(n)
		}
		for i, v := range n.Outputs() {
			if v == nil || sameType(before[i], e.typeOf(v)) && !e.mayHold(v) {
				continue
			}
			for u := range v.Uses() {
				mark(u.Node)
			}
		}
	}
	var errs []error
	for _, f := range e.run.report.Conflicts {
		errs = append(errs, errors.New(f.Where+": "+f.Message))
	}
	return e.run.report, errors.Join(errs...)
}

// mayHold reports whether v is small enough that its contents may have been followed: then an edit can change what is downstream though
// v's type stays.
func (e *Env) mayHold(v *graph.Value) bool {
	if e.data[v] != nil {
		return true
	}
	t := e.typeOf(v)
	dims, ok := t.Shape.Ints()
	n, err := tensor.NumElements(dims)
	return ok && err == nil && (n <= maxData && (t.Elem.IsInteger() || t.Elem == tensor.Bool) || n <= 16)
}

// restore gives the formals of subgraphs that inference said nothing of the type back that they had. It reports whether there were any.
func (e *Env) restore(formals map[*graph.Value]graph.Type) bool {
	any := false
	for v, t := range formals {
		if v.Type.Kind == graph.KindUnknown && t.Kind != graph.KindUnknown {
			v.Type, any = t, true
			delete(e.known, v)
		}
	}
	return any
}

// forget drops the types of what n and its subgraphs compute, except those of the model's outputs, and those of the formals of subgraphs,
// which it keeps in formals: they follow from what is around.
func forget(n *graph.Node, top *graph.Graph, formals map[*graph.Value]graph.Type) {
	for _, v := range n.Outputs() {
		if v != nil && !(v.Graph() == top && v.IsOutput()) {
			v.Type = graph.Type{}
		}
	}
	for _, g := range n.Subgraphs() {
		for _, v := range g.Inputs {
			formals[v] = v.Type
			v.Type = graph.Type{}
		}
		for sub := range g.Nodes() {
			forget(sub, top, formals)
		}
	}
}
