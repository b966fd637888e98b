package op_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func parse(t testing.TB, text string) *graph.Model {
	t.Helper()
	m, err := graph.ParseModel(text, graph.ParseOptions{})
	require.NoError(t, err, text)
	return m
}

const opset11 = `<ir_version: 8, opset_import: ["" : 11]>` + "\n"

func TestCheck(t *testing.T) {
	withFunction := func(imports, function string) string {
		return `<ir_version: 8, opset_import: [` + imports + `]>
			g (float[2,3] x) => (float[2,3] y) { y = q.f (x) }
			` + function
	}
	for _, c := range []struct {
		name, model string
		want        []string // the findings; none: accepted
	}{
		{"sound", opset11 + `g (float[2,3] x, float s) => (float[2,3] y) { y = Clip (x, , s) }`, nil},
		{"tool's own attribute", opset11 + `g (float[2,3] x) => (float[2,3] y) { y = Relu <__note = 1> (x) }`, nil},
		{"unknown attribute", opset11 + `g (float[2,3] x) => (float[2,3] y) { y = Softmax <axes = 1> (x) }`,
			[]string{`error: node "y" (Softmax): Softmax-11 has no attribute axes`}},
		{"wrong kind", opset11 + `g (float[2,3] x) => (float[2,3] y) { y = Softmax <axis = 2.0> (x) }`,
			[]string{`error: node "y" (Softmax): attribute axis is of kind float, Softmax-11 wants int`}},
		{"missing attribute", opset11 + `g (float[2,3] x) => (float[4,3] y) { y = Concat (x, x) }`,
			[]string{`error: node "y" (Concat): attribute axis is missing, Concat-11 requires it`}},
		{"too many inputs", opset11 + `g (float[2,3] x) => (float[2,3] y) { y = Relu (x, x) }`,
			[]string{`error: node "y" (Relu): has 2 inputs, Relu-6 takes 1`}},
		{"too many outputs", opset11 + `g (float[2,3] x) => (float[2,3] y, float[3] z) { y, z = Relu (x) }`,
			[]string{`error: node "y" (Relu): has 2 outputs, Relu-6 gives 1`}},
		{"omitted input", opset11 + `g (float[2,3] x) => (float[2,3] y) { y = MatMul (, x) }`,
			[]string{`error: node "y" (MatMul): input 0 (A) is omitted and not optional`}},
		{"type not allowed", opset11 + `g (bfloat16[1,3,8,8] x, bfloat16[4,3,3,3] w) => (bfloat16[1,4,6,6] y) { y = Conv (x, w) }`, []string{
			`error: node "y" (Conv): input 0 (X) is tensor(bfloat16), which Conv-11 does not allow`,
			`error: node "y" (Conv): input 1 (W) is tensor(bfloat16), which Conv-11 does not allow`,
			`error: node "y" (Conv): output 0 (Y) is tensor(bfloat16), which Conv-11 does not allow`}},
		{"types differ", opset11 + `g (float[2,3] x, int64[3,2] w) => (float[2,2] y) { y = MatMul (x, w) }`,
			[]string{`error: node "y" (MatMul): input 1 (B) is tensor(int64) but input 0 (A) is tensor(float), and MatMul-9 wants them alike`}},
		{"shapes do not fit", opset11 + `g (float[2,3] x, float[4,2] w) => (float[2,2] y) { y = MatMul (x, w) }`,
			[]string{`error: node "y" (MatMul): product of shapes [2,3] and [4,2]: dims 3 and 4 differ`}},
		{"stated shape is wrong", opset11 + `g (float[2,3] x) => (float[2,4] y) { y = Relu (x) }`,
			[]string{`error: value "y": stated shape [2,4], inferred [2,3]`}},
		{"stated element type is wrong", opset11 + `g (float[2,3] x) => (double[2,3] y) { y = Relu (x) }`, []string{
			`error: node "y" (Relu): output 0 (Y) is tensor(double) but input 0 (X) is tensor(float), and Relu-6 wants them alike`,
			`error: value "y": stated element type double, inferred float`}},
		{"no such operator", opset11 + `g (float[2,3] x) => (float[2,3] y) { y = Rellu (x) }`,
			[]string{`error: node "y" (Rellu): there is no operator Rellu in opset 11`}},
		{"operator is younger", opset11 + `g (float[2,3] x, float[3] s) => (float[2,3] y) { y = LayerNormalization (x, s) }`,
			[]string{`error: node "y" (LayerNormalization): operator LayerNormalization exists from opset 17 on, the model imports opset 11`}},
		{"deprecated", opset11 + `g (float[1,1,2,3] x, float[4] s) => (float[a,b,c,d] y) { y = Upsample (x, s) }`,
			[]string{`error: node "y" (Upsample): operator Upsample is deprecated in opset 11`}},
		{"domain not imported", opset11 + `g (float[2,3] x) => (float[2,3] y) { y = ai.onnx.ml.Scaler (x) }`,
			[]string{`error: node "y" (ai.onnx.ml.Scaler): the model does not import domain "ai.onnx.ml"`}},
		{"foreign operator", `<ir_version: 8, opset_import: ["" : 11, "q" : 3]>
			g (float[2,3] x) => (float[2,3] y) { z = q.Relu (x)  y = q.Relu (z) }`,
			[]string{`warning: node "z" (q.Relu): operator q.Relu is neither of the standard nor a function of the model; its nodes are not checked`}},
		{"newer opset", `<ir_version: 8, opset_import: ["" : 99]> g (float[2,3] x) => (float[2,3] y) { y = Relu (x) }`,
			[]string{`warning: model: imports opset 99 of domain ""; the newest known is 28, whose operators are taken`}},
		{"newer format", `<ir_version: 99, opset_import: ["" : 18]> g (float[2,3] x) => (float[2,3] y) { y = Relu (x) }`,
			[]string{`error: model: has IR version 99; the newest known is 14`}},
		{"old format", `<ir_version: 2, opset_import: ["" : 18]> g (float[2,3] x) => (float[2,3] y) { y = Relu (x) }`,
			[]string{`error: model: imports opsets, which IR version 2 does not have`}},
		{"inside a branch", opset11 + `g (bool c, float[2] x) => (float[2] y) {
			y = If (c) <then_branch = t () => (float[2] a) { a = Relu (x, x) }, else_branch = e () => (float[2] b) { b = Abs (x) }>
			}`, []string{`error: node "y" (If), then_branch: node "a" (Relu): has 2 inputs, Relu-6 takes 1`}},
		{"function", withFunction(`"" : 11, "q" : 1`, `<domain: "q", opset_import: ["" : 11]> f (a) => (b) { b = Relu (a) }`), nil},
		{"function of an unimported domain", withFunction(`"" : 11`, `<domain: "q", opset_import: ["" : 11]> f (a) => (b) { b = Relu (a) }`), []string{
			`error: node "y" (q.f): the model does not import domain "q"`,
			`warning: function q.f: the model does not import domain "q", without which runtimes refuse a call`}},
		{"function without imports", withFunction(`"" : 11, "q" : 1`, `<domain: "q", opset_import: ["r" : 1]> f (a) => (b) { b = Relu (a) }`),
			[]string{
				`error: function q.f, node "b" (Relu): the function q.f does not import domain ""`,
				`error: function q.f: imports opset 0 of domain "", the model opset 11, and operator Relu differs between them`}},
		{"function of another opset", withFunction(`"" : 11, "q" : 1`, `<domain: "q", opset_import: ["" : 13]> f (a) => (b) { b = Relu (a) }`),
			[]string{`error: function q.f: imports opset 13 of domain "", the model opset 11, and operator Relu differs between them`}},
		{"function that calls itself", withFunction(`"" : 11, "q" : 1`, `<domain: "q", opset_import: ["" : 11, "q" : 1]> f (a) => (b) { b = q.f (a) }`),
			[]string{`error: function q.f: calls q.f, which calls it back`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range op.Check(parse(t, c.model)) {
				got = append(got, f.String())
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestCheckSuggests(t *testing.T) {
	fixes := map[string]string{}
	for _, f := range op.Check(parse(t, opset11+`g (float[2,3] x) => (float[2,3] y) { z = Rellu (x)  y = Softmax <axes = 1> (z) }`)) {
		fixes[f.Where] = f.Fix
	}
	require.Equal(t, map[string]string{`node "z" (Rellu)`: "did you mean Relu?", `node "y" (Softmax)`: "did you mean axis?"}, fixes)
}

// Check reads the model and leaves it as it is.
func TestCheckChangesNothing(t *testing.T) {
	m := parse(t, opset11+`g (float[N,3] x) => (float[M,3] y) { z = Relu (x)  y = Abs (z) }`)
	before := m.String()
	require.Empty(t, op.Check(m))
	require.Equal(t, before, m.String())
}

func TestCheckFormals(t *testing.T) {
	m := graph.NewModel(3, 13)
	x := m.Graph.AddInput("x", graph.Type{})
	w := m.Graph.AddInit("w", tensor.Of([]float32{1}, 1))
	y := m.Graph.NewValue("y", graph.TensorType(tensor.Float32, graph.Shape{}))
	m.Graph.Append(graph.NewNode(graph.OpID{Op: "Add"}, []*graph.Value{x, w}, []*graph.Value{y}))
	m.Graph.AddOutput(y)
	var got []string
	for _, f := range op.Check(m) {
		got = append(got, f.String())
	}
	require.Equal(t, []string{
		`error: input "x": has no type`,
		`error: output "y": has no shape`,
		`error: initializer "w": is not an input as well, as IR version 3 wants it`,
	}, got)
}
