package runtime

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

// lowerConvNorm puts a BatchNormalization with constant statistics into the weights and bias of the Conv before it.
func lowerConvNorm(c *compiler, n *graph.Node) bool {
	if !n.Is("BatchNormalization") || n.Attrs.Int("training_mode", 0) != 0 || n.NumIn() != 5 || c.opset("") < 9 || !c.onlyFirst(n) {
		return false
	}
	conv := made(n.In(0), "Conv")
	if conv == nil || c.reader(n.In(0)) != n {
		return false
	}
	w := conv.In(1)
	if w == nil || !w.IsConst() || w.Const.Elem != tensor.Float32 || len(w.Const.Shape) < 3 {
		return false
	}
	outs := w.Const.Shape[0]
	var p [4][]float32 // scale, bias, mean, variance
	for i := range p {
		t := vector(n.In(i+1), outs, 1)
		if t == nil {
			return false
		}
		p[i] = tensor.Data[float32](t)
	}
	bias := make([]float32, outs)
	if b := conv.In(2); b != nil {
		t := vector(b, outs, 1)
		if t == nil {
			return false
		}
		copy(bias, tensor.Data[float32](t))
	}
	eps := float64(n.Attrs.Float("epsilon", 1e-5))
	weights := append([]float32(nil), tensor.Data[float32](w.Const)...)
	row := len(weights) / int(outs)
	for i := range bias {
		s := float64(p[0][i]) / math.Sqrt(float64(p[3][i])+eps)
		for k := range row {
			weights[i*row+k] = float32(float64(weights[i*row+k]) * s)
		}
		bias[i] = float32((float64(bias[i])-float64(p[2][i]))*s + float64(p[1][i]))
	}
	g := n.Graph()
	in := []*graph.Value{conv.In(0), g.AddInit(w.Name+"/normalised", tensor.Of(weights, w.Const.Shape...)), g.AddInit(w.Name+"/shifted", tensor.Of(bias, outs))}
	folded := graph.NewNode(conv.ID, in, nil, conv.Attrs...)
	folded.Name = conv.Name
	out := n.Out(0)
	g.InsertBefore(folded, n)
	read := n.Inputs()
	g.Remove(n)
	folded.AddOutput(out)
	for _, v := range read {
		c.prune(v)
	}
	return true
}

// onlyFirst reports whether nothing reads n's outputs but the first.
func (c *compiler) onlyFirst(n *graph.Node) bool {
	for i := 1; i < n.NumOut(); i++ {
		if v := n.Out(i); v != nil && (v.NumUses() > 0 || c.returned[v]) {
			return false
		}
	}
	return true
}

// lowerConvAct takes the activation of a convolution into it.
func lowerConvAct(c *compiler, n *graph.Node) bool {
	act, ok := activationOf(n)
	if !ok || act == kernel.ActNone {
		return false
	}
	conv := made(n.In(0), "Conv")
	if conv == nil || c.reader(n.In(0)) != n || !isFloat(conv.In(0)) {
		return false
	}
	k := graph.NewNode(graph.OpID{Domain: op.Lowered, Op: "Conv"}, conv.Inputs(), nil, append(conv.Attrs[:len(conv.Attrs):len(conv.Attrs)], graph.StringAttr("act", act.String()))...)
	k.Name = n.Label()
	c.replace(n, k)
	return true
}
