package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Policy says what happens to a type that the model states already.
type Policy uint8

// The policies.
const (
	Refine   Policy = iota // keep what is stated, fill what is unknown
	Strict                 // as Refine, and a contradiction is an error
	Override               // what is inferred replaces what is stated
)

// InferOptions controls [Infer]. The zero value refines.
type InferOptions struct {
	Policy Policy
	// Outputs lets inference refine the stated types of the model's outputs too. Without it they stay as they are.
	Outputs bool
	// Record adds newly typed values to their graph's value_info, so that a saved file keeps them.
	Record bool
	// Known gives the contents of inputs of the model's graph, by name, that will not change from run to run: target shapes, axes.
	Known map[string]*tensor.Tensor
}

// InferReport says how far inference came.
type InferReport struct {
	Values    int // outputs of nodes, in the graph and its subgraphs
	Typed     int // of them, those with element type and rank (or a whole sequence, optional or map type)
	Static    int // of them, those with constant dims only
	Stopped   []Stop
	Conflicts []graph.Finding // contradictions: with stated types, and within nodes
}

// Stop is a value whose type could not be inferred.
type Stop struct {
	Value  string
	Node   string
	Op     graph.OpID
	Reason string
	From   string // a value that the node reads, which has no type either, of which this follows; empty where inference stopped first
}

// String is one line.
func (s Stop) String() string {
	return fmt.Sprintf("%q, made by %s node %q: %s", s.Value, s.Op, s.Node, s.Reason)
}

// Infer fills in the types of all values of the model's graph and subgraphs, in place, following calls into model-local functions.
// A node that cannot be inferred is listed in the report and does not stop the rest. The types of the model's inputs never change,
// nor, unless asked, the stated types of its outputs. The error is a contradiction under [Strict]; the report is complete even then.
func Infer(m *graph.Model, opt InferOptions) (InferReport, error) {
	e := NewEnv(m, opt)
	if m.Graph == nil {
		return InferReport{}, fmt.Errorf("model has no graph")
	}
	e.inferGraph(m.Graph)
	if opt.Policy == Strict && len(e.run.report.Conflicts) > 0 {
		f := e.run.report.Conflicts[0]
		return e.run.report, fmt.Errorf("%s: %s", f.Where, f.Message)
	}
	return e.run.report, nil
}

// InferNode infers the types of one node's outputs from those of its inputs, in place. opset is the version of the node's domain; 0
// takes the model's import. What small integer inputs hold is found by running the rules of the nodes before. The error says why an
// output has no type, or how the node contradicts its inputs.
func InferNode(n *graph.Node, opset int, env *Env) error {
	env.lazy = true
	for _, v := range n.Outputs() {
		delete(env.known, v)
		delete(env.data, v)
	}
	if opset == 0 {
		opset = env.opset(n.ID.Domain)
	}
	return env.inferNode(n, opset)
}

// run is what one inference shares over graphs and functions.
type run struct {
	model     *graph.Model
	opt       InferOptions
	functions map[graph.OpID]*graph.Function
	contents  map[*graph.Value]*tensor.Tensor // of inputs, from the options
	calls     map[string]*callResult          // into functions, by their arguments
	stack     []graph.OpID                    // functions being inferred
	budget    int                             // nodes that may still be visited
	depth     int                             // of nested graphs
	dead      int                             // branches around this place that never run
	report    InferReport
	panics    int
}

const (
	maxRank   = 64
	maxDepth  = 256
	minBudget = 1 << 20
)

func (e *Env) inferGraph(g *graph.Graph) {
	e.run.depth++
	defer func() { e.run.depth-- }()
	if e.run.depth > maxDepth {
		return
	}
	if g.Owner() == nil {
		for _, v := range g.Inputs {
			e.inputs[v] = true
			if _, ok := e.known[v]; !ok {
				e.known[v] = clampType(v.Type)
			}
		}
	}
	for n := range g.Nodes() {
		if e.run.budget--; e.run.budget < 0 {
			e.stopped(n, fmt.Errorf("inference gave up: the model's nested graphs and functions take too many steps"))
			continue
		}
		if err := e.inferNode(n, e.opset(n.ID.Domain)); err != nil {
			e.stopped(n, err)
		} else {
			e.count(n)
		}
	}
}

// inferNode runs the node's rule and stores what it found.
func (e *Env) inferNode(n *graph.Node, opset int) (err error) {
	c := newCall(e, n, opset)
	defer func() {
		if r := recover(); r != nil {
			e.run.panics++
			err = fmt.Errorf("internal error in the rule: %v", r)
		}
	}()
	err = c.infer()
	for i := range c.out {
		if mergeErr := e.assign(n, i, c.out[i]); mergeErr != nil && err == nil {
			err = mergeErr
		}
		if v := n.Out(i); v != nil && c.outData[i] != nil {
			e.data[v] = c.outData[i].clamp()
		}
	}
	if err != nil {
		return err
	}
	return c.complete()
}

// complete says why an output still has no type, when one has none.
func (c *call) complete() error {
	for i := range c.out {
		v := c.node.Out(i)
		if v == nil || v.Name == "" || isTyped(c.env.typeOf(v)) {
			continue
		}
		for k := 0; k < c.node.NumIn(); k++ {
			if in := c.node.In(k); in != nil && !isTyped(c.env.typeOf(in)) {
				return fmt.Errorf("input %q has no full type", in.Name)
			}
		}
		return fmt.Errorf("output %d depends on values that are only known when the model runs", i)
	}
	return nil
}

func isTyped(t graph.Type) bool {
	switch t.Kind {
	case graph.KindTensor, graph.KindSparseTensor:
		return t.Elem != tensor.Undefined && t.Shape.Known
	case graph.KindSequence, graph.KindOptional:
		return t.Of != nil && t.Of.Kind != graph.KindUnknown && (t.Of.Kind != graph.KindTensor || t.Of.Elem != tensor.Undefined)
	}
	return t.Kind != graph.KindUnknown
}

// stopped lists the node's untyped outputs in the report, and the error itself when it contradicts the model.
func (e *Env) stopped(n *graph.Node, err error) {
	if !e.report {
		if e.firstErr == nil {
			e.firstErr = graph.AtNode(n, 0, err)
		}
		return
	}
	e.count(n)
	if _, soft := err.(stop); !soft {
		if b, ok := err.(contradiction); ok && e.run.dead == 0 {
			e.run.report.Conflicts = append(e.run.report.Conflicts, graph.Finding{
				Severity: graph.Error, Rule: "op/shape", Where: fmt.Sprintf("node %q (%s)", n.Label(), n.ID), Message: b.Error()})
		}
	}
	from := ""
	for _, v := range n.Reads() {
		if v.Name != "" && !isTyped(e.typeOf(v)) {
			from = v.Name
			break
		}
	}
	for i := 0; i < n.NumOut(); i++ {
		if v := n.Out(i); v != nil && v.Name != "" && !isTyped(e.typeOf(v)) {
			e.run.report.Stopped = append(e.run.report.Stopped, Stop{v.Name, n.Label(), n.ID, err.Error(), from})
		}
	}
}

func (e *Env) count(n *graph.Node) {
	if !e.report {
		return
	}
	r := &e.run.report
	for i := 0; i < n.NumOut(); i++ {
		v := n.Out(i)
		if v == nil || v.Name == "" {
			continue
		}
		r.Values++
		t := e.typeOf(v)
		if !isTyped(t) {
			continue
		}
		r.Typed++
		if _, ok := t.Shape.Ints(); ok {
			r.Static++
		}
		if g := v.Graph(); e.run.opt.Record && e.write && g != nil && !v.IsInput() && !v.IsOutput() && !e.recorded(g)[v] {
			e.recorded(g)[v] = true
			g.ValueInfo = append(g.ValueInfo, v)
		}
	}
}

func (e *Env) recorded(g *graph.Graph) map[*graph.Value]bool {
	set := e.infos[g]
	if set == nil {
		set = map[*graph.Value]bool{}
		for _, v := range g.ValueInfo {
			set[v] = true
		}
		e.infos[g] = set
	}
	return set
}

// stop is the reason for which a rule cannot say more; the model may be fine.
type stop string

func (s stop) Error() string { return string(s) }

func stopf(format string, args ...any) error { return stop(fmt.Sprintf(format, args...)) }

// contradiction is a reason for which the node cannot run as the model has it.
type contradiction string

func (s contradiction) Error() string { return string(s) }

func contradict(format string, args ...any) error { return contradiction(fmt.Sprintf(format, args...)) }
