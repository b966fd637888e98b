package passes

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Linear is a product with a constant matrix and an optional constant bias: MatMul, MatMul and Add, or Gemm, with the matrix reached
// through Identity, Constant or a Transpose of a constant.
type Linear struct {
	In      *graph.Value   // the activation
	Out     *graph.Value   // after the bias
	Weight  *graph.Value   // holds the matrix; an initializer, or what a Constant, Identity or Transpose makes of one
	Matrix  *tensor.Tensor // [in, out], or [out, in] when Trans
	Trans   bool
	Bias    *tensor.Tensor // [out] or nil
	BiasVal *graph.Value
	Adder   *graph.Node   // adds the bias: an Add, or an activation that takes one; nil when the product does, or there is none
	Nodes   []*graph.Node // the product, and what computes Out from it
	// Lo and Hi cut the output of a product that computes two things at once (gate and up); 0 and the width otherwise.
	Lo, Hi int
}

// Dims are the input width and the output width of the (cut) linear.
func (l *Linear) Dims() (in, out int) {
	in = int(l.Matrix.Shape[0])
	if l.Trans {
		in = int(l.Matrix.Shape[1])
	}
	return in, l.Hi - l.Lo
}

func (l *Linear) fullWidth() int {
	if l.Trans {
		return int(l.Matrix.Shape[0])
	}
	return int(l.Matrix.Shape[1])
}

// Dense is the (cut) matrix as [in, out], row-major, in a new slice. Error: an element type that is not float32.
func (l *Linear) Dense() ([]float32, error) {
	if l.Matrix.Elem != tensor.Float32 {
		return nil, fmt.Errorf("weight %q is %s, not float", l.Weight.Name, l.Matrix.Elem)
	}
	src := tensor.Data[float32](l.Matrix)
	in, out := l.Dims()
	dst := make([]float32, in*out)
	width := l.fullWidth()
	for i := range in {
		row := dst[i*out : (i+1)*out]
		if !l.Trans {
			copy(row, src[i*width+l.Lo:])
			continue
		}
		for j := range row {
			row[j] = src[(l.Lo+j)*in+i]
		}
	}
	if s, ok := l.Matrix.Storage().(interface{ Release() }); ok && l.Matrix.Storage().Len() >= 1<<20 {
		s.Release() // pages of a mapped file that are read again at the next use
	}
	return dst, nil
}

// BiasVector is the (cut) bias in a new slice, zeros when there is none.
func (l *Linear) BiasVector() ([]float32, error) {
	_, out := l.Dims()
	dst := make([]float32, out)
	if l.Bias == nil {
		return dst, nil
	}
	if l.Bias.Elem != tensor.Float32 {
		return nil, fmt.Errorf("bias %q is %s, not float", l.BiasVal.Name, l.Bias.Elem)
	}
	src := tensor.Data[float32](l.Bias)
	if len(src) == 1 { // broadcast
		for i := range dst {
			dst[i] = src[0]
		}
		return dst, nil
	}
	copy(dst, src[l.Lo:l.Hi])
	return dst, nil
}

// linearAt reads the linear that computes v; a non-empty reason says why v is none. through (nil: none) follows a value back through nodes
// that may stand between the product and the addition of the bias.
func linearAt(v *graph.Value, through func(*graph.Value) (*graph.Value, []*graph.Node)) (*Linear, string) {
	if v == nil {
		return nil, "an input is missing"
	}
	n, _ := v.Producer()
	if n == nil {
		return nil, fmt.Sprintf("%q is not computed", v.Name)
	}
	if !n.Is("Add") {
		return productAt(n)
	}
	for i := range 2 {
		bias := constOf(n.In(1 - i))
		if bias == nil || !isVector(bias) || n.In(i) == nil {
			continue
		}
		src, between := n.In(i), []*graph.Node(nil)
		if through != nil {
			src, between = through(src)
		}
		p, _ := src.Producer()
		if p == nil || !p.Is("MatMul") && !p.Is("Gemm") {
			continue
		}
		l, reason := productAt(p)
		if reason != "" {
			return nil, reason
		}
		if l.Bias != nil {
			return nil, fmt.Sprintf("node %q adds a second bias", n.Label())
		}
		if _, sole := n.In(i).SoleUse(); !sole {
			return nil, fmt.Sprintf("%q is used before the bias is added, too", n.In(i).Name)
		}
		if b := bias.Len(); b != 1 && b != l.fullWidth() {
			return nil, fmt.Sprintf("bias %q has %d elements, want %d", n.In(1-i).Name, b, l.fullWidth())
		}
		l.Bias, l.BiasVal, l.Out, l.Adder = bias, n.In(1-i), v, n
		l.Nodes = append(append(l.Nodes, between...), n)
		return l, ""
	}
	return productAt(n)
}

// takeBias makes the bias that the activation n adds the linear's own.
func (l *Linear) takeBias(bias *graph.Value, n *graph.Node) (reason string) {
	t := constOf(bias)
	switch {
	case t == nil || !isVector(t):
		return fmt.Sprintf("bias %q is no constant vector", bias.Name)
	case l.Bias != nil:
		return fmt.Sprintf("node %q adds a second bias", n.Label())
	case l.Lo != 0 || l.Hi != l.fullWidth() || t.Len() != l.Hi:
		return fmt.Sprintf("bias %q has %d elements, want %d", bias.Name, t.Len(), l.fullWidth())
	}
	l.Bias, l.BiasVal, l.Adder = t, bias, n
	return ""
}

func isVector(t *tensor.Tensor) bool {
	for _, d := range t.Shape[:max(0, len(t.Shape)-1)] {
		if d != 1 {
			return false
		}
	}
	return true
}

func productAt(n *graph.Node) (*Linear, string) {
	switch {
	case n.Is("MatMul"), n.Is("Gemm"):
	case n.Is("Conv"):
		return nil, fmt.Sprintf("node %q is a %s, not a MatMul or Gemm", n.Label(), convName(n))
	case quantised[n.ID.Op]:
		return nil, fmt.Sprintf("node %q is quantised (%s)", n.Label(), n.ID)
	default:
		return nil, fmt.Sprintf("node %q is a %s, not a MatMul or Gemm", n.Label(), n.ID)
	}
	l := &Linear{In: n.In(0), Out: n.Out(0), Weight: n.In(1), Nodes: []*graph.Node{n}}
	if l.In == nil || l.Weight == nil || l.Out == nil {
		return nil, fmt.Sprintf("node %q lacks an input", n.Label())
	}
	var reason string
	if l.Matrix, l.Trans, reason = matrixOf(l.Weight); reason != "" {
		return nil, reason
	}
	if n.Is("Gemm") {
		if n.Attrs.Int("transA", 0) != 0 || n.Attrs.Float("alpha", 1) != 1 || n.Attrs.Float("beta", 1) != 1 {
			return nil, fmt.Sprintf("node %q is a Gemm with transA, alpha or beta", n.Label())
		}
		if n.Attrs.Int("transB", 0) != 0 {
			l.Trans = !l.Trans
		}
		if c := n.In(2); c != nil {
			if l.Bias, l.BiasVal = constOf(c), c; l.Bias == nil || !isVector(l.Bias) {
				return nil, fmt.Sprintf("bias %q is no constant vector", c.Name)
			}
			if b := l.Bias.Len(); b != 1 && b != l.fullWidth() {
				return nil, fmt.Sprintf("bias %q has %d elements, want %d", c.Name, b, l.fullWidth())
			}
		}
	}
	l.Hi = l.fullWidth()
	return l, ""
}

// matrixOf is the constant matrix behind v, through one Transpose.
func matrixOf(v *graph.Value) (m *tensor.Tensor, trans bool, reason string) {
	m = constOf(v)
	if m == nil {
		p, _ := v.Producer()
		for p != nil && p.Is("Identity") {
			p, _ = p.In(0).Producer()
		}
		switch {
		case p == nil:
			return nil, false, fmt.Sprintf("not constant: %s", v.Name)
		case p.Is("Transpose") && constOf(p.In(0)) != nil:
			m, trans = constOf(p.In(0)), true
		case p.Is("DequantizeLinear"):
			return nil, false, fmt.Sprintf("weight %q is quantised", v.Name)
		case p.Is("Cast") && constOf(p.In(0)) != nil:
			return nil, false, fmt.Sprintf("weight %q is stored as %s and cast", v.Name, constOf(p.In(0)).Elem)
		default:
			return nil, false, fmt.Sprintf("not constant: %s", v.Name)
		}
	}
	if m.Rank() != 2 {
		return nil, false, fmt.Sprintf("weight %q has rank %d, want 2", v.Name, len(m.Shape))
	}
	return m, trans, ""
}
