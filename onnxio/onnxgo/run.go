package onnxgo

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"strings"

	onnx "github.com/owulveryck/onnx-go"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

// Run computes the model's outputs from its inputs. The error is an *onnx.ErrNotImplemented for an operator that the runtime does not have or a
// type that gorgonia has not. After an error the outputs have no tensor.
func (g *Graph) Run() error {
	g.ran = false
	g.chooseOutputs()
	for _, v := range g.values {
		if v.wanted {
			v.t = nil
		}
	}
	if g.misuse != nil {
		return g.misuse
	}
	if len(g.ops) == 0 {
		return errors.New("onnxgo: the graph has no operation: decode a model into it with onnx.NewModel(g).UnmarshalBinary")
	}
	inputs, err := g.inputTensors()
	if err != nil {
		return err
	}
	return g.compute(inputs)
}

// chooseOutputs wants the results that nothing reads and that the decoder declared, which only the model's outputs are; in a graph without
// declarations all that nothing reads.
func (g *Graph) chooseOutputs() {
	for _, declared := range []bool{true, false} {
		for _, v := range g.values {
			if v.wanted {
				return
			}
		}
		for _, v := range g.values {
			if v.by != nil && !v.read() && v.declared() == declared {
				v.wanted = true
			}
		}
	}
}

// want makes v an output from now on and computes it for the inputs of the last Run. The decoder declares outputs last, so what it declared
// after an output is one, too. Where it cannot be computed v has no tensor.
func (g *Graph) want(v *value) {
	id := v.nodes[len(v.nodes)-1].id
	var added []*value
	for _, w := range g.values {
		if w.by != nil && !w.wanted && (w == v || v.declared() && w.declared() && w.nodes[len(w.nodes)-1].id > id) {
			w.wanted, w.t = true, nil
			added = append(added, w)
		}
	}
	g.drop()
	if err := g.compute(g.last); err == nil {
		return
	}
	for _, w := range added {
		w.wanted = false
	}
	g.drop()
}

// fedValue is an input with the tensor that this run reads.
type fedValue struct {
	v *value
	t *tensor.Tensor
}

// inputTensors converts what the caller set.
func (g *Graph) inputTensors() ([]fedValue, error) {
	firstResult := int64(len(g.nodes))
	for _, p := range g.ops {
		for _, n := range p.outputs {
			firstResult = min(firstResult, n.id)
		}
	}
	var list []fedValue
	for _, v := range g.values {
		if v.by != nil || v.omitted || v.t == nil || !v.read() {
			continue
		}
		if !v.set {
			if !v.initializer() && v.nodes[0].id < firstResult && zero(v.t) {
				return nil, fmt.Errorf("onnxgo: input %s (node %d) has no tensor: give it one with Model.SetInput, or SetTensor of its node",
					quoted(v), v.nodes[0].id)
			}
			continue
		}
		t, err := fromGorgonia(v.t)
		if err != nil {
			return nil, &onnx.ErrNotImplemented{Message: fmt.Sprintf("input %s: %v", quoted(v), err)}
		}
		if t, err = coerce(t, v.elem); err != nil {
			return nil, fmt.Errorf("onnxgo: input %s: %w", quoted(v), err)
		}
		list = append(list, fedValue{v, t})
	}
	return list, nil
}

// compute runs the model on inputs, and compiles it before where needed.
func (g *Graph) compute(inputs []fedValue) error {
	if err := g.prepare(inputs); err != nil {
		return err
	}
	feeds := runtime.Feeds{}
	for _, f := range inputs {
		feeds[f.v.key] = f.t
	}
	out, err := g.session.Run(context.Background(), feeds)
	if err != nil {
		return g.explain(err)
	}
	for _, v := range g.values {
		if !v.wanted {
			continue
		}
		t, err := toGorgonia(out[v.key])
		if err != nil {
			return &onnx.ErrNotImplemented{Operator: v.by.id.Op, Message: fmt.Sprintf("output %s: %v", quoted(v), err)}
		}
		v.t = t
	}
	g.last, g.ran = inputs, true
	return nil
}

// explain gives an error of the runtime the form that users of onnx-go look for.
func (g *Graph) explain(err error) error {
	var u *runtime.UnsupportedError
	if errors.As(err, &u) && len(u.Nodes) > 0 {
		return &onnx.ErrNotImplemented{Operator: u.Nodes[0].ID.Op, Message: err.Error() + g.guess()}
	}
	if errors.Is(err, op.ErrUnsupported) {
		not := &onnx.ErrNotImplemented{Message: err.Error() + g.guess()}
		var at *graph.NodeError
		if errors.As(err, &at) {
			not.Operator = at.Op.Op
		}
		return not
	}
	return fmt.Errorf("onnxgo: %w%s", err, g.guess())
}

// guess reminds that the opset was found, not given.
func (g *Graph) guess() string {
	if g.Opset != 0 {
		return ""
	}
	return "; onnx-go does not tell the model's opset: where the one above is not it, set Graph.Opset"
}

// prepare sees to a session for inputs of these types and shapes.
func (g *Graph) prepare(inputs []fedValue) error {
	var types, shapes strings.Builder
	for _, f := range inputs {
		fmt.Fprintf(&types, "%d %s %d,", f.v.nodes[0].id, f.t.Elem, f.t.Rank())
		fmt.Fprint(&shapes, f.t.Shape)
	}
	fmt.Fprintf(&types, "%d %d", g.Opset, g.Threads)
	same := g.session != nil && g.fed == types.String()
	if same && (g.shapes == anyShape || g.shapes == shapes.String()) {
		return nil
	}
	if same {
		if s, err := g.compile(declare(inputs, false)); err == nil {
			g.install(s, types.String(), anyShape)
			return nil
		}
	}
	s, err := g.compile(declare(inputs, true))
	if err != nil {
		return err
	}
	g.install(s, types.String(), shapes.String())
	return nil
}

const anyShape = "*"

// declare gives the inputs their types, with the shapes that they have or with any of that rank.
func declare(inputs []fedValue, exact bool) map[*value]graph.Type {
	types := map[*value]graph.Type{}
	for i, f := range inputs {
		t := graph.TypeOf(f.t)
		if !exact {
			dims := make([]graph.Dim, f.t.Rank())
			for j := range dims {
				dims[j] = graph.Sym(fmt.Sprintf("input%d_%d", i, j))
			}
			t.Shape = graph.ShapeOf(dims...)
		}
		types[f.v] = t
	}
	return types
}

// install replaces the session. It is closed with the next, with Close, or when nothing refers to g any more.
func (g *Graph) install(s *runtime.Session, fed, shapes string) {
	g.drop()
	g.session, g.fed, g.shapes = s, fed, shapes
	g.cleanup = goruntime.AddCleanup(g, (*runtime.Session).Close, s)
}

func (g *Graph) drop() {
	if g.session != nil {
		g.cleanup.Stop()
		g.session.Close()
		g.session = nil
	}
}
