package opset

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// site is a node at one boundary between two versions of its operator.
type site struct {
	c            *converter
	g            *graph.Graph
	n            *graph.Node
	f            *graph.Function // whose body the node is in; nil in the model's graph
	up           bool
	older, newer *op.Schema    // older is nil when the operator's first version is crossed downwards
	ver          int           // opset that the nodes made here obey
	made         []*graph.Node // in the graph, before n
	consts       []made
	edited       bool
}

// made is a constant that was made.
type made struct {
	value  *graph.Value
	tensor *tensor.Tensor
}

// target is the version that the node becomes, or the opset where its operator is missing.
func (s *site) target() int {
	switch {
	case s.up:
		return s.newer.Since
	case s.older == nil:
		return s.ver
	}
	return s.older.Since
}

// cross brings the node over the boundary.
func (s *site) cross() (How, error) {
	from, to := s.older, s.newer
	if !s.up {
		from, to = s.newer, s.older
	}
	if fault := from.FormFault(s.n); fault != "" && !from.Deprecated {
		return "", refuse(Malformed, "see onnx-rewrite check", "%s", fault)
	}
	if adapt := find(s.c.domain, s.n.ID.Op, s.newer.Since, s.up); adapt != nil {
		for _, a := range s.n.Attrs {
			if a.Ref != "" && !(s.n.ID.Op == "Constant" && s.newer.Since >= 13) {
				return "", refuse(Parameter, inlineFirst, "attribute %s is parameter %s of the function", a.Name, a.Ref)
			}
		}
		if err := adapt(s); err != nil {
			return "", err
		}
		if s.n.Graph() == nil {
			return Rewritten, nil
		}
	}
	switch {
	case to == nil:
		return "", refuse(NoOperator, fmt.Sprintf("convert to opset %d or above; where its inputs are constant, onnx-rewrite rewrite --clean folds it away", s.newer.Since), "there is no such operator before opset %d", s.newer.Since)
	case to.Deprecated:
		return "", refuse(Deprecated, "", "the operator is deprecated in opset %d", to.Since)
	}
	if err := s.fit(from, to); err != nil {
		return "", err
	}
	if s.edited || len(s.made) > 0 {
		return Edited, nil
	}
	return Same, nil
}

// fit makes the node obey another version whose meaning is the same: explicit values where defaults differ, and nothing that the version
// does not have. What says something that it cannot say is refused.
func (s *site) fit(from, to *op.Schema) error {
	for _, a := range append(graph.Attrs(nil), s.n.Attrs...) {
		mine, its := from.Attr(a.Name), to.Attr(a.Name)
		switch {
		case its != nil && (a.Kind == its.Kind || a.Kind == graph.AttrUndefined):
		case strings.HasPrefix(a.Name, "__"):
		case its != nil:
			return refuse(NoAttr, "", "attribute %s is of kind %s, version %d wants %s", a.Name, a.Kind, to.Since, its.Kind)
		case a.Ref == "" && silent(a, mine):
			s.drop(a.Name)
		default:
			return refuse(NoAttr, "", "attribute %s = %s has no counterpart in version %d", a.Name, attrText(a), to.Since)
		}
	}
	for i := range from.Attrs {
		a := &from.Attrs[i]
		its := to.Attr(a.Name)
		if its == nil || s.n.Attrs.Get(a.Name) != nil || a.Default == nil || sameAttr(a.Default, its.Default) {
			continue
		}
		k := *a.Default
		k.Name = a.Name
		s.set(&k)
	}
	for _, a := range to.Attrs {
		if a.Required && s.n.Attrs.Get(a.Name) == nil {
			return refuse(NoAttr, "", "attribute %s is missing, and version %d requires it", a.Name, to.Since)
		}
	}
	for s.n.NumIn() > to.MaxIn {
		if s.n.In(s.n.NumIn()-1) != nil {
			f := from.Input(s.n.NumIn() - 1)
			if f == nil {
				return refuse(Malformed, "", "has %d inputs, and version %d takes at most %d", s.n.NumIn(), from.Since, from.MaxIn)
			}
			return refuse(NoInput, "", "input %d (%s) has no counterpart in version %d", s.n.NumIn()-1, f.Name, to.Since)
		}
		s.n.DropInput()
		s.edited = true
	}
	for s.edited && s.n.NumIn() > to.MinIn && s.n.NumIn() > 0 && s.n.In(s.n.NumIn()-1) == nil {
		s.n.DropInput()
	}
	for i := range min(to.MinIn, max(s.n.NumIn(), to.MinIn)) {
		if f := to.Input(i); s.n.In(i) == nil && f != nil && f.Option == op.Single {
			return refuse(NoInput, "", "input %d (%s) is omitted, and version %d requires it", i, f.Name, to.Since)
		}
	}
	if s.n.NumIn() < to.MinIn {
		return refuse(NoInput, "", "has %d inputs, and version %d requires %d", s.n.NumIn(), to.Since, to.MinIn)
	}
	if err := s.fitOutputs(to); err != nil {
		return err
	}
	if fault := to.TypeFault(s.n); fault != "" {
		return refuse(NoType, "insert a Cast", "%s", fault)
	}
	return nil
}

// fitOutputs drops outputs beyond the version's last that nobody uses.
func (s *site) fitOutputs(to *op.Schema) error {
	keep := s.n.NumOut()
	for ; keep > to.MaxOut; keep-- {
		if s.used(keep - 1) {
			return refuse(NoOutput, "", "output %d has no counterpart in version %d", keep-1, to.Since)
		}
	}
	if keep < s.n.NumOut() {
		s.shrink(keep)
	}
	for i := range to.MinOut {
		if f := to.Output(i); f != nil && f.Option == op.Single && s.n.Out(i) == nil {
			return refuse(NoOutput, "", "output %d (%s) is omitted, and version %d requires it", i, f.Name, to.Since)
		}
	}
	return nil
}

// silent reports whether an attribute says no more than its absence: its default, what older versions needed for memory, the ones and
// zeros of windows, and what concerns only types and modes that a version without it does not have.
func silent(a *graph.Attr, spec *op.AttrSpec) bool {
	if spec != nil && spec.Default != nil && sameAttr(a, spec.Default) {
		return true
	}
	all := func(v int64) bool {
		for _, x := range a.Ints {
			if x != v {
				return false
			}
		}
		return a.Kind == graph.AttrInts
	}
	switch a.Name {
	case "consumed_inputs", "seed", "saturate", "round_mode", "stash_type":
		return true
	case "dilations", "strides":
		return all(1)
	case "pads", "output_padding":
		return all(0)
	}
	return false
}

// sameAttr reports whether two attributes of simple kinds have the same value.
func sameAttr(a, b *graph.Attr) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.Ref != "" || b.Ref != "" {
		return false
	}
	switch a.Kind {
	case graph.AttrInt, graph.AttrFloat, graph.AttrString, graph.AttrInts, graph.AttrFloats, graph.AttrStrings:
		return attrText(a) == attrText(b)
	}
	return false
}

func attrText(a *graph.Attr) string {
	switch {
	case a.Ref != "":
		return "@" + a.Ref
	case a.Kind == graph.AttrInt:
		return fmt.Sprint(a.I)
	case a.Kind == graph.AttrFloat:
		return fmt.Sprint(a.F)
	case a.Kind == graph.AttrString:
		return fmt.Sprintf("%q", a.S)
	case a.Kind == graph.AttrInts:
		return fmt.Sprint(a.Ints)
	case a.Kind == graph.AttrFloats:
		return fmt.Sprint(a.Floats)
	case a.Kind == graph.AttrStrings:
		return fmt.Sprintf("%q", a.Strings)
	}
	return "a " + a.Kind.String()
}

func (s *site) set(a *graph.Attr) { s.n.SetAttr(a); s.edited = true }

func (s *site) drop(name string) {
	kept := graph.Attrs{}
	for _, a := range s.n.Attrs {
		if a.Name != name {
			kept = append(kept, a)
		}
	}
	s.edited = s.edited || len(kept) != len(s.n.Attrs)
	s.n.Attrs = kept
}

// put makes v input i, with omitted ones before it where there are none yet.
func (s *site) put(i int, v *graph.Value) {
	for s.n.NumIn() <= i {
		s.n.AddInput(nil)
	}
	s.n.SetIn(i, v)
	s.edited = true
}

// cut removes the inputs from number n on.
func (s *site) cut(n int) {
	for s.n.NumIn() > n {
		s.n.DropInput()
		s.edited = true
	}
}

// used reports whether anything reads output i.
func (s *site) used(i int) bool {
	v := s.n.Out(i)
	return v != nil && !s.c.unread(v)
}

// shrink replaces the node by one with the first outputs only.
func (s *site) shrink(keep int) {
	k := s.node(s.n.ID.Op, s.n.Inputs(), keep, s.n.Attrs...)
	outs := k.Outputs()
	s.give(append(outs, make([]*graph.Value, s.n.NumOut()-keep)...)...)
}

// node makes a node before the one at hand, with new outputs.
func (s *site) node(name string, in []*graph.Value, outputs int, attrs ...*graph.Attr) *graph.Node {
	hint := s.hint()
	outs := make([]*graph.Value, outputs)
	for i := range outs {
		outs[i] = s.g.NewValue(hint+"_"+strings.ToLower(name), graph.Type{})
	}
	k := graph.NewNode(graph.OpID{Domain: s.n.ID.Domain, Op: name}, in, outs, attrs...)
	if s.n.Name != "" {
		k.Name = s.g.NewName(s.n.Name + "_" + strings.ToLower(name))
	}
	k.Props = append([]graph.Prop(nil), s.n.Props...)
	k.Doc = s.n.Doc
	s.g.InsertBefore(k, s.n)
	_ = op.InferNode(k, s.ver, s.c.env) // what cannot be inferred stays unknown
	s.made = append(s.made, k)
	return k
}

func (s *site) hint() string {
	for _, v := range s.n.Outputs() {
		if v != nil && v.Name != "" {
			return v.Name
		}
	}
	return "v"
}

// op makes a node with one output and returns that. Nodes made are of the domain at hand.
func (s *site) op(name string, in []*graph.Value, attrs ...*graph.Attr) *graph.Value {
	return s.node(name, in, 1, attrs...).Out(0)
}

// unary and binary are op for the commonest counts.
func (s *site) unary(name string, x *graph.Value, attrs ...*graph.Attr) *graph.Value {
	return s.op(name, []*graph.Value{x}, attrs...)
}

func (s *site) binary(name string, a, b *graph.Value, attrs ...*graph.Attr) *graph.Value {
	return s.op(name, []*graph.Value{a, b}, attrs...)
}

// give makes outs, values of nodes made here, the node's outputs, and removes the node. nil is for an output that nobody uses.
func (s *site) give(outs ...*graph.Value) {
	var last *graph.Node
	taken := map[*graph.Value]bool{}
	for i, v := range outs {
		old := s.n.Out(i)
		if old == nil || v == nil {
			continue
		}
		p, k := v.Producer()
		if p == nil || !s.mine(p) || taken[v] {
			p = s.node("Identity", []*graph.Value{v}, 1)
			v, k = p.Out(0), 0
		}
		taken[old] = true
		p.MoveOutput(k, old)
		v.ReplaceUses(old)
		if last == nil {
			last = p
		}
	}
	name, extra := s.n.Name, s.n.Extra
	s.g.Remove(s.n)
	if last != nil {
		last.Name, last.Extra = name, extra
	}
}

func (s *site) mine(n *graph.Node) bool {
	for _, k := range s.made {
		if k == n {
			return true
		}
	}
	return false
}

// constant makes t a value of the graph: an initializer, or in a function a Constant node.
func (s *site) constant(what string, t *tensor.Tensor) *graph.Value {
	for _, v := range s.consts {
		if x := v.tensor; x.Elem == t.Elem && slices.Equal(x.Shape, t.Shape) && bytes.Equal(x.Bytes(), t.Bytes()) {
			return v.value
		}
	}
	var v *graph.Value
	if s.f != nil {
		v = s.op("Constant", nil, graph.TensorAttr("value", t))
	} else {
		s.c.needIR(4)
		v = s.g.AddInit(s.hint()+"_"+what, t)
	}
	s.consts = append(s.consts, made{v, t})
	return v
}

func (s *site) ints(what string, v ...int64) *graph.Value {
	return s.constant(what, tensor.Of(v, int64(len(v))))
}

func (s *site) int(what string, v int64) *graph.Value { return s.constant(what, tensor.Scalar(v)) }

// number makes a scalar of an element type; an error when the type cannot hold the value.
func (s *site) number(what string, elem tensor.DType, v float64, shape ...int64) (*graph.Value, error) {
	t, err := number(elem, v, shape...)
	if err != nil {
		return nil, err
	}
	return s.constant(what, t), nil
}

func number(elem tensor.DType, v float64, shape ...int64) (*tensor.Tensor, error) {
	switch elem {
	case tensor.Float32:
		return tensor.Of([]float32{float32(v)}, shape...), nil
	case tensor.Float64:
		return tensor.Of([]float64{v}, shape...), nil
	case tensor.Float16:
		return tensor.FromBytes(elem, shape, tensor.AsBytes([]uint16{tensor.Float32ToHalf(float32(v))}))
	case tensor.BFloat16:
		return tensor.FromBytes(elem, shape, tensor.AsBytes([]uint16{tensor.Float32ToBFloat16(float32(v))}))
	case tensor.Bool:
		return tensor.Of([]bool{v != 0}, shape...), nil
	}
	if elem.IsInteger() && elem.Bits()%8 == 0 && v == float64(int64(v)) {
		b := make([]byte, 0, 8)
		for i := range elem.Bits() / 8 {
			b = append(b, byte(int64(v)>>(8*i)))
		}
		return tensor.FromBytes(elem, shape, b)
	}
	return nil, refuse(NoShape, "", "the element type of a constant, %s, is not known or has no value %v", elem, v)
}

// elem is the element type of v, Undefined when it is not known.
func elem(v *graph.Value) tensor.DType {
	if v == nil || v.Type.Kind != graph.KindTensor {
		return tensor.Undefined
	}
	return v.Type.Elem
}

// rank is the rank of v, -1 when it is not known.
func rank(v *graph.Value) int64 {
	if v == nil || v.Type.Kind != graph.KindTensor {
		return -1
	}
	return int64(v.Type.Shape.Rank())
}

// needRank is rank, or a refusal.
func needRank(v *graph.Value) (int64, error) {
	if r := rank(v); r >= 0 {
		return r, nil
	}
	name := "an omitted input"
	if v != nil {
		name = fmt.Sprintf("%q", v.Name)
	}
	return 0, refuse(NoShape, "state the types of inputs and let them be inferred", "the rank of %s is not known", name)
}

// wrap counts a negative axis from the front; an error when it lies outside.
func wrap(axis, rank int64) (int64, error) {
	k := axis
	if k < 0 {
		k += rank
	}
	if k < 0 || k > rank {
		return 0, refuse(Malformed, "", "axis %d does not exist in rank %d", axis, rank)
	}
	return k, nil
}

const maxConst = 1 << 12 // elements of a constant that becomes an attribute

// tensor is the constant that v is before the model runs; nil when it is none, or large.
func (s *site) tensor(v *graph.Value) *tensor.Tensor {
	for range 16 {
		if v == nil {
			return nil
		}
		if v.Const != nil {
			if v.IsInput() && !s.c.oldIR || !filled(v.Const) {
				return nil
			}
			return v.Const
		}
		p, _ := v.Producer()
		switch {
		case p == nil:
			return nil
		case p.Is("Identity"):
			v = p.In(0)
		case p.Is("Constant"):
			t, err := constantOf(p)
			if err != nil || t == nil || !filled(t) {
				return nil
			}
			return t
		default:
			return nil
		}
	}
	return nil
}

// filled reports whether a tensor is small and has its elements at hand.
func filled(t *tensor.Tensor) bool {
	n, err := tensor.NumElements(t.Shape)
	if err != nil || n > maxConst {
		return false
	}
	if t.Elem == tensor.String {
		return int64(len(t.Strs)) == n
	}
	size, err := tensor.ByteSize(t.Elem, t.Shape)
	return err == nil && (n == 0 || t.Storage() != nil && t.Storage().Len() >= size)
}

// integers are the elements of an integer value known before the model runs.
func (s *site) integers(v *graph.Value) ([]int64, bool) {
	if v == nil {
		return nil, false
	}
	if t := s.tensor(v); t != nil {
		x, err := t.Int64s()
		return x, err == nil
	}
	if s.c.data == nil {
		return nil, false
	}
	d := s.c.data(v)
	if d == nil || v.IsInput() && !s.c.oldIR {
		return nil, false
	}
	out := make([]int64, len(d.Elems))
	for i, e := range d.Elems {
		x, ok := e.Value()
		if !ok {
			return nil, false
		}
		out[i] = x
	}
	return out, true
}

// dimsIn are the elements of input i as far as they are known before the model runs: a shape that is computed from others. nil: nothing.
func (s *site) dimsIn(i int) []graph.Dim {
	v := s.n.In(i)
	if x, ok := s.integers(v); ok {
		out := make([]graph.Dim, len(x))
		for k := range x {
			out[k] = graph.Const(x[k])
		}
		return out
	}
	if v == nil || s.c.data == nil || v.IsInput() {
		return nil
	}
	if d := s.c.data(v); d != nil {
		return d.Elems
	}
	return nil
}

// needInts is integers, or a refusal that names the input.
func (s *site) needInts(i int) ([]int64, error) {
	x, ok := s.integers(s.n.In(i))
	if !ok {
		return nil, s.dynamic(i)
	}
	return x, nil
}

func (s *site) dynamic(i int) error {
	name := fmt.Sprint(i)
	if f := s.newer.Input(i); f != nil {
		name = f.Name
	}
	return refuse(NotConst, "make it an initializer that no input overrides", "input %s becomes an attribute and is not constant", name)
}

// floats are the elements of a constant of a real type.
func (s *site) floats(v *graph.Value) ([]float64, bool) {
	t := s.tensor(v)
	if t == nil {
		return nil, false
	}
	x, err := t.Float64s()
	return x, err == nil
}

// dims are the constant dims of v.
func dims(v *graph.Value) ([]int64, bool) {
	if v == nil || v.Type.Kind != graph.KindTensor {
		return nil, false
	}
	return v.Type.Shape.Ints()
}
