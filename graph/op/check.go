package op

import (
	"fmt"
	"math"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// NewestIR is the newest IR version whose format this version knows.
const NewestIR = 14

// Check holds a model against the operator schemas and returns every finding: imports that are missing, operators that do not exist or
// are deprecated, attributes that are unknown, missing or of the wrong kind, counts of inputs and outputs, types that an operator does
// not allow, types that contradict each other, calls and imports of functions. An error is what onnx.checker with full_check refuses as
// well; such a model may still be loaded, and run where the meaning is plain. The model is not changed.
//
// Check looks at operators; [graph.Model.Verify] looks at structure.
func Check(m *graph.Model) []graph.Finding {
	c := &checker{m: m, unknown: map[graph.OpID]bool{}}
	c.imports()
	if m.Graph == nil {
		return c.found
	}
	c.env = NewEnv(m, InferOptions{})
	c.env.write = false
	c.env.inferGraph(m.Graph)
	c.formals()
	c.graph(m.Graph, "", nil)
	for _, f := range m.Functions {
		c.function(f)
	}
	c.cycles()
	c.found = append(c.found, c.env.run.report.Conflicts...)
	return c.found
}

type checker struct {
	m       *graph.Model
	env     *Env // types of the model's graph; functions are checked without
	found   []graph.Finding
	unknown map[graph.OpID]bool // operators reported as not checked
}

func (c *checker) add(rule string, severity graph.Severity, where, fix, format string, args ...any) {
	c.found = append(c.found, graph.Finding{Severity: severity, Rule: rule, Where: where, Message: fmt.Sprintf(format, args...), Fix: fix})
}

func (c *checker) imports() {
	m := c.m
	switch {
	case m.IRVersion == 0:
		c.add("op/ir-version", graph.Error, "model", "set the IR version", "has no IR version")
	case m.IRVersion > NewestIR:
		c.add("op/ir-version", graph.Error, "model", "", "has IR version %d; the newest known is %d", m.IRVersion, NewestIR)
	case m.IRVersion >= 3 && len(m.Opsets) == 0:
		c.add("op/import", graph.Error, "model", "import the opset that it was written for", "imports no opset")
	case m.IRVersion < 3 && len(m.Opsets) > 0:
		c.add("op/ir-version", graph.Error, "model", "set the IR version to 3", "imports opsets, which IR version %d does not have", m.IRVersion)
	}
	c.versions("model", m.Opsets)
}

func (c *checker) versions(where string, opsets []graph.OpsetID) {
	for _, o := range opsets {
		if newest := Newest(o.Domain); Known(o.Domain) && o.Version > int64(newest) {
			c.add("op/newer-opset", graph.Warning, where, "", "imports opset %d of domain %q; the newest known is %d, whose operators are taken", o.Version, o.Domain, newest)
		}
	}
}

// formals checks the inputs, outputs and initializers of the model's graph.
func (c *checker) formals() {
	g := c.m.Graph
	inputs := map[*graph.Value]bool{}
	for _, v := range g.Inputs {
		inputs[v] = true
		c.formal("input", v)
		c.overridable(v)
	}
	for _, v := range g.Outputs {
		c.formal("output", v)
	}
	for _, v := range g.Inits {
		c.sparse(v.Sparse, fmt.Sprintf("initializer %q", v.Name))
	}
	if c.m.IRVersion < 4 {
		for _, v := range g.Inits {
			if !inputs[v] {
				c.add("op/ir-version", graph.Error, fmt.Sprintf("initializer %q", v.Name), "set the IR version to 4",
					"is not an input as well, as IR version %d wants it", c.m.IRVersion)
			}
		}
	}
}

// overridable checks that an input's type is that of the initializer of its name.
func (c *checker) overridable(v *graph.Value) {
	t := v.Type
	switch {
	case v.Const != nil:
		t = graph.TypeOf(v.Const)
	case v.Sparse != nil && v.Sparse.Values != nil:
		t = graph.TensorType(v.Sparse.Values.Elem, graph.ConstShape(v.Sparse.Dims))
	}
	if why := conflict(v.Type, t); why != "" && v.Type.Kind != graph.KindSparseTensor {
		c.add("op/initializer", graph.Error, fmt.Sprintf("input %q", v.Name), "state the initializer's type", "does not fit the initializer of its name: %s", why)
	}
}

func (c *checker) formal(what string, v *graph.Value) {
	where := fmt.Sprintf("%s %q", what, v.Name)
	switch t := v.Type; {
	case t.Kind == graph.KindUnknown:
		c.add("op/formal", graph.Error, where, "state its type", "has no type")
	case t.Kind == graph.KindTensor && t.Elem == tensor.Undefined:
		c.add("op/formal", graph.Error, where, "state its element type", "has no element type")
	case t.Kind == graph.KindTensor && !t.Elem.Known():
		c.add("op/formal", graph.Error, where, "", "has unknown element type %d", int(t.Elem))
	case t.Kind == graph.KindTensor && !t.Shape.Known:
		c.add("op/formal", graph.Error, where, "state its rank", "has no shape")
	}
	for i, d := range v.Type.Shape.Dims {
		if negative(d) {
			c.add("op/negative-dim", graph.Warning, where, "name the dim, or leave it out", "dim %d is %s: readers differ in what that means", i, d)
		}
	}
}

func (c *checker) graph(g *graph.Graph, path string, f *graph.Function) {
	if g.Name == "" && (f == nil || g != f.Body) {
		where := "graph"
		if path != "" {
			where = strings.TrimSuffix(path, ": ")
		}
		c.add("op/name", graph.Error, where, "name it", "the graph has no name, which the format requires")
	}
	for n := range g.Nodes() {
		where := fmt.Sprintf("%snode %q (%s)", path, n.Label(), n.ID)
		c.node(n, where, f)
		for _, a := range n.Attrs {
			if a.G != nil {
				c.graph(a.G, where+", "+a.Name+": ", f)
			}
			for i, sub := range a.Graphs {
				c.graph(sub, fmt.Sprintf("%s, %s[%d]: ", where, a.Name, i), f)
			}
		}
	}
}

// node checks one node of the model's graph (f is nil) or of a function.
func (c *checker) node(n *graph.Node, where string, f *graph.Function) {
	id := n.ID.Canonical()
	called := c.env.run.functions[id]
	version := c.m.Opset(id.Domain)
	importer := "model"
	if f != nil {
		version, importer = f.Opset(id.Domain), "function "+f.ID.String()
	}
	if f == nil && c.m.IRVersion < 3 && len(c.m.Opsets) == 0 && id.Domain == "" {
		version = 1
	}
	if version == 0 && !c.imported(id.Domain, f) {
		c.add("op/import", graph.Error, where, fmt.Sprintf("import an opset of domain %q", id.Domain), "the %s does not import domain %q", importer, id.Domain)
		return
	}
	c.attrKinds(n, where, f)
	if called != nil {
		c.functionCall(n, where, called)
		return
	}
	s := Lookup(id.Domain, id.Op, int(version))
	if s == nil {
		c.noSchema(n, where, id, int(version))
		return
	}
	if s.Deprecated {
		fix := "convert the model to an opset that has its successor"
		c.add("op/deprecated", graph.Error, where, fix, "operator %s is deprecated in opset %d", id, version)
		return
	}
	c.counts(n, where, s)
	c.attrs(n, where, s)
	if f == nil {
		c.types(n, where, s)
	}
}

func (c *checker) imported(domain string, f *graph.Function) bool {
	opsets := c.m.Opsets
	if f != nil {
		opsets = f.Opsets
	}
	for _, o := range opsets {
		if graph.CanonicalDomain(o.Domain) == domain {
			return true
		}
	}
	return false
}

func (c *checker) noSchema(n *graph.Node, where string, id graph.OpID, version int) {
	if !Known(id.Domain) {
		if !c.unknown[id] && id.Domain != microsoft {
			c.unknown[id] = true
			c.add("op/foreign", graph.Warning, where, "", "operator %s is neither of the standard nor a function of the model; its nodes are not checked", id)
		}
		return
	}
	if versions := Versions(id.Domain, id.Op); len(versions) > 0 {
		c.add("op/version", graph.Error, where, fmt.Sprintf("convert the model to opset %d; runtimes that know the operator may run it as it is", versions[0]),
			"operator %s exists from opset %d on, the model imports opset %d", id, versions[0], version)
		return
	}
	if HasRule(id.Domain, id.Op) {
		c.add("op/foreign-default", graph.Error, where, "load the model where it was written for, or replace the operator",
			"operator %s is not of the standard; ONNX Runtime's optimizer writes it into the default domain", id)
		return
	}
	fix := ""
	if near := Nearest(id.Domain, id.Op); near != "" {
		fix = "did you mean " + near + "?"
	}
	c.add("op/unknown-operator", graph.Error, where, fix, "there is no operator %s in opset %d", id, version)
}

func (c *checker) counts(n *graph.Node, where string, s *Schema) {
	if k := n.NumIn(); k < s.MinIn || k > s.MaxIn {
		c.add("op/count", graph.Error, where, "", "has %s, %s takes %s", plural(k, "input"), s.label(), bounds(s.MinIn, s.MaxIn))
	}
	if k := n.NumOut(); k < s.MinOut || k > s.MaxOut {
		c.add("op/count", graph.Error, where, "", "has %s, %s gives %s", plural(k, "output"), s.label(), bounds(s.MinOut, s.MaxOut))
	}
	for i := range n.NumIn() {
		if f := s.Input(i); f != nil && (f.Option == Single || f.Option == Variadic && !f.Heterogeneous) && absent(n.In(i)) {
			c.add("op/omitted", graph.Error, where, "", "input %d (%s) is omitted and not optional", i, f.Name)
		}
	}
	for i := range n.NumOut() {
		if f := s.Output(i); f != nil && f.Option == Single && absent(n.Out(i)) {
			c.add("op/omitted", graph.Error, where, "", "output %d (%s) is omitted and not optional", i, f.Name)
		}
	}
}

func absent(v *graph.Value) bool { return v == nil || v.Name == "" }

func (s *Schema) label() string {
	return fmt.Sprintf("%s-%d", graph.OpID{Domain: s.Domain, Op: s.Name}, s.Since)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func bounds(lo, hi int) string {
	switch {
	case lo == hi:
		return fmt.Sprint(lo)
	case hi == Unbounded:
		return fmt.Sprintf("at least %d", lo)
	}
	return fmt.Sprintf("%d to %d", lo, hi)
}

// attrKinds checks what holds for attributes whatever the operator is.
func (c *checker) attrKinds(n *graph.Node, where string, f *graph.Function) {
	for _, a := range n.Attrs {
		switch {
		case a.Ref != "" && f == nil:
			c.add("op/attribute-reference", graph.Error, where, "", "attribute %s refers to parameter %q outside of a function", a.Name, a.Ref)
		case a.Ref != "" && !declares(f, a.Ref):
			c.add("op/attribute-reference", graph.Warning, where, "", "attribute %s refers to %q, which function %s does not declare", a.Name, a.Ref, f.ID)
		case a.Ref == "" && a.Kind == graph.AttrUndefined && c.m.IRVersion >= 2:
			c.add("op/attribute-kind", graph.Error, where, "", "attribute %s has no type", a.Name)
		}
		if other := otherValue(a); other != graph.AttrUndefined && a.Kind != graph.AttrUndefined {
			c.add("op/attribute-values", graph.Error, where, "keep one value", "attribute %s is of kind %s and holds a value of kind %s as well", a.Name, a.Kind, other)
		}
		c.sparse(a.Sparse, fmt.Sprintf("%s, attribute %s", where, a.Name))
		for _, s := range a.Sparses {
			c.sparse(s, fmt.Sprintf("%s, attribute %s", where, a.Name))
		}
	}
}

func declares(f *graph.Function, name string) bool {
	for _, d := range f.Attrs {
		if d.Name == name {
			return true
		}
	}
	return false
}

func (c *checker) attrs(n *graph.Node, where string, s *Schema) {
	for _, a := range n.Attrs {
		spec := s.Attr(a.Name)
		switch {
		case spec == nil && strings.HasPrefix(a.Name, "__"): // tools keep notes of their own under such names
		case spec == nil:
			fix := "remove it"
			if near := s.nearestAttr(a.Name); near != "" {
				fix = "did you mean " + near + "?"
			}
			c.add("op/attribute-unknown", graph.Error, where, fix, "%s has no attribute %s", s.label(), a.Name)
		case namesElem[a.Name] && a.Ref == "" && a.Kind == graph.AttrInt && (a.I <= 0 || a.I > math.MaxInt32 || !tensor.DType(a.I).Known()):
			c.add("op/attribute-value", graph.Error, where, "", "attribute %s is %d, which is no element type", a.Name, a.I)
		case a.Kind != spec.Kind && a.Kind != graph.AttrUndefined:
			c.add("op/attribute-kind", graph.Error, where, "", "attribute %s is of kind %s, %s wants %s", a.Name, a.Kind, s.label(), spec.Kind)
		}
	}
	for _, spec := range s.Attrs {
		if spec.Required && n.Attrs.Get(spec.Name) == nil {
			c.add("op/attribute-missing", graph.Error, where, "", "attribute %s is missing, %s requires it", spec.Name, s.label())
		}
	}
}

// namesElem is the attributes that hold an element type. (QuantizeLinear's output_dtype may be 0, which is why it is not among them.)
var namesElem = map[string]bool{"to": true, "dtype": true, "output_datatype": true}

func (s *Schema) nearestAttr(name string) string {
	best, bestDistance := "", 3
	for _, a := range s.Attrs {
		if d := distance(strings.ToLower(a.Name), strings.ToLower(name)); d < bestDistance {
			best, bestDistance = a.Name, d
		}
	}
	return best
}
