package op

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// TestFloat32AgainstFloat64 runs operators in float32, through the kernels, and in float64, by plain loops, on the same numbers.
func TestFloat32AgainstFloat64(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	f := func(dims ...int64) *tensor.Tensor { return random(r, tensor.Float32, dims...) }
	positive := func(dims ...int64) *tensor.Tensor {
		x := f(dims...)
		for i, v := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = abs(v) + 0.1
		}
		return x
	}
	ints := func(v ...int64) *tensor.Tensor { return tensor.Of(v, int64(len(v))) }
	i, fl, is, s := graph.IntAttr, graph.FloatAttr, graph.IntsAttr, graph.StringAttr
	type sample struct {
		node testNode
		in   []*tensor.Tensor
	}
	var list []sample
	add := func(n testNode, in ...*tensor.Tensor) { list = append(list, sample{n, in}) }

	for _, shapes := range [][2][]int64{{{3, 5}, {3, 5}}, {{2, 3, 4}, {4}}, {{2, 3, 4}, {3, 1}}, {{4, 1, 5}, {3, 1}}, {{1}, {2, 2}}, {{}, {}}, {{0, 3}, {1, 3}}, {{2, 1, 3, 1}, {1, 4, 1, 5}}, {{70, 300}, {300}}, {{70, 300}, {70, 1}}} {
		a, b := f(shapes[0]...), f(shapes[1]...)
		for _, op := range []string{"Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu"} {
			if op == "PRelu" && numel(shapes[1]) > numel(shapes[0]) {
				continue
			}
			add(node(op, 16), a, b)
		}
		add(node("Pow", 15), positive(shapes[0]...), b)
		add(node("Mod", 13, i("fmod", 1)), a, positive(shapes[1]...))
		add(node("Sum", 13), a, b, f(1))
		add(node("Mean", 13), a, b)
	}
	for _, op := range []string{"Exp", "Sqrt", "Log", "Reciprocal", "Erf", "Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Asinh", "Floor", "Ceil", "Round", "Neg", "Abs", "Sign", "Relu", "Sigmoid", "Tanh",
		"LeakyRelu", "HardSigmoid", "Elu", "Selu", "Softplus", "Softsign", "ThresholdedRelu", "Celu", "HardSwish", "Mish", "Gelu", "Swish", "Shrink"} {
		add(node(op, 24), positive(3, 130))
		if op != "Sqrt" && op != "Log" {
			add(node(op, 24), f(2, 0, 3))
			add(node(op, 24), f(2, 65))
		}
	}
	add(node("Gelu", 24, s("approximate", "tanh")), f(70))
	add(node("Elu", 22, fl("alpha", 0.5)), f(70))
	add(node("Clip", 13), f(70), tensor.Scalar(float32(-0.5)), tensor.Scalar(float32(0.3)))
	for _, e := range [][3][]int64{{{4, 5}, {5, 6}}, {{5}, {5, 6}}, {{4, 5}, {5}}, {{5}, {5}}, {{2, 4, 5}, {5, 6}}, {{4, 5}, {2, 5, 6}}, {{2, 1, 4, 5}, {3, 5, 6}}, {{2, 3, 4, 5}, {2, 3, 5, 6}}, {{2, 3, 4, 5}, {2, 1, 5, 6}},
		{{0, 5}, {5, 6}}, {{4, 0}, {0, 6}}, {{33, 70}, {70, 50}}, {{1, 70}, {70, 50}}} {
		add(node("MatMul", 13), f(e[0]...), f(e[1]...))
	}
	for _, ta := range []int64{0, 1} {
		for _, tb := range []int64{0, 1} {
			a, b := f(4, 5), f(5, 7)
			if ta == 1 {
				a = f(5, 4)
			}
			if tb == 1 {
				b = f(7, 5)
			}
			for _, c := range []*tensor.Tensor{nil, f(7), f(1, 7), f(4, 1), f(4, 7), f(1), f()} {
				add(node("Gemm", 13, i("transA", ta), i("transB", tb)), a, b, c)
				add(node("Gemm", 13, i("transA", ta), i("transB", tb), fl("alpha", 0.5), fl("beta", 2)), a, b, c)
			}
		}
	}
	for _, axes := range [][]int64{{0}, {1}, {2}, {-1}, {0, 1}, {1, 2}, {0, 2}, {0, 1, 2}, {}} {
		for _, op := range []string{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare"} {
			for _, keep := range []int64{0, 1} {
				add(node(op, 18, i("keepdims", keep)), f(3, 4, 5), ints(axes...))
			}
		}
		add(node("ReduceLogSum", 18), positive(3, 4, 5), ints(axes...))
	}
	add(node("ReduceMean", 18), f(3, 700, 5), ints(1))
	add(node("ReduceSum", 18), f(70, 900), ints(1))
	for _, axis := range []int64{0, 1, -1} {
		for _, op := range []string{"Softmax", "LogSoftmax", "Hardmax"} {
			add(node(op, 13, i("axis", axis)), f(3, 4, 50))
			add(node(op, 11, i("axis", axis)), f(3, 4, 50))
		}
		add(node("LayerNormalization", 17, i("axis", axis)), f(3, 4, 5), f([][]int64{{3, 4, 5}, {4, 5}, {5}}[(axis+3)%3]...), f([][]int64{{3, 4, 5}, {4, 5}, {5}}[(axis+3)%3]...))
		add(node("RMSNormalization", 23, i("axis", axis)), f(3, 4, 5), f([][]int64{{3, 4, 5}, {4, 5}, {5}}[(axis+3)%3]...))
		add(node("CumSum", 14), f(3, 4, 5), tensor.Scalar(axis))
		add(node("CumSum", 14, i("exclusive", 1), i("reverse", 1)), f(3, 4, 5), tensor.Scalar(axis))
	}
	add(node("InstanceNormalization", 6), f(2, 3, 4, 5), f(3), f(3))
	add(node("GroupNormalization", 21, i("num_groups", 2)), f(2, 4, 5), f(4), f(4))
	add(node("BatchNormalization", 15), f(2, 3, 4, 5), f(3), f(3), f(3), positive(3))
	add(node("BatchNormalization", 15), f(6, 3), f(3), f(3), f(3), positive(3))
	for _, c := range []struct{ x, w []int64 }{{[]int64{2, 3, 9}, []int64{4, 3, 3}}, {[]int64{2, 3, 9, 8}, []int64{4, 3, 3, 2}}, {[]int64{1, 2, 5, 6, 7}, []int64{3, 2, 2, 3, 2}}} {
		n := len(c.x) - 2
		ones := func(v int64) []int64 { l := make([]int64, n); fillWith(l, v); return l }
		add(node("Conv", 11), f(c.x...), f(c.w...))
		add(node("Conv", 11, is("strides", ones(2)...), is("pads", append(ones(1), ones(2)...)...)), f(c.x...), f(c.w...), f(c.w[0]))
		add(node("Conv", 11, is("dilations", ones(2)...), s("auto_pad", "SAME_UPPER")), f(c.x...), f(c.w...), f(c.w[0]))
		add(node("Conv", 11, is("strides", ones(2)...), s("auto_pad", "SAME_LOWER")), f(c.x...), f(c.w...))
		for _, op := range []string{"MaxPool", "AveragePool", "LpPool"} {
			add(node(op, 22, is("kernel_shape", ones(3)...), is("pads", append(ones(1), ones(0)...)...), is("strides", ones(2)...), i("ceil_mode", 1)), f(c.x...))
			add(node(op, 22, is("kernel_shape", ones(2)...), is("dilations", ones(2)...)), f(c.x...))
		}
		add(node("GlobalAveragePool", 1), f(c.x...))
		add(node("GlobalMaxPool", 1), f(c.x...))
	}
	for range 150 {
		k, st, d := int64(1+r.IntN(4)), int64(1+r.IntN(3)), int64(1+r.IntN(2))
		pads := []int64{r.Int64N(k), r.Int64N(k), r.Int64N(k), r.Int64N(k)}
		attrs := []*graph.Attr{is("kernel_shape", k, 1+r.Int64N(4)), is("strides", st, 1+r.Int64N(3)), is("dilations", d, 1+r.Int64N(2)), is("pads", pads...), i("ceil_mode", r.Int64N(2))}
		x := f(2, 2, 5+r.Int64N(9), 8+r.Int64N(30))
		add(node("MaxPool", 22, attrs...), x)
		add(node("AveragePool", 22, append(attrs, i("count_include_pad", r.Int64N(2)))...), x)
	}
	add(node("Conv", 11, i("group", 4)), f(2, 4, 7, 7), f(8, 1, 3, 3), f(8))
	add(node("Conv", 11, i("group", 2)), f(2, 4, 7, 7), f(6, 2, 3, 3))
	add(node("Conv", 11), f(0, 4, 7, 7), f(6, 4, 3, 3))
	for _, eq := range []struct {
		eq string
		a  [][]int64
	}{{"ij,jk->ik", [][]int64{{3, 4}, {4, 5}}}, {"bij,bjk->bik", [][]int64{{2, 3, 4}, {2, 4, 5}}}, {"bhid,bhjd->bhij", [][]int64{{2, 3, 4, 5}, {2, 3, 6, 5}}}, {"...ij,...jk->...ik", [][]int64{{2, 1, 3, 4}, {7, 4, 5}}},
		{"ii->i", [][]int64{{4, 4}}}, {"ij->", [][]int64{{3, 4}}}, {"i,j->ji", [][]int64{{3}, {4}}}, {"ijk,ilk,il->ij", [][]int64{{2, 3, 4}, {2, 5, 4}, {2, 5}}}, {"bnij,bjnd->bind", [][]int64{{2, 3, 4, 5}, {2, 5, 3, 6}}}, {"ij,ji", [][]int64{{3, 4}, {4, 3}}}} {
		var in []*tensor.Tensor
		for _, d := range eq.a {
			in = append(in, f(d...))
		}
		add(node("Einsum", 12, s("equation", eq.eq)), in...)
	}
	for _, mode := range []string{"linear", "cubic"} {
		add(node("Resize", 18, s("mode", mode)), f(1, 2, 5, 6), nil, tensor.Of([]float32{1, 1, 2, 0.6}, 4))
		add(node("Resize", 18, s("mode", mode), s("coordinate_transformation_mode", "align_corners")), f(1, 2, 5, 6), nil, nil, ints(1, 2, 7, 3))
		add(node("Resize", 18, s("mode", mode), i("antialias", 1)), f(1, 2, 9, 9), nil, nil, ints(1, 2, 4, 4))
	}
	for _, c := range list {
		want, err := c.node.run(widen(c.in)...)
		require.NoError(t, err, "%s in double on %v", c.node.op, c.in)
		got := c.node.mustRun(t, c.in...)
		for k, w := range want {
			if got[k] == nil {
				continue
			}
			if w.Elem == tensor.Float64 {
				w = as(w, tensor.Float32)
			}
			require.NoError(t, near(got[k], w, 2e-5), "%s %s, output %d of %v", c.node.op, describeAttrs(c.node.attrs), k, shapesOf(c.in))
		}
		halfAgrees(t, c.node, c.in, want)
	}
	t.Logf("%d cases", len(list))
}

// halfAgrees runs the node in both half types and wants the result of the rounded inputs within the type's bound.
func halfAgrees(t *testing.T, n testNode, in []*tensor.Tensor, _ []*tensor.Tensor) {
	for _, h := range []struct {
		elem  tensor.DType
		bound float64
	}{{tensor.Float16, 5e-3}, {tensor.BFloat16, 3e-2}} {
		var low, exact []*tensor.Tensor
		for _, x := range in {
			if x == nil || x.Elem != tensor.Float32 || n.op == "Resize" && x != in[0] {
				low, exact = append(low, x), append(exact, x)
				continue
			}
			low = append(low, as(x, h.elem))
			exact = append(exact, as(as(x, h.elem), tensor.Float32))
		}
		got, err := n.run(low...)
		require.NoError(t, err, "%s in %s", n.op, h.elem)
		want, err := n.run(exact...)
		require.NoError(t, err)
		for i := range got {
			if got[i].Elem != h.elem {
				continue
			}
			require.NoError(t, near(as(got[i], tensor.Float32), as(as(want[i], h.elem), tensor.Float32), h.bound), "%s in %s of %v", n.op, h.elem, shapesOf(in))
		}
	}
}

func widen(in []*tensor.Tensor) []*tensor.Tensor {
	var out []*tensor.Tensor
	for i, x := range in {
		if x != nil && x.Elem == tensor.Float32 && (len(in) < 3 || in[0].Elem == tensor.Float32) && !(i == 2 && len(x.Shape) == 1 && x.Shape[0] == 4 && in[1] == nil) {
			x = as(x, tensor.Float64)
		}
		out = append(out, x)
	}
	return out
}

func shapesOf(in []*tensor.Tensor) string {
	s := ""
	for _, x := range in {
		if x != nil {
			s += fmt.Sprint(x.Elem, x.Shape, " ")
		}
	}
	return s
}

// TestMovesAgainstIndexing checks the operators that only move elements, for every width of element, against the definition by indices.
func TestMovesAgainstIndexing(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	types := []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.Uint8, tensor.Int64, tensor.String, tensor.Bool}
	for round := range 300 {
		e := types[r.IntN(len(types))]
		dims := make([]int64, 1+r.IntN(5))
		for i := range dims {
			dims[i] = int64(r.IntN(5))
			if r.IntN(4) > 0 {
				dims[i]++
			}
		}
		if round%50 == 0 {
			dims = []int64{70, 90, 11}
		}
		x := random(r, e, dims...)
		rank := len(dims)
		perm := r.Perm(rank)
		perm64 := make([]int64, rank)
		for i, p := range perm {
			perm64[i] = int64(p)
		}
		got := node("Transpose", 13, graph.IntsAttr("perm", perm64...)).mustRun(t, x)[0]
		checkMove(t, got, x, func(idx []int64) []int64 {
			src := make([]int64, rank)
			for i, p := range perm {
				src[p] = idx[i]
			}
			return src
		})
		k := r.IntN(rank)
		start, end, step := int64(r.IntN(9)-4), int64(r.IntN(9)-4), int64(r.IntN(3)+1)
		if r.IntN(2) == 0 {
			step = -step
		}
		got = node("Slice", 13).mustRun(t, x, tensor.Of([]int64{start}, 1), tensor.Of([]int64{end}, 1), tensor.Of([]int64{int64(k - rank)}, 1), tensor.Of([]int64{step}, 1))[0]
		var picked []int64
		n := dims[k]
		lo, hi := specSlice(start, end, step, n)
		for i := lo; step > 0 && i < hi || step < 0 && i > hi; i += step {
			picked = append(picked, i)
		}
		require.Equal(t, int64(len(picked)), got.Shape[k], "slice %d:%d:%d of %d", start, end, step, n)
		checkMove(t, got, x, func(idx []int64) []int64 {
			src := append([]int64{}, idx...)
			src[k] = picked[idx[k]]
			return src
		})
		if n > 0 {
			at := random(r, tensor.Int64, 2, 3)
			for i := range tensor.Data[int64](at) {
				tensor.Data[int64](at)[i] = r.Int64N(2*n) - n
			}
			got = node("Gather", 13, graph.IntAttr("axis", int64(k))).mustRun(t, x, at)[0]
			checkMove(t, got, x, func(idx []int64) []int64 {
				src := append([]int64{}, idx[:k]...)
				v := tensor.Data[int64](at)[idx[k]*3+idx[k+1]]
				return append(append(src, (v+n)%n), idx[k+2:]...)
			})
		}
		one := append([]int64{}, dims...)
		one[k] = 1
		y := random(r, e, one...)
		got = node("Expand", 13).mustRun(t, y, tensor.Of(append([]int64{2}, dims...), int64(rank+1)))[0]
		checkMove(t, got, y, func(idx []int64) []int64 {
			src := append([]int64{}, idx[1:]...)
			src[k] = 0
			return src
		})
		reps := make([]int64, rank)
		for i := range reps {
			reps[i] = int64(r.IntN(3))
		}
		if x.Len() < 1000 {
			got = node("Tile", 13).mustRun(t, x, tensor.Of(reps, int64(rank)))[0]
			checkMove(t, got, x, func(idx []int64) []int64 {
				src := append([]int64{}, idx...)
				for i := range src {
					src[i] %= dims[i]
				}
				return src
			})
		}
		parts := []*tensor.Tensor{x, y, x}
		got = node("Concat", 13, graph.IntAttr("axis", int64(k))).mustRun(t, parts...)[0]
		require.Equal(t, 2*n+1, got.Shape[k])
		split := node("Split", 13, graph.IntAttr("axis", int64(k)))
		split.outs = 3
		back := split.mustRun(t, got, tensor.Of([]int64{n, 1, n}, 3))
		for i := range back {
			require.NoError(t, near(back[i], parts[i], 0))
		}
	}
}

// specSlice clamps as the operator's text says; Python differs where a start lies before the first element and the step is negative.
func specSlice(start, end, step, n int64) (lo, hi int64) {
	clamp := func(v, low, high int64) int64 {
		if v < 0 {
			v += n
		}
		return min(max(v, low), high)
	}
	if step > 0 {
		return clamp(start, 0, n), clamp(end, 0, n)
	}
	return clamp(start, 0, n-1), clamp(end, -1, n-1)
}

// checkMove compares every element of got with the one of x that from names.
func checkMove(t *testing.T, got, x *tensor.Tensor, from func(idx []int64) []int64) {
	t.Helper()
	idx := make([]int64, len(got.Shape))
	strides := rowMajor(x.Shape)
	for i := range got.Len() {
		rest := int64(i)
		for d := len(idx) - 1; d >= 0; d-- {
			idx[d] = rest % got.Shape[d]
			rest /= got.Shape[d]
		}
		at := 0
		for d, v := range from(idx) {
			at += int(v) * strides[d]
		}
		if got.Elem == tensor.String {
			require.Equal(t, string(x.Strs[at]), string(got.Strs[i]))
			continue
		}
		w := got.Elem.Bits() / 8
		require.Equal(t, x.Bytes()[at*w:(at+1)*w], got.Bytes()[i*w:(i+1)*w], "element %d", i)
	}
}

// TestIntegerArithmetic compares the integer types with int64 arithmetic cut to the type's width.
func TestIntegerArithmetic(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, e := range []tensor.DType{tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64} {
		a, b := random(r, e, 3, 4), random(r, e, 4)
		for i, v := range mustInts(t, b) {
			if v == 0 {
				require.NoError(t, storeIntAt(b, i, 3))
			}
		}
		av, bv := mustInts(t, a), mustInts(t, b)
		for _, c := range []struct {
			op string
			f  func(x, y int64) int64
		}{
			{"Add", func(x, y int64) int64 { return x + y }}, {"Sub", func(x, y int64) int64 { return x - y }}, {"Mul", func(x, y int64) int64 { return x * y }},
			{"Div", func(x, y int64) int64 { return x / y }}, {"Max", func(x, y int64) int64 { return max(x, y) }}, {"Min", func(x, y int64) int64 { return min(x, y) }},
			{"Mod", func(x, y int64) int64 { return ((x % y) + y) % y }},
			{"Pow", func(x, y int64) int64 { return int64(math.Trunc(math.Pow(float64(x), float64(y)))) }},
		} {
			if c.op == "Pow" && (e == tensor.Int8 || e == tensor.Uint8) { // float64 overflows int8 differently
				continue
			}
			want := newTensor(e, a.Shape)
			v := make([]int64, a.Len())
			for i := range v {
				x, y := av[i], bv[i%4]
				if c.op == "Pow" && (x == 0 && y < 0) {
					v[i] = 0
					continue
				}
				v[i] = c.f(x, y)
			}
			require.NoError(t, storeInts(want, v))
			got := node(c.op, 15).mustRun(t, a, b)[0]
			require.Equal(t, want.Bytes(), got.Bytes(), "%s %s %v %v", c.op, e, av, bv)
		}
		for _, c := range []struct {
			op string
			f  func(x, y int64) bool
		}{
			{"Equal", func(x, y int64) bool { return x == y }}, {"Less", func(x, y int64) bool { return x < y }}, {"Greater", func(x, y int64) bool { return x > y }},
			{"LessOrEqual", func(x, y int64) bool { return x <= y }}, {"GreaterOrEqual", func(x, y int64) bool { return x >= y }},
		} {
			got := tensor.Data[bool](node(c.op, 16).mustRun(t, a, b)[0])
			for i := range got {
				require.Equal(t, c.f(av[i], bv[i%4]), got[i], "%s %s", c.op, e)
			}
		}
		_, err := node("Div", 14).run(a, newTensor(e, []int64{4}))
		require.ErrorIs(t, err, errDivideByZero)
	}
}

func mustInts(t *testing.T, x *tensor.Tensor) []int64 {
	v, err := x.Int64s()
	require.NoError(t, err)
	return v
}

func storeIntAt(x *tensor.Tensor, i int, v int64) error {
	list, err := x.Int64s()
	if err != nil {
		return err
	}
	list = append([]int64{}, list...)
	list[i] = v
	return storeInts(x, list)
}
