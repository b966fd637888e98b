package passes

import (
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// matrix is the (cut) weight as a matrix [in, out] of its own.
func (l *Linear) matrix() (sparsify.Matrix, error) {
	data, err := l.Dense()
	if err != nil {
		return sparsify.Matrix{}, err
	}
	in, out := l.Dims()
	return sparsify.MatrixOf(in, out, data)
}

// setWeight gives the product a new matrix [in, out], stored in the order that the node takes. The old one goes away when nothing else
// uses it; a shared one stays as it is for the others.
func (l *Linear) setWeight(w sparsify.Matrix) {
	n := l.Nodes[0]
	if n.Is("Gemm") && n.Attrs.Int("transB", 0) != 0 {
		w = w.T()
	}
	replaceConst(n, 1, tensor.Of(w.Data, int64(w.Rows), int64(w.Cols)))
}

// replaceConst gives input i of n a new constant, under the old one's name if nothing else uses that.
func replaceConst(n *graph.Node, i int, t *tensor.Tensor) {
	g, old := n.Graph(), n.In(i)
	name := constName(old)
	v := g.AddInit(name, t)
	n.SetIn(i, v)
	dropConstant(old)
	if g.Find(name) == nil {
		v.Name = name
	}
}

// constName is the name of the initializer behind a value, for its replacement to take.
func constName(v *graph.Value) string {
	for {
		p, _ := v.Producer()
		if p == nil || p.In(0) == nil {
			return v.Name
		}
		v = p.In(0)
	}
}

// setBias gives the linear a new bias [out]; nil leaves it without one if it had none. A product without an addition gets one behind it.
func (l *Linear) setBias(m *graph.Model, pass string, b []float32) {
	n := l.Nodes[0]
	g := n.Graph()
	if b == nil {
		return
	}
	t := tensor.Of(b, int64(len(b)))
	switch {
	case l.Adder != nil:
		replaceConst(l.Adder, slices.Index(l.Adder.Inputs(), l.BiasVal), t)
	case l.Bias != nil:
		replaceConst(n, 2, t)
	case n.Is("Gemm") && n.NumIn() == 3:
		n.SetIn(2, g.AddInit(constName(n.In(1))+"_bias", t))
	case n.Is("Gemm"):
		n.AddInput(g.AddInit(constName(n.In(1))+"_bias", t))
	default:
		l.appendBias(m, pass, g.AddInit(constName(n.In(1))+"_bias", t))
	}
}

// appendBias inserts y = Add(product, bias) behind a MatMul.
func (l *Linear) appendBias(m *graph.Model, pass string, bias *graph.Value) {
	n, out := l.Nodes[0], l.Out
	g := n.Graph()
	product := g.NewValue(out.Name+"_product", out.Type)
	add := graph.NewNode(graph.OpID{Op: "Add"}, []*graph.Value{product, bias}, nil)
	add.Name = g.NewName(n.Label() + "/bias")
	if m.IRVersion >= 10 {
		add.Props = append(add.Props, graph.Prop{Key: PassKey, Value: pass})
	}
	n.MoveOutput(0, product)
	add.AddOutput(out)
	g.InsertAfter(add, n)
}

// keepOutputs keeps the given output units of a linear that is not cut, in the order given.
func (l *Linear) keepOutputs(m *graph.Model, pass string, keep []int) error {
	w, err := l.matrix()
	if err != nil {
		return err
	}
	if w, err = w.SelectCols(keep); err != nil {
		return err
	}
	l.setWeight(w)
	if l.Bias == nil {
		return nil
	}
	b, err := l.BiasVector()
	if err != nil {
		return err
	}
	l.setBias(m, pass, selected(b, keep))
	return nil
}

func selected(b []float32, keep []int) []float32 {
	out := make([]float32, len(keep))
	for i, k := range keep {
		out[i] = b[k]
	}
	return out
}

// resize replaces the hidden width in the constants inside the block: shapes of Reshape nodes, sizes of a Split, bounds of a Slice. Widths
// that are multiples of it belong to a product of gate and up together.
func (f *FFN) resize(m *graph.Model, width int) error {
	for _, n := range f.Nodes {
		var err error
		switch {
		case n.Is("Reshape"):
			for _, k := range []int{1, 2} {
				if err == nil {
					err = patchLast(n, 1, int64(k*f.Hidden), int64(k*width))
				}
			}
		case n.Is("Split"):
			patchSplit(n, int64(width))
		case n.Is("Slice"):
			patchSlice(n, int64(f.Hidden), int64(width))
		}
		if err != nil {
			return graph.AtNode(n, m.Opset(""), err)
		}
	}
	return nil
}

// patchSlice moves the bounds of a Slice that takes one half of gate and up: 0, the width, or twice the width.
func patchSlice(n *graph.Node, old, width int64) {
	move := func(bounds []int64) []int64 {
		b := append([]int64(nil), bounds...)
		if b[0] == old || b[0] == 2*old || b[0] == -old {
			b[0] = b[0] / old * width
		}
		return b
	}
	if n.NumIn() == 1 {
		n.SetAttr(graph.IntsAttr("starts", move(n.Attrs.Ints("starts"))...))
		n.SetAttr(graph.IntsAttr("ends", move(n.Attrs.Ints("ends"))...))
		return
	}
	for _, i := range []int{1, 2} {
		bounds, _ := intsOf(n.In(i))
		if moved := move(bounds); moved[0] != bounds[0] {
			replaceConst(n, i, intsLike(constOf(n.In(i)), moved))
		}
	}
}

// intsLike is a constant of whole numbers with the element type of t.
func intsLike(t *tensor.Tensor, v []int64) *tensor.Tensor {
	if t.Elem != tensor.Int32 {
		return tensor.Of(v, int64(len(v)))
	}
	narrow := make([]int32, len(v))
	for i, x := range v {
		narrow[i] = int32(x)
	}
	return tensor.Of(narrow, int64(len(narrow)))
}

// patchLast replaces the last entry of a shape input, if it is old.
func patchLast(n *graph.Node, i int, old, width int64) error {
	v := n.In(i)
	g := n.Graph()
	if s, ok := intsOf(v); ok {
		if len(s) == 0 || s[len(s)-1] != old {
			return nil // -1, or another width: nothing to do
		}
		s = append([]int64(nil), s...)
		s[len(s)-1] = width
		replaceConst(n, i, intsLike(constOf(v), s))
		return nil
	}
	p, _ := v.Producer()
	if p == nil || !p.Is("Concat") && !p.Is("Cast") || p.NumIn() == 0 {
		return nil // computed from shapes: it follows by itself
	}
	last := p.NumIn() - 1
	if s, ok := lastOf(v); !ok || s != old {
		return nil
	}
	c := graph.NewNode(p.ID, p.Inputs(), []*graph.Value{g.NewValue(v.Name, v.Type)}, p.Attrs...)
	c.Name = g.NewName(p.Label())
	g.InsertBefore(c, n)
	if err := patchLast(c, last, old, width); err != nil {
		return err
	}
	n.SetIn(i, c.Out(0))
	if unused(p) {
		removeWithInputs(p)
	}
	return nil
}

func patchSplit(n *graph.Node, width int64) {
	sizes := make([]int64, n.NumOut())
	for i := range sizes {
		sizes[i] = width
	}
	switch old := n.In(1); {
	case old != nil:
		replaceConst(n, 1, tensor.Of(sizes, int64(len(sizes))))
	case n.Attrs.Get("split") != nil:
		n.SetAttr(graph.IntsAttr("split", sizes...))
	}
}

// forgetTypes makes the types of all values inside unknown, because a width in them changed.
func (f *FFN) forgetTypes() {
	for _, n := range f.Nodes {
		if n.Graph() == nil {
			continue
		}
		for _, v := range n.Outputs() {
			if v != nil && v != f.Y {
				v.Type = graph.Type{}
			}
		}
	}
}
