package op_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// rules is what Check finds, with rules and places.
func rules(m *graph.Model) []string {
	var list []string
	for _, f := range op.Check(m) {
		list = append(list, f.Severity.String()+" "+f.Rule+" "+f.Where+": "+f.Message)
	}
	return list
}

// Rules that no text can break: the model is spoilt by hand.
func TestCheckRules(t *testing.T) {
	const sound = opset18 + `g (float[2,3] x, bool c) => (float[2,3] y) {
		a = Softmax <axis = 1> (x)
		y = If (c) <then_branch = t () => (r) { r = Neg (a) }, else_branch = e () => (s) { s = Cast <to = 1> (a) }>
	}`
	for _, c := range []struct {
		name  string
		spoil func(m *graph.Model)
		want  []string
	}{
		{"sound", func(m *graph.Model) {}, nil},
		{"no IR version", func(m *graph.Model) { m.IRVersion = 0 }, []string{`error op/ir-version model: has no IR version`}},
		{"no imports", func(m *graph.Model) { m.Opsets = nil }, []string{
			`error op/import model: imports no opset`,
			`error op/import node "a" (Softmax): the model does not import domain ""`,
			`error op/import node "y" (If): the model does not import domain ""`,
			`error op/import node "y" (If), then_branch: node "r" (Neg): the model does not import domain ""`,
			`error op/import node "y" (If), else_branch: node "s" (Cast): the model does not import domain ""`}},
		{"graph's name", func(m *graph.Model) { m.Graph.Name = "" }, []string{`error op/name graph: the graph has no name, which the format requires`}},
		{"branch's name", func(m *graph.Model) { m.Graph.Last().Subgraphs()[0].Name = "" },
			[]string{`error op/name node "y" (If), then_branch: the graph has no name, which the format requires`}},
		{"two values", func(m *graph.Model) { m.Graph.First().Attrs[0].F = 2 },
			[]string{`error op/attribute-values node "a" (Softmax): attribute axis is of kind int and holds a value of kind float as well`}},
		{"no kind", func(m *graph.Model) { m.Graph.First().Attrs[0].Kind = graph.AttrUndefined },
			[]string{`error op/attribute-kind node "a" (Softmax): attribute axis has no type`}},
		{"reference", func(m *graph.Model) { m.Graph.First().Attrs[0].Ref = "outer" },
			[]string{`error op/attribute-reference node "a" (Softmax): attribute axis refers to parameter "outer" outside of a function`}},
		{"element type", func(m *graph.Model) { m.Graph.Last().Subgraphs()[1].First().Attrs[0].I = 1 << 40 },
			[]string{`error op/attribute-value node "y" (If), else_branch: node "s" (Cast): attribute to is 1099511627776, which is no element type`}},
		{"unknown element type", func(m *graph.Model) { m.Graph.AddInput("u", graph.TensorType(99, graph.ShapeOf())) }, []string{`error op/formal input "u": has unknown element type 99`}},
		{"no element type", func(m *graph.Model) { m.Graph.Outputs[0].Type.Elem = 0 }, []string{`error op/formal output "y": has no element type`}},
		{"negative dim", func(m *graph.Model) {
			m.Graph.Inputs[0].Type.Shape.Dims = []graph.Dim{graph.Const(-1), graph.Const(3)}
		}, []string{`warning op/negative-dim input "x": dim 0 is -1: readers differ in what that means`}},
		{"initializer of another type", func(m *graph.Model) {
			v := m.Graph.AddInit("w", tensor.Of([]int64{1, 2}, 2))
			v.Type = graph.TensorType(tensor.Float32, graph.ConstShape([]int64{2}))
			m.Graph.Inputs = append(m.Graph.Inputs, v)
		}, []string{`error op/initializer input "w": does not fit the initializer of its name: stated element type float, inferred int64`}},
		{"omitted variadic input", func(m *graph.Model) {
			x := m.Graph.Inputs[0]
			m.Graph.Append(graph.NewNode(graph.OpID{Op: "Max"}, []*graph.Value{x, nil, x}, []*graph.Value{{Name: "z"}}))
		}, []string{`error op/omitted node "z" (Max): input 1 (data_0) is omitted and not optional`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, sound)
			c.spoil(m)
			require.Equal(t, c.want, rules(m))
		})
	}
}

func TestCheckFunctionCalls(t *testing.T) {
	m := parse(t, `<ir_version: 8, opset_import: ["" : 18, "q" : 1]>
		g (float[2,3] x) => (float[2,3] y) { a = q.f <other = 1> (x)  b, b2 = q.f <p = 1, need = 1> (x, x)  y = Add (a, b) }
		<domain: "q", opset_import: ["" : 18]> f <need, soft, p = 2> (v) => (w) { u = Cast <to : int = @need> (v)  s = Softmax <axis : int = @soft> (u)  w = Cast <to = 1> (s) }`)
	require.Subset(t, rules(m), []string{
		`warning op/function-call node "a" (q.f): function q.f has no attribute other`,
		`error op/function-call node "a" (q.f): attribute need is missing: function q.f has no default for it, and a node of it needs it`,
		`warning op/function-call node "a" (q.f): attribute soft is missing, and function q.f has no default for it`,
		`warning op/function-call node "b" (q.f): has 2 inputs, function q.f has 1`,
		`warning op/function-call node "b" (q.f): has 2 outputs, function q.f has 1`,
	})
	m.Functions[0].ID.Op = ""
	require.Contains(t, rules(m), `error op/name function q.: the function has no name`)
	m.Functions[0].Body = nil
	require.Contains(t, rules(m), `error op/function function q.: has no body`)
}

func TestCheckSparse(t *testing.T) {
	values := func(n int) *tensor.Tensor { return tensor.Of(make([]float32, n), int64(n)) }
	for _, c := range []struct {
		name string
		s    tensor.Sparse
		want string
	}{
		{"linear", tensor.Sparse{Values: values(2), Indices: tensor.Of([]int64{0, 3}, 2), Dims: []int64{5}}, ""},
		{"coordinates", tensor.Sparse{Values: values(2), Indices: tensor.Of([]int64{0, 2, 1, 0}, 2, 2), Dims: []int64{2, 3}}, ""},
		{"empty", tensor.Sparse{Values: values(0), Dims: []int64{2, 3}}, ""},
		{"no values", tensor.Sparse{Indices: tensor.Of([]int64{0}, 1), Dims: []int64{5}}, "has no values"},
		{"values of rank 2", tensor.Sparse{Values: tensor.Of(make([]float32, 2), 1, 2), Indices: tensor.Of([]int64{0, 3}, 2), Dims: []int64{5}}, "values have rank 2, want 1"},
		{"no dims", tensor.Sparse{Values: values(1), Indices: tensor.Of([]int64{0}, 1)}, "has no dims"},
		{"negative dims", tensor.Sparse{Values: values(1), Indices: tensor.Of([]int64{0}, 1), Dims: []int64{-5}}, "-5"},
		{"no indices", tensor.Sparse{Values: values(1), Dims: []int64{5}}, "has 1 values and no indices"},
		{"type", tensor.Sparse{Values: values(1), Indices: tensor.Of([]int32{0}, 1), Dims: []int64{5}}, "indices are int32, want int64"},
		{"count", tensor.Sparse{Values: values(2), Indices: tensor.Of([]int64{0, 1, 2}, 3), Dims: []int64{5}}, "indices have shape [3], want [2]"},
		{"rank of coordinates", tensor.Sparse{Values: values(1), Indices: tensor.Of([]int64{0, 1, 2}, 1, 3), Dims: []int64{5, 5}}, "indices have shape [1 3], want [1 2]"},
		{"order", tensor.Sparse{Values: values(2), Indices: tensor.Of([]int64{3, 0}, 2), Dims: []int64{5}}, "the index of value 1 is not above the one before"},
		{"twice", tensor.Sparse{Values: values(2), Indices: tensor.Of([]int64{3, 3}, 2), Dims: []int64{5}}, "the index of value 1 is not above the one before"},
		{"outside", tensor.Sparse{Values: values(1), Indices: tensor.Of([]int64{5}, 1), Dims: []int64{5}}, "index 5 of value 0 is outside of the 5 elements"},
		{"coordinate outside", tensor.Sparse{Values: values(1), Indices: tensor.Of([]int64{0, 3}, 1, 2), Dims: []int64{2, 3}}, "index 3 of value 0 is outside of dim 1, of size 3"},
		{"no data", tensor.Sparse{Values: values(1), Indices: &tensor.Tensor{Elem: tensor.Int64, Shape: []int64{1}}, Dims: []int64{5}}, "indices have no data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, opset18+`g (float[2,3] x) => (float[2,3] y) { y = Abs (x) }`)
			m.Graph.Inits = append(m.Graph.Inits, &graph.Value{Name: "s", Sparse: &c.s})
			got := rules(m)
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Contains(t, got[0], `error op/sparse initializer "s": sparse tensor: `)
			require.Contains(t, got[0], c.want)
		})
	}
	// One in an attribute is held to the same.
	m := parse(t, opset18+`g (float[2,3] x) => (float[2,3] y) { y = Abs (x) }`)
	bad := &tensor.Sparse{Values: values(1), Indices: tensor.Of([]int64{9}, 1), Dims: []int64{5}}
	m.Graph.Append(graph.NewNode(graph.OpID{Op: "Constant"}, nil, []*graph.Value{{Name: "k"}}, &graph.Attr{Name: "sparse_value", Kind: graph.AttrSparseTensor, Sparse: bad}))
	require.Contains(t, rules(m)[0], `error op/sparse node "k" (Constant), attribute sparse_value: sparse tensor: index 9`)
}

// The faults of one node by the types that its values state, and by its form.
func TestFaultsOfANode(t *testing.T) {
	m := parse(t, opset18+`g (float[2,3] x, int64[3,2] w, bool c, float[4] f) => (float[2,2] y) <int64[2,2] z, float[2] u> {
		y = MatMul (x, w)
		z = MatMul (x, f)
		u = Not (c)
		v = Concat (x, x)
		n = Relu (x, x)
		k = Sum (x, f)
	}`)
	var types, forms []string
	for n := range m.Graph.Nodes() {
		s := op.Lookup("", n.ID.Op, 18)
		types, forms = append(types, s.TypeFault(n)), append(forms, s.FormFault(n))
	}
	require.Equal(t, []string{
		"input 1 (B) is tensor(int64) but input 0 (A) is tensor(float), and MatMul-13 wants them alike",
		"output 0 (Y) is tensor(int64) but input 0 (A) is tensor(float), and MatMul-13 wants them alike",
		"output 0 (Y) is tensor(float), which Not-1 does not allow",
		"", "", ""}, types)
	require.Equal(t, []string{"", "", "", "attribute axis is missing, Concat-13 requires it", "has 2 inputs, Relu-14 takes 1", ""}, forms)
}
