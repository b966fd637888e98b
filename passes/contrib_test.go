package passes_test

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
)

// withContrib is m with bodies for ONNX Runtime's own activations, so that any runtime runs them.
func withContrib(m *graph.Model) *graph.Model {
	if m.Opset("com.microsoft") == 0 {
		return m
	}
	m = m.Clone()
	made := map[string]bool{}
	for n := range m.Graph.Nodes() {
		if n.ID.Domain != "com.microsoft" || made[n.ID.Op] {
			continue
		}
		made[n.ID.Op] = true
		act := map[string]block.Act{"BiasGelu": block.Gelu, "FastGelu": block.GeluTanh, "QuickGelu": block.QuickGelu}[n.ID.Op]
		if n.ID.Op == "QuickGelu" && n.Attrs.Float("alpha", 1.702) == 1 {
			act = block.Silu
		}
		in, sum := "x", "s = Identity (x)"
		if n.NumIn() == 2 {
			in, sum = "x, b", "s = Add (x, b)"
		}
		text := fmt.Sprintf("<domain: \"com.microsoft\", opset_import: [\"\" : %d]>\n%s <alpha> (%s) => (y) {\n%s\n%s\n}", m.Opset(""), n.ID.Op, in, sum, activationText[act])
		f, err := graph.ParseFunction(text, graph.ParseOptions{})
		if err != nil {
			panic(err)
		}
		m.Functions = append(m.Functions, f)
	}
	return m
}

// activationText is y = act(s) in the standard operators.
var activationText = map[block.Act]string{
	block.Gelu: `r = Constant <value = float {1.4142135}> ()
one = Constant <value = float {1.0}> ()
half = Constant <value = float {0.5}> ()
d = Div (s, r)
e = Erf (d)
p = Add (e, one)
h = Mul (s, half)
y = Mul (h, p)`,
	block.GeluTanh: `a = Constant <value = float {0.044715}> ()
r = Constant <value = float {0.7978846}> ()
one = Constant <value = float {1.0}> ()
half = Constant <value = float {0.5}> ()
q = Mul (s, s)
c = Mul (q, s)
k = Mul (c, a)
u = Add (s, k)
w = Mul (u, r)
e = Tanh (w)
p = Add (e, one)
h = Mul (s, half)
y = Mul (h, p)`,
	block.Silu: `g = Sigmoid (s)
y = Mul (s, g)`,
	block.QuickGelu: `a = Constant <value = float {1.702}> ()
k = Mul (s, a)
g = Sigmoid (k)
y = Mul (s, g)`,
}
