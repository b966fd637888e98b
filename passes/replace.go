package passes

import (
	"fmt"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// PassKey is the metadata key that names the pass which made a node (IR version 10 and above).
const PassKey = "onnxrewrite.pass"

// newNode makes a node of g before at and stamps the pass's name on it.
func newNode(m *graph.Model, pass string, at *graph.Node, name string, id graph.OpID, in []*graph.Value, out *graph.Value, attrs ...*graph.Attr) *graph.Node {
	g := at.Graph()
	n := graph.NewNode(id, in, []*graph.Value{out}, attrs...)
	n.Name = g.NewName(name)
	if m.IRVersion >= 10 {
		n.Props = append(n.Props, graph.Prop{Key: PassKey, Value: pass})
	}
	g.InsertBefore(n, at)
	return n
}

// replace puts one node in the place of the block: a call of id with X and the weights, giving Y. Nodes and weights that nothing uses
// afterwards go away.
func (f *FFN) replace(m *graph.Model, pass string, id graph.OpID, weights []*graph.Value, attrs ...*graph.Attr) error {
	at, _ := f.Y.Producer()
	g := at.Graph()
	y := g.NewValue(f.Y.Name, f.Y.Type)
	newNode(m, pass, at, f.Name+"/"+id.Op, id, append([]*graph.Value{f.X}, weights...), y, attrs...)
	if f.Y.IsOutput() {
		if err := g.ReplaceValue(f.Y, y); err != nil {
			return err
		}
	} else {
		f.Y.ReplaceUses(y)
		keepName(g, f.Y, y)
	}
	for _, s := range f.Shapes {
		f.readOutside(m, pass, s)
	}
	f.clear()
	return nil
}

// readOutside makes a Shape node that read a value inside give the same numbers from the outside: the leading dims of Lead, and the width.
func (f *FFN) readOutside(m *graph.Model, pass string, s ShapeUse) {
	n, g := s.Node, s.Node.Graph()
	n.SetIn(0, f.Lead)
	if s.Lead {
		return
	}
	name := func(hint string) *graph.Value { return g.NewValue(n.Out(0).Name+hint, graph.Type{}) }
	whole, lead, all := n.Out(0), name("_lead"), name("_all")
	out := whole.Uses()
	ints := func(hint string, v ...int64) *graph.Value {
		return g.AddInit(whole.Name+hint, tensor.Of(v, int64(len(v))))
	}
	slice := graph.NewNode(graph.OpID{Op: "Slice"}, []*graph.Value{whole, ints("_from", 0), ints("_to", -1)}, []*graph.Value{lead})
	concat := graph.NewNode(graph.OpID{Op: "Concat"}, []*graph.Value{lead, ints("_width", s.Width)}, []*graph.Value{all}, graph.IntAttr("axis", 0))
	for _, made := range []*graph.Node{concat, slice} {
		made.Name = g.NewName(n.Label() + "/" + made.ID.Op)
		if m.IRVersion >= 10 {
			made.Props = append(made.Props, graph.Prop{Key: PassKey, Value: pass})
		}
		g.InsertAfter(made, n)
	}
	for u := range out {
		u.Node.SetIn(u.Index, all)
	}
}

// keepName gives y the name and value_info place that old had.
func keepName(g *graph.Graph, old, y *graph.Value) {
	old.Name, y.Name = y.Name, old.Name
	y.Doc, y.Props, y.Extra = old.Doc, old.Props, old.Extra
	for i, v := range g.ValueInfo {
		if v == old {
			g.ValueInfo[i] = y
		}
	}
}

// clear removes the block's nodes that nothing uses any more, last first, and what only they used.
func (f *FFN) clear() {
	for i := len(f.Nodes) - 1; i >= 0; i-- {
		if n := f.Nodes[i]; n.Graph() != nil && unused(n) {
			removeWithInputs(n)
		}
	}
}

// removeWithInputs removes a node without use, and then every node and constant that only it used.
func removeWithInputs(n *graph.Node) {
	g, in := n.Graph(), n.Inputs()
	g.Remove(n)
	for _, v := range in {
		if v == nil {
			continue
		}
		if p, _ := v.Producer(); p != nil && p.Graph() == g && unused(p) {
			removeWithInputs(p)
			continue
		}
		dropConstant(v)
	}
}

// dropConstant removes an unused constant: an initializer, or the Constant, Identity, Transpose … that makes one.
func dropConstant(v *graph.Value) {
	g := v.Graph()
	if g == nil || v.NumUses() > 0 || v.IsOutput() || v.IsInput() {
		return
	}
	p, _ := v.Producer()
	switch {
	case p == nil && v.Const != nil:
		g.RemoveInit(v)
	case p != nil && unused(p) && (p.Is("Constant") || constOf(p.In(0)) != nil && p.NumIn() == 1):
		removeWithInputs(p)
	}
}

// operands hands out the matrices and biases of linears as values of the main graph, in MatMul's order. A weight that is stored that way
// already is used as it is; all others are converted once, however many blocks share them.
type operands struct {
	g    *graph.Graph
	made map[operandKey]*graph.Value
}

type operandKey struct {
	t      *tensor.Tensor
	lo, hi int
	trans  bool
}

func newOperands(m *graph.Model) *operands {
	return &operands{g: m.Graph, made: map[operandKey]*graph.Value{}}
}

func (o *operands) matrix(l *Linear) (*graph.Value, error) {
	if !l.Trans && l.Lo == 0 && l.Hi == l.fullWidth() && l.Weight.IsConst() && l.Weight.Graph() == o.g {
		return l.Weight, nil
	}
	key := operandKey{l.Matrix, l.Lo, l.Hi, l.Trans}
	if v := o.made[key]; v != nil {
		return v, nil
	}
	data, err := l.Dense()
	if err != nil {
		return nil, err
	}
	in, out := l.Dims()
	v := o.g.AddInit(l.Weight.Name, tensor.Of(data, int64(in), int64(out)))
	o.made[key] = v
	return v, nil
}

func (o *operands) bias(l *Linear) (*graph.Value, error) {
	if l.Bias != nil && len(l.Bias.Shape) == 1 && l.Lo == 0 && l.Hi == l.fullWidth() && l.Bias.Len() == l.Hi && l.BiasVal.IsConst() && l.BiasVal.Graph() == o.g {
		return l.BiasVal, nil
	}
	key := operandKey{l.Bias, l.Lo, l.Hi, false}
	if v := o.made[key]; v != nil {
		return v, nil
	}
	data, err := l.BiasVector()
	if err != nil {
		return nil, err
	}
	name := l.Weight.Name + "_bias"
	if l.Bias != nil {
		name = l.BiasVal.Name
	}
	v := o.g.AddInit(name, tensor.Of(data, int64(len(data))))
	o.made[key] = v
	return v, nil
}

// linear is matrix and bias of one linear, in the order in which blocks take them.
func (o *operands) linear(l *Linear) ([]*graph.Value, error) {
	w, err := o.matrix(l)
	if err != nil {
		return nil, err
	}
	b, err := o.bias(l)
	if err != nil {
		return nil, err
	}
	return []*graph.Value{w, b}, nil
}

// forEachFFN hands over the blocks that layers (nil: all) names by their number in graph order, from 0. Each is looked up again before its turn,
// because the rewrite of another may have changed its surroundings, or taken one of its linears. visit returns a reason for declining, or "".
func forEachFFN(env *Env, m *graph.Model, pass string, layers []int, visit func(i int, f *FFN, row *Row) (reason string, err error)) (int, error) {
	if _, err := op.Infer(m, op.InferOptions{}); err != nil {
		return 0, err
	}
	list := FindFFN(m)
	if err := checkLayers(layers, list); err != nil {
		return 0, err
	}
	fired, number, before := 0, -1, ""
	for i := range list {
		if err := env.ctx().Err(); err != nil {
			return fired, err
		}
		if list[i].counts() {
			number++
		}
		if layers != nil && !(list[i].counts() && slices.Contains(layers, number)) {
			continue
		}
		env.progress(pass, i, len(list))
		row := Row{Pass: pass, Block: list[i].Name, Status: Declined, Reason: list[i].Reason}
		f := &list[i]
		if fired > 0 && f.Reason == "" {
			if f = findKey(m, f.key()); f == nil {
				row.Reason = fmt.Sprintf("it shares a linear with block %q, which was rewritten", before)
				env.report(row)
				continue
			}
			row.Reason = f.Reason
		}
		if f.Reason == "" {
			row.WeightsBefore, row.FLOPsBefore = f.Weights(), f.FLOPs()
			row.WeightsAfter, row.FLOPsAfter = row.WeightsBefore, row.FLOPsBefore
			reason, err := visit(number, f, &row)
			if err != nil {
				return fired, fmt.Errorf("block %q: %w", f.Name, err)
			}
			if row.Reason = reason; reason == "" {
				row.Status, before = Fired, f.Name
				fired++
			}
		}
		env.report(row)
	}
	if len(list) == 0 {
		env.report(Row{Pass: pass, Block: m.Graph.Name, Status: Declined, Reason: "the model has no feed-forward block"})
	}
	return fired, nil
}

// counts reports whether the block has a number: candidates that are none have not, blocks that were rewritten before keep theirs.
func (f *FFN) counts() bool { return f.Reason == "" || f.at.ID.Domain == block.Domain }

// checkLayers is an error when a block is asked for that is not there.
func checkLayers(layers []int, list []FFN) error {
	n := 0
	for i := range list {
		if list[i].counts() {
			n++
		}
	}
	for _, l := range layers {
		if l < 0 || l >= n {
			return fmt.Errorf("layers: there is no block %d, the model has %d (counted from 0)", l, n)
		}
	}
	return nil
}

func findKey(m *graph.Model, key string) *FFN {
	list := FindFFN(m)
	for i := range list {
		if list[i].key() == key {
			return &list[i]
		}
	}
	return nil
}
