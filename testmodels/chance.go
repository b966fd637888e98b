package testmodels

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Chance is a small model that the bytes choose: x float[3, 8] to y, by a chain of operators over earlier values, with constants, no-ops,
// shape arithmetic, branches, function calls and feed-forward blocks among them. Any bytes give a sound model; the same bytes the same.
func Chance(choices []byte) *graph.Model {
	m := graph.NewModel(8, 17)
	m.Import("local", 1)
	f, err := graph.ParseFunction("<domain: \"local\", opset_import: [\"\" : 17]>\nstep (v, w) => (r) {\n t = Tanh (v)\n u = Identity (t)\n r = Add (u, w)\n}", graph.ParseOptions{})
	if err != nil {
		panic(err)
	}
	m.Functions = append(m.Functions, f)
	seed := uint32(1)
	for _, c := range choices {
		seed = seed*31 + uint32(c)
	}
	c := &chance{choices: choices, ffnBuilder: ffnBuilder{m: m, g: m.Graph, rnd: Uniform(seed)}}
	m.Graph.Name = "chance"
	c.values = []*graph.Value{c.g.AddInput("x", graph.TensorType(tensor.Float32, graph.ConstShape([]int64{3, 8})))}
	for i := 0; len(c.choices) > 0 && i < 24; i++ {
		c.prefix = fmt.Sprintf("n%d.", i)
		c.values = append(c.values, c.step())
	}
	c.prefix = ""
	y := c.node("Identity", "y", c.values[len(c.values)-1])
	y.Type = graph.TensorType(tensor.Float32, graph.ConstShape([]int64{3, 8}))
	c.g.AddOutput(y)
	if err := graph.Err(m.Verify()); err != nil {
		panic(fmt.Sprintf("testmodels: %v: %v", choices, err))
	}
	return m
}

type chance struct {
	ffnBuilder
	choices []byte
	values  []*graph.Value // all float[3, 8]
}

func (c *chance) next(n int) int {
	if len(c.choices) == 0 {
		return 0
	}
	b := int(c.choices[0])
	c.choices = c.choices[1:]
	return b % n
}

// pick is an earlier value, mostly a late one.
func (c *chance) pick() *graph.Value {
	return c.values[len(c.values)-1-c.next(min(4, len(c.values)))]
}

func (c *chance) init(shape ...int64) *graph.Value {
	return c.g.AddInit(c.prefix+"w", c.rnd.Tensor(shape...))
}

func (c *chance) step() *graph.Value {
	x := c.pick()
	switch c.next(14) {
	case 0:
		return c.node("Identity", "id", x)
	case 1:
		return c.node("Dropout", "drop", x)
	case 2:
		return c.call(graph.OpID{Op: "Cast"}, "cast", []*graph.Value{x}, graph.IntAttr("to", int64(tensor.Float32)))
	case 3:
		return c.node("Add", "sum", x, c.pick())
	case 4:
		return c.node([]string{"Relu", "Sigmoid", "Tanh", "Neg"}[c.next(4)], "act", x)
	case 5:
		return c.node("Mul", "scaled", x, c.node("Mul", "factor", c.scalar(0.5), c.node("Identity", "two", c.scalar(1.5))))
	case 6:
		return c.node("MatMul", "lin", x, c.init(8, 8))
	case 7: // a shape taken apart and put together
		shape := c.node("Shape", "shape", x)
		dims := []*graph.Value{c.node("Gather", "d0", shape, c.ints(0)), c.node("Gather", "d1", shape, c.ints(1))}
		return c.node("Reshape", "back", c.node("Reshape", "flat", x, c.ints(-1)), c.call(graph.OpID{Op: "Concat"}, "dims", dims, graph.IntAttr("axis", 0)))
	case 8:
		return c.call(graph.OpID{Domain: "local", Op: "step"}, "called", []*graph.Value{x, c.pick()})
	case 9:
		return c.branch(x, c.pick())
	case 10: // never read
		c.node("Exp", "dead", c.node("Neg", "deader", x))
		return x
	}
	d := Dims{8, []int{8, 12, 16}[c.next(3)], 8}
	forms := FFNForms()
	c.form = forms[c.next(len(forms))]
	if c.form.Declines != "" || c.form.Opset != 0 && c.form.Opset != 17 || c.form.Special != "" && c.form.Special != "dropout" || c.form.biasInside() ||
		c.form.Spelling == "fastgelu" || c.form.Spelling == "quickgelu" || c.form.Name == "quickgelu-op" {
		c.form = forms[0]
	}
	c.form.Opset = 17
	return c.node("Tanh", "tamed", c.block(x, d))
}

// branch gives x through one branch and y through the other; the condition is a constant or computed.
func (c *chance) branch(x, y *graph.Value) *graph.Value {
	arm := func(name, op string, v *graph.Value) *graph.Graph {
		g := graph.NewGraph(name)
		out := &graph.Value{Name: c.g.NewName(c.prefix + name), Type: graph.TensorType(tensor.Float32, graph.ConstShape([]int64{3, 8}))}
		g.Append(graph.NewNode(graph.OpID{Op: op}, []*graph.Value{v}, []*graph.Value{out}))
		g.AddOutput(out)
		return g
	}
	var cond *graph.Value
	if c.next(2) == 0 {
		cond = c.g.AddInit(c.prefix+"yes", tensor.Of([]bool{true}).WithShape())
	} else {
		sum := c.call(graph.OpID{Op: "ReduceSum"}, "sum", []*graph.Value{x}, graph.IntAttr("keepdims", 0))
		cond = c.node("Greater", "positive", sum, c.scalar(0))
	}
	return c.call(graph.OpID{Op: "If"}, "if", []*graph.Value{cond}, graph.GraphAttr("then_branch", arm("then", "Identity", x)), graph.GraphAttr("else_branch", arm("else", "Relu", y)))
}
