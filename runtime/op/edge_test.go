package op

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	schema "github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

var (
	nan = float32(math.NaN())
	inf = float32(math.Inf(1))
)

func floatsOf(v ...float32) *tensor.Tensor { return tensor.Of(v, int64(len(v))) }
func intsOf(v ...int64) *tensor.Tensor     { return tensor.Of(v, int64(len(v))) }
func boolsOf(v ...bool) *tensor.Tensor     { return tensor.Of(v, int64(len(v))) }
func emptyOf(dims ...int64) *tensor.Tensor { return tensor.Of([]float32{}, dims...) }

// TestEdges pins the values at the edges: NaN, infinities, halves, empty and scalar tensors, negative axes.
func TestEdges(t *testing.T) {
	i, is := graph.IntAttr, graph.IntsAttr
	for _, c := range []struct {
		reason string
		node   testNode
		in     []*tensor.Tensor
		want   *tensor.Tensor
	}{
		{"Max hands NaN on from either side", node("Max", 13), []*tensor.Tensor{floatsOf(nan, 1, 2), floatsOf(1, nan, 3)}, floatsOf(nan, nan, 3)},
		{"Min hands NaN on from either side", node("Min", 13), []*tensor.Tensor{floatsOf(nan, 1, 2), floatsOf(1, nan, 3)}, floatsOf(nan, nan, 2)},
		{"Relu keeps NaN", node("Relu", 14), []*tensor.Tensor{floatsOf(nan, -inf, inf)}, floatsOf(nan, 0, inf)},
		{"Clip keeps NaN", node("Clip", 13), []*tensor.Tensor{floatsOf(nan, -5, 5), tensor.Scalar(float32(-1)), tensor.Scalar(float32(1))}, floatsOf(nan, -1, 1)},
		{"Clip with one bound", node("Clip", 13), []*tensor.Tensor{floatsOf(-5, 5), nil, tensor.Scalar(float32(1))}, floatsOf(-5, 1)},
		{"Round takes halves to even", node("Round", 11), []*tensor.Tensor{floatsOf(0.5, 1.5, 2.5, -0.5, -1.5)}, floatsOf(0, 2, 2, 0, -2)},
		{"Sign of zero and NaN", node("Sign", 13), []*tensor.Tensor{floatsOf(0, -3, 4, nan)}, floatsOf(0, -1, 1, nan)},
		{"Div by zero is infinite", node("Div", 14), []*tensor.Tensor{floatsOf(1, -1, 0), floatsOf(0)}, floatsOf(inf, -inf, nan)},
		{"integer Div truncates towards zero", node("Div", 14), []*tensor.Tensor{intsOf(7, -7, 7, -7), intsOf(2, 2, -2, -2)}, intsOf(3, -3, -3, 3)},
		{"Mod takes the divisor's sign", node("Mod", 13), []*tensor.Tensor{intsOf(7, -7, 7, -7), intsOf(3, 3, -3, -3)}, intsOf(1, 2, -2, -1)},
		{"Mod with fmod takes the dividend's sign", node("Mod", 13, i("fmod", 1)), []*tensor.Tensor{intsOf(7, -7, 7, -7), intsOf(3, 3, -3, -3)}, intsOf(1, -1, 1, -1)},
		{"a row of -Inf gives NaN", node("Softmax", 13), []*tensor.Tensor{tensor.Of([]float32{-inf, -inf, 0, -inf}, 2, 2)}, tensor.Of([]float32{nan, nan, 1, 0}, 2, 2)},
		{"Softmax of a scalar", node("Softmax", 13), []*tensor.Tensor{tensor.Scalar(float32(3))}, tensor.Scalar(float32(1))},
		{"sum of nothing is 0", node("ReduceSum", 13), []*tensor.Tensor{emptyOf(2, 0), intsOf(1)}, tensor.Of([]float32{0, 0}, 2, 1)},
		{"product of nothing is 1", node("ReduceProd", 18), []*tensor.Tensor{emptyOf(2, 0), intsOf(-1)}, tensor.Of([]float32{1, 1}, 2, 1)},
		{"largest of nothing is -Inf", node("ReduceMax", 18), []*tensor.Tensor{emptyOf(0, 1), intsOf(0)}, tensor.Of([]float32{-inf}, 1, 1)},
		{"smallest of nothing is Inf", node("ReduceMin", 18), []*tensor.Tensor{emptyOf(0, 1), intsOf(0)}, tensor.Of([]float32{inf}, 1, 1)},
		{"ReduceMax of bool is any", node("ReduceMax", 20, i("keepdims", 0)), []*tensor.Tensor{boolsOf(false, true)}, tensor.Scalar(true)},
		{"ReduceMax hands NaN on", node("ReduceMax", 18, i("keepdims", 0)), []*tensor.Tensor{floatsOf(1, nan, 2)}, tensor.Scalar(nan)},
		{"no axes and noop keeps the input", node("ReduceSum", 13, i("noop_with_empty_axes", 1)), []*tensor.Tensor{floatsOf(1, 2)}, floatsOf(1, 2)},
		{"no axes reduces all", node("ReduceSum", 13), []*tensor.Tensor{floatsOf(1, 2)}, floatsOf(3)},
		{"axes are an attribute before opset 13", node("ReduceSum", 11, is("axes", -1), i("keepdims", 0)), []*tensor.Tensor{floatsOf(1, 2)}, tensor.Scalar(float32(3))},
		{"ReduceMean of int64 truncates", node("ReduceMean", 18, i("keepdims", 0)), []*tensor.Tensor{intsOf(1, 2, 4)}, tensor.Scalar(int64(2))},
		{"ArgMax takes the first of equals", node("ArgMax", 13, i("keepdims", 0)), []*tensor.Tensor{floatsOf(1, 3, 3)}, tensor.Scalar(int64(1))},
		{"ArgMax takes the last of equals", node("ArgMax", 13, i("keepdims", 0), i("select_last_index", 1)), []*tensor.Tensor{floatsOf(1, 3, 3)}, tensor.Scalar(int64(2))},
		{"Reshape copies a dim for 0", node("Reshape", 14), []*tensor.Tensor{emptyOf(2, 0, 3), intsOf(0, 3, 0)}, nil},
		{"Reshape allows a real 0", node("Reshape", 14, i("allowzero", 1)), []*tensor.Tensor{emptyOf(2, 0, 3), intsOf(3, 0)}, emptyOf(3, 0)},
		{"Reshape infers one dim", node("Reshape", 14), []*tensor.Tensor{floatsOf(1, 2, 3, 4), intsOf(2, -1)}, tensor.Of([]float32{1, 2, 3, 4}, 2, 2)},
		{"Squeeze drops all dims of 1", node("Squeeze", 13), []*tensor.Tensor{tensor.Of([]float32{5}, 1, 1)}, tensor.Scalar(float32(5))},
		{"Squeeze refuses another dim", node("Squeeze", 13), []*tensor.Tensor{floatsOf(1, 2), intsOf(0)}, nil},
		{"Unsqueeze counts axes in the result", node("Unsqueeze", 13), []*tensor.Tensor{floatsOf(1, 2), intsOf(-1, 0)}, tensor.Of([]float32{1, 2}, 1, 2, 1)},
		{"Shape from the end", node("Shape", 15, i("start", -2)), []*tensor.Tensor{emptyOf(2, 0, 3)}, intsOf(0, 3)},
		{"Shape of a scalar", node("Shape", 15), []*tensor.Tensor{tensor.Scalar(float32(1))}, intsOf()},
		{"Size of an empty tensor", node("Size", 13), []*tensor.Tensor{emptyOf(2, 0)}, tensor.Scalar(int64(0))},
		{"Gather with a scalar drops the dim", node("Gather", 13), []*tensor.Tensor{floatsOf(1, 2, 3), tensor.Scalar(int64(-1))}, tensor.Scalar(float32(3))},
		{"Gather beyond the end", node("Gather", 13), []*tensor.Tensor{floatsOf(1, 2, 3), intsOf(3)}, nil},
		{"Slice clamps", node("Slice", 13), []*tensor.Tensor{floatsOf(1, 2, 3), intsOf(-100), intsOf(math.MaxInt64)}, floatsOf(1, 2, 3)},
		{"Slice backwards to the start", node("Slice", 13), []*tensor.Tensor{floatsOf(1, 2, 3), intsOf(-1), intsOf(math.MinInt64), intsOf(0), intsOf(-2)}, floatsOf(3, 1)},
		{"Slice with a step of the smallest integer", node("Slice", 13), []*tensor.Tensor{floatsOf(1, 2, 3), intsOf(2), intsOf(math.MinInt64), intsOf(0), intsOf(math.MinInt64)}, floatsOf(3)},
		{"Range of nothing", node("Range", 11), []*tensor.Tensor{tensor.Scalar(int64(3)), tensor.Scalar(int64(3)), tensor.Scalar(int64(1))}, intsOf()},
		{"Range downwards", node("Range", 11), []*tensor.Tensor{tensor.Scalar(int64(3)), tensor.Scalar(int64(-2)), tensor.Scalar(int64(-2))}, intsOf(3, 1, -1)},
		{"Range without a step", node("Range", 11), []*tensor.Tensor{tensor.Scalar(int64(3)), tensor.Scalar(int64(4)), tensor.Scalar(int64(0))}, nil},
		{"Where broadcasts all three", node("Where", 16), []*tensor.Tensor{tensor.Of([]bool{true, false}, 2, 1), floatsOf(1, 2), tensor.Scalar(float32(9))}, tensor.Of([]float32{1, 2, 9, 9}, 2, 2)},
		{"Trilu beyond the corner", node("Trilu", 14), []*tensor.Tensor{tensor.Of([]float32{1, 2, 3, 4}, 2, 2), tensor.Scalar(int64(5))}, tensor.Of([]float32{0, 0, 0, 0}, 2, 2)},
		{"lower Trilu under the diagonal", node("Trilu", 14, i("upper", 0)), []*tensor.Tensor{tensor.Of([]float32{1, 2, 3, 4}, 2, 2), tensor.Scalar(int64(-1))}, tensor.Of([]float32{0, 0, 3, 0}, 2, 2)},
		{"NonZero of nothing", node("NonZero", 13), []*tensor.Tensor{emptyOf(2, 0)}, tensor.Of([]int64{}, 2, 0)},
		{"Cast of a float cuts the fraction", node("Cast", 13, i("to", int64(tensor.Int64))), []*tensor.Tensor{floatsOf(1.9, -1.9)}, intsOf(1, -1)},
		{"Cast to bool is not zero", node("Cast", 13, i("to", int64(tensor.Bool))), []*tensor.Tensor{floatsOf(0, -0.5, nan)}, boolsOf(false, true, true)},
		{"MatMul over no columns is zero", node("MatMul", 13), []*tensor.Tensor{emptyOf(2, 0), emptyOf(0, 2)}, tensor.Of([]float32{0, 0, 0, 0}, 2, 2)},
		{"MatMul of a scalar", node("MatMul", 13), []*tensor.Tensor{tensor.Scalar(float32(1)), floatsOf(1)}, nil},
		{"Concat along a negative axis, one part empty", node("Concat", 13, i("axis", -1)), []*tensor.Tensor{floatsOf(1), emptyOf(0), floatsOf(2)}, floatsOf(1, 2)},
		{"TopK breaks ties by place", node("TopK", 11), []*tensor.Tensor{floatsOf(1, 2, 2, 0), intsOf(2)}, floatsOf(2, 2)},
		{"TopK of more than there is", node("TopK", 11), []*tensor.Tensor{floatsOf(1), intsOf(2)}, nil},
		{"CumSum exclusive and reverse", node("CumSum", 14, i("exclusive", 1), i("reverse", 1)), []*tensor.Tensor{floatsOf(1, 2, 3), tensor.Scalar(int64(0))}, floatsOf(5, 3, 0)},
		{"OneHot leaves what is out of range off", node("OneHot", 11), []*tensor.Tensor{intsOf(-1, 3), tensor.Scalar(int64(3)), floatsOf(0, 1)}, tensor.Of([]float32{0, 0, 1, 0, 0, 0}, 2, 3)},
		{"shapes that do not broadcast", node("Add", 14), []*tensor.Tensor{floatsOf(1, 2), floatsOf(1, 2, 3)}, nil},
		{"types that differ", node("Add", 14), []*tensor.Tensor{floatsOf(1, 2), intsOf(1, 2)}, nil},
		{"a missing input", node("Add", 14), []*tensor.Tensor{floatsOf(1, 2), nil}, nil},
		{"an unknown attribute", node("Add", 14, i("axis", 1)), []*tensor.Tensor{floatsOf(1), floatsOf(1)}, nil},
		{"an attribute of the wrong kind", node("Softmax", 13, graph.FloatAttr("axis", 1)), []*tensor.Tensor{floatsOf(1)}, nil},
	} {
		n := c.node
		if n.op == "TopK" {
			n.outs = 2
		}
		out, err := n.run(c.in...)
		if c.want == nil {
			require.Error(t, err, c.reason)
			require.NotErrorAs(t, err, new(*panicked), c.reason)
			continue
		}
		require.NoError(t, err, c.reason)
		require.NoError(t, near(out[0], c.want, 1e-6), c.reason)
	}
}

// TestTable checks the table against the schemas: each operator has one, ranges of versions do not overlap, and operators whose output
// may take an input's buffer keep its type.
func TestTable(t *testing.T) {
	type span struct{ since, until int }
	seen := map[string][]span{}
	for _, d := range All() {
		if d.Domain == Lowered {
			continue
		}
		name := d.Domain + "." + d.Op
		require.NotEmpty(t, schema.Versions(d.Domain, d.Op), "%s has no schema", name)
		until := d.Until
		if until == 0 {
			until = math.MaxInt
		}
		require.LessOrEqual(t, d.Since, until, name)
		for _, s := range seen[name] {
			require.True(t, d.Since > s.until || until < s.since, "%s is listed twice for some version", name)
		}
		seen[name] = append(seen[name], span{d.Since, until})
		s := schema.Lookup(d.Domain, d.Op, max(d.Since, 1))
		if s == nil {
			s = schema.Lookup(d.Domain, d.Op, 28)
		}
		for _, i := range d.InPlace {
			require.NotNil(t, s.Input(i), "%s: input %d", name, i)
		}
	}
}

// TestInPlace runs the operators that may write into an input's buffer with that buffer as output.
func TestInPlace(t *testing.T) {
	for _, d := range All() {
		if d.Domain == Lowered || len(d.InPlace) == 0 {
			continue
		}
		opset := max(26, d.Since)
		if d.Until != 0 {
			opset = d.Until
		}
		for _, at := range d.InPlace {
			for _, e := range []tensor.DType{tensor.Float32, tensor.Bool, tensor.Uint8} {
				s := schema.Lookup(d.Domain, d.Op, opset)
				var in []*tensor.Tensor
				for i := range max(s.MinIn, at+1) {
					dims := []int64{3, 40}
					if i != at && i > 0 && (d.Op == "Clip" || d.Op == "Pow") {
						dims = nil
					}
					in = append(in, as(floatsOf(1), e).WithShape(1))
					in[i] = filled(e, float64(i+2), dims...)
				}
				n := testNode{domain: d.Domain, op: d.Op, opset: opset}
				if d.Op == "BitShift" {
					n.attrs = []*graph.Attr{graph.StringAttr("direction", "LEFT")}
				}
				want, err := n.run(in...)
				if err != nil {
					continue
				}
				got, err := n.runInto(at, in...)
				require.NoError(t, err)
				require.Equal(t, want[0].Bytes(), got.Bytes(), "%s %d %s into input %d", d.Op, opset, e, at)
			}
		}
	}
}

// filled is a tensor of changing values around v.
func filled(e tensor.DType, v float64, dims ...int64) *tensor.Tensor {
	t := newTensor(e, dims)
	list := make([]float64, t.Len())
	for i := range list {
		list[i] = v + float64(i%3)
		if e == tensor.Bool {
			list[i] = float64((i + int(v)) % 2)
		}
	}
	if err := storeFloats(t, list); err != nil {
		panic(err)
	}
	return t
}
